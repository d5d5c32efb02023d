//! C214: Vitess is of a version that Cutover was tested with.

use super::asks::{both_keyspaces_and, counted, listed, nothing_more, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::topology::Tablet;
use crate::run::phase::PhaseId;

const CODE: &str = "C214";

pub static CHECK: Check = Check {
    code: CODE,
    title: "Vitess is of a version that was tested",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Cutover is tested with Vitess 24. No call of vtctld's gRPC service says which version of Vitess runs: `GetVersion` gives the build
of one tablet as text, and nothing at all where the build was not stamped. But a vttablet of Vitess 24 or newer writes into its
record in the topology when it was started, and older ones don't. By that the tablets of both keyspaces are told apart; a version
newer than 24 can't be told from 24, and vtctld's own can't be seen.

## Why it matters
An older Vitess speaks the same protocol and behaves a little differently. What is known of 22 and 23: the progress of a copy
lists only the tables that are being copied just then, and doesn't give a table that is empty at the source as whole; the texts of
errors differ. What is known to do harm stands under C229. Cutover proves each step by what it
sees afterwards, on any version. Movements there and back were run on 22.0.4 and 23.0.3, and far fewer
faults than on 24.

## What to do
Upgrade first; or try the movement on a test cluster of the same version, and go on: this is a warning and stops nothing.

## When it is inconclusive
The tablets' records could not be read.

## What it reads
The tablet records of both keyspaces from the topology, which another check reads anyway. The record of a tablet that is gone
stays as it was when its vttablet was last started.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [Ask::Tablets(movement.source().clone()), Ask::Tablets(movement.target().clone())])
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    [input.movement.source(), input.movement.target()].map(|keyspace| of_keyspace(input, keyspace)).into()
}

/// Those from before Vitess 24.
pub(super) fn older(tablets: &[Tablet]) -> impl Iterator<Item = &Tablet> {
    tablets.iter().filter(|tablet| tablet.started_at.is_none())
}

fn of_keyspace(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> Finding {
    let tablets = match input.facts.tablets(&Ask::Tablets(keyspace.clone())) {
        Ok(tablets) => tablets,
        Err(why) => return unread(CODE, keyspace.as_str(), &format!("the tablets of `{keyspace}`"), &why),
    };
    let old: Vec<String> = older(tablets).map(|tablet| tablet.alias.to_string()).collect();
    if old.is_empty() {
        return Finding::pass(
            CODE,
            keyspace.as_str(),
            format!("each vttablet of `{keyspace}` is of Vitess 24 or newer; tested: 24"),
        );
    }
    Finding::fail(
        CODE,
        Severity::Warning,
        keyspace.as_str(),
        format!(
            "{} of `{keyspace}` from before Vitess 24, the version that was tested: {}",
            counted(old.len(), "vttablet"),
            listed(old)
        ),
        format!(
            "upgrade first, or try the movement on a test cluster of that version; `cutover explain {CODE}` says what differs"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn an_older_vttablet_is_a_warning_that_names_it() {
        let mut fixture = Fixture::new();
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.tablets_mut("customer")[1].started_at = None;
        let finding = fixture.only_amiss(&CHECK);
        assert!(!finding.blocks());
        assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Warning, "customer"));
        assert!(finding.summary.starts_with("1 vttablet of `customer` from before Vitess 24"), "{}", finding.summary);
    }
}
