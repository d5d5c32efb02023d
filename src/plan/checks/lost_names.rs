//! C213: what the tables' names mean once the routing rules are gone.

use std::collections::BTreeMap;

use super::asks::{both_keyspaces_and, counted, listed, nothing_more, unread, vschema_table};
use super::{Check, CheckInput};
use crate::cluster::mutation::SourceTables;
use crate::cluster::port::Ask;
use crate::family::SituationKind;
use crate::finding::{Finding, Severity};
use crate::model::vschema::VSchema;
use crate::run::phase::PhaseId;

const CODE: &str = "C213";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the tables' names still lead to the target when the routing rules are gone",
    before: &[PhaseId::REMOVE_RULES],
    waivable: true,
    query: |movement| both_keyspaces_and(movement, [Ask::AllVSchemas]),
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
As long as the movement's routing rules stand, `t` and `source.t` both lead to the target. `remove-rules` takes them away. From
then on a bare `t` leads to the target only if exactly one keyspace's VSchema has a table of that name, and that is the target's
(a keyspace with `require_explicit_routing` doesn't count). `source.t` leads to the source keyspace, where the table no longer is.

## Why it matters
An application that is connected to the source keyspace, or that writes `source.t`, gets errno 1146 (no such table) from that
moment. An ambiguous bare name is refused by vtgate (\"ambiguous table reference\"). And with `source-tables = \"keep\"` the old
tables are still there: writes are refused on the source's primaries, but reads of `source.t` on replicas answer, from rows that
no longer change.

## What to do
Let the applications use the target keyspace or bare names before the rules go. For an ambiguous name, take the table out of
the other keyspace's VSchema (`vtctldclient ApplyVSchema`), or give up bare names for it and waive the finding. To keep the rules
for good is a choice too: don't approve `remove-rules`. After it, `cutover restore-rules` puts them back.

## When it is inconclusive
The VSchemas of all keyspaces could not be read, so it isn't known where else the name is.

## What it reads
The VSchema of each keyspace: one call a keyspace, from the topology.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let mut findings = match input.facts.all_vschemas(&Ask::AllVSchemas) {
        Ok(vschemas) => {
            let situation = input.situation().kind;
            let mut findings: Vec<Finding> =
                movement.tables.iter().filter_map(|table| of_bare_name(input, situation, table.as_str(), vschemas)).collect();
            if findings.is_empty() {
                let tables = counted(movement.tables.len(), "bare name");
                let target = movement.target();
                findings.push(Finding::pass(CODE, target.as_str(), format!("{tables} will lead to `{target}` without rules")));
            }
            findings
        }
        Err(why) => vec![unread(CODE, movement.target().as_str(), "the VSchemas of all keyspaces", &why)],
    };
    findings.push(of_qualified_names(input));
    findings
}

/// Keyspaces in which vtgate will find the bare name at the end (`buildKeyspaceGlobalTables`, go/vt/vtgate/vindexes/vschema.go).
fn of_bare_name(
    input: &CheckInput<'_>,
    situation: SituationKind,
    table: &str,
    vschemas: &BTreeMap<String, VSchema>,
) -> Option<Finding> {
    let movement = input.movement;
    let (source, target) = (movement.source().as_str(), movement.target().as_str());
    // Complete takes the tables out of the source's VSchema, unless it keeps them.
    let leaves_source = movement.spec.complete.source_tables != SourceTables::Keep
        && !matches!(situation, SituationKind::Completed | SituationKind::Ended);
    // Create puts them into an unsharded target's.
    let comes_to_target = situation == SituationKind::NotBegun;
    let will_have_it = |name: &str, vschema: &VSchema| {
        if name == source && leaves_source {
            return false;
        }
        let has_it = vschema_table(vschema, table).is_some_and(|entry| entry.source.is_empty());
        has_it || (name == target && !vschema.sharded && comes_to_target)
    };
    let holders: Vec<&str> = vschemas
        .iter()
        .filter(|(name, vschema)| !vschema.require_explicit_routing && will_have_it(name, vschema))
        .map(|(name, _)| name.as_str())
        .collect();
    let subject = format!("{target}.{table}");
    if holders == [target] {
        return None;
    }
    Some(if holders.is_empty() {
        Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("without rules the bare name `{table}` will lead nowhere: no VSchema that takes part has it"),
            format!("does `{target}` have require_explicit_routing? Let applications write `{target}.{table}`, then waive this"),
        )
    } else if holders.contains(&target) {
        Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("without rules its bare name will be ambiguous: it is in the VSchemas of {}", listed(&holders)),
            format!("take it out of the VSchema of the others (`vtctldclient ApplyVSchema`), or let applications name it with `{target}.`"),
        )
        .seen(counted(holders.len(), "VSchema"))
    } else {
        Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("without rules the bare name `{table}` will lead to {} and not to `{target}`", listed(&holders)),
            format!("put `{table}` into the VSchema of `{target}` alone: `vtctldclient ApplyVSchema`"),
        )
        .seen(counted(holders.len(), "VSchema"))
    })
}

fn of_qualified_names(input: &CheckInput<'_>) -> Finding {
    let source = input.movement.source();
    let names: Vec<String> = input.movement.tables.iter().map(|table| input.movement.source_table(table)).collect();
    let summary = match input.movement.spec.complete.source_tables {
        SourceTables::Keep => format!(
            "without rules {} will lead to the kept tables: writes are refused there, reads on replicas see old rows",
            listed(&names)
        ),
        SourceTables::Rename | SourceTables::Drop => {
            format!("without rules {} will not resolve (errno 1146), nor bare names on connections to `{source}`", listed(&names))
        }
    };
    Finding::fail(
        CODE,
        Severity::Warning,
        source.as_str(),
        summary,
        format!("see to it that no application uses `{source}` for these tables before `remove-rules` is approved"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;
    use crate::finding::CheckResult;
    use crate::model::vschema::VSchemaTable;

    fn blocking(fixture: &Fixture) -> Vec<String> {
        fixture.run(&CHECK).into_iter().filter(Finding::blocks).map(|finding| finding.summary).collect()
    }

    fn passes(fixture: &Fixture) -> bool {
        let says = "2 bare names will lead to `customer` without rules";
        fixture.run(&CHECK).iter().any(|finding| finding.result == CheckResult::Pass && finding.summary == says)
    }

    #[test]
    fn dropped_or_renamed_tables_leave_their_bare_name_to_the_target() {
        let fixture = Fixture::new();
        assert!(blocking(&fixture).is_empty());
        assert!(passes(&fixture), "the bare names");
        let warning = fixture.only_amiss(&CHECK);
        assert!(
            warning.summary.contains("`commerce.corder`, `commerce.customer` will not resolve (errno 1146)"),
            "{}",
            warning.summary
        );
    }

    #[test]
    fn kept_tables_make_the_bare_name_ambiguous_while_the_sources_vschema_has_them() {
        let mut fixture = Fixture::new();
        fixture.movement.spec.complete.source_tables = SourceTables::Keep;
        assert_eq!(blocking(&fixture).len(), 2);
        assert!(!passes(&fixture), "what blocks is no pass");
        assert!(blocking(&fixture)[0].contains("in the VSchemas of `commerce`, `customer`"));
        fixture.change_vschema("commerce", |vschema| vschema.tables.clear());
        assert!(blocking(&fixture).is_empty());
        assert!(fixture.only_amiss(&CHECK).summary.contains("see old rows"));
    }

    #[test]
    fn after_complete_the_sources_vschema_counts_as_it_is() {
        let mut fixture = Fixture::new();
        fixture.completed();
        assert_eq!(blocking(&fixture).len(), 2, "somebody has put the tables back");
    }

    #[test]
    fn a_table_of_the_same_name_elsewhere_is_ambiguous_unless_its_keyspace_stands_aside() {
        let mut fixture = Fixture::new();
        fixture.facts.vschemas.insert(keyspace("archive"), VSchema::default());
        fixture.change_vschema("archive", |vschema| {
            vschema.tables.insert("corder".into(), VSchemaTable::default());
        });
        assert_eq!(blocking(&fixture).len(), 1);
        fixture.change_vschema("archive", |vschema| vschema.require_explicit_routing = true);
        assert!(blocking(&fixture).is_empty());
    }

    #[test]
    fn a_target_that_wants_explicit_routing_makes_bare_names_lead_nowhere() {
        let mut fixture = Fixture::new();
        fixture.change_vschema("customer", |vschema| vschema.require_explicit_routing = true);
        assert!(blocking(&fixture)[0].contains("will lead nowhere"));
    }
}
