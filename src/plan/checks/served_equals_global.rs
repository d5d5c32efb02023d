//! C209: each cell serves what the topology holds, so that a write of ours publishes nothing of somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::{counted, listed, nothing_more, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query, Served};
use crate::finding::{Finding, Severity};
use crate::model::vschema::VSchema;
use crate::run::phase::PhaseId;

const CODE: &str = "C209";

pub static CHECK: Check = Check {
    code: CODE,
    title: "every cell serves the rules and VSchemas that the topology holds",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE, PhaseId::REMOVE_RULES],
    waivable: true,
    query: |_| Query { asks: [Ask::AllVSchemas].into(), ..Query::default() },
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
vtgate doesn't read routing rules and VSchemas where `ApplyRoutingRules` and `ApplyVSchema` save them, but in a copy that each
cell has, its SrvVSchema. Here the copy of a cell differs from what is saved, or a cell has none.

## Why it matters
Every write of a movement rebuilds these copies in all cells, and by that publishes whatever was saved without being served:
somebody's prepared rules, or the half of a switch that failed. A real Vitess switched reads over by an unrelated
`ApplyVSchema` in this way. Nobody who looks at the movement's plan would see that change coming.

## What to do
See the difference: `vtctldclient GetRoutingRules` against `vtctldclient GetSrvVSchema CELL`. If what is saved is wanted:
`vtctldclient RebuildVSchemaGraph`. If not: save again what is served, with `vtctldclient ApplyRoutingRules` or
`vtctldclient ApplyVSchema`. A cell that is gone for good should be deleted: `vtctldclient DeleteCellInfo`.

## When it is inconclusive
The VSchemas of all keyspaces could not be read. The rules are part of every look.

## What it reads
The routing rules, the SrvVSchema of each cell, and the VSchema of each keyspace: one call a keyspace, from the topology.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let vschemas = match input.facts.all_vschemas(&Ask::AllVSchemas) {
        Ok(vschemas) => vschemas,
        Err(why) => return vec![unread(CODE, "VSchemas", "the VSchemas of all keyspaces", &why)],
    };
    let mut findings: Vec<Finding> = input
        .facts
        .cells
        .names
        .iter()
        .filter_map(|cell| match input.facts.served.get(cell.as_str()) {
            None => Some(Finding::fail(
                CODE,
                Severity::Error,
                cell.as_str(),
                format!("cell `{cell}` has no SrvVSchema, so nothing shows what its vtgates serve"),
                format!("`vtctldclient RebuildVSchemaGraph` makes one; `vtctldclient DeleteCellInfo {cell}` if the cell is gone"),
            )),
            Some(served) => of_cell(input, cell.as_str(), served, vschemas),
        })
        .collect();
    if findings.is_empty() {
        let cells = counted(input.facts.cells.names.len(), "cell");
        findings.push(Finding::pass(CODE, "routing rules", format!("{cells} looked at: each serves what the topology holds")));
    }
    findings
}

fn of_cell(input: &CheckInput<'_>, cell: &str, served: &Served, vschemas: &BTreeMap<String, VSchema>) -> Option<Finding> {
    let diff = served.routing_rules.diff(&input.facts.routing_rules);
    let keys = diff.added.iter().chain(&diff.removed).map(|rule| &rule.from_table);
    let keys: BTreeSet<&String> = keys.chain(diff.changed.iter().map(|rule| &rule.from_table)).collect();
    let keyspaces: BTreeSet<&String> = vschemas
        .keys()
        .chain(served.vschemas.keys())
        .filter(|name| !is_same(vschemas.get(*name), served.vschemas.get(*name)))
        .collect();
    // A write of ours that was cut off between saving and serving is the run's to finish, and no news to anybody.
    let ours = input.movement.rule_keys();
    let is_own_write = input.progress.open_attempt.is_some()
        && keys.iter().all(|key| ours.contains(*key))
        && keyspaces.iter().all(|name| *name == input.movement.source().as_str() || *name == input.movement.target().as_str());
    if (keys.is_empty() && keyspaces.is_empty()) || is_own_write {
        return None;
    }
    let mut what = Vec::new();
    if !keys.is_empty() {
        what.push(format!("{} ({})", counted(keys.len(), "routing rule"), listed(&keys)));
    }
    if !keyspaces.is_empty() {
        what.push(format!("the VSchema of {}", listed(&keyspaces)));
    }
    Some(
        Finding::fail(
            CODE,
            Severity::Error,
            cell,
            format!("cell `{cell}` doesn't serve what the topology holds: {}", what.join(" and ")),
            "any write of the movement would publish it; if that is wanted, `vtctldclient RebuildVSchemaGraph` first, else save again what is served",
        )
        .seen(format!("{} and {}", counted(keys.len(), "routing rule"), counted(keyspaces.len(), "VSchema"))),
    )
}

/// A keyspace without VSchema is served as an empty one.
fn is_same(saved: Option<&VSchema>, served: Option<&VSchema>) -> bool {
    let empty = VSchema::default();
    saved.unwrap_or(&empty) == served.unwrap_or(&empty)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::model::name::CellName;

    #[test]
    fn a_rule_that_is_saved_and_not_served_blocks_and_so_does_the_opposite() {
        let mut fixture = Fixture::new();
        fixture.facts.routing_rules.set("product", "elsewhere.product");
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.contains("1 routing rule (`product`)"), "{}", finding.summary);
        assert_eq!(finding.seen, "1 routing rule and 0 VSchemas");

        fixture.serve_global();
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.facts.routing_rules.remove("product");
        assert_eq!(fixture.amiss(&CHECK), ["zone1"]);
    }

    #[test]
    fn each_cell_is_looked_at_and_one_without_a_copy_blocks() {
        let mut fixture = Fixture::new();
        fixture.facts.cells.names.push(CellName::new("zone2").unwrap());
        let finding = fixture.only_amiss(&CHECK);
        assert_eq!(finding.subject, "zone2");
        assert!(finding.summary.contains("has no SrvVSchema"));
    }

    #[test]
    fn a_vschema_that_is_saved_and_not_served_blocks() {
        let mut fixture = Fixture::new();
        fixture.facts.served.get_mut("zone1").unwrap().vschemas.get_mut("commerce").unwrap().tables.clear();
        assert!(fixture.only_amiss(&CHECK).summary.ends_with("the VSchema of `commerce`"));
    }

    #[test]
    fn a_keyspace_without_vschema_is_served_as_an_empty_one() {
        let mut fixture = Fixture::new();
        fixture.facts.served.get_mut("zone1").unwrap().vschemas.insert("empty".into(), VSchema::default());
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn what_our_own_open_write_left_unserved_is_no_news_and_a_foreign_rule_beside_it_is() {
        let mut fixture = Fixture::new();
        fixture.open_create();
        fixture.facts.routing_rules.set("corder", "commerce.corder");
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.facts.routing_rules.set("product", "elsewhere.product");
        assert_eq!(fixture.amiss(&CHECK), ["zone1"]);
    }

    #[test]
    fn a_vschema_of_ours_that_our_own_open_write_left_unserved_is_no_news_and_a_foreign_one_is() {
        let mut fixture = Fixture::new();
        fixture.open_create();
        let served = |fixture: &mut Fixture, keyspace: &str| {
            let sharded = VSchema { sharded: true, ..VSchema::default() };
            fixture.facts.served.get_mut("zone1").unwrap().vschemas.insert(keyspace.into(), sharded);
        };
        served(&mut fixture, "commerce");
        assert!(fixture.amiss(&CHECK).is_empty());
        served(&mut fixture, "archive");
        assert_eq!(fixture.amiss(&CHECK), ["zone1"]);
    }
}
