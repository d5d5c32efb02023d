//! Switching traffic, forward and back, whole and in parts.

use cutover::cluster::Effect;
use cutover::cluster::vtctld::generated::{binlogdata, vtctldata as data, vttime};

use super::super::{Golden, Stage, quiet};
use super::calls::{
    PRIMARY, RDONLY, REPLICA, create, created, read, reverse, running, running_to_archive, seconds, start, stop, streams, switch,
    write,
};

super::cases!["switch":
    replica_reads, rdonly_reads, both_reads, the_primary, all_in_one_call, reads_then_primary, writes_before_reads, reads_twice, the_primary_twice,
    back_reads, back_reads_one_by_one, back_primary, back_all, back_and_forth, back_before_any, back_twice, back_by_the_reverse_workflow,
    without_way_back, no_time, half_a_second, no_tablet_types, an_odd_tablet_type, an_unknown_workflow, an_unknown_keyspace,
    too_much_lag, stopped_streams, all_of_which_the_writes_fail, a_reverse_of_which_the_writes_fail, before_the_start, one_cell, dry_runs, dry_runs_of_the_way_back, sequences, sequences_left_alone, unsharded,
    without_routing_rules, a_write_lock_in_the_way, writes_after_the_switch, while_stopped_back,
];

async fn replica_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica", write(stage, switch(&[REPLICA])).await);
    golden.picture(stage, "replica reads switched, and rdonly for there are no such tablets").await;
    golden.call("switch replica again", write(stage, switch(&[REPLICA])).await);
}

async fn rdonly_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch rdonly", write(stage, switch(&[RDONLY])).await);
    golden.picture(stage, "rdonly reads switched").await;
    golden.call("switch replica", write(stage, switch(&[REPLICA])).await);
    golden.picture(stage, "all reads switched").await;
}

async fn both_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "all reads switched").await;
}

async fn the_primary(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.picture(stage, "writes switched, reads not").await;
}

async fn all_in_one_call(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary, replica, rdonly", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.picture(stage, "all switched").await;
}

async fn reads_then_primary(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.picture(stage, "all switched").await;
}

async fn writes_before_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "all switched").await;
}

async fn reads_twice(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("switch replica, rdonly again", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "all reads switched").await;
}

async fn the_primary_twice(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch all", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.call("switch primary again", write(stage, switch(&[PRIMARY])).await);
    golden.call("switch all again", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.picture(stage, "all switched").await;
}

async fn back_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("reverse replica, rdonly", write(stage, reverse(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "no reads switched").await;
    golden.call("reverse replica, rdonly again", write(stage, reverse(&[REPLICA, RDONLY])).await);
    golden.call("reverse rdonly", write(stage, reverse(&[RDONLY])).await);
}

async fn back_reads_one_by_one(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("reverse rdonly", write(stage, reverse(&[RDONLY])).await);
    golden.picture(stage, "replica reads switched").await;
    golden.call("reverse replica", write(stage, reverse(&[REPLICA])).await);
    golden.picture(stage, "no reads switched").await;
}

async fn switched(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    quiet::until_quiet(stage).await;
}

async fn back_primary(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    golden.call("reverse primary", write(stage, reverse(&[PRIMARY])).await);
    golden.picture(stage, "reads switched, writes back").await;
    golden.call("reverse replica, rdonly", write(stage, reverse(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "all back").await;
}

async fn back_all(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    golden.call("reverse all", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.picture(stage, "all back").await;
}

async fn back_and_forth(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    golden.call("reverse all", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    quiet::until_quiet(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.picture(stage, "all switched once more").await;
}

async fn back_before_any(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("reverse all", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.call("reverse primary", write(stage, reverse(&[PRIMARY])).await);
    golden.call("reverse replica, rdonly", write(stage, reverse(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "nothing was done").await;
}

async fn back_twice(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    golden.call("reverse all", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    quiet::until_quiet(stage).await;
    golden.call("reverse all again", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.call("reverse primary again", write(stage, reverse(&[PRIMARY])).await);
    golden.picture(stage, "all back").await;
}

async fn back_by_the_reverse_workflow(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    let forward = |types: &[i32]| data::WorkflowSwitchTrafficRequest {
        keyspace: "commerce".into(),
        workflow: "c2c_reverse".into(),
        ..switch(types)
    };
    golden.call("switch the reverse workflow", write(stage, forward(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.picture(stage, "all back").await;
}

async fn without_way_back(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowSwitchTrafficRequest { enable_reverse_replication: false, ..switch(&[PRIMARY]) };
    golden.call("switch primary without reverse replication", write(stage, request).await);
    golden.picture(stage, "writes switched").await;
}

async fn no_time(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let none = data::WorkflowSwitchTrafficRequest { timeout: seconds(0), ..switch(&[PRIMARY]) };
    golden.call("switch primary with a timeout of 0 s", write(stage, none).await);
    let unknown = data::WorkflowSwitchTrafficRequest { timeout: seconds(0), workflow: "other".into(), ..switch(&[PRIMARY]) };
    golden.call("switch an unknown workflow with a timeout of 0 s", write(stage, unknown).await);
    golden.picture(stage, "nothing was done").await;
}

async fn half_a_second(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let half = Some(vttime::Duration { seconds: 0, nanos: 500_000_000 });
    let request = data::WorkflowSwitchTrafficRequest { timeout: half, ..switch(&[REPLICA, RDONLY]) };
    golden.call("switch replica, rdonly with a timeout of 0.5 s", write(stage, request).await);
    golden.picture(stage, "nothing was done").await;
}

async fn no_tablet_types(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch nothing", write(stage, switch(&[])).await);
    golden.call("reverse nothing", write(stage, reverse(&[])).await);
    golden.picture(stage, "nothing was done").await;
}

async fn an_odd_tablet_type(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch spare", write(stage, switch(&[4])).await);
    golden.picture(stage, "nothing was done").await;
}

async fn an_unknown_workflow(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.call("reverse primary", write(stage, reverse(&[PRIMARY])).await);
}

async fn an_unknown_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    let nowhere = data::WorkflowSwitchTrafficRequest { keyspace: "nowhere".into(), ..switch(&[PRIMARY]) };
    golden.call("switch primary in nowhere", write(stage, nowhere).await);
}

async fn too_much_lag(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("stop", write(stage, stop()).await);
    // The lag of stopped streams grows.
    lagging(stage, 4).await;
    let strict = |types: &[i32]| data::WorkflowSwitchTrafficRequest { max_replication_lag_allowed: seconds(2), ..switch(types) };
    golden.call("switch replica, rdonly, 2 s allowed", write(stage, strict(&[REPLICA, RDONLY])).await);
    golden.call("switch primary, 2 s allowed", write(stage, strict(&[PRIMARY])).await);
    golden.picture(stage, "nothing was done").await;
}

/// Waits until the streams lag so far behind.
async fn lagging(stage: &dyn Stage, seconds: i64) {
    for _ in 0..600 {
        let workflows = super::super::picture::workflows_of(stage.vtctld(), "customer").await;
        if workflows.iter().any(|workflow| workflow.max_v_replication_transaction_lag >= seconds) {
            return;
        }
        stage.moment().await;
    }
    panic!("the lag does not grow");
}

async fn stopped_streams(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("stop", write(stage, stop()).await);
    stage.put_row("commerce", "corder", 1001).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "reads switched to what stands still").await;
    let short = data::WorkflowSwitchTrafficRequest { timeout: seconds(2), ..switch(&[PRIMARY]) };
    golden.call("switch primary, with a timeout of 2 s", write(stage, short).await);
    quiet::until_rows(stage, "customer", "corder", 301).await;
    golden.picture(stage, "rolled back").await;
}

async fn all_of_which_the_writes_fail(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("stop", write(stage, stop()).await);
    stage.put_row("commerce", "corder", 1001).await;
    let short = data::WorkflowSwitchTrafficRequest { timeout: seconds(2), ..switch(&[PRIMARY, REPLICA, RDONLY]) };
    golden.call("switch primary, replica, rdonly, with a timeout of 2 s", write(stage, short).await);
    quiet::until_rows(stage, "customer", "corder", 301).await;
    golden.picture(stage, "the reads' rules are saved and not served").await;
    golden.call("rebuild", write(stage, data::RebuildVSchemaGraphRequest { cells: vec![] }).await);
    golden.picture(stage, "served by somebody's rebuild").await;
    golden.call("reverse replica, rdonly", write(stage, reverse(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "reads back").await;
}

async fn a_reverse_of_which_the_writes_fail(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    let mut request = stop();
    request.keyspace = "commerce".into();
    if let Some(tablets) = &mut request.tablet_request {
        tablets.workflow = "c2c_reverse".into();
    }
    golden.call("stop the reverse", write(stage, request).await);
    stage.put_row("customer", "corder", 3001).await;
    let short = data::WorkflowSwitchTrafficRequest { timeout: seconds(2), ..reverse(&[PRIMARY]) };
    golden.call("reverse primary, with a timeout of 2 s", write(stage, short).await);
    quiet::until_rows(stage, "commerce", "corder", 301).await;
    golden.picture(stage, "the forward workflow is gone").await;
    golden.call("reverse primary", write(stage, reverse(&[PRIMARY])).await);
    let forward =
        data::WorkflowSwitchTrafficRequest { keyspace: "commerce".into(), workflow: "c2c_reverse".into(), ..switch(&[PRIMARY]) };
    golden.call("switch primary of the reverse workflow", write(stage, forward).await);
    golden.picture(stage, "writes back, and the forward workflow made anew").await;
}

async fn before_the_start(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "reads switched to what is empty").await;
}

async fn one_cell(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowSwitchTrafficRequest { cells: vec!["zone2".into()], ..switch(&[REPLICA, RDONLY]) };
    golden.call("switch replica, rdonly in zone2", write(stage, request).await);
    golden.picture(stage, "switched in one cell").await;
    let status = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: "c2c".into(), shards: vec![] };
    golden.call("status", read(stage, status.clone()).await);
    golden.call("rebuild", write(stage, data::RebuildVSchemaGraphRequest { cells: vec![] }).await);
    golden.call("status", read(stage, status).await);
    let unknown = data::WorkflowSwitchTrafficRequest { cells: vec!["zone3".into()], ..reverse(&[REPLICA, RDONLY]) };
    golden.call("reverse replica, rdonly in zone3", write(stage, unknown).await);
    golden.picture(stage, "what is left").await;
}

fn dry(request: data::WorkflowSwitchTrafficRequest) -> data::WorkflowSwitchTrafficRequest {
    data::WorkflowSwitchTrafficRequest { dry_run: true, ..request }
}

async fn dry_runs(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("dry run of reads", write(stage, dry(switch(&[REPLICA, RDONLY]))).await);
    golden.call("dry run of the primary", write(stage, dry(switch(&[PRIMARY]))).await);
    let sequences = data::WorkflowSwitchTrafficRequest { initialize_target_sequences: true, ..switch(&[PRIMARY]) };
    golden.call("dry run of the primary with sequences", write(stage, dry(sequences)).await);
    golden.call("dry run of all", write(stage, dry(switch(&[PRIMARY, REPLICA, RDONLY]))).await);
    golden.picture(stage, "nothing was done").await;
}

async fn dry_runs_of_the_way_back(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    golden.call("dry run of what is done", write(stage, dry(switch(&[PRIMARY, REPLICA, RDONLY]))).await);
    golden.call("dry run of the way back", write(stage, dry(reverse(&[PRIMARY, REPLICA, RDONLY]))).await);
    golden.picture(stage, "nothing was done").await;
}

async fn next_ids(stage: &dyn Stage, golden: &mut Golden) {
    use cutover::cluster::port::{Ask, Query, Question, Reader as _};
    use cutover::model::name::{KeyspaceName, TableName};
    let name = |name: &str| TableName::new(name).expect("a table's name");
    let ask = Ask::Sql(Question::SequenceNext {
        keyspace: KeyspaceName::new("commerce").expect("a keyspace's name"),
        sequences: vec![name("customer_seq"), name("corder_seq")],
    });
    let facts = stage.adapter().observe(&Query { asks: [ask.clone()].into(), ..Query::default() }).await.expect("a look");
    let next = facts.sequence_next(&ask).map(|next| next.iter().map(|(name, next)| format!("{name}: {next:?}")).collect());
    golden.found("next ids", &next.unwrap_or_else(|unread| vec![unread.why]));
}

async fn sequences(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowSwitchTrafficRequest { initialize_target_sequences: true, ..switch(&[PRIMARY]) };
    golden.call("switch primary with sequences", write(stage, request).await);
    next_ids(stage, golden).await;
    golden.picture(stage, "writes switched").await;
}

async fn sequences_left_alone(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    next_ids(stage, golden).await;
}

async fn unsharded(stage: &dyn Stage, golden: &mut Golden) {
    running_to_archive(stage).await;
    let to = |request: data::WorkflowSwitchTrafficRequest| data::WorkflowSwitchTrafficRequest {
        keyspace: "archive".into(),
        workflow: "c2a".into(),
        ..request
    };
    golden.call("switch replica, rdonly", write(stage, to(switch(&[REPLICA, RDONLY]))).await);
    golden.call("switch primary", write(stage, to(switch(&[PRIMARY]))).await);
    golden.picture(stage, "all switched").await;
    golden.call("reverse all", write(stage, to(reverse(&[PRIMARY, REPLICA, RDONLY]))).await);
    golden.picture(stage, "all back").await;
}

async fn without_routing_rules(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { no_routing_rules: true, ..create() };
    golden.call("create without routing rules, started", created(stage, request).await);
    quiet::until_quiet(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "reads switched").await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.picture(stage, "all switched").await;
}

async fn a_write_lock_in_the_way(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let held = stage.hold_write_lock("commerce", "corder").await;
    let short = std::time::Duration::from_secs(3);
    // vtctld ends the stream at the deadline, and what the client sees of that first is chance.
    let error = stage.vtctld().write(switch(&[PRIMARY]), short).await.expect_err("the tables can't be locked");
    let effect = if error.effect == Effect::Unknown { "unknown" } else { "none" };
    golden.found("switch primary, with a deadline of 3 s", &[format!("an error, effect {effect}")]);
    drop(held);
    golden.picture(stage, "rolled back").await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.picture(stage, "writes switched").await;
}

async fn writes_after_the_switch(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    stage.put_row("customer", "corder", 3001).await;
    quiet::until_rows(stage, "commerce", "corder", 301).await;
    golden.picture(stage, "the row was brought back").await;
    golden.call("reverse all", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.picture(stage, "all back, with the row").await;
}

async fn while_stopped_back(stage: &dyn Stage, golden: &mut Golden) {
    switched(stage, golden).await;
    let mut request = streams(binlogdata::VReplicationWorkflowState::Stopped);
    request.keyspace = "commerce".into();
    if let Some(tablets) = &mut request.tablet_request {
        tablets.workflow = "c2c_reverse".into();
    }
    golden.call("stop the reverse", write(stage, request).await);
    golden.call("reverse replica, rdonly", write(stage, reverse(&[REPLICA, RDONLY])).await);
    golden.picture(stage, "reads back").await;
    golden.call("start the forward one", write(stage, start()).await);
}
