//! C220: no shard routing, keyspace routing or mirror rule leads past the movement's own rules.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::{counted, nothing_more};
use super::{Check, CheckInput};
use crate::cluster::port::Query;
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::run::phase::PhaseId;

const CODE: &str = "C220";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no shard, keyspace or mirror rule is in the way",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query: |_| Query::default(),
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Beside the routing rules of tables Vitess has three other kinds. Shard routing rules lead the queries of one shard of a keyspace to
another keyspace. Keyspace routing rules lead those of a whole keyspace. Mirror rules send a part of the reads of a table to a second
one as well. None of the first two may name the source or the target, and no mirror rule one of the moved tables.

## Why it matters
Shard and keyspace rules belong to movements of another kind, shard by shard or tenant by tenant, that are under way or were left
behind. With them queries end elsewhere than the rules of tables say, and a switch does not do what it seems to: part of the writes
may go on to the other side. A switch takes mirror rules away for the tablet types that it switches, and nothing puts them back; a
cancel leaves them, and they send reads to a table that was dropped.

## What to do
`vtctldclient GetShardRoutingRules`, `GetKeyspaceRoutingRules` and `GetMirrorRules` show them. Finish or cancel the movement that they
belong to. What is left over is removed with `vtctldclient ApplyShardRoutingRules` or `ApplyKeyspaceRoutingRules`, each with all rules
that shall stay; `vtctldclient MoveTables --target-keyspace KEYSPACE --workflow NAME mirrortraffic --percent 0` ends mirroring. Waive a
rule that you know to lead nothing of these tables astray.

## When it is inconclusive
Never: the rules are part of every look.

## What it reads
The shard routing, keyspace routing and mirror rules, which are part of every look.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let rules = &input.facts.other_rules;
    let is_ours = |keyspace: &str| keyspace == input.movement.source().as_str() || keyspace == input.movement.target().as_str();
    let mut findings = Vec::new();
    // `commerce.-80`
    findings.extend(in_the_way("shard routing rule", "vtctldclient GetShardRoutingRules", &rules.shard, |from, to| {
        is_ours(from.split('.').next().unwrap_or(from)) || is_ours(to)
    }));
    // `commerce@replica`
    findings.extend(in_the_way("keyspace routing rule", "vtctldclient GetKeyspaceRoutingRules", &rules.keyspace, |from, to| {
        is_ours(from.split('@').next().unwrap_or(from)) || is_ours(to)
    }));
    let both = |table: &TableName| [input.movement.source_table(table), input.movement.target_table(table)];
    let moved: BTreeSet<String> = input.movement.tables.iter().flat_map(both).collect();
    let is_moved = |name: &str| moved.contains(name.split('@').next().unwrap_or(name));
    // `commerce.corder@replica` to `customer.corder 10`
    findings.extend(in_the_way("mirror rule", "vtctldclient GetMirrorRules", &rules.mirror, |from, to| {
        is_moved(from) || to.split(", ").any(|to| is_moved(to.split(' ').next().unwrap_or(to)))
    }));
    if findings.is_empty() {
        let count = rules.shard.len() + rules.keyspace.len() + rules.mirror.len();
        let rules = counted(count, "shard, keyspace or mirror rule");
        findings.push(Finding::pass(CODE, "other rules", format!("none of the {rules} is in the way")));
    }
    findings
}

/// The rules of one kind that are in the way, as one finding: a movement by shards has many.
fn in_the_way(
    kind: &str,
    shown_by: &str,
    rules: &BTreeMap<String, String>,
    concerns: impl Fn(&str, &str) -> bool,
) -> Option<Finding> {
    const SHOWN: usize = 3;
    let found: Vec<String> =
        rules.iter().filter(|(from, to)| concerns(from, to)).map(|(from, to)| format!("`{from}` → `{to}`")).collect();
    if found.is_empty() {
        return None;
    }
    let count = counted(found.len(), kind);
    let mut shown = found.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if found.len() > SHOWN {
        shown.push_str(&format!(" and {} more", found.len() - SHOWN));
    }
    let verb = if found.len() == 1 { "leads" } else { "lead" };
    let help = format!("whose are they? `{shown_by}` shows them; `cutover explain {CODE}` says how they are taken away");
    // A waiver is for these rules, not for their number.
    Some(
        Finding::fail(
            CODE,
            Severity::Error,
            format!("{kind}s"),
            format!("{count} {verb} past this movement's own: {shown}"),
            help,
        )
        .seen(found.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    fn subjects(change: impl FnOnce(&mut crate::cluster::port::OtherRules)) -> Vec<String> {
        let mut fixture = Fixture::new();
        change(&mut fixture.facts.other_rules);
        assert!(fixture.run(&CHECK).iter().all(|finding| finding.severity == Severity::Note || finding.blocks()));
        fixture.amiss(&CHECK)
    }

    fn rule(from: &str, to: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(from.to_owned(), to.to_owned())])
    }

    #[test]
    fn each_kind_is_named_when_it_touches_these_keyspaces_or_tables() {
        for (from, to) in [("customer.-80", "archive"), ("archive.0", "commerce")] {
            assert_eq!(subjects(|rules| rules.shard = rule(from, to)), ["shard routing rules"]);
        }
        for (from, to) in [("commerce@replica", "archive"), ("archive", "customer")] {
            assert_eq!(subjects(|rules| rules.keyspace = rule(from, to)), ["keyspace routing rules"]);
        }
        for (from, to) in [("commerce.corder@rdonly", "archive.corder 10"), ("archive.x", "archive.y 1, customer.corder 5")] {
            assert_eq!(subjects(|rules| rules.mirror = rule(from, to)), ["mirror rules"]);
        }
    }

    #[test]
    fn one_leads_and_several_lead() {
        let mut fixture = Fixture::new();
        fixture.facts.other_rules.shard = rule("customer.-80", "archive");
        let says = |count: &str| format!("{count} past this movement's own: `customer.-80` → `archive`");
        assert_eq!(fixture.only_amiss(&CHECK).summary, says("1 shard routing rule leads"));
        fixture.facts.other_rules.shard.insert("customer.80-".into(), "archive".into());
        assert!(fixture.only_amiss(&CHECK).summary.starts_with(&says("2 shard routing rules lead")));
    }

    #[test]
    fn rules_of_others_are_not_in_the_way() {
        assert!(
            subjects(|rules| {
                rules.shard = rule("archive.0", "attic");
                rules.keyspace = rule("commerce2", "attic");
                rules.mirror = rule("commerce.product", "customer.product 10");
            })
            .is_empty()
        );
    }
}
