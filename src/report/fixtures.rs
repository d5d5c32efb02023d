//! Hand-made data for tests of what is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::port::{Facts, Served};
use crate::family::Family;
use crate::family::move_tables::{MoveTables, fixtures};
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::model::name::{CellName, KeyspaceName, ShardName, TableName};
use crate::model::topology::{Cells, Keyspace, Shard, TabletControl, TabletType};
use crate::model::vschema::VSchema;
use crate::plan::document::{ClusterName, Plan, plan};
use crate::record::entry::{Actor, Entry, What};
use crate::record::progress::Progress;
use crate::report::problems::Drawing;
use crate::spec::TableSelection;

pub const PLAIN: Drawing = Drawing { width: 80, colour: false, unicode: true };
pub const WIDE: Drawing = Drawing { width: 140, colour: false, unicode: true };
pub const ASCII: Drawing = Drawing { width: 80, colour: false, unicode: false };
pub const COLOUR: Drawing = Drawing { width: 80, colour: true, unicode: true };

/// Text that a server or a plan file may try on a terminal.
pub const HOSTILE: &str = "x\u{1b}[2J\u{202e}\n::error::y\r\u{7}\u{9b}31m";

/// Seconds after 2026-11-20 02:00:00 UTC.
pub fn at(seconds: i64) -> Timestamp {
    "2026-11-20T02:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds)
}

/// The two tables of the example, or `count` tables of made-up names.
pub fn movement(count: usize) -> MoveTables {
    let mut movement = fixtures::commerce_to_customer();
    if count != 2 {
        let tables: Vec<TableName> = (1..=count).map(|n| TableName::new(format!("order_{n:03}")).unwrap()).collect();
        movement.options.tables = TableSelection::Named(tables.clone());
        movement.tables = tables;
    }
    movement
}

/// A cluster of two cells in which nothing of the movement is there.
pub fn facts(target_shards: &[&str]) -> Facts {
    let keyspace = |shards: &[&str]| Keyspace {
        is_snapshot: false,
        sidecar_database: "_vt".into(),
        shards: shards.iter().map(|shard| (ShardName::new(*shard).unwrap(), shard_record(&[]))).collect(),
    };
    let cells = ["zone1", "zone2"];
    let served = Served { routing_rules: Default::default(), vschemas: BTreeMap::new() };
    Facts {
        observed_at: at(0),
        cells: Cells { names: cells.iter().map(|cell| CellName::new(*cell).unwrap()).collect(), aliases: BTreeMap::new() },
        keyspaces: [(name("commerce"), keyspace(&["0"])), (name("customer"), keyspace(target_shards))].into(),
        vschemas: [(name("commerce"), VSchema::default()), (name("customer"), VSchema { sharded: true, ..VSchema::default() })]
            .into(),
        routing_rules: Default::default(),
        served: cells.iter().map(|cell| ((*cell).to_owned(), served.clone())).collect(),
        other_rules: Default::default(),
        workflows: vec![],
        answers: vec![],
    }
}

pub fn name(keyspace: &str) -> KeyspaceName {
    KeyspaceName::new(keyspace).unwrap()
}

pub fn shard_record(denied: &[&str]) -> Shard {
    let denied_tables: Vec<String> = denied.iter().map(|table| (*table).to_owned()).collect();
    let control =
        TabletControl { tablet_type: TabletType::Primary, cells: vec![], denied_tables, frozen: false, allow_reads: false };
    Shard {
        primary_alias: None,
        primary_term_started_at: None,
        key_range: (String::new(), String::new()),
        is_primary_serving: true,
        tablet_controls: if denied.is_empty() { vec![] } else { vec![control] },
    }
}

pub fn cluster(alias: &str) -> ClusterName {
    ClusterName { alias: alias.into(), address: "vtctld.prod.example:15999".into(), fingerprint: "f".into() }
}

pub fn passes(count: usize) -> Vec<Finding> {
    (0..count).map(|n| Finding::pass(&format!("C2{n:02}"), "commerce.customer", "it is as it must be")).collect()
}

pub fn no_key(table: &str) -> Finding {
    Finding::fail(
        "C201",
        Severity::Error,
        format!("commerce.{table}"),
        "the table has no primary key and no unique key without NULL",
        "give it one, or leave it out of `tables`; `cutover explain C201` says why",
    )
    .at("move-tables.tables")
}

pub fn slow_binlog(tablet: &str) -> Finding {
    Finding::fail(
        "C230",
        Severity::Warning,
        tablet,
        "binlogs are kept for 2 h; a stream that stands still longer cannot catch up",
        "raise binlog_expire_logs_seconds on the source",
    )
}

/// The plan of a movement that has not begun.
pub fn plan_of(tables: usize, alias: &str, findings: Vec<Finding>) -> Plan {
    let movement = movement(tables);
    plan(&movement, &facts(&["-80", "80-"]), &Progress::default(), Digest::of(&"intent"), findings, cluster(alias))
}

pub fn actor() -> Actor {
    Actor { user: "alice".into(), host: "ops-1".into(), process: 4711, version: "0.1.0".into() }
}

/// Entries with serials from 1, each with its second after the start.
pub fn entries(of: Vec<(i64, What)>) -> Vec<Entry> {
    of.into_iter()
        .enumerate()
        .map(|(index, (second, what))| Entry { serial: index as u64 + 1, at: at(second), by: actor(), what })
        .collect()
}

/// The facts of a movement as its forecast says after these phases.
pub fn facts_after(movement: &MoveTables, phases: &[&str]) -> Facts {
    use crate::run::phase::PhaseId;
    let mut facts = facts(&["-80", "80-"]);
    let mut picture = movement.picture(&facts);
    for phase in phases {
        picture = crate::family::forecast_of_phase(movement, &PhaseId::new((*phase).to_owned()), &picture, &facts);
    }
    facts.routing_rules = picture.routing_rules.clone();
    for served in facts.served.values_mut() {
        served.routing_rules = picture.routing_rules.clone();
    }
    for (path, tables) in &picture.denied_tables {
        let (keyspace, shard) = path.split_once('/').unwrap();
        let denied: Vec<&str> = tables.iter().map(String::as_str).collect();
        let shards = &mut facts.keyspaces.get_mut(&name(keyspace)).unwrap().shards;
        shards.insert(ShardName::new(shard).unwrap(), shard_record(&denied));
    }
    facts
}
