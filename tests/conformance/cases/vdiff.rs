//! VDiffs: asked for, shown, stopped, resumed, deleted; good and bad.

use cutover::cluster::vtctld::generated::vtctldata as data;

use super::super::{Golden, Stage, quiet};
use super::calls::{
    PRIMARY, RDONLY, REPLICA, create, read, running, running_to_archive, seconds, show, start, stop, switch, uuid, vdiff, write,
};

super::cases!["vdiff":
    all_alike, twice, without_uuid, of_no_uuid, of_some_tables, of_an_unknown_table, two_of_them, to_an_unsharded_keyspace,
    of_an_unknown_workflow, of_an_unknown_keyspace, before_the_start, of_stopped_streams, a_row_more_on_the_target,
    a_row_less_on_the_target, both_ways, not_started_by_itself, stopped_after_the_end, resumed, deleted, deleted_all,
    after_the_switch, of_the_reverse_workflow, gone_with_the_workflow, without_time_to_wait,
];

fn stop_of(number: u32) -> data::VDiffStopRequest {
    data::VDiffStopRequest {
        workflow: "c2c".into(),
        target_keyspace: "customer".into(),
        uuid: uuid(number),
        target_shards: vec![],
    }
}

fn resume_of(number: u32) -> data::VDiffResumeRequest {
    data::VDiffResumeRequest {
        workflow: "c2c".into(),
        target_keyspace: "customer".into(),
        uuid: uuid(number),
        target_shards: vec![],
    }
}

fn delete(arg: &str) -> data::VDiffDeleteRequest {
    data::VDiffDeleteRequest { workflow: "c2c".into(), target_keyspace: "customer".into(), arg: arg.into() }
}

async fn shown(stage: &dyn Stage, golden: &mut Golden, args: &[&str]) {
    for arg in args {
        golden.call(&format!("show {arg}"), read(stage, show(arg)).await);
    }
}

async fn all_alike(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    shown(stage, golden, &["last", "all", &uuid(1), &uuid(2)]).await;
    golden.picture(stage, "compared").await;
}

async fn twice(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("vdiff 1 again", write(stage, vdiff(1)).await);
    golden.picture(stage, "compared once").await;
}

async fn without_uuid(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff without a uuid", write(stage, data::VDiffCreateRequest { uuid: String::new(), ..vdiff(1) }).await);
    golden.picture(stage, "compared").await;
}

async fn of_no_uuid(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff of a uuid that is none", write(stage, data::VDiffCreateRequest { uuid: "some".into(), ..vdiff(1) }).await);
    shown(stage, golden, &["all"]).await;
}

async fn of_some_tables(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1 of corder", write(stage, data::VDiffCreateRequest { tables: vec!["corder".into()], ..vdiff(1) }).await);
    golden.picture(stage, "compared").await;
}

async fn of_an_unknown_table(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1 of absent", write(stage, data::VDiffCreateRequest { tables: vec!["absent".into()], ..vdiff(1) }).await);
    golden.picture(stage, "what came of it").await;
}

async fn two_of_them(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("vdiff 2", write(stage, vdiff(2)).await);
    quiet::until_quiet(stage).await;
    shown(stage, golden, &["last", "all"]).await;
}

async fn to_an_unsharded_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    running_to_archive(stage).await;
    let request = data::VDiffCreateRequest { workflow: "c2a".into(), target_keyspace: "archive".into(), ..vdiff(1) };
    golden.call("vdiff 1", write(stage, request).await);
    golden.picture(stage, "compared").await;
}

async fn of_an_unknown_workflow(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    golden.call("stop 1", write(stage, stop_of(1)).await);
    golden.call("resume 1", write(stage, resume_of(1)).await);
    golden.call("delete 1", write(stage, delete(&uuid(1))).await);
    golden.call("delete all", write(stage, delete("all")).await);
}

async fn of_an_unknown_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("vdiff 1", write(stage, data::VDiffCreateRequest { target_keyspace: "nowhere".into(), ..vdiff(1) }).await);
    let nowhere = data::VDiffShowRequest { target_keyspace: "nowhere".into(), ..show("all") };
    golden.call("show all", read(stage, nowhere).await);
}

async fn before_the_start(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    shown(stage, golden, &["all"]).await;
}

async fn of_stopped_streams(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("stop the streams", write(stage, stop()).await);
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    golden.call("start the streams", write(stage, start()).await);
    quiet::until_quiet(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    golden.picture(stage, "compared").await;
}

async fn a_row_more_on_the_target(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    stage.put_row("customer", "corder", 2001).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    golden.picture(stage, "a mismatch").await;
}

async fn a_row_less_on_the_target(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    stage.take_row("customer", "corder", 7).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    golden.picture(stage, "a mismatch").await;
}

async fn both_ways(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    for number in [2001, 2002, 2003] {
        stage.put_row("customer", "customer", number).await;
    }
    stage.take_row("customer", "customer", 7).await;
    stage.take_row("customer", "corder", 8).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    golden.picture(stage, "mismatches").await;
    golden.call(
        "vdiff 2, without reconciling",
        write(stage, data::VDiffCreateRequest { max_extra_rows_to_compare: 0, ..vdiff(2) }).await,
    );
    quiet::until_quiet(stage).await;
    shown(stage, golden, &[&uuid(2)]).await;
}

async fn not_started_by_itself(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1, not started", write(stage, data::VDiffCreateRequest { auto_start: Some(false), ..vdiff(1) }).await);
    quiet::until_quiet(stage).await;
    shown(stage, golden, &[&uuid(1)]).await;
    golden.call("stop 1", write(stage, stop_of(1)).await);
    golden.call("resume 1", write(stage, resume_of(1)).await);
    golden.picture(stage, "compared").await;
}

async fn stopped_after_the_end(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("stop 1", write(stage, stop_of(1)).await);
    golden.call("stop 2, which does not exist", write(stage, stop_of(2)).await);
    golden.picture(stage, "as before").await;
}

async fn resumed(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("resume 1, which does not exist", write(stage, resume_of(1)).await);
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("resume 1, which has ended", write(stage, resume_of(1)).await);
    quiet::until_quiet(stage).await;
    shown(stage, golden, &[&uuid(1)]).await;
    let shards = data::VDiffResumeRequest { target_shards: vec!["0".into()], ..resume_of(1) };
    golden.call("resume 1 on a shard that is none", write(stage, shards).await);
}

async fn deleted(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("delete 1", write(stage, delete(&uuid(1))).await);
    shown(stage, golden, &["all", "last", &uuid(1)]).await;
    golden.call("delete 1 again", write(stage, delete(&uuid(1))).await);
    golden.call("delete some", write(stage, delete("some")).await);
    golden.call("vdiff 1, once more", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    shown(stage, golden, &["all"]).await;
}

async fn deleted_all(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("delete all, of none", write(stage, delete("all")).await);
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("vdiff 2", write(stage, vdiff(2)).await);
    quiet::until_quiet(stage).await;
    golden.call("delete all", write(stage, delete("all")).await);
    shown(stage, golden, &["all", "last"]).await;
}

async fn after_the_switch(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("switch all", write(stage, switch(&[REPLICA, RDONLY, PRIMARY])).await);
    golden.call("vdiff 2", write(stage, vdiff(2)).await);
    shown(stage, golden, &["all"]).await;
}

async fn of_the_reverse_workflow(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch all", write(stage, switch(&[REPLICA, RDONLY, PRIMARY])).await);
    quiet::until_quiet(stage).await;
    let request = data::VDiffCreateRequest { workflow: "c2c_reverse".into(), target_keyspace: "commerce".into(), ..vdiff(1) };
    golden.call("vdiff 1 of the reverse", write(stage, request).await);
    golden.picture(stage, "compared").await;
}

async fn gone_with_the_workflow(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("vdiff 1", write(stage, vdiff(1)).await);
    quiet::until_quiet(stage).await;
    golden.call("cancel", write(stage, super::calls::cancel()).await);
    shown(stage, golden, &["all", &uuid(1)]).await;
    running(stage).await;
    shown(stage, golden, &["all"]).await;
}

async fn without_time_to_wait(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let tables = vec!["corder".to_owned()];
    let request = data::VDiffCreateRequest { filtered_replication_wait_time: seconds(0), tables, ..vdiff(1) };
    golden.call("vdiff 1, with no time to wait for the streams", write(stage, request).await);
    golden.picture(stage, "what came of it").await;
}
