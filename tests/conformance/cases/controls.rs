//! Denied tables set by hand.

use cutover::cluster::vtctld::generated::vtctldata as data;

use super::super::{Golden, Stage};
use super::calls::{PRIMARY, REPLICA, cancel, create, read, running, write};

super::cases!["controls":
    set_and_removed, some_removed, set_twice, removed_that_are_not_there, of_a_replica, of_what_is_unknown, refreshed, beside_a_movement,
    taken_from_a_movement, after_a_cancel_that_keeps,
];

fn deny(shard: &str, tables: &[&str]) -> data::SetShardTabletControlRequest {
    data::SetShardTabletControlRequest {
        keyspace: "customer".into(),
        shard: shard.into(),
        tablet_type: PRIMARY,
        denied_tables: tables.iter().map(|table| (*table).to_owned()).collect(),
        ..Default::default()
    }
}

fn allow(shard: &str, tables: &[&str]) -> data::SetShardTabletControlRequest {
    data::SetShardTabletControlRequest { remove: true, ..deny(shard, tables) }
}

async fn set_and_removed(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("deny two tables on -80", write(stage, deny("-80", &["one", "another"])).await);
    golden.picture(stage, "denied").await;
    golden.call("allow all on -80", write(stage, allow("-80", &[])).await);
    golden.picture(stage, "allowed").await;
}

async fn some_removed(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("deny two tables on -80", write(stage, deny("-80", &["one", "another"])).await);
    golden.call("allow one", write(stage, allow("-80", &["one"])).await);
    golden.call("allow one that is allowed", write(stage, allow("-80", &["one"])).await);
    golden.call("allow the other", write(stage, allow("-80", &["another"])).await);
}

async fn set_twice(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("deny one", write(stage, deny("80-", &["one"])).await);
    golden.call("deny it again", write(stage, deny("80-", &["one"])).await);
    golden.call("deny one more", write(stage, deny("80-", &["two"])).await);
    golden.call("deny none", write(stage, deny("80-", &[])).await);
}

async fn removed_that_are_not_there(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("allow all", write(stage, allow("-80", &[])).await);
    golden.call("allow one", write(stage, allow("-80", &["one"])).await);
}

async fn of_a_replica(stage: &dyn Stage, golden: &mut Golden) {
    let replica = |request| data::SetShardTabletControlRequest { tablet_type: REPLICA, ..request };
    golden.call("deny one to replicas", write(stage, replica(deny("-80", &["one"]))).await);
    let cell = data::SetShardTabletControlRequest { cells: vec!["zone1".into()], ..replica(deny("80-", &["one"])) };
    golden.call("deny one to replicas in zone1", write(stage, cell).await);
    golden.call("deny one to the primary", write(stage, deny("-80", &["one"])).await);
    golden.picture(stage, "denied").await;
}

async fn of_what_is_unknown(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("deny on a shard that is none", write(stage, deny("0", &["one"])).await);
    let nowhere = data::SetShardTabletControlRequest { keyspace: "nowhere".into(), ..deny("0", &["one"]) };
    golden.call("deny in nowhere", write(stage, nowhere).await);
    let nothing = data::RefreshStateByShardRequest { keyspace: "customer".into(), shard: "0".into(), cells: vec![] };
    golden.call("refresh a shard that is none", write(stage, nothing).await);
    let nowhere = data::RefreshStateByShardRequest { keyspace: "nowhere".into(), shard: "0".into(), cells: vec![] };
    golden.call("refresh in nowhere", write(stage, nowhere).await);
}

async fn refreshed(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("deny one", write(stage, deny("-80", &["one"])).await);
    let refresh = data::RefreshStateByShardRequest { keyspace: "customer".into(), shard: "-80".into(), cells: vec![] };
    golden.call("refresh", write(stage, refresh.clone()).await);
    let cell = data::RefreshStateByShardRequest { cells: vec!["zone2".into()], ..refresh };
    golden.call("refresh in zone2", write(stage, cell).await);
}

async fn beside_a_movement(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("deny one on -80", write(stage, deny("-80", &["one"])).await);
    golden.call("create", write(stage, create()).await);
    golden.picture(stage, "created").await;
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "cancelled").await;
}

async fn taken_from_a_movement(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("allow all on -80", write(stage, allow("-80", &[])).await);
    golden.picture(stage, "allowed on one shard").await;
    golden.call("cancel", write(stage, cancel()).await);
    golden.picture(stage, "what is left").await;
}

async fn after_a_cancel_that_keeps(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    golden.call("cancel, keeping data", write(stage, data::WorkflowDeleteRequest { keep_data: true, ..cancel() }).await);
    for shard in ["-80", "80-"] {
        golden.call(&format!("allow all on {shard}"), write(stage, allow(shard, &[])).await);
    }
    let request = data::FindAllShardsInKeyspaceRequest { keyspace: "customer".into() };
    golden.call("FindAllShardsInKeyspace", read(stage, request).await);
}
