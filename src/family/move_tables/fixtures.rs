//! A movement for tests: the running example of the Vitess documentation.

use super::MoveTables;
use crate::cluster::mutation::{AutoIncrementHandling, OnDdl, SourceTables};
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::model::topology::TabletType;
use crate::run::phase::PhaseId;
use crate::spec::{
    CompleteSpec, CopySpec, GatePolicy, GateSpec, MoveTablesSpec, Movement, RevertSpec, Spec, SwitchSpec, TableSelection,
    VerifySpec,
};

pub fn commerce_to_customer() -> MoveTables {
    let tables: Vec<TableName> = ["corder", "customer"].into_iter().map(|name| TableName::new(name).unwrap()).collect();
    let options = MoveTablesSpec {
        source_keyspace: KeyspaceName::new("commerce").unwrap(),
        target_keyspace: KeyspaceName::new("customer").unwrap(),
        tables: TableSelection::Named(tables.clone()),
        cells: vec![],
        tablet_types: vec![TabletType::Replica, TabletType::Primary],
        on_ddl: OnDdl::Stop,
        defer_secondary_keys: true,
        source_time_zone: None,
        global_keyspace: None,
        sharded_auto_increment_handling: AutoIncrementHandling::Remove,
        initialize_target_sequences: true,
    };
    let gate = |policy| GateSpec { policy, windows: vec![], time_zone: "UTC".into(), approval_expires_seconds: 86_400 };
    let gates = [
        (PhaseId::CREATE, gate(GatePolicy::AutoAdvance)),
        (PhaseId::COPY, gate(GatePolicy::AutoAdvance)),
        (PhaseId::VERIFY, gate(GatePolicy::AutoAdvance)),
        (PhaseId::SWITCH_REPLICAS, gate(GatePolicy::AutoAdvance)),
        (PhaseId::SWITCH_PRIMARY, gate(GatePolicy::OperatorHold)),
        (PhaseId::COMPLETE, gate(GatePolicy::OperatorHold)),
        (PhaseId::REMOVE_RULES, gate(GatePolicy::OperatorHold)),
    ];
    let spec = Spec {
        workflow: WorkflowName::new("commerce2customer").unwrap(),
        cluster: "test".into(),
        movement: Movement::MoveTables(options.clone()),
        gates: gates.into(),
        copy: CopySpec { max_lag_seconds: 30 },
        verify: VerifySpec {
            max_age_seconds: 86_400,
            tablet_types: vec![TabletType::Replica, TabletType::Primary],
            cells: vec![],
            max_duration_seconds: None,
        },
        switch: SwitchSpec {
            max_lag_seconds: 5,
            stable_for_seconds: 10,
            max_transaction_age_milliseconds: 1000,
            wait_for_quiet_seconds: 600,
            timeout_seconds: 5,
        },
        revert: RevertSpec { window_seconds: 1800 },
        complete: CompleteSpec { source_tables: SourceTables::Rename },
    };
    MoveTables { spec, options, tables }
}
