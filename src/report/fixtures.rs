//! Hand-made data for tests of what is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::port::{Facts, Served};
use crate::family::move_tables::{MoveTables, fixtures};
use crate::family::{Condition, Family, Side, Traffic};
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::model::name::{CellName, KeyspaceName, ShardName, TableName};
use crate::model::topology::{Cells, Keyspace, Shard, TabletControl, TabletType};
use crate::model::vschema::VSchema;
use crate::plan::document::{ClusterName, Plan, plan};
use crate::record::entry::{Actor, Entry, OutcomeResult, What};
use crate::record::progress::Progress;
use crate::report::event::{Event, Progress as EventProgress, TableProgress};
use crate::report::problems::Drawing;
use crate::run::decision::{Hold, HoldKind};
use crate::run::phase::PhaseId;
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
        asked_keyspaces: Default::default(),
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

/// No character that a terminal acts on, no line that a CI system acts on.
pub fn assert_harmless(text: &str) {
    assert!(text.chars().all(|c| c == '\n' || !crate::model::name::is_invisible(c)), "{text:?}");
    assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text:?}");
    assert!(text.contains(r"\u{1b}"), "it was shown: {text:?}");
}

pub fn keyspaces() -> (String, String) {
    ("commerce".into(), "customer".into())
}

pub fn gate_hold() -> Hold {
    Hold {
        gate: PhaseId::SWITCH_PRIMARY,
        kind: HoldKind::Gate,
        why: "the plan file holds here for an operator".into(),
        proved: vec![
            "verify done 2026-11-20 02:08:00Z".into(),
            "rows were compared: VDiff compared 1,204,331 rows, none differs".into(),
        ],
        next: vec![
            "writes go to `customer`; they pause while it happens: about 2 s when calm, 5 s of catch-up at most".into(),
            "if vtctld dies in it, its locks stay for 45 s".into(),
        ],
        conditions: vec![
            Condition::new("streams run", true, "2 streams run"),
            Condition::new("lag is low and stable", false, "lag 7 s, low for 0 s so far; it must be at most 5 s for 10 s"),
            Condition::inconclusive("no old transaction", "customer/-80: the query took longer than 2 s"),
        ],
        price: vec!["writes pause for about 2 s when calm, at worst 5 s; vtgate holds them back for 10 s".into()],
        release: vec!["cutover approve switch-primary --reason TEXT".into(), "cutover apply".into()],
        until: None,
        way_back_shut: None,
    }
}

pub fn revert_hold() -> Hold {
    Hold {
        gate: PhaseId::REVERT_WINDOW,
        kind: HoldKind::RevertWindow,
        why: "the way back is open: 1 reverse stream runs, lag 0 s".into(),
        proved: vec!["switch-primary done 2026-11-20 02:09:00Z".into()],
        next: vec!["source tables renamed to `_<table>_old` in `commerce`".into()],
        conditions: vec![],
        price: vec![],
        release: vec!["cutover apply --wait".into(), "cutover approve complete --end-revert-window --reason TEXT".into()],
        until: Some(at(2_340)),
        way_back_shut: None,
    }
}

pub fn traffic(rdonly: Side, replica: Side, primary: Side) -> Traffic {
    Traffic { rdonly, replica, primary }
}

/// A look at a copy of these tables: name, rows copied, rows estimated.
pub fn copying(second: i64, tables: &[(&str, i64, i64)]) -> Event {
    use Side::Source;
    let table = |(name, rows_copied, rows_total): &(&str, i64, i64)| {
        (
            (*name).to_owned(),
            TableProgress { rows_copied: *rows_copied, rows_total: *rows_total, done: rows_copied >= rows_total },
        )
    };
    Event::Progress(EventProgress {
        at: at(second),
        phase: PhaseId::COPY,
        waiting_for: "rows are being copied".into(),
        traffic: traffic(Source, Source, Source),
        tables: tables.iter().map(table).collect(),
        tables_at: Some(at(second)),
        lag_seconds: None,
        way_back: None,
        until: None,
    })
}

pub fn begin(alias: &str) -> Event {
    Event::Begin {
        version: "0.1.0".into(),
        format_version: 1,
        command: "apply".into(),
        workflow: "commerce2customer".into(),
        cluster: alias.into(),
        address: "vtctld.prod.example:15999".into(),
        sandbox: alias == "sandbox",
    }
}

/// A whole night: each event with its time.
pub fn night() -> Vec<(Timestamp, Event)> {
    let movement = movement(2);
    let mut events = vec![(at(0), begin("production"))];
    let switch = movement.mutations(&PhaseId::SWITCH_PRIMARY).pop();
    let entry = |second: i64, serial: u64, what: What| {
        let attempted = if serial == 5 { switch.clone() } else { None };
        let words = super::entry_words::words_after(&what, attempted.as_ref());
        (at(second), Event::Entry { entry: Entry { serial, at: at(second), by: actor(), what }, words })
    };
    let intent = |phase: PhaseId, attempt: u64| {
        let mutation = movement.mutations(&phase).pop().unwrap();
        What::Intent { attempt, phase, mutation, forecast: Digest::of(&"forecast"), replaced: None, lag_seconds: None }
    };
    let outcome = |attempt: u64, took_milliseconds: u64, evidence: &str| What::Outcome {
        attempt,
        result: OutcomeResult::Done,
        evidence: vec![evidence.into()],
        took_milliseconds,
        found: None,
    };
    events.push(entry(1, 1, intent(PhaseId::COPY, 1)));
    events.push(entry(2, 2, outcome(1, 812, "2 streams run")));
    for second in 3..40 {
        let rows = (second - 3) * 12_000;
        events.push((at(second), copying(second, &[("corder", rows.min(200_000), 200_000), ("customer", rows, 1_004_331)])));
    }
    events.push(entry(40, 3, What::Reached { phase: PhaseId::COPY, evidence: vec!["2 streams run, lag 1 s".into()] }));
    for second in 41..44 {
        let conditions = gate_hold().conditions;
        events.push((at(second), Event::Await { phase: PhaseId::SWITCH_PRIMARY, conditions, since: at(41) }));
    }
    events.push(entry(44, 4, intent(PhaseId::SWITCH_PRIMARY, 2)));
    for second in 1..=6_i64 {
        let words = movement.mutations(&PhaseId::SWITCH_PRIMARY)[0].verb().words();
        let seconds = second.unsigned_abs();
        events.push((at(44 + second), Event::Calling { phase: PhaseId::SWITCH_PRIMARY, words, seconds }));
    }
    events.push(entry(51, 5, outcome(2, 6_104, "writes lead to `customer` in every cell")));
    for second in (52..92).step_by(2) {
        events.push((at(second), Event::Hold { hold: Box::new(revert_hold()), waiting: true }));
    }
    let end = Event::End {
        ending: None,
        exit_code: 3,
        words: "held in the revert window".into(),
        next: vec!["cutover apply --wait".into(), "cutover approve complete --end-revert-window --reason TEXT".into()],
    };
    events.push((at(92), end));
    events
}

/// The record of a movement until its writes were switched.
pub fn night_entries() -> Vec<Entry> {
    let movement = movement(2);
    let intent = |phase: PhaseId, attempt: u64| {
        let mutation = movement.mutations(&phase).pop().unwrap();
        let lag_seconds = (phase == PhaseId::SWITCH_PRIMARY).then_some(1);
        What::Intent { attempt, phase, mutation, forecast: Digest::of(&"forecast"), replaced: None, lag_seconds }
    };
    let outcome = |attempt: u64, result, took_milliseconds: u64, evidence: &str| What::Outcome {
        attempt,
        result,
        evidence: vec![evidence.into()],
        took_milliseconds,
        found: None,
    };
    let reached = |phase: PhaseId, evidence: &str| What::Reached { phase, evidence: vec![evidence.into()] };
    let approval = What::Approval {
        gate: PhaseId::SWITCH_PRIMARY,
        reason: "the window is quiet, CHG-1042".into(),
        intent: Digest::of(&"intent"),
        forecast: Digest::of(&"forecast"),
        expires_at: Some(at(86_400)),
        end_revert_window: false,
    };
    let begun = What::Begun {
        workflow: "commerce2customer".into(),
        cluster: "production".into(),
        fingerprint: "f".into(),
        intent: Digest::of(&"intent"),
        frozen: Digest::of(&"frozen"),
        tables: vec!["corder".into(), "customer".into()],
        spec: None,
    };
    let mut entries = entries(vec![
        (0, begun),
        (1, intent(PhaseId::CREATE, 1)),
        (4, outcome(1, OutcomeResult::Done, 2_840, "streams on -80, 80-; 18 routing rules lead to `commerce`")),
        (4, reached(PhaseId::CREATE, "2 streams")),
        (5, intent(PhaseId::COPY, 2)),
        (6, outcome(2, OutcomeResult::Done, 812, "2 streams run")),
        (11_200, reached(PhaseId::COPY, "2 streams run, lag 1 s")),
        (79_000, approval),
        (79_200, intent(PhaseId::SWITCH_PRIMARY, 3)),
        (79_206, outcome(3, OutcomeResult::RolledBack, 6_104, "lock wait timeout")),
        (79_300, intent(PhaseId::SWITCH_PRIMARY, 4)),
        (79_302, outcome(4, OutcomeResult::Done, 2_149, "writes lead to `customer` in every cell, the source denies them")),
        (79_302, reached(PhaseId::SWITCH_PRIMARY, "writes lead to `customer` in every cell")),
    ]);
    entries[7].by.user = "bob".into();
    entries
}
