//! What a refusal of Vitess's means, as far as its words tell: they come without a code.

use std::collections::BTreeSet;

use super::phase::PhaseId;
use crate::cluster::mutation::Mutation;
use crate::finding::{Finding, Severity};
use crate::record::entry::NOT_SENT;

/// The code of a write that does not come about.
const REFUSED: &str = "C312";
/// The code of a switch that a dead tablet keeps from happening.
const SILENT_TABLET: &str = "C313";
/// The code of a switch that a primary whose MySQL takes no writes keeps from happening.
const READ_ONLY_PRIMARY: &str = "C314";
/// The code of a write that nothing fresh enough could be seen for.
const NOTHING_FRESH: &str = "C407";
/// Before an alias, in what vtctld says of a tablet that could not be told of a change (`go/vt/topotools/keyspace.go`,
/// `RefreshTabletsByShard`).
const NOT_REFRESHED: &str = "failed to refresh tablet ";
/// Before an alias, in what vtctld says when the reverse streams could not be written there
/// (`go/vt/vtctl/workflow/traffic_switcher.go`, `validateVReplicationPermissions`).
const NOT_PERMITTED: &str = "required vreplication metadata permissions on tablet ";
/// MySQL's own words for it (errno 1290).
const READ_ONLY: &str = "running with the --read-only option";

/// Where the cluster stands after a write that did not come about, and how it goes on.
#[derive(Debug, Clone)]
pub(super) struct After {
    /// The command that tries it again, in quotes, or words for it.
    pub again: String,
    /// The write was to make whole what stands between states.
    pub is_between: bool,
}

impl After {
    /// "then `cutover apply`. Traffic is where it was": not where it stands between states.
    fn then(&self) -> String {
        let again = &self.again;
        if self.is_between { format!("then {again}") } else { format!("then {again}. Traffic is where it was") }
    }
}

/// What the words of a refusal say, where they are known.
enum Known<'a> {
    Silent(Vec<&'a str>),
    ReadOnly(Vec<&'a str>),
}

impl<'a> Known<'a> {
    fn of(words: &'a str) -> Option<Self> {
        let silent = aliases_after(words, NOT_REFRESHED);
        if !silent.is_empty() {
            return Some(Self::Silent(silent));
        }
        let refused = aliases_after(words, NOT_PERMITTED);
        (!refused.is_empty() && words.contains(READ_ONLY)).then_some(Self::ReadOnly(refused))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Silent(_) => SILENT_TABLET,
            Self::ReadOnly(_) => READ_ONLY_PRIMARY,
        }
    }

    fn aliases(&self) -> &[&'a str] {
        match self {
            Self::Silent(aliases) | Self::ReadOnly(aliases) => aliases,
        }
    }

    fn why(&self) -> String {
        let aliases = self.aliases().join(", ");
        match self {
            Self::Silent(_) => {
                format!("for it can't tell every tablet of both keyspaces of it; without an answer: {aliases}")
            }
            Self::ReadOnly(_) => {
                format!("for MySQL is read-only at a primary, and takes no writes of the application either: {aliases}")
            }
        }
    }

    fn way_out(&self) -> String {
        let (aliases, one) = (self.aliases(), self.aliases().len() == 1);
        match self {
            Self::Silent(_) => {
                let (them, they_are) = if one { ("it", "it is") } else { ("them", "they are") };
                format!(
                    "start {} again, or if {they_are} gone for good take {them} out of the topology: `vtctldclient DeleteTablets {}`",
                    aliases.join(", "),
                    aliases.join(" ")
                )
            }
            Self::ReadOnly(_) => {
                let commands: Vec<String> =
                    aliases.iter().map(|alias| format!("`vtctldclient SetWritable {alias} true`")).collect();
                format!(
                    "see that no other tablet of the shard takes writes, then {}; VTOrc does the same where it runs",
                    commands.join(" and ")
                )
            }
        }
    }
}

/// What stops a run when the cluster has refused a write often enough; `words` are its own.
pub(super) fn finding(phase: &PhaseId, mutation: &Mutation, words: &str, after: &After) -> Finding {
    if words.starts_with(NOT_SENT) {
        return not_sent(phase, mutation, words, after);
    }
    let refuses = format!("Vitess refuses to {}", mutation.verb().words());
    match Known::of(words) {
        None => Finding::fail(
            REFUSED,
            Severity::Error,
            phase.as_str(),
            format!("{refuses}: {words}"),
            format!("mend what it names, then {}; `cutover status` shows where the movement stands", after.again),
        ),
        Some(known) => Finding::fail(
            known.code(),
            Severity::Error,
            known.aliases().join(", "),
            format!("{refuses}, {}", known.why()),
            format!("{}, {}", known.way_out(), after.then()),
        ),
    }
}

/// What stops a run that did not send a write, each time: nobody has refused it.
fn not_sent(phase: &PhaseId, mutation: &Mutation, words: &str, after: &After) -> Finding {
    Finding::fail(
        NOTHING_FRESH,
        Severity::Error,
        phase.as_str(),
        format!("to {} came to nothing each time: {words}", mutation.verb().words()),
        format!("find out what makes vtctld, this machine or its disk slow, {}", after.then()),
    )
}

/// What stops a run when the connection to vtctld broke in a write, each time; `words` are those of the transport. Where they are vtctld's
/// own it did answer, with the code of what it waited for in vain: that a dead tablet's deadline passed.
pub(super) fn lost(phase: &PhaseId, mutation: &Mutation, words: &str, after: &After) -> Finding {
    if Known::of(words).is_some() {
        return finding(phase, mutation, words, after);
    }
    Finding::fail(
        REFUSED,
        Severity::Error,
        phase.as_str(),
        format!("to {} came to nothing each time, for the connection to vtctld broke: {words}", mutation.verb().words()),
        format!("see why vtctld dies or can't be reached (its log, its host), then {}; nothing is under way", after.again),
    )
}

/// What helps against what these words say, if they say something that is known.
pub fn advice(words: &str) -> Option<String> {
    Known::of(words).map(|known| format!("{}: {}", known.code(), known.way_out()))
}

/// The aliases of tablets after each occurrence of some words, in order, each once. Before a switch vtctld asks every tablet of both sides
/// to read the topology anew, and refuses when one does not (`go/vt/vtctl/workflow/server.go`, `cannotSwitchFailedTabletRefresh`).
fn aliases_after<'a>(words: &'a str, before: &str) -> Vec<&'a str> {
    let is_alias = |text: &&str| text.contains('-') && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one));
    let aliases = words.split(before).skip(1).filter_map(|rest| rest.split(':').next()).filter(is_alias);
    aliases.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::switch_primary;
    use super::*;

    fn whole() -> After {
        After { again: "`cutover apply`".into(), is_between: false }
    }

    #[test]
    fn what_could_not_be_mended_is_not_where_it_was_and_a_way_back_names_its_own_command() {
        let help = |again: &str, is_between| {
            let after = After { again: again.into(), is_between };
            finding(&PhaseId::SWITCH_BACK, &switch_primary(), DEAD_REPLICA, &after).help
        };
        assert!(help("`cutover apply --finish-only`", true).ends_with(", then `cutover apply --finish-only`"));
        assert!(help("`cutover switch-back`", false).ends_with(", then `cutover switch-back`. Traffic is where it was"));
    }

    /// As vtctld 24 said it when a replica of the source was dead.
    const DEAD_REPLICA: &str = "cannot switch traffic for workflow c2c at this time: could not refresh all of the tablets involved in the \
                                operation:\nfailed to successfully refresh all tablets in the commerce/0 source shard (<nil>):\n  failed \
                                to refresh tablet zone1-0000000101: rpc error: code = Unavailable desc = connection refused";

    #[test]
    fn a_tablet_that_does_not_answer_is_named_with_the_way_out() {
        let finding = finding(&PhaseId::SWITCH_PRIMARY, &switch_primary(), DEAD_REPLICA, &whole());
        assert_eq!((finding.code.as_str(), finding.subject.as_str()), ("C313", "zone1-0000000101"));
        assert!(finding.help.starts_with("start zone1-0000000101 again, or if it is gone"), "{}", finding.help);
        assert!(finding.help.contains("`vtctldclient DeleteTablets zone1-0000000101`"), "{}", finding.help);
    }

    #[test]
    fn several_of_them_are_each_named_once() {
        let two = "failed to refresh tablet zone1-0000000201: a: bfailed to refresh tablet zone1-0000000101: cfailed to refresh tablet \
                   zone1-0000000201: d";
        assert_eq!(aliases_after(two, NOT_REFRESHED), ["zone1-0000000101", "zone1-0000000201"]);
        assert!(advice(two).unwrap().contains("DeleteTablets zone1-0000000101 zone1-0000000201"));
    }

    #[test]
    fn a_deadline_that_passed_for_a_tablet_is_no_broken_connection() {
        let words = format!(
            "{DEAD_REPLICA}; failed to successfully refresh all tablets in the customer/-80 source shard (context deadline exceeded)"
        );
        assert_eq!(lost(&PhaseId::SWITCH_PRIMARY, &switch_primary(), &words, &whole()).code, "C313");
        let broken = lost(&PhaseId::SWITCH_PRIMARY, &switch_primary(), "broken pipe", &whole());
        assert!(broken.code == "C312" && broken.summary.contains("the connection to vtctld broke"), "{}", broken.summary);
    }

    /// As vtctld 24 said it when the MySQL of the source's primary had been started again: without VTOrc it stays read-only.
    const READ_ONLY_SOURCE: &str = "primary tablets are not able to fully manage the reverse vreplication workflow in the commerce \
                                    keyspace: failed to validate required vreplication metadata permissions on tablet \
                                    zone1-0000000100: rpc error: code = Code(17) desc = \
                                    TabletManager.ValidateVReplicationPermissions on zone1-0000000100: error executing INSERT permission \
                                    test query: The MySQL server is running with the --read-only option so it cannot execute this \
                                    statement (errno 1290) (sqlstate HY000)";

    #[test]
    fn a_primary_that_takes_no_writes_is_named_with_the_way_out() {
        let finding = finding(&PhaseId::SWITCH_PRIMARY, &switch_primary(), READ_ONLY_SOURCE, &whole());
        assert_eq!((finding.code.as_str(), finding.subject.as_str()), ("C314", "zone1-0000000100"));
        assert!(finding.summary.ends_with("takes no writes of the application either: zone1-0000000100"), "{}", finding.summary);
        assert!(finding.help.contains("`vtctldclient SetWritable zone1-0000000100 true`"), "{}", finding.help);
        // A permission that is really missing is none of this.
        assert_eq!(advice(&READ_ONLY_SOURCE.replace("--read-only", "--some-other")), None);
    }

    #[test]
    fn a_write_that_was_never_sent_was_not_refused() {
        let words = format!("{NOT_SENT}: making the intent durable took longer than a look may be old");
        let finding = finding(&PhaseId::SWITCH_PRIMARY, &switch_primary(), &words, &whole());
        assert_eq!(finding.code, "C407");
        assert!(!finding.summary.contains("refuse") && finding.summary.ends_with(&words), "{}", finding.summary);
    }

    #[test]
    fn any_other_refusal_is_passed_on_in_its_words() {
        let words = "cannot switch traffic at this time: replication lag 41s is higher than allowed lag 30s";
        let finding = finding(&PhaseId::SWITCH_PRIMARY, &switch_primary(), words, &whole());
        assert_eq!(finding.code, "C312");
        assert!(finding.summary.ends_with(words), "{}", finding.summary);
        assert_eq!(advice(words), None);
        // Nothing that stands there in the place of an alias becomes part of a command.
        assert_eq!(advice("failed to refresh tablet `; rm -rf x`: no"), None);
    }
}
