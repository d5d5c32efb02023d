//! What a plan forecasts is what is found: each phase of a movement, and each way back from it, on a real cluster.
//!
//! A plan before says what a phase will change; the next one says how the cluster is then, by what is left to change: where the promise
//! was kept, a phase that is done leaves all later ones as they were forecast, to the letter. Beside it vtctldclient's own view is asked.

use std::collections::BTreeMap;

use serde_json::Value;

use super::movement::QUICK;
use super::support::{Case, Movement, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    let cases = cases![each_phase_and_each_way_back_changes_what_was_forecast];
    cases.into_iter().map(|case| case.limit_seconds(900)).collect()
}

/// The rules, denied tables, tables and streams of a movement, as the cluster has them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    rules: BTreeMap<String, String>,
    served: BTreeMap<String, BTreeMap<String, String>>,
    denied: BTreeMap<String, Vec<String>>,
    /// On how many shards a workflow has streams.
    streams: BTreeMap<String, usize>,
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
        let shards = [("commerce", "0"), ("customer", "-80"), ("customer", "80-")];
        let ours = |table: &String| movement.tables.contains(table);
        let denied = shards.into_iter().map(|(keyspace, shard)| {
            let tables = vtctl.denied_tables(keyspace, shard).into_iter().filter(ours).collect();
            (format!("{keyspace}/{shard}"), tables)
        });
        let reverse = format!("{}_reverse", movement.workflow);
        let streams = [("customer", &movement.workflow), ("commerce", &reverse)];
        // Not as vtctldclient lists them: it leaves out those that stand still.
        let streams = streams.into_iter().map(|(keyspace, name)| {
            let sql = format!("select count(*) from _vt.vreplication where workflow = '{name}'");
            let counts = world.cluster.query_primaries::<u64>(keyspace, &sql);
            (format!("{keyspace}.{name}"), counts.into_iter().filter(|count| *count > 0).count())
        });
        Self {
            rules: pairs(&vtctl.routing_rules()),
            served: served.collect(),
            denied: denied.collect(),
            streams: streams.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// As a plan says that something changes it.
    fn after(&self, changes: &Value) -> Self {
        let mut after = self.clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
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
        for (place, tables) in changes["denied_tables"]["added"].as_object().into_iter().flatten() {
            let denied = after.denied.entry(place.clone()).or_default();
            denied.extend(list(tables).iter().map(text));
            denied.sort();
        }
        for (place, tables) in changes["denied_tables"]["removed"].as_object().into_iter().flatten() {
            let gone: Vec<String> = list(tables).iter().map(text).collect();
            after.denied.entry(place.clone()).or_default().retain(|table| !gone.contains(table));
        }
        let mut changed: BTreeMap<String, usize> = BTreeMap::new();
        for (stream, shape) in changes["streams"].as_object().into_iter().flatten() {
            let (workflow, _) = stream.split_once('/').expect("a workflow and a shard");
            *changed.entry(workflow.to_owned()).or_default() += usize::from(shape != "deleted");
        }
        for (workflow, count) in changed {
            if count == 0 {
                after.streams.remove(&workflow)
            } else {
                after.streams.insert(workflow, count)
            };
        }
        after
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

    // And a cancel, after reads were switched: reads go back first.
    let world = &world.another();
    let movement = Movement::prepare(world, &Shape::default());
    movement
        .write_plan(world, &format!("[gates]\npolicy = \"auto-advance\"\n\n{QUICK}\n[complete]\nsource-tables = \"rename\"\n"));
    let promised = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(300).run_expecting(0);
    let before = Found::of(world, &movement);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    let changes = way_back(&promised, "switch-replicas", "cancel");
    assert_eq!(Found::of(world, &movement), before.after(changes), "cancel: {changes:#}");
}
