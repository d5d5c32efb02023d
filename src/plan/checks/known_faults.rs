//! C229: no known fault of the Vitess that runs lies in the way of this movement.

use super::asks::{both_keyspaces_and, nothing_more, unread};
use super::vitess_version::older;
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query};
use crate::family::Family as _;
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::run::phase::PhaseId;

const CODE: &str = "C229";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no known fault of this Vitess lies in the way",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: false,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A tablet of one of the keyspaces is from before Vitess 24, so its vtctld probably is, too, and this movement would come by something
that is known to go wrong there:

- **A create that fails empties a VSchema.** When a create of Vitess 22 fails for a sharded target, its clean-up writes back a VSchema
  that may lack tables and vindexes; queries of OTHER tables of the target then fail.
- **A switch does not outlive its client.** Before Vitess 24 a vtctld whose client goes away stops, also after the journal of a
  primary switch: writes are refused by the source and not yet led to the target (vitessio/vitess 19672, 19680).

## Why it matters
Both are outages of an application, one of them of tables that don't move at all.

## What to do
Upgrade vtctld first. Otherwise keep the target's VSchema before the create (`vtctldclient GetVSchema TARGET`) to apply it again, and
let the primary switch run on a host whose jobs are not killed, with a connection to vtctld that nothing cuts. After a loss `cutover
status` says what is there and `cutover apply --finish-only` makes it whole.

## When it is inconclusive
The tablets' records could not be read.

## What it reads
The tablet records of both keyspaces from the topology, which another check reads anyway. vtctld's own version can't be read.
";

struct Fault {
    /// The phase in which it happens.
    phase: PhaseId,
    /// Whether it can happen to this movement.
    concerns: fn(&CheckInput<'_>) -> bool,
    words: &'static str,
    help: &'static str,
}

static FAULTS: &[Fault] = &[
    Fault {
        phase: PhaseId::CREATE,
        concerns: |input| input.facts.vschemas.get(input.movement.target()).is_some_and(|vschema| vschema.sharded),
        words: "a create that fails may empty the VSchema of a sharded target (Vitess 22)",
        help: "upgrade vtctld, or keep the target's VSchema first: `vtctldclient GetVSchema`",
    },
    Fault {
        phase: PhaseId::SWITCH_PRIMARY,
        concerns: |_| true,
        words: "a primary switch whose client goes away after the journal stops there, with writes refused (before Vitess 24)",
        help: "upgrade vtctld, or switch from a host whose jobs are not killed; `cutover apply --finish-only` makes it whole",
    },
];

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [movement.source(), movement.target()].map(|keyspace| Ask::Tablets(keyspace.clone())))
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let mut is_old = false;
    for keyspace in [input.movement.source(), input.movement.target()] {
        match input.facts.tablets(&Ask::Tablets(keyspace.clone())) {
            Ok(tablets) => is_old |= older(tablets).next().is_some(),
            Err(why) => return vec![unread(CODE, keyspace.as_str(), &format!("the tablets of `{keyspace}`"), &why)],
        }
    }
    let target = input.movement.target();
    let ahead = input.movement.phases_ahead(&input.situation());
    let faults = FAULTS.iter().filter(|fault| is_old && ahead.contains(&fault.phase) && (fault.concerns)(input));
    let mut findings: Vec<Finding> =
        faults.map(|fault| Finding::fail(CODE, Severity::Warning, target.as_str(), fault.words, fault.help)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(CODE, target.as_str(), "no known fault of this Vitess lies in the way of the movement"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    fn old() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.tablets_mut("commerce")[0].started_at = None;
        fixture
    }

    #[test]
    fn an_older_vitess_brings_its_faults_and_a_newer_one_none() {
        assert!(Fixture::new().amiss(&CHECK).is_empty());
        let findings = old().run(&CHECK);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning && !finding.blocks()));
        assert!(findings[0].summary.contains("empty the VSchema") && findings[1].summary.contains("client goes away"));
    }

    #[test]
    fn only_what_this_movement_comes_by_is_told() {
        let mut fixture = old();
        fixture.change_vschema("customer", |vschema| vschema.sharded = false);
        assert!(fixture.only_amiss(&CHECK).summary.contains("client goes away"));
        let mut fixture = old();
        fixture.completed();
        assert!(fixture.amiss(&CHECK).is_empty(), "both phases are behind");
    }
}
