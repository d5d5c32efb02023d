//! Another operator, with vtctldclient on the same cluster, at the worst moment.

use std::time::Duration;

use cutover::cluster::vtctld::generated::topodata::TabletType::{Primary, Rdonly, Replica};
use cutover::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vschema, vtctldata as data, vttime};
use cutover::cluster::vtctld::{Vtctld, Write};
use cutover::sandbox::Sandbox;

/// What he adds a rule for.
pub const NEW_RULE: &str = "new_one";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    StopsStreams,
    StartsStreams,
    Cancels,
    SwitchesWrites,
    ReversesWrites,
    /// Adds a rule of his own to all that there are.
    AddsARule,
    /// Denies a moved table on a shard of the target.
    Denies,
    /// `alter table … add column` on a moved table.
    AltersATable,
    /// An application's transaction holds a write lock for so long.
    HoldsALock,
    /// Cancels, and begins a workflow of the same name.
    Recreates,
}

impl Act {
    /// Those that befall every write; to begin anew is asked of in `guards` alone.
    pub const ALL: [Self; 9] = [
        Self::StopsStreams,
        Self::StartsStreams,
        Self::Cancels,
        Self::SwitchesWrites,
        Self::ReversesWrites,
        Self::AddsARule,
        Self::Denies,
        Self::AltersATable,
        Self::HoldsALock,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::StopsStreams => "stops the streams",
            Self::StartsStreams => "starts the streams",
            Self::Cancels => "cancels",
            Self::SwitchesWrites => "switches writes",
            Self::ReversesWrites => "reverses writes",
            Self::AddsARule => "adds a rule",
            Self::Denies => "denies a table",
            Self::AltersATable => "alters a table",
            Self::HoldsALock => "holds a write lock",
            Self::Recreates => "cancels and begins anew",
        }
    }

    /// Does it, as vtctld lets him. A refusal is as good as any answer.
    pub async fn act(self, sandbox: &Sandbox) {
        let vtctld = Vtctld::in_process(sandbox.routes(), "another client");
        match self {
            Self::StopsStreams => send(&vtctld, update(binlogdata::VReplicationWorkflowState::Stopped)).await,
            Self::StartsStreams => send(&vtctld, update(binlogdata::VReplicationWorkflowState::Running)).await,
            Self::Cancels => send(&vtctld, cancel()).await,
            Self::Recreates => {
                send(&vtctld, cancel()).await;
                let request = data::MoveTablesCreateRequest {
                    workflow: "c2c".into(),
                    source_keyspace: "commerce".into(),
                    target_keyspace: "customer".into(),
                    include_tables: vec!["customer".into(), "sku".into()],
                    auto_start: true,
                    ..Default::default()
                };
                send(&vtctld, request).await;
                // Until it has copied.
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Self::SwitchesWrites => send(&vtctld, switch(0)).await,
            Self::ReversesWrites => send(&vtctld, switch(1)).await,
            Self::AddsARule => {
                let rules = vtctld.read(data::GetRoutingRulesRequest {}).await.map(|answer| answer.routing_rules);
                let mut rules = rules.ok().flatten().unwrap_or_default();
                let rule = vschema::RoutingRule { from_table: NEW_RULE.into(), to_tables: vec!["commerce.others".into()] };
                rules.rules.push(rule);
                let request = data::ApplyRoutingRulesRequest { routing_rules: Some(rules), ..Default::default() };
                send(&vtctld, request).await;
            }
            Self::Denies => {
                let request = data::SetShardTabletControlRequest {
                    keyspace: "customer".into(),
                    shard: "-80".into(),
                    tablet_type: Primary.into(),
                    denied_tables: vec!["sku".into()],
                    ..Default::default()
                };
                send(&vtctld, request).await;
            }
            Self::AltersATable => sandbox.add_column("commerce", "sku", "more").unwrap(),
            Self::HoldsALock => {
                let connection = sandbox.open_transaction("commerce", "sku").unwrap();
                let sandbox = sandbox.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(20)).await;
                    sandbox.end_transaction(connection).unwrap();
                });
            }
        }
    }
}

/// A VDiff of the streams that lead back.
pub async fn compares_back(sandbox: &Sandbox) {
    let vtctld = Vtctld::in_process(sandbox.routes(), "another client");
    let request = data::VDiffCreateRequest {
        workflow: "c2c_reverse".into(),
        target_keyspace: "commerce".into(),
        uuid: uuid::Uuid::from_u128(7).to_string(),
        ..Default::default()
    };
    vtctld.write(request, Duration::from_secs(60)).await.unwrap();
}

fn cancel() -> data::WorkflowDeleteRequest {
    data::WorkflowDeleteRequest { keyspace: "customer".into(), workflow: "c2c".into(), ..Default::default() }
}

async fn send<R: Write>(vtctld: &Vtctld, request: R) {
    // Refused, it has changed nothing, and that is an answer too.
    vtctld.write(request, Duration::from_secs(240)).await.ok();
}

fn update(state: binlogdata::VReplicationWorkflowState) -> data::WorkflowUpdateRequest {
    let tablet_request = tabletmanagerdata::UpdateVReplicationWorkflowRequest {
        workflow: "c2c".into(),
        cells: vec!["NULL".into()],
        tablet_types: vec![-1],
        // As vtctldclient asks: the order of tablet types stays as it was.
        tablet_selection_preference: Some(tabletmanagerdata::TabletSelectionPreference::Unknown.into()),
        state: Some(state.into()),
        ..Default::default()
    };
    data::WorkflowUpdateRequest { keyspace: "customer".into(), tablet_request: Some(tablet_request) }
}

fn switch(direction: i32) -> data::WorkflowSwitchTrafficRequest {
    data::WorkflowSwitchTrafficRequest {
        keyspace: "customer".into(),
        workflow: "c2c".into(),
        tablet_types: [Primary, Replica, Rdonly].map(i32::from).into(),
        direction,
        enable_reverse_replication: true,
        initialize_target_sequences: true,
        timeout: Some(vttime::Duration { seconds: 5, nanos: 0 }),
        ..Default::default()
    }
}
