//! Starting and stopping the streams of a movement.

use cutover::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata as data};

use super::super::{Golden, Stage, quiet};
use super::calls::{PRIMARY, create, created, read, running, start, stop, streams, switch, write};

super::cases!["streams":
    started_and_stopped, started_twice, stopped_before_the_start, of_an_unknown_workflow, of_an_unknown_keyspace,
    of_one_shard, of_an_unknown_shard, without_simulated_nulls, other_settings, a_message, frozen, of_the_reverse_workflow,
    rows_come_while_they_run, a_change_of_the_table, a_change_of_the_table_that_stops,
];

fn with(
    change: impl FnOnce(&mut tabletmanagerdata::UpdateVReplicationWorkflowRequest),
    request: data::WorkflowUpdateRequest,
) -> data::WorkflowUpdateRequest {
    let mut request = request;
    if let Some(tablets) = &mut request.tablet_request {
        change(tablets);
    }
    request
}

async fn started_and_stopped(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("start", write(stage, start()).await);
    golden.picture(stage, "started").await;
    golden.call("stop", write(stage, stop()).await);
    golden.picture(stage, "stopped").await;
    golden.call("start again", write(stage, start()).await);
    golden.picture(stage, "started again").await;
}

async fn started_twice(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("start what runs", write(stage, start()).await);
    golden.picture(stage, "running").await;
    golden.call("stop", write(stage, stop()).await);
    golden.call("stop what is stopped", write(stage, stop()).await);
    golden.picture(stage, "stopped").await;
}

async fn stopped_before_the_start(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("stop what never ran", write(stage, stop()).await);
    golden.picture(stage, "stopped").await;
}

async fn of_an_unknown_workflow(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("start", write(stage, start()).await);
    golden.call("stop", write(stage, stop()).await);
}

async fn of_an_unknown_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    let nowhere = data::WorkflowUpdateRequest { keyspace: "nowhere".into(), ..start() };
    golden.call("start in nowhere", write(stage, nowhere).await);
    golden.call("create", write(stage, create()).await);
    let source = data::WorkflowUpdateRequest { keyspace: "commerce".into(), ..start() };
    golden.call("start in the source", write(stage, source).await);
}

async fn of_one_shard(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("stop on -80", write(stage, with(|request| request.shards = vec!["-80".into()], stop())).await);
    golden.picture(stage, "stopped on one shard").await;
}

async fn of_an_unknown_shard(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("start on 0", write(stage, with(|request| request.shards = vec!["0".into()], start())).await);
}

async fn without_simulated_nulls(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let blank = |request: &mut tabletmanagerdata::UpdateVReplicationWorkflowRequest| {
        request.cells = vec![];
        request.tablet_types = vec![];
    };
    golden.call("stop, with nothing for cells and tablet types", write(stage, with(blank, stop())).await);
    golden.picture(stage, "stopped").await;
}

async fn other_settings(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    let change = |request: &mut tabletmanagerdata::UpdateVReplicationWorkflowRequest| {
        request.cells = vec!["zone1".into(), "zone2".into()];
        request.tablet_types = vec![PRIMARY];
        request.on_ddl = Some(binlogdata::OnDdlAction::Stop.into());
        request.config_overrides = [("vreplication-retry-delay".to_owned(), "2s".to_owned())].into();
    };
    golden.call("stop, with other settings", write(stage, with(change, stop())).await);
    golden.picture(stage, "changed").await;
    golden.call("no state", write(stage, with(|request| request.state = None, stop())).await);
    golden.picture(stage, "as before").await;
}

async fn a_message(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("stop with a message", write(stage, with(|request| request.message = Some(b"by hand".to_vec()), stop())).await);
    golden.picture(stage, "stopped").await;
    golden.call("start without a message", write(stage, start()).await);
    golden.picture(stage, "running").await;
    golden.call("freeze", write(stage, with(|request| request.message = Some(b"FROZEN".to_vec()), stop())).await);
    golden.call("start what is frozen", write(stage, start()).await);
    golden.call("switch what is frozen", write(stage, switch(&[PRIMARY])).await);
    golden.picture(stage, "frozen").await;
    let thaw = with(|request| request.message = Some(Vec::new()), start());
    golden.call("start what is frozen, with an empty message", write(stage, thaw).await);
    golden.picture(stage, "the end").await;
}

async fn frozen(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch the primary", write(stage, switch(&[PRIMARY])).await);
    golden.call("start what is frozen", write(stage, start()).await);
    golden.call("stop what is frozen", write(stage, stop()).await);
    golden.picture(stage, "as after the switch").await;
}

async fn of_the_reverse_workflow(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch the primary", write(stage, switch(&[PRIMARY])).await);
    quiet::until_quiet(stage).await;
    let reverse = |request: data::WorkflowUpdateRequest| {
        let request = data::WorkflowUpdateRequest { keyspace: "commerce".into(), ..request };
        with(|tablets| tablets.workflow = "c2c_reverse".into(), request)
    };
    golden.call("stop the reverse", write(stage, reverse(stop())).await);
    golden.picture(stage, "stopped").await;
    golden.call("start the reverse", write(stage, reverse(start())).await);
    golden.picture(stage, "started").await;
}

async fn rows_come_while_they_run(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    stage.put_row("commerce", "corder", 1001).await;
    stage.take_row("commerce", "customer", 7).await;
    quiet::until_rows(stage, "customer", "corder", 301).await;
    quiet::until_rows(stage, "customer", "customer", 99).await;
    golden.picture(stage, "the rows were brought").await;
    golden.call("stop", write(stage, stop()).await);
    stage.put_row("commerce", "corder", 1002).await;
    golden.picture(stage, "the row was not brought").await;
    golden.call("start", write(stage, start()).await);
    quiet::until_rows(stage, "customer", "corder", 302).await;
    golden.picture(stage, "the row was brought").await;
}

async fn definition(stage: &dyn Stage, golden: &mut Golden) {
    let request =
        data::GetSchemaRequest { tablet_alias: super::calls::alias(200), tables: vec!["customer".into()], ..Default::default() };
    golden.call("GetSchema 200 customer", read(stage, request).await);
}

async fn a_change_of_the_table(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { on_ddl: "EXEC".into(), ..create() };
    golden.call("create with EXEC, started", created(stage, request).await);
    quiet::until_quiet(stage).await;
    stage.add_column("commerce", "customer", "grade").await;
    stage.put_row("commerce", "corder", 1001).await;
    quiet::until_rows(stage, "customer", "corder", 301).await;
    golden.picture(stage, "after the change").await;
    definition(stage, golden).await;
}

async fn a_change_of_the_table_that_stops(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { on_ddl: "STOP".into(), ..create() };
    golden.call("create with STOP, started", created(stage, request).await);
    quiet::until_quiet(stage).await;
    stage.add_column("commerce", "customer", "grade").await;
    quiet::until_streams(stage, "customer", "all streams have stopped", |stream| stream.state == "Stopped").await;
    golden.picture(stage, "stopped at the change").await;
    definition(stage, golden).await;
    golden.call("start", write(stage, streams(binlogdata::VReplicationWorkflowState::Running)).await);
    golden.picture(stage, "started again").await;
}
