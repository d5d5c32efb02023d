//! Cancelling a movement.

use cutover::cluster::vtctld::generated::vtctldata as data;

use super::super::{Golden, Stage, quiet};
use super::calls::{PRIMARY, RDONLY, REPLICA, cancel, create, created, reverse, running, running_to_archive, switch, write};

super::cases!["cancel":
    at_once, running_streams, after_the_reads, keeping_data, keeping_rules, keeping_both, after_the_primary, after_the_way_back,
    twice, unknown, unsharded, the_reverse_workflow, and_created_anew, one_shard, leaving_the_source_alone,
];

async fn at_once(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "cancelled").await;
}

async fn running_streams(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "cancelled").await;
}

async fn after_the_reads(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch replica, rdonly", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "cancelled").await;
}

async fn keeping_data(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("cancel, keeping data", write(stage, data::WorkflowDeleteRequest { keep_data: true, ..cancel() }).await);
    golden.picture(stage, "cancelled").await;
}

async fn keeping_rules(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowDeleteRequest { keep_routing_rules: true, ..cancel() };
    golden.call("cancel, keeping rules", write(stage, request).await);
    golden.picture(stage, "cancelled").await;
}

async fn keeping_both(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowDeleteRequest { keep_data: true, keep_routing_rules: true, ..cancel() };
    golden.call("cancel, keeping data and rules", write(stage, request).await);
    golden.picture(stage, "cancelled").await;
}

async fn after_the_primary(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "nothing was done").await;
}

async fn after_the_way_back(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch all", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    quiet::until_quiet(stage).await;
    golden.call("reverse all", write(stage, reverse(&[PRIMARY, REPLICA, RDONLY])).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "cancelled").await;
}

async fn twice(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("cancel", write(stage, cancel()).await);
    golden.call("cancel again", write(stage, cancel()).await);
}

async fn unknown(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("cancel", write(stage, cancel()).await);
    golden.call("cancel in nowhere", write(stage, data::WorkflowDeleteRequest { keyspace: "nowhere".into(), ..cancel() }).await);
}

async fn unsharded(stage: &dyn Stage, golden: &mut Golden) {
    running_to_archive(stage).await;
    let request = data::WorkflowDeleteRequest { keyspace: "archive".into(), workflow: "c2a".into(), ..cancel() };
    golden.call("cancel", write(stage, request).await);
    golden.picture(stage, "cancelled").await;
}

async fn the_reverse_workflow(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("switch primary", write(stage, switch(&[PRIMARY])).await);
    quiet::until_quiet(stage).await;
    let request = data::WorkflowDeleteRequest { keyspace: "commerce".into(), workflow: "c2c_reverse".into(), ..cancel() };
    golden.call(
        "cancel the reverse workflow, keeping data",
        write(stage, data::WorkflowDeleteRequest { keep_data: true, ..request }).await,
    );
    golden.picture(stage, "what is left").await;
}

async fn and_created_anew(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("cancel", write(stage, cancel()).await);
    golden.call("create, started", created(stage, create()).await);
    golden.picture(stage, "copied anew").await;
}

async fn one_shard(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowDeleteRequest { shards: vec!["-80".into()], ..cancel() };
    golden.call("cancel on -80", write(stage, request).await);
    golden.picture(stage, "what is left").await;
}

async fn leaving_the_source_alone(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    let request = data::WorkflowDeleteRequest { ignore_source_keyspace: true, ..cancel() };
    golden.call("cancel, ignoring the source", write(stage, request).await);
    golden.picture(stage, "cancelled").await;
}
