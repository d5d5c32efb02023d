//! What a plan forecasts is what is found: each phase of a movement, and each way back from it, on a real cluster.
//!
//! A plan says what each phase and each way out will change: rules and what cells serve of them, denied tables, tables, VSchemas, streams,
//! sequences. vtctldclient and MySQL are asked before and after.

use std::collections::{BTreeMap, BTreeSet};

use mysql::prelude::Queryable;
use serde_json::Value;

use super::movement::QUICK;
use super::support::{Case, Movement, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        each_phase_and_each_way_back_changes_what_was_forecast,
        each_way_out_changes_what_was_forecast,
        to_an_unsharded_keyspace_and_with_dropped_tables_too,
    ];
    cases.into_iter().map(|case| case.limit_seconds(900)).collect()
}

/// What a movement changes, as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    rules: BTreeMap<String, String>,
    served: BTreeMap<String, BTreeMap<String, String>>,
    denied: BTreeMap<String, BTreeSet<String>>,
    /// In MySQL, by shard.
    tables: BTreeMap<String, BTreeSet<String>>,
    /// In the VSchema, by keyspace.
    vschema: BTreeMap<String, BTreeSet<String>>,
    /// By `keyspace.workflow/shard`: stopped, running, frozen.
    streams: BTreeMap<String, String>,
}

impl Found {
    fn of(world: &World, movement: &Movement) -> Self {
        let vtctl = world.cluster.vtctl();
        let pairs = |rules: &[Value]| -> BTreeMap<String, String> {
            let pair = |rule: &Value| Some((rule["from_table"].as_str()?.to_owned(), rule["to_tables"][0].as_str()?.to_owned()));
            let ours = |(from, _): &(String, String)| movement.tables.iter().any(|table| from.contains(table.as_str()));
            rules.iter().filter_map(pair).filter(ours).collect()
        };
        let served = ["zone1", "zone2"].into_iter().map(|cell| {
            let vschema = vtctl.srv_vschema(cell);
            let rules = vschema["routing_rules"]["rules"].as_array().cloned().unwrap_or_default();
            (cell.to_owned(), pairs(&rules))
        });
        let keyspaces = [movement.source, movement.target];
        let shards: Vec<(&str, String)> = keyspaces
            .into_iter()
            .flat_map(|keyspace| world.cluster.shards(keyspace).into_iter().map(move |it| (keyspace, it)))
            .collect();
        let place = |(keyspace, shard): &(&str, String)| format!("{keyspace}/{shard}");
        let is_ours = |name: &String| movement.tables.iter().any(|table| name == table || *name == format!("_{table}_old"));
        let denied = shards.iter().map(|it| {
            let tables = vtctl.denied_tables(it.0, &it.1).into_iter().filter(is_ours).collect();
            (place(it), tables)
        });
        let tables = shards.iter().map(|it| {
            let tables: Vec<String> = world.cluster.connect_primary(it.0, &it.1).query("show tables").expect("names of tables");
            (place(it), tables.into_iter().filter(is_ours).collect())
        });
        let vschema = keyspaces.into_iter().map(|keyspace| {
            let vschema = vtctl.vschema(keyspace);
            let names = vschema["tables"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
            (keyspace.to_owned(), names.filter(is_ours).collect())
        });
        // Not as vtctldclient lists them: it leaves out those that stand still.
        let streams = shards.iter().flat_map(|it| {
            let sql = format!(
                "select workflow, state, coalesce(message, '') from _vt.vreplication where workflow in ('{0}', '{0}_reverse')",
                movement.workflow
            );
            let rows: Vec<(String, String, String)> = world.cluster.connect_primary(it.0, &it.1).query(sql).expect("streams");
            rows.into_iter().map(move |(workflow, state, message)| {
                let shape = if message == "FROZEN" { message } else { state };
                (format!("{}.{workflow}/{}", it.0, it.1), shape.to_lowercase())
            })
        });
        Self {
            rules: pairs(&vtctl.routing_rules()),
            served: served.collect(),
            denied: denied.collect(),
            tables: tables.collect(),
            vschema: vschema.collect(),
            streams: streams.collect(),
        }
    }

    /// As a plan says that something changes it.
    fn after(&self, changes: &Value) -> Self {
        let mut after = self.clone();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for rule in list(&changes["routing_rules"]["added"]) {
            after.rules.insert(text(&rule["from_table"]), text(&rule["to_table"]));
        }
        for rule in list(&changes["routing_rules"]["changed"]) {
            after.rules.insert(text(&rule["from_table"]), text(&rule["after"]));
        }
        for rule in list(&changes["routing_rules"]["removed"]) {
            after.rules.remove(&text(&rule["from_table"]));
        }
        // What every write of a movement publishes.
        for rules in after.served.values_mut() {
            rules.clone_from(&after.rules);
        }
        change(&mut after.denied, &changes["denied_tables"]);
        change(&mut after.tables, &changes["tables"]);
        change(&mut after.vschema, &changes["vschema"]);
        for (stream, shape) in changes["streams"].as_object().into_iter().flatten() {
            match text(shape).as_str() {
                "deleted" => after.streams.remove(stream),
                shape => after.streams.insert(stream.clone(), shape.to_owned()),
            };
        }
        after
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Names that come and go, by place.
fn change(names: &mut BTreeMap<String, BTreeSet<String>>, changes: &Value) {
    let of = |which: &str| -> Vec<(String, Vec<String>)> {
        let places = changes[which].as_object().into_iter().flatten();
        places.map(|(place, names)| (place.clone(), names.as_array().into_iter().flatten().map(text).collect())).collect()
    };
    for (place, added) in of("added") {
        names.entry(place).or_default().extend(added);
    }
    for (place, removed) in of("removed") {
        names.entry(place).or_default().retain(|name| !removed.contains(name));
    }
}

fn phase<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let phases = plan["phases"].as_array().expect("phases");
    phases.iter().find(|phase| phase["name"] == name).expect("the phase is in the plan")
}

fn way_back<'a>(plan: &'a Value, after: &str, command: &str) -> &'a Value {
    let ways = phase(plan, after)["ways_back"].as_array().expect("ways back");
    ways.iter().find(|way| way["command"] == command).unwrap_or_else(|| panic!("no {command} after {after}"))
}

fn each_phase_and_each_way_back_changes_what_was_forecast(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(
        world,
        &format!(
            "[gates]\npolicy = \"auto-advance\"\ncomplete = \"auto-advance\"\nremove-rules = \"auto-advance\"\n\n{QUICK}\n[revert]\nwindow \
             = \"0s\"\n\n[complete]\nsource-tables = \"rename\"\n"
        ),
    );
    let plan = || world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    let check = |before: &Found, changes: &Value, what: &str| {
        let found = Found::of(world, &movement);
        assert_eq!(found, before.after(changes), "{what}: {changes:#}");
        found
    };
    let apply = |until: &str| world.cutover().args(["apply", "--yes", "--until", until]).limit_seconds(300).run_expecting(0);

    // The promise of the first plan, kept to the end of each phase; and what a way back from there would do, done.
    let promised = plan();
    let mut now = Found::of(world, &movement);
    for name in ["create", "copy", "verify", "switch-replicas"] {
        apply(name);
        now = check(&now, phase(&promised, name), name);
    }
    let back = way_back(&promised, "switch-replicas", "switch-back").clone();
    world.cutover().args(["switch-back", "--reason", "to compare"]).run_expecting(0);
    let reads_back = check(&now, &back, "switch-back after switch-replicas");
    world.cutover().args(["approve", "switch-replicas", "--reason", "again"]).run_expecting(0);
    apply("switch-replicas");
    now = check(&reads_back, phase(&promised, "switch-replicas"), "switch-replicas again");
    apply("switch-primary");
    now = check(&now, phase(&promised, "switch-primary"), "switch-primary");
    assert_sequences(world, phase(&promised, "switch-primary"), movement.tables.len());

    let back = way_back(&promised, "switch-primary", "switch-back").clone();
    world.cutover().args(["switch-back", "--reason", "to compare"]).limit_seconds(300).run_expecting(0);
    now = check(&now, &back, "switch-back after switch-primary");
    let anew = plan();
    world.cutover().args(["approve", "switch-primary", "--reason", "again"]).run_expecting(0);
    world.cutover().args(["approve", "switch-replicas", "--reason", "again"]).run_expecting(0);
    for name in ["switch-replicas", "switch-primary", "complete", "remove-rules"] {
        apply(name);
        now = check(&now, phase(&anew, name), name);
    }
}

/// Each sequence that the switch sets gives an id that no row has.
fn assert_sequences(world: &World, switch: &Value, count: usize) {
    let sequences = switch["sequences"].as_object().expect("sequences");
    assert_eq!(sequences.len(), count, "{switch:#}");
    for (sequence, words) in sequences {
        let words = text(words);
        let (table, column) = words.split('`').nth(1).and_then(|name| name.split_once('.')).expect("a table and a column");
        let (keyspace, sequence) = sequence.split_once('.').expect("a keyspace and a table");
        let next: Vec<u64> = world.cluster.query_primaries(keyspace, &format!("select next_id from `{sequence}`"));
        let largest: Vec<Option<u64>> =
            world.cluster.query_primaries("customer", &format!("select max({column}) from `{table}`"));
        let largest = largest.into_iter().flatten().max().expect("rows");
        assert!(next.iter().all(|next| *next > largest), "{sequence} gives {next:?}, and {table}.{column} goes up to {largest}");
    }
}

/// A cancel from each phase that allows one, and the way back out of the revert window.
fn each_way_out_changes_what_was_forecast(world: &World) {
    for (until, rest) in [
        ("create", ""),
        ("copy", ""),
        ("verify", ""),
        ("switch-replicas", ""),
        ("revert-window", "[revert]\nwindow = \"1h\"\n\n"),
    ] {
        let world = &world.another();
        let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
        let gates = "[gates]\npolicy = \"auto-advance\"\n\n";
        movement.write_plan(world, &format!("{gates}{QUICK}\n{rest}[complete]\nsource-tables = \"rename\"\n"));
        let promised = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
        let (until_here, command, code) = match until {
            "revert-window" => ("complete", "switch-back", 3),
            phase => (phase, "cancel", 0),
        };
        world.cutover().args(["apply", "--yes", "--until", until_here]).limit_seconds(300).run_expecting(code);
        let before = Found::of(world, &movement);
        let out = match command {
            "cancel" => world.cutover().args(["cancel", "--confirm", &movement.workflow]),
            _ => world.cutover().args(["switch-back", "--reason", "to compare"]),
        };
        out.limit_seconds(300).run_expecting(0);
        let changes = way_back(&promised, until, command);
        assert_eq!(Found::of(world, &movement), before.after(changes), "{command} after {until}: {changes:#}");
    }
}

fn to_an_unsharded_keyspace_and_with_dropped_tables_too(world: &World) {
    let phases = ["create", "copy", "verify", "switch-replicas", "switch-primary", "complete", "remove-rules"];
    // Without rules the names of kept tables are in two VSchemas, which C213 says: there they stay.
    let rules = "remove-rules = \"auto-advance\"\n";
    for (target, source_tables, phases, rules) in
        [("archive", "drop", &phases[..], rules), ("customer", "keep", &phases[..6], "")]
    {
        let world = &world.another();
        let movement = Movement::prepare(world, &Shape { target, rows: 100, ..Shape::default() });
        movement.write_plan(
            world,
            &format!(
                "[gates]\npolicy = \"auto-advance\"\ncomplete = \"auto-advance\"\n{rules}\n{QUICK}\n\
                 [revert]\nwindow = \"0s\"\n\n[complete]\nsource-tables = \"{source_tables}\"\n"
            ),
        );
        let verdict = if source_tables == "keep" { 4 } else { 0 };
        let promised = world.cutover().args(["plan", "--format", "json"]).run_expecting(verdict).json();
        let mut now = Found::of(world, &movement);
        for name in phases {
            world.cutover().args(["apply", "--yes", "--until", name]).limit_seconds(300).run_expecting(0);
            let (found, changes) = (Found::of(world, &movement), phase(&promised, name));
            assert_eq!(found, now.after(changes), "{name} to {target}, {source_tables}: {changes:#}");
            now = found;
        }
    }
}
