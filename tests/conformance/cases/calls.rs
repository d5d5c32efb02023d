//! Requests as our adapter and vtctldclient send them, to be varied by a case.

use std::time::Duration;

use cutover::cluster::ClusterError;
use cutover::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, topodata, vtctldata as data, vttime};
use cutover::cluster::vtctld::{Answer, Read, Write};

use super::super::canonical::Created;
use super::super::{Stage, quiet};

pub const SOURCE: &str = "commerce";
pub const TARGET: &str = "customer";
pub const ARCHIVE: &str = "archive";
/// The workflow to the sharded target.
pub const FLOW: &str = "c2c";
/// The workflow to the unsharded target.
pub const FLOW_TO_ARCHIVE: &str = "c2a";

pub const PRIMARY: i32 = topodata::TabletType::Primary as i32;
pub const REPLICA: i32 = topodata::TabletType::Replica as i32;
pub const RDONLY: i32 = topodata::TabletType::Rdonly as i32;

/// Longer than any case may take.
const DEADLINE: Duration = Duration::from_secs(100);

pub async fn read<R: Read>(stage: &dyn Stage, request: R) -> Result<Answer<R>, ClusterError> {
    stage.vtctld().read(request).await
}

pub async fn write<R: Write>(stage: &dyn Stage, request: R) -> Result<Answer<R>, ClusterError> {
    stage.vtctld().write(request, DEADLINE).await
}

pub fn alias(uid: u32) -> Option<topodata::TabletAlias> {
    Some(topodata::TabletAlias { cell: "zone1".to_owned(), uid })
}

pub fn seconds(seconds: i64) -> Option<vttime::Duration> {
    Some(vttime::Duration { seconds, nanos: 0 })
}

/// `customer` and `corder` to the sharded keyspace, not started.
pub fn create() -> data::MoveTablesCreateRequest {
    data::MoveTablesCreateRequest {
        workflow: FLOW.to_owned(),
        source_keyspace: SOURCE.to_owned(),
        target_keyspace: TARGET.to_owned(),
        tablet_types: vec![REPLICA, PRIMARY],
        tablet_selection_preference: tabletmanagerdata::TabletSelectionPreference::Inorder.into(),
        include_tables: vec!["customer".to_owned(), "corder".to_owned()],
        on_ddl: "IGNORE".to_owned(),
        defer_secondary_keys: true,
        workflow_options: Some(data::WorkflowOptions {
            sharded_auto_increment_handling: data::ShardedAutoIncrementHandling::Remove.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// `note` and `plain` to the unsharded keyspace, not started.
pub fn create_to_archive() -> data::MoveTablesCreateRequest {
    data::MoveTablesCreateRequest {
        workflow: FLOW_TO_ARCHIVE.to_owned(),
        target_keyspace: ARCHIVE.to_owned(),
        include_tables: vec!["note".to_owned(), "plain".to_owned()],
        ..create()
    }
}

/// The creation of a movement that starts at once.
pub async fn created(stage: &dyn Stage, request: data::MoveTablesCreateRequest) -> Result<Created, ClusterError> {
    write(stage, data::MoveTablesCreateRequest { auto_start: true, ..request }).await.map(Created)
}

/// A movement that has copied and runs: what most cases begin with.
pub async fn running(stage: &dyn Stage) {
    created(stage, create()).await.map(drop).expect("a movement in a new world");
    quiet::until_quiet(stage).await;
}

/// The same to the unsharded keyspace.
pub async fn running_to_archive(stage: &dyn Stage) {
    created(stage, create_to_archive()).await.map(drop).expect("a movement in a new world");
    quiet::until_quiet(stage).await;
}

/// A switch forward, as the adapter sends it.
pub fn switch(tablet_types: &[i32]) -> data::WorkflowSwitchTrafficRequest {
    data::WorkflowSwitchTrafficRequest {
        keyspace: TARGET.to_owned(),
        workflow: FLOW.to_owned(),
        tablet_types: tablet_types.to_vec(),
        max_replication_lag_allowed: seconds(30),
        enable_reverse_replication: tablet_types.contains(&PRIMARY),
        timeout: seconds(10),
        ..Default::default()
    }
}

/// A switch back.
pub fn reverse(tablet_types: &[i32]) -> data::WorkflowSwitchTrafficRequest {
    data::WorkflowSwitchTrafficRequest { direction: 1, ..switch(tablet_types) }
}

/// A state of the streams that changes nothing else.
pub fn streams(state: binlogdata::VReplicationWorkflowState) -> data::WorkflowUpdateRequest {
    data::WorkflowUpdateRequest {
        keyspace: TARGET.to_owned(),
        tablet_request: Some(tabletmanagerdata::UpdateVReplicationWorkflowRequest {
            workflow: FLOW.to_owned(),
            cells: vec!["NULL".to_owned()],
            tablet_types: vec![-1],
            tablet_selection_preference: Some(tabletmanagerdata::TabletSelectionPreference::Unknown.into()),
            state: Some(state.into()),
            ..Default::default()
        }),
    }
}

pub fn start() -> data::WorkflowUpdateRequest {
    streams(binlogdata::VReplicationWorkflowState::Running)
}

pub fn stop() -> data::WorkflowUpdateRequest {
    streams(binlogdata::VReplicationWorkflowState::Stopped)
}

pub fn complete() -> data::MoveTablesCompleteRequest {
    data::MoveTablesCompleteRequest { workflow: FLOW.to_owned(), target_keyspace: TARGET.to_owned(), ..Default::default() }
}

pub fn cancel() -> data::WorkflowDeleteRequest {
    data::WorkflowDeleteRequest { keyspace: TARGET.to_owned(), workflow: FLOW.to_owned(), ..Default::default() }
}

/// The UUID of a case's own VDiff.
pub fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A VDiff as the adapter asks for it, but that an error is final.
pub fn vdiff(number: u32) -> data::VDiffCreateRequest {
    data::VDiffCreateRequest {
        workflow: FLOW.to_owned(),
        target_keyspace: TARGET.to_owned(),
        uuid: uuid(number),
        tablet_types: vec![RDONLY, REPLICA, PRIMARY],
        tablet_selection_preference: tabletmanagerdata::TabletSelectionPreference::Inorder.into(),
        limit: i64::MAX,
        filtered_replication_wait_time: seconds(30),
        only_p_ks: true,
        max_extra_rows_to_compare: 1000,
        max_report_sample_rows: 1,
        row_diff_column_truncate_at: 128,
        auto_start: Some(true),
        ..Default::default()
    }
}

pub fn show(arg: &str) -> data::VDiffShowRequest {
    data::VDiffShowRequest { workflow: FLOW.to_owned(), target_keyspace: TARGET.to_owned(), arg: arg.to_owned() }
}
