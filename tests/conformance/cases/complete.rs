//! Completing a movement.

use cutover::cluster::vtctld::generated::{vschema, vtctldata as data};

use super::super::{Golden, Stage, quiet};
use super::calls::{PRIMARY, RDONLY, REPLICA, complete, read, running, running_to_archive, switch, write};

super::cases!["complete":
    dropping, renaming, keeping, keeping_rules, renaming_and_keeping_rules, too_early, after_the_reads, after_the_primary, twice, unknown,
    dry_runs, with_a_foreign_rule, unsharded, renaming_onto_a_name_that_is_taken,
];

async fn switched(stage: &dyn Stage) {
    running(stage).await;
    write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await.map(drop).expect("a switch of what runs");
    quiet::until_quiet(stage).await;
}

async fn dropping(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    golden.call("complete", write(stage, complete()).await);
    golden.picture(stage, "completed").await;
}

async fn renaming(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    golden.call("complete, renaming", write(stage, data::MoveTablesCompleteRequest { rename_tables: true, ..complete() }).await);
    golden.picture(stage, "completed").await;
}

async fn keeping(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    golden.call("complete, keeping data", write(stage, data::MoveTablesCompleteRequest { keep_data: true, ..complete() }).await);
    golden.picture(stage, "completed").await;
}

async fn keeping_rules(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    let request = data::MoveTablesCompleteRequest { keep_routing_rules: true, ..complete() };
    golden.call("complete, keeping rules", write(stage, request).await);
    golden.picture(stage, "completed").await;
}

async fn renaming_and_keeping_rules(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    let request = data::MoveTablesCompleteRequest { rename_tables: true, keep_routing_rules: true, ..complete() };
    golden.call("complete, renaming and keeping rules", write(stage, request).await);
    golden.picture(stage, "completed").await;
}

async fn too_early(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("complete", write(stage, complete()).await);
    golden.picture(stage, "nothing was done").await;
}

async fn after_the_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("complete", write(stage, complete()).await);
    golden.picture(stage, "nothing was done").await;
}

async fn after_the_primary(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.call("complete", write(stage, complete()).await);
    golden.picture(stage, "nothing was done").await;
}

async fn twice(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    golden.call("complete", write(stage, complete()).await);
    golden.call("complete again", write(stage, complete()).await);
    let status = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: "c2c".into(), shards: vec![] };
    golden.call("status", read(stage, status).await);
}

async fn unknown(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("complete", write(stage, complete()).await);
    let nowhere = data::MoveTablesCompleteRequest { target_keyspace: "nowhere".into(), ..complete() };
    golden.call("complete in nowhere", write(stage, nowhere).await);
}

async fn dry_runs(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let dry = |request: data::MoveTablesCompleteRequest| data::MoveTablesCompleteRequest { dry_run: true, ..request };
    golden.call("dry run, too early", write(stage, dry(complete())).await);
    golden.call("switch all", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    quiet::until_quiet(stage).await;
    golden.call("dry run", write(stage, dry(complete())).await);
    let renaming = data::MoveTablesCompleteRequest { rename_tables: true, ..complete() };
    golden.call("dry run, renaming", write(stage, dry(renaming)).await);
    let keeping = data::MoveTablesCompleteRequest { keep_data: true, keep_routing_rules: true, ..complete() };
    golden.call("dry run, keeping data and rules", write(stage, dry(keeping)).await);
    golden.picture(stage, "nothing was done").await;
}

async fn with_a_foreign_rule(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage).await;
    let mut rules = read(stage, data::GetRoutingRulesRequest {}).await.expect("rules").routing_rules.unwrap_or_default();
    let foreign = vschema::RoutingRule { from_table: "old_customer".into(), to_tables: vec!["commerce.customer".into()] };
    rules.rules.push(foreign);
    let request = data::ApplyRoutingRulesRequest { routing_rules: Some(rules), ..Default::default() };
    golden.call("apply a foreign rule to the source", write(stage, request).await);
    golden.call("complete", write(stage, complete()).await);
    golden.picture(stage, "nothing was done").await;
}

async fn unsharded(stage: &dyn Stage, golden: &mut Golden) {
    running_to_archive(stage).await;
    let request = data::WorkflowSwitchTrafficRequest {
        keyspace: "archive".into(),
        workflow: "c2a".into(),
        ..switch(&[PRIMARY, REPLICA, RDONLY])
    };
    golden.call("switch all", write(stage, request).await);
    let request = data::MoveTablesCompleteRequest { target_keyspace: "archive".into(), workflow: "c2a".into(), ..complete() };
    golden.call("complete", write(stage, request).await);
    golden.picture(stage, "completed").await;
}

async fn renaming_onto_a_name_that_is_taken(stage: &dyn Stage, golden: &mut Golden) {
    let renaming = || data::MoveTablesCompleteRequest { rename_tables: true, ..complete() };
    switched(stage).await;
    golden.call("complete, renaming", write(stage, renaming()).await);
    // Now `_customer_old` is there, and a movement of it meets no trouble, but a second rename would.
    let request = data::MoveTablesCompleteRequest { rename_tables: true, ..complete() };
    golden.call("complete, renaming again", write(stage, request).await);
    golden.picture(stage, "completed once").await;
}
