//! Routing rules applied by hand, and what cells serve.

use cutover::cluster::vtctld::generated::{vschema, vtctldata as data};

use super::super::{Golden, Stage};
use super::calls::{PRIMARY, RDONLY, REPLICA, cancel, complete, create, read, running, switch, write};

super::cases!["rules":
    applied, emptied, not_rebuilt, rebuilt_in_one_cell, rebuilt_in_an_unknown_cell, applied_to_nowhere, twice_the_same,
    foreign_ones_survive, taken_away_from_a_movement, a_rule_that_is_no_name, writes_switched_by_hand,
];

fn rules(pairs: &[(&str, &str)]) -> data::ApplyRoutingRulesRequest {
    let rule = |(from, to): &(&str, &str)| vschema::RoutingRule { from_table: (*from).into(), to_tables: vec![(*to).into()] };
    data::ApplyRoutingRulesRequest {
        routing_rules: Some(vschema::RoutingRules { rules: pairs.iter().map(rule).collect() }),
        skip_rebuild: false,
        rebuild_cells: vec![],
    }
}

const TWO: [(&str, &str); 2] = [("one", "commerce.note"), ("two@replica", "archive.two")];

async fn applied(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("apply two", write(stage, rules(&TWO)).await);
    golden.call("GetRoutingRules", read(stage, data::GetRoutingRulesRequest {}).await);
    golden.picture(stage, "applied").await;
}

async fn emptied(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("apply two", write(stage, rules(&TWO)).await);
    golden.call("apply none", write(stage, rules(&[])).await);
    golden.call("GetRoutingRules", read(stage, data::GetRoutingRulesRequest {}).await);
    golden.call("apply two", write(stage, rules(&TWO)).await);
    golden.call("apply without rules", write(stage, data::ApplyRoutingRulesRequest::default()).await);
    golden.picture(stage, "none").await;
}

async fn not_rebuilt(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("apply two", write(stage, rules(&TWO)).await);
    let other = data::ApplyRoutingRulesRequest { skip_rebuild: true, ..rules(&[("one", "commerce.plain")]) };
    golden.call("apply another, without rebuild", write(stage, other).await);
    golden.picture(stage, "not served").await;
    golden.call("rebuild", write(stage, data::RebuildVSchemaGraphRequest { cells: vec![] }).await);
    golden.picture(stage, "served").await;
}

async fn rebuilt_in_one_cell(stage: &dyn Stage, golden: &mut Golden) {
    let one = data::ApplyRoutingRulesRequest { rebuild_cells: vec!["zone1".into()], ..rules(&TWO) };
    golden.call("apply two, rebuilding zone1", write(stage, one).await);
    golden.picture(stage, "served in zone1").await;
    golden.call("rebuild zone2", write(stage, data::RebuildVSchemaGraphRequest { cells: vec!["zone2".into()] }).await);
    golden.picture(stage, "served everywhere").await;
}

async fn rebuilt_in_an_unknown_cell(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("rebuild zone3", write(stage, data::RebuildVSchemaGraphRequest { cells: vec!["zone3".into()] }).await);
    let unknown = data::ApplyRoutingRulesRequest { rebuild_cells: vec!["zone3".into()], ..rules(&TWO) };
    golden.call("apply two, rebuilding zone3", write(stage, unknown).await);
    golden.picture(stage, "what is left").await;
}

async fn applied_to_nowhere(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("apply a rule to nowhere", write(stage, rules(&[("one", "nowhere.one")])).await);
    golden.picture(stage, "applied").await;
}

async fn twice_the_same(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("apply a rule twice", write(stage, rules(&[("one", "commerce.note"), ("one", "commerce.plain")])).await);
    golden.picture(stage, "applied").await;
}

async fn a_rule_that_is_no_name(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let mut all = read(stage, data::GetRoutingRulesRequest {}).await.expect("rules").routing_rules.unwrap_or_default();
    for rule in &mut all.rules {
        if rule.from_table.starts_with("commerce.") {
            rule.to_tables = vec!["customer".into()];
        }
    }
    let request = data::ApplyRoutingRulesRequest { routing_rules: Some(all), ..Default::default() };
    golden.call("apply rules whose targets have no keyspace", write(stage, request).await);
    let status = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: "c2c".into(), shards: vec![] };
    golden.call("status", read(stage, status).await);
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
}

async fn foreign_ones_survive(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("apply two", write(stage, rules(&TWO)).await);
    running(stage).await;
    golden.picture(stage, "created").await;
    golden.call("switch all", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.call("complete", write(stage, complete()).await);
    golden.picture(stage, "completed").await;
}

async fn taken_away_from_a_movement(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("apply none", write(stage, rules(&[])).await);
    let status = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: "c2c".into(), shards: vec![] };
    golden.call("status", read(stage, status).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "cancelled").await;
}

async fn writes_switched_by_hand(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let mut all = read(stage, data::GetRoutingRulesRequest {}).await.expect("rules").routing_rules.unwrap_or_default();
    for rule in &mut all.rules {
        if rule.from_table == "commerce.corder" {
            rule.to_tables = vec!["customer.corder".into()];
        }
    }
    let request = data::ApplyRoutingRulesRequest { routing_rules: Some(all), ..Default::default() };
    golden.call("apply a rule that leads to the target", write(stage, request).await);
    let status = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: "c2c".into(), shards: vec![] };
    golden.call("status", read(stage, status).await);
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "what is left").await;
}
