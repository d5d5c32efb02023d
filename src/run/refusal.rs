//! What a refusal of Vitess's means, as far as its words tell: they come without a code.

use std::collections::BTreeSet;

use super::phase::PhaseId;
use crate::cluster::mutation::Mutation;
use crate::finding::{Finding, Severity};

/// The code of a write that does not come about.
const REFUSED: &str = "C312";
/// The code of a switch that a dead tablet keeps from happening.
const SILENT_TABLET: &str = "C313";
/// Before an alias, in what vtctld says of a tablet that could not be told of a change (`go/vt/topotools/keyspace.go`,
/// `RefreshTabletsByShard`).
const NOT_REFRESHED: &str = "failed to refresh tablet ";

/// What stops a run when the cluster has refused a write often enough; `words` are its own.
pub(super) fn finding(phase: &PhaseId, mutation: &Mutation, words: &str) -> Finding {
    let refuses = format!("Vitess refuses to {}", mutation.verb().words());
    match silent_tablets(words).as_slice() {
        [] => Finding::fail(
            REFUSED,
            Severity::Error,
            phase.as_str(),
            format!("{refuses}: {words}"),
            "mend what it names, then `cutover apply`; `cutover status` shows where the movement stands",
        ),
        tablets => Finding::fail(
            SILENT_TABLET,
            Severity::Error,
            tablets.join(", "),
            format!(
                "{refuses}, for it can't tell every tablet of both keyspaces of it; without an answer: {}",
                tablets.join(", ")
            ),
            format!("{}, then `cutover apply`. Traffic is where it was", way_out(tablets)),
        ),
    }
}

/// What stops a run when the connection to vtctld broke in a write, each time; `words` are those of the transport.
pub(super) fn lost(phase: &PhaseId, mutation: &Mutation, words: &str) -> Finding {
    Finding::fail(
        REFUSED,
        Severity::Error,
        phase.as_str(),
        format!("to {} came to nothing each time, for the connection to vtctld broke: {words}", mutation.verb().words()),
        "see why vtctld dies or can't be reached (its log, its host), then `cutover apply`; nothing is under way",
    )
}

/// What helps against what these words say, if they say something that is known.
pub(super) fn advice(words: &str) -> Option<String> {
    let tablets = silent_tablets(words);
    (!tablets.is_empty()).then(|| format!("{SILENT_TABLET}: {}", way_out(&tablets)))
}

fn way_out(tablets: &[&str]) -> String {
    let (them, they_are) = if tablets.len() == 1 { ("it", "it is") } else { ("them", "they are") };
    format!(
        "start {} again, or if {they_are} gone for good take {them} out of the topology: `vtctldclient DeleteTablets {}`",
        tablets.join(", "),
        tablets.join(" ")
    )
}

/// The aliases of the tablets that did not answer, in order. Before a switch vtctld asks every tablet of both sides to read the topology
/// anew, and refuses when one does not (`go/vt/vtctl/workflow/server.go`, `cannotSwitchFailedTabletRefresh`).
fn silent_tablets(words: &str) -> Vec<&str> {
    let is_alias = |text: &&str| text.contains('-') && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one));
    let aliases = words.split(NOT_REFRESHED).skip(1).filter_map(|rest| rest.split(':').next()).filter(is_alias);
    aliases.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::switch_primary;
    use super::*;

    /// As vtctld 24 said it when a replica of the source was dead.
    const DEAD_REPLICA: &str = "cannot switch traffic for workflow c2c at this time: could not refresh all of the tablets involved in the \
                                operation:\nfailed to successfully refresh all tablets in the commerce/0 source shard (<nil>):\n  failed \
                                to refresh tablet zone1-0000000101: rpc error: code = Unavailable desc = connection refused";

    #[test]
    fn a_tablet_that_does_not_answer_is_named_with_the_way_out() {
        let finding = finding(&PhaseId::SWITCH_PRIMARY, &switch_primary(), DEAD_REPLICA);
        assert_eq!((finding.code.as_str(), finding.subject.as_str()), ("C313", "zone1-0000000101"));
        assert!(finding.help.starts_with("start zone1-0000000101 again, or if it is gone"), "{}", finding.help);
        assert!(finding.help.contains("`vtctldclient DeleteTablets zone1-0000000101`"), "{}", finding.help);
    }

    #[test]
    fn several_of_them_are_each_named_once() {
        let two = "failed to refresh tablet zone1-0000000201: a: bfailed to refresh tablet zone1-0000000101: cfailed to refresh tablet \
                   zone1-0000000201: d";
        assert_eq!(silent_tablets(two), ["zone1-0000000101", "zone1-0000000201"]);
        assert!(advice(two).unwrap().contains("DeleteTablets zone1-0000000101 zone1-0000000201"));
    }

    #[test]
    fn any_other_refusal_is_passed_on_in_its_words() {
        let words = "cannot switch traffic at this time: replication lag 41s is higher than allowed lag 30s";
        let finding = finding(&PhaseId::SWITCH_PRIMARY, &switch_primary(), words);
        assert_eq!(finding.code, "C312");
        assert!(finding.summary.ends_with(words), "{}", finding.summary);
        assert_eq!(advice(words), None);
        // Nothing that stands there in the place of an alias becomes part of a command.
        assert_eq!(advice("failed to refresh tablet `; rm -rf x`: no"), None);
    }
}
