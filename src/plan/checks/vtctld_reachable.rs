//! C201: vtctld answers.

use super::asks::{counted, nothing_more};
use super::{Check, CheckInput};
use crate::cluster::port::Query;
use crate::finding::{CheckResult, Finding, Severity};
use crate::run::phase::PhaseId;

const CODE: &str = "C201";

pub static CHECK: Check = Check {
    code: CODE,
    title: "vtctld answers",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE, PhaseId::REMOVE_RULES],
    waivable: false,
    query: |_| Query::default(),
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Cutover asked vtctld's gRPC service for the state of the cluster and got no usable answer, or an answer without a single cell.

## Why it matters
Everything is read and written through vtctld. A movement that cannot be observed cannot be steered safely: no write is sent
on a guess.

## What to do
Check the address (`--vtctld`, `CUTOVER_VTCTLD` or the operator's `config.toml`), the network between here and there, the TLS
settings, and that vtctld runs with `--service-map 'grpc-vtctld'`. Then `vtctldclient --server ADDRESS GetKeyspaces` must
answer from this machine.

## When it is inconclusive
Never: vtctld answers or it does not.

## What it reads
Nothing of its own. It passes when a look at the cluster came back.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let cells = &input.facts.cells.names;
    if cells.is_empty() {
        return vec![Finding::fail(
            CODE,
            Severity::Error,
            "vtctld",
            "vtctld answers, but the topology has no cell",
            "is this the right topology server? `vtctldclient GetCellInfoNames` must list at least one cell",
        )];
    }
    vec![Finding::pass(CODE, "vtctld", format!("vtctld answers; the topology has {}", counted(cells.len(), "cell")))]
}

/// The finding for a look that failed as a whole. `error` is the cluster error's text, `address` where vtctld was looked for.
pub fn unreachable(error: &str, address: &str) -> Finding {
    let mut finding = Finding::fail(
        CODE,
        Severity::Error,
        address,
        format!("the cluster could not be read: {error}"),
        format!(
            "is {address} vtctld's gRPC port? `vtctldclient --server {address} GetKeyspaces` must answer from \
             this machine; `cutover explain {CODE}`"
        ),
    );
    // The look broke; what it would have found is not known.
    finding.result = CheckResult::Error;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn a_topology_without_cells_is_no_cluster() {
        let mut fixture = Fixture::new();
        fixture.facts.cells.names.clear();
        assert!(fixture.run(&CHECK)[0].blocks());
    }

    #[test]
    fn a_look_that_failed_blocks_and_names_the_address() {
        let finding = unreachable("connection refused", "vtctld:15999");
        assert!(finding.blocks());
        assert_eq!((finding.code.as_str(), finding.subject.as_str()), ("C201", "vtctld:15999"));
        assert!(finding.summary.contains("connection refused"));
    }
}
