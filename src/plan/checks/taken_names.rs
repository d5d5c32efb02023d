//! C221: create gives the tables' bare names no other meaning than they have.

use std::collections::BTreeMap;

use super::asks::{both_keyspaces_and, counted, listed, nothing_more, unread, vschema_table};
use super::{Check, CheckInput};
use crate::cluster::port::Ask;
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::model::vschema::VSchema;
use crate::run::phase::PhaseId;

const CODE: &str = "C221";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the bare names of the tables mean what they will mean",
    before: &[PhaseId::CREATE],
    waivable: true,
    query: |movement| both_keyspaces_and(movement, [Ask::AllVSchemas]),
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A query of a connection without a keyspace that names a table `t` alone goes where vtgate finds that name: to the one keyspace whose
VSchema has it (a keyspace with `require_explicit_routing` doesn't count). Create makes a routing rule for `t` that leads it to the
source, and a switch leads it to the target. Another keyspace has a table of that name too.

## Why it matters
Where the other keyspace is the only one in which vtgate finds the name, its queries go to the source's table from the moment of
create on: reads of other rows, writes into another table. Where several have it, vtgate refuses the name now (\"ambiguous table
reference\"), answers it while the rules stand, and refuses it again when they are gone (C213).

## What to do
Let applications name the other table with its keyspace, or take it out of that VSchema (`vtctldclient ApplyVSchema`). Waive it if no
connection uses the bare name.

## When it is inconclusive
The VSchemas of all keyspaces could not be read, so it isn't known where else the name is.

## What it reads
The VSchema of each keyspace: one call a keyspace, from the topology, shared with C213. What vtgate knows of tables that stand in no
VSchema it doesn't tell.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let vschemas = match input.facts.all_vschemas(&Ask::AllVSchemas) {
        Ok(vschemas) => vschemas,
        Err(why) => return vec![unread(CODE, movement.source().as_str(), "the VSchemas of all keyspaces", &why)],
    };
    let mut findings: Vec<Finding> = movement.tables.iter().filter_map(|table| of_table(input, table, vschemas)).collect();
    if findings.is_empty() {
        let names = counted(movement.tables.len(), "bare name");
        let summary = format!("the {names} lead nowhere but to `{}` and `{}`", movement.source(), movement.target());
        findings.push(Finding::pass(CODE, movement.source().as_str(), summary));
    }
    findings
}

/// The keyspaces in which vtgate finds a bare name (`buildKeyspaceGlobalTables`, go/vt/vtgate/vindexes/vschema.go).
fn holders<'a>(vschemas: &'a BTreeMap<String, VSchema>, table: &str) -> Vec<&'a str> {
    let has_it = |vschema: &VSchema| {
        !vschema.require_explicit_routing && vschema_table(vschema, table).is_some_and(|entry| entry.source.is_empty())
    };
    vschemas.iter().filter(|(_, vschema)| has_it(vschema)).map(|(name, _)| name.as_str()).collect()
}

fn of_table(input: &CheckInput<'_>, table: &TableName, vschemas: &BTreeMap<String, VSchema>) -> Option<Finding> {
    let movement = input.movement;
    let (source, target) = (movement.source().as_str(), movement.target().as_str());
    let holders = holders(vschemas, table.as_str());
    let others: Vec<&str> = holders.iter().copied().filter(|name| *name != source && *name != target).collect();
    if others.is_empty() {
        return None;
    }
    let (severity, summary) = match holders.as_slice() {
        [only] => (Severity::Error, format!("the bare name `{table}` leads to `{only}` now, and from create on to `{source}`")),
        _ => (
            Severity::Warning,
            format!(
                "the bare name `{table}` is in the VSchemas of {}: ambiguous now, and from create on it leads to `{source}`",
                listed(&holders)
            ),
        ),
    };
    let help = format!("who uses the bare name? Let them write {}", listed(others.iter().map(|name| format!("{name}.{table}"))));
    Some(
        Finding::fail(CODE, severity, movement.source_table(table), summary, help)
            .at("move-tables.tables")
            .seen(counted(holders.len(), "VSchema")),
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;
    use crate::model::vschema::VSchemaTable;

    fn with_archive() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.facts.vschemas.insert(keyspace("archive"), VSchema::default());
        fixture.change_vschema("archive", |vschema| {
            vschema.tables.insert("corder".into(), VSchemaTable::default());
        });
        fixture
    }

    #[test]
    fn a_third_keyspace_makes_the_name_ambiguous_and_that_is_a_warning() {
        assert!(Fixture::new().amiss(&CHECK).is_empty(), "source and target are its own");
        let mut fixture = with_archive();
        let finding = fixture.only_amiss(&CHECK);
        assert!(!finding.blocks() && finding.summary.contains("`archive`, `commerce`, `customer`"), "{}", finding.summary);
        fixture.change_vschema("archive", |vschema| vschema.require_explicit_routing = true);
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn a_name_that_is_another_keyspaces_alone_would_be_taken_from_it() {
        let mut fixture = with_archive();
        for name in ["commerce", "customer"] {
            fixture.change_vschema(name, |vschema| vschema.require_explicit_routing = true);
        }
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks());
        assert_eq!(finding.summary, "the bare name `corder` leads to `archive` now, and from create on to `commerce`");
    }
}
