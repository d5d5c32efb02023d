//! Records to test with: one entry of each kind, and one intent of each verb.

use std::collections::BTreeMap;

use cutover::cluster::mutation::*;
use cutover::model::digest::Digest;
use cutover::model::name::{CellName, KeyspaceName, ShardName, TableName, WorkflowName};
use cutover::model::routing::{RoutingRules, Rule};
use cutover::model::topology::{TabletAlias, TabletType};
use cutover::record::entry::{Accepted, Actor, Goal, OutcomeResult, What};
use cutover::record::store::{NewEntry, Record};
use cutover::run::phase::PhaseId;
use jiff::Timestamp;
use uuid::Uuid;

pub const LINEAGE: Uuid = Uuid::from_u128(0x5e1f_0000_1111_4222_8333_4444_5555_6666);

/// A new folder, in memory where the system has such: thousands of fsyncs are what takes these tests their time.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn digest(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

pub fn new_entry(second: i64, what: What) -> NewEntry {
    NewEntry {
        at: Timestamp::from_second(1_790_000_000 + second).unwrap(),
        by: Actor { user: "morgan".into(), host: "ops1".into(), process: 812, version: "0.1.0".into() },
        what,
    }
}

pub fn begun() -> What {
    What::Begun {
        workflow: "customer.c2c".into(),
        cluster: "production".into(),
        fingerprint: "zone1,zone2/etcd2".into(),
        intent: digest("intent"),
        frozen: digest("frozen"),
        tables: vec!["corder".into(), "customer".into()],
        spec: None,
    }
}

pub fn remark(text: impl Into<String>) -> What {
    What::Remark { phase: None, text: text.into() }
}

fn workflow() -> WorkflowName {
    WorkflowName::new("c2c").unwrap()
}

fn customer() -> KeyspaceName {
    KeyspaceName::new("customer").unwrap()
}

/// One of each verb, with and without what is optional.
pub fn mutations() -> Vec<(PhaseId, Mutation)> {
    let create = CreateMoveTables {
        workflow: workflow(),
        source_keyspace: KeyspaceName::new("commerce").unwrap(),
        target_keyspace: customer(),
        tables: vec![TableName::new("corder").unwrap(), TableName::new("with space").unwrap()],
        cells: vec![CellName::new("zone1").unwrap()],
        tablet_types: vec![TabletType::Replica, TabletType::Primary],
        on_ddl: OnDdl::Stop,
        defer_secondary_keys: true,
        source_time_zone: Some("US/Pacific".into()),
        global_keyspace: None,
        auto_increment: AutoIncrementHandling::Remove,
    };
    let vdiff = CreateVDiff {
        workflow: workflow(),
        source_keyspace: Some(KeyspaceName::new("commerce").unwrap()),
        target_keyspace: customer(),
        uuid: Uuid::from_u128(7),
        cells: vec![],
        tablet_types: vec![TabletType::Replica],
        max_duration_seconds: None,
        instead_of: None,
    };
    let switch = |types: Vec<TabletType>, direction| SwitchTraffic {
        workflow: workflow(),
        target_keyspace: customer(),
        direction,
        tablet_types: types,
        timeout_seconds: 30,
        max_lag_seconds: 5,
        initialize_target_sequences: true,
    };
    let rename = RenameTables {
        keyspace: KeyspaceName::new("commerce").unwrap(),
        shard: ShardName::new("0").unwrap(),
        tablet: TabletAlias { cell: "zone1".into(), uid: 100 },
        renames: vec![Rename { from: "_corder_old".into(), to: "corder".into() }],
    };
    let denied = |denied| SetDeniedTables {
        keyspace: customer(),
        shard: ShardName::new("-80").unwrap(),
        tables: vec![TableName::new("corder").unwrap()],
        denied,
    };
    let streams = |wanted, message| SetStreams { keyspace: customer(), workflow: workflow(), wanted, message };
    let mut rules = RoutingRules::default();
    rules.set("customer@replica", "commerce.customer");
    rules.set("commerce.customer@rdonly", "commerce.customer");
    let rule = Rule { from_table: "customer".into(), to_table: "customer.customer".into() };
    // What isn't in the record is left away here, so that equal is equal.
    let edit =
        ApplyRoutingRules { whole: None, ..ApplyRoutingRules::edit(&rules, vec!["commerce.customer@rdonly".into()], vec![rule]) };
    vec![
        (PhaseId::CREATE, Mutation::CreateMoveTables(create)),
        (PhaseId::COPY, Mutation::SetStreams(streams(StreamsWanted::Running, None))),
        (PhaseId::COPY, Mutation::SetStreams(streams(StreamsWanted::Stopped, Some("paused by morgan".into())))),
        (PhaseId::SWITCH_PRIMARY, Mutation::SetStreams(streams(StreamsWanted::Stopped, Some("FROZEN".into())))),
        (PhaseId::SWITCH_PRIMARY, Mutation::SetStreams(streams(StreamsWanted::Running, Some(String::new())))),
        (PhaseId::VERIFY, Mutation::CreateVDiff(vdiff.clone())),
        (PhaseId::VERIFY, Mutation::CreateVDiff(CreateVDiff { max_duration_seconds: Some(3600), ..vdiff })),
        (
            PhaseId::VERIFY,
            Mutation::StopVDiff(StopVDiff {
                workflow: workflow(),
                target_keyspace: customer(),
                uuid: Uuid::from_u128(7).to_string(),
            }),
        ),
        (
            PhaseId::SWITCH_REPLICAS,
            Mutation::SwitchTraffic(switch(vec![TabletType::Replica, TabletType::Rdonly], Direction::Forward)),
        ),
        (PhaseId::SWITCH_BACK, Mutation::SwitchTraffic(switch(vec![TabletType::Primary], Direction::Backward))),
        (
            PhaseId::COMPLETE,
            Mutation::CompleteMoveTables(CompleteMoveTables {
                workflow: workflow(),
                target_keyspace: customer(),
                source_tables: SourceTables::Rename,
                table_count: 2,
            }),
        ),
        (
            PhaseId::CANCEL,
            Mutation::CancelWorkflow(CancelWorkflow { workflow: workflow(), target_keyspace: customer(), table_count: 2 }),
        ),
        (PhaseId::REMOVE_RULES, Mutation::ApplyRoutingRules(edit)),
        (PhaseId::COMPLETE, Mutation::RenameTables(rename)),
        (PhaseId::SWITCH_PRIMARY, Mutation::SetDeniedTables(denied(true))),
        (PhaseId::SWITCH_PRIMARY, Mutation::SetDeniedTables(denied(false))),
        (
            PhaseId::SWITCH_PRIMARY,
            Mutation::RefreshShard(RefreshShard { keyspace: customer(), shard: ShardName::new("-80").unwrap() }),
        ),
        (
            PhaseId::SWITCH_PRIMARY,
            Mutation::RemoveStaleLock(RemoveStaleLock {
                keyspace: customer(),
                workflow: workflow(),
                node: "7620268843127333510".into(),
            }),
        ),
        (PhaseId::REMOVE_RULES, Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec!["zone1".into()] })),
    ]
}

/// One entry of each kind and intent of each verb.
pub fn everything() -> Vec<NewEntry> {
    let mut whats = vec![
        begun(),
        What::Edited {
            intent: digest("edited"),
            gates: vec![PhaseId::SWITCH_PRIMARY, PhaseId::new("of-another-family")],
            spec: None,
        },
        What::Goal { goal: Goal::Forward, reason: None },
        What::Goal { goal: Goal::SwitchedBack, reason: Some("errors in \"checkout\"\nsince 12:03\tUTC \\ '''quoted'''".into()) },
        What::Goal { goal: Goal::Cancelled, reason: None },
        What::Goal { goal: Goal::RulesRestored, reason: None },
        What::Approval {
            gate: PhaseId::SWITCH_PRIMARY,
            reason: "reviewed with Ø. and 李; <<<<<<< not a marker".into(),
            intent: digest("edited"),
            forecast: digest("forecast"),
            expires_at: Some(Timestamp::from_second(1_790_100_000).unwrap()),
            end_revert_window: true,
        },
        What::Approval {
            gate: PhaseId::COMPLETE,
            reason: String::new(),
            intent: digest("edited"),
            forecast: digest("forecast"),
            expires_at: None,
            end_revert_window: false,
        },
        What::Waiver {
            code: "C201".into(),
            subject: "commerce.customer".into(),
            reason: "known".into(),
            intent: digest("edited"),
            seen: "3".into(),
        },
        What::Incarnation {
            streams: BTreeMap::from([("stream customer.c2c -80".into(), 4), ("stream customer.c2c 80-".into(), 1)]),
        },
        What::Adopted {
            reached: vec![PhaseId::CREATE, PhaseId::COPY],
            streams: BTreeMap::from([("stream customer.c2c -80".into(), 5), ("stream customer.c2c 80-".into(), 2)]),
            evidence: vec!["2 streams, every row is copied".into()],
            accepted: vec![
                Accepted { name: "who-made-it".into(), doubt: "Vitess keeps no \"name\" of who made it".into() },
                Accepted { name: "rules-before".into(), doubt: "a line\nand another".into() },
            ],
            reason: "CHG-7".into(),
            found: digest("adopted"),
        },
        What::FastPath {
            phase: PhaseId::SWITCH_REPLICAS,
            accepted: vec!["no-hold".into(), "no-revert-window".into()],
            evidence: vec!["few rows: about 10 rows".into()],
        },
        What::Paused { reason: None },
        What::Resumed { reason: Some("night is over".into()) },
        What::Remark { phase: Some(PhaseId::COPY), text: "<<<<<<< ours\n=======\nchecksum = \"sha256:".into() },
        What::Reached { phase: PhaseId::CREATE, evidence: vec!["2 streams, stopped".into()] },
    ];
    let results =
        [OutcomeResult::Done, OutcomeResult::NotDone, OutcomeResult::RolledBack, OutcomeResult::Differs, OutcomeResult::HalfDone];
    for (index, (phase, mutation)) in mutations().into_iter().enumerate() {
        let attempt = index as u64 + 1;
        let replaced = (index % 2 == 1).then(|| digest("replaced"));
        let lag_seconds = matches!(mutation, Mutation::SwitchTraffic(_)).then_some(1);
        whats.push(What::Intent {
            attempt,
            phase,
            mutation,
            forecast: digest("forecast"),
            replaced: replaced.clone(),
            lag_seconds,
        });
        // The last one stays open.
        if attempt < mutations().len() as u64 {
            let result = results[index % results.len()];
            let found = (index % 3 == 0).then(|| digest("found"));
            whats.push(What::Outcome { attempt, result, evidence: vec!["seen".into()], took_milliseconds: 1200, found });
        }
    }
    whats.into_iter().enumerate().map(|(second, what)| new_entry(second as i64, what)).collect()
}

pub fn record() -> Record {
    Record::begin(LINEAGE, everything()).unwrap()
}

/// The smallest that is whole.
pub fn small_record() -> Record {
    Record::begin(LINEAGE, vec![new_entry(0, begun()), new_entry(1, remark("two"))]).unwrap()
}
