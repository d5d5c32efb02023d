//! C208: no routing rule of somebody else stands where the movement's own will stand, or leads to its source tables.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::{counted, nothing_more};
use super::{Check, CheckInput, Ownership, ownership};
use crate::cluster::port::Query;
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::model::topology::TabletType;
use crate::run::phase::PhaseId;

const CODE: &str = "C208";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no routing rule of somebody else is in the way",
    before: &[PhaseId::CREATE, PhaseId::COMPLETE],
    waivable: true,
    query: |movement| Query { workflows: [(movement.target().clone(), movement.workflow().clone())].into(), ..Query::default() },
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A movement has nine routing rules for each table: for `t`, `target.t` and `source.t`, each also with `@replica` and `@rdonly`.
Before create none of these may be there. And no rule under another name may lead to a source table.

## Why it matters
Create overwrites rules that stand under its nine keys, and cancel and complete remove them without putting the old ones back:
what somebody routed on purpose is lost, and an application reads from somewhere else from that moment on. A rule of another
name that leads to a source table makes `complete` refuse (\"routing still exists\"), at the end, when everything else is done.

## What to do
`vtctldclient GetRoutingRules` shows them. Find out who made them: an unfinished movement of the same tables, or a completed one
whose rules were kept. Remove them with that tool, or with `vtctldclient ApplyRoutingRules`, which replaces the whole set: begin
with what is there. A waiver lets create overwrite them.

## When it is inconclusive
Never: the rules are part of every look.

## What it reads
The global routing rules and the workflow of the plan file's name.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let mut findings = in_the_way(input);
    findings.extend(leading_to_the_source(input));
    if findings.is_empty() {
        let rules = counted(input.facts.routing_rules.len(), "rule");
        findings.push(Finding::pass(CODE, "routing rules", format!("none of the {rules} is in the way")));
    }
    findings
}

/// Rules under the movement's own keys that it didn't make. An open create may have made those that lead to the source.
fn in_the_way(input: &CheckInput<'_>) -> Vec<Finding> {
    let ownership = ownership(input);
    if ownership == Ownership::Ours {
        return vec![];
    }
    let rules = &input.facts.routing_rules;
    let mut findings = Vec::new();
    for table in &input.movement.tables {
        let source = input.movement.source_table(table);
        let there: BTreeMap<String, String> = keys_of(input.movement, table)
            .into_iter()
            .filter_map(|key| Some((rules.get(&key)?.join(","), key)))
            .filter(|(to, _)| !(ownership == Ownership::BeingMade && *to == source))
            .map(|(to, key)| (key, to))
            .collect();
        if there.is_empty() {
            continue;
        }
        let text: Vec<String> = there.iter().map(|(key, to)| format!("`{key}` → `{to}`")).collect();
        let count = counted(there.len(), "routing rule");
        findings.push(
            Finding::fail(
                CODE,
                Severity::Error,
                source,
                format!("{count} for `{table}` {} there already: {}", if there.len() == 1 { "is" } else { "are" }, text.join(", ")),
                "create would overwrite them; whose are they? `vtctldclient GetRoutingRules`, and `vtctldclient GetWorkflows` of both keyspaces",
            )
            .at("move-tables.tables")
            .seen(count),
        );
    }
    findings
}

/// The nine keys of a table.
fn keys_of(movement: &MoveTables, table: &TableName) -> Vec<String> {
    let types = [TabletType::Primary, TabletType::Replica, TabletType::Rdonly];
    types.into_iter().flat_map(|kind| movement.rule_keys_of(table, kind)).collect()
}

/// Rules under other keys that lead to a source table.
fn leading_to_the_source(input: &CheckInput<'_>) -> Vec<Finding> {
    let sources: BTreeSet<String> = input.movement.tables.iter().map(|table| input.movement.source_table(table)).collect();
    let keys = input.movement.rule_keys();
    let foreign = input.facts.routing_rules.iter().filter(|(key, _)| !keys.contains(*key));
    foreign
        .filter_map(|(key, to)| {
            let source = to.iter().find(|to| sources.contains(*to))?;
            Some(
                Finding::fail(
                    CODE,
                    Severity::Error,
                    key.as_str(),
                    format!("the routing rule `{key}` leads to `{source}`"),
                    format!("let it lead elsewhere or remove it (`vtctldclient ApplyRoutingRules`): while it stands, Vitess refuses to complete `{}`", input.movement.workflow()),
                )
                .seen(format!("`{source}`")),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn a_rule_under_one_of_the_nine_keys_blocks_wherever_it_leads() {
        for to in ["elsewhere.corder", "commerce.corder", "customer.corder"] {
            let mut fixture = Fixture::new();
            fixture.facts.routing_rules.set("customer.corder@rdonly", to);
            let finding = fixture.only_amiss(&CHECK);
            assert!(finding.blocks());
            assert_eq!((finding.subject.as_str(), finding.seen.as_str()), ("commerce.corder", "1 routing rule"));
            let says = format!("1 routing rule for `corder` is there already: `customer.corder@rdonly` → `{to}`");
            assert_eq!(finding.summary, says);
        }
    }

    #[test]
    fn a_rule_of_another_table_is_not_in_the_way_unless_it_leads_to_the_source() {
        let mut fixture = Fixture::new();
        fixture.facts.routing_rules.set("product", "commerce.product");
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.facts.routing_rules.set("old_orders", "commerce.corder");
        assert_eq!(fixture.amiss(&CHECK), ["old_orders"]);
    }

    #[test]
    fn the_rules_that_our_own_create_wrote_pass() {
        let mut fixture = Fixture::new();
        fixture.facts.routing_rules.set("corder", "commerce.corder");
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1)]);
        assert_eq!(fixture.amiss(&CHECK), ["commerce.corder"], "the workflow is somebody else's");
        fixture.record_streams("customer.commerce2customer", &[("-80", 1)]);
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn an_open_create_explains_rules_to_the_source_and_no_others() {
        let mut fixture = Fixture::new();
        fixture.open_create();
        fixture.facts.routing_rules.set("corder", "commerce.corder");
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.facts.routing_rules.set("corder@replica", "elsewhere.corder");
        assert_eq!(fixture.amiss(&CHECK), ["commerce.corder"]);
    }

    #[test]
    fn before_complete_only_rules_that_complete_refuses_count() {
        let mut fixture = Fixture::new();
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1)]);
        fixture.record_streams("customer.commerce2customer", &[("-80", 1)]);
        fixture.facts.routing_rules.set("corder", "customer.corder");
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.facts.routing_rules.set("old_orders", "commerce.corder");
        assert_eq!(fixture.amiss(&CHECK), ["old_orders"]);
    }
}
