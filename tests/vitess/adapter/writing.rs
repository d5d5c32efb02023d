//! A movement by mutations alone, with a look after each.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover::cluster::mutation::{
    ApplyRoutingRules, AutoIncrementHandling, CancelWorkflow, CompleteMoveTables, CreateMoveTables, CreateVDiff, Direction,
    Mutation, OnDdl, RebuildVSchemaGraph, SetStreams, SourceTables, StopVDiff, StreamsWanted, SwitchTraffic,
};
use cutover::cluster::port::{Answer, Ask, Facts, Question};
use cutover::model::name::TableName;
use cutover::model::topology::TabletType;
use cutover::model::vdiff::{VDiffState, Verdict};
use cutover::model::workflow::{StreamState, Workflow};
use mysql::prelude::Queryable;
use serde_json::Value;
use uuid::Uuid;

use super::super::support::{Case, Movement, OnDrop, Shape, World, cases, wait};
use super::{Port, backward, forward, keyspace, query, shards, tables, workflow};

pub fn tests() -> Vec<Case> {
    cases![
        a_movement_by_mutations_alone,
        a_copy_has_no_lag_and_a_stream_keeps_its_settings,
        a_vdiff_finds_what_differs,
        who_holds_a_lock_is_seen,
    ]
}

fn create(movement: &Movement) -> Mutation {
    Mutation::CreateMoveTables(CreateMoveTables {
        workflow: workflow(movement),
        source_keyspace: keyspace(movement.source),
        target_keyspace: keyspace(movement.target),
        tables: tables(movement),
        cells: vec![],
        tablet_types: vec![TabletType::Replica, TabletType::Primary],
        on_ddl: OnDdl::Stop,
        defer_secondary_keys: true,
        source_time_zone: None,
        global_keyspace: None,
        auto_increment: AutoIncrementHandling::Remove,
    })
}

fn streams(movement: &Movement, wanted: StreamsWanted) -> Mutation {
    Mutation::SetStreams(SetStreams { keyspace: keyspace(movement.target), workflow: workflow(movement), wanted, message: None })
}

fn compare(movement: &Movement, uuid: Uuid) -> Mutation {
    Mutation::CreateVDiff(CreateVDiff {
        workflow: workflow(movement),
        source_keyspace: Some(keyspace(movement.source)),
        target_keyspace: keyspace(movement.target),
        uuid,
        cells: vec![],
        tablet_types: vec![TabletType::Rdonly, TabletType::Replica, TabletType::Primary],
        max_duration_seconds: None,
        instead_of: None,
    })
}

fn switch(movement: &Movement, direction: Direction, tablet_types: &[TabletType]) -> Mutation {
    Mutation::SwitchTraffic(SwitchTraffic {
        workflow: workflow(movement),
        target_keyspace: keyspace(movement.target),
        direction,
        tablet_types: tablet_types.to_vec(),
        timeout_seconds: 5,
        max_lag_seconds: 30,
        initialize_target_sequences: true,
    })
}

fn wait_for_copy(port: &Port, movement: &Movement) {
    wait::until_true(Duration::from_secs(60), "the copy is complete", || {
        let facts = port.observe(&query(movement, []));
        let found = forward(&facts, movement).unwrap();
        found.streams.iter().all(|stream| stream.copy_is_complete()) && found.transaction_lag_seconds.is_some_and(|lag| lag < 30)
    });
}

/// Rules of our tables, as the adapter and the oracle see them, globally and in each cell.
fn rules(facts: &Facts, movement: &Movement) -> Vec<(String, String)> {
    let ours = |rules: &cutover::model::routing::RoutingRules| -> Vec<(String, String)> {
        let ours = rules.iter().filter(|(from, _)| movement.tables.iter().any(|table| from.contains(table.as_str())));
        ours.map(|(from, to)| (from.clone(), to.join(","))).collect()
    };
    let global = ours(&facts.routing_rules);
    assert_eq!(global, movement.routing_rules(), "as the oracle says");
    for (cell, served) in &facts.served {
        assert_eq!(ours(&served.routing_rules), global, "in {cell}");
    }
    global
}

/// Where the rule of each tablet type leads: `[primary, replica, rdonly]` as S or T.
fn traffic(facts: &Facts, movement: &Movement) -> String {
    rules(facts, movement);
    let of = |suffix: &str| {
        let leads: BTreeSet<&str> = movement
            .tables
            .iter()
            .map(|table| facts.routing_rules.target(&format!("{table}{suffix}")).unwrap_or("none"))
            .map(|to| to.split('.').next().unwrap_or_default())
            .collect();
        leads
            .into_iter()
            .map(|to| {
                if to == movement.source {
                    'S'
                } else if to == movement.target {
                    'T'
                } else {
                    '?'
                }
            })
            .collect::<String>()
    };
    format!("{}/{}/{}", of(""), of("@replica"), of("@rdonly"))
}

fn denied(facts: &Facts, keyspace: &str) -> BTreeSet<String> {
    facts.keyspaces[keyspace].shards.values().flat_map(|shard| shard.denied_tables()).collect()
}

fn show(facts: &Facts, movement: &Movement, what: &str) {
    eprintln!("  {what}: traffic {}", traffic(facts, movement));
    for workflow in &facts.workflows {
        let streams: Vec<String> = workflow
            .streams
            .iter()
            .map(|stream| {
                format!(
                    "{}#{} {:?} {:?} position {}",
                    stream.shard,
                    stream.id,
                    stream.state,
                    stream.message,
                    !stream.position.is_empty()
                )
            })
            .collect();
        eprintln!(
            "    {}.{} lag {:?} heartbeat {:?}: {streams:?}",
            workflow.keyspace, workflow.name, workflow.transaction_lag_seconds, workflow.heartbeat_lag_seconds
        );
    }
}

/// The streams that the adapter sees are those that the oracle sees.
fn same_streams(world: &World, facts: &Facts) {
    for workflow in &facts.workflows {
        // Stopped streams are among all only.
        let all = world.cluster.vtctl().json(&["GetWorkflows", "--show-all", &workflow.keyspace])["workflows"].take();
        let named = all.as_array().and_then(|all| all.iter().find(|one| one["name"] == workflow.name.as_str()));
        let shards = named.and_then(|one| one["shard_streams"].as_object()).expect("the oracle knows the workflow");
        let oracle: Vec<&Value> = shards.values().flat_map(|shard| shard["streams"].as_array().unwrap()).collect();
        let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
        // In between a stream may have picked a tablet to read from, and say so.
        let message =
            |message: &str| if message.starts_with("Picked source tablet") { String::new() } else { message.to_owned() };
        let mut theirs: Vec<(String, String, String)> = oracle
            .iter()
            .map(|stream| (text(&stream["shard"]), text(&stream["id"]), message(&text(&stream["message"]))))
            .collect();
        theirs.sort();
        let mut ours: Vec<(String, String, String)> = workflow
            .streams
            .iter()
            .map(|stream| (stream.shard.clone(), stream.id.to_string(), message(&stream.message)))
            .collect();
        ours.sort();
        assert_eq!(ours, theirs, "{}.{}", workflow.keyspace, workflow.name);
    }
}

fn a_movement_by_mutations_alone(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    let port = Port::new(world.cluster);
    let both = &movement.tables.iter().cloned().collect::<BTreeSet<_>>();
    let source = keyspace(movement.source);

    port.perform(create(&movement));
    let facts = port.observe(&query(&movement, []));
    show(&facts, &movement, "created");
    same_streams(world, &facts);
    let created = forward(&facts, &movement).expect("it was created").clone();
    assert_eq!((created.workflow_type.as_str(), created.workflow_sub_type.as_str()), ("MoveTables", "None"));
    assert_eq!((created.source_keyspace.as_str(), created.target_keyspace.as_str()), ("commerce", "customer"));
    assert_eq!(created.target_shards, ["-80", "80-"]);
    assert_eq!(created.tables(), movement.tables);
    assert!(created.streams.iter().all(|stream| stream.state == StreamState::Stopped && !stream.copy_is_complete()));
    assert_eq!((created.transaction_lag_seconds, created.heartbeat_lag_seconds), (None, None), "{created:?}");
    assert!(created.streams.iter().all(|stream| stream.updated_at.is_none()), "YYYYMMDDHHMMSS is no time");
    assert_eq!(rules(&facts, &movement).len(), 18);
    assert_eq!(traffic(&facts, &movement), "S/S/S");
    assert_eq!((denied(&facts, "commerce"), denied(&facts, "customer")), (BTreeSet::new(), both.clone()));
    assert!(backward(&facts, &movement).is_none());

    port.perform(streams(&movement, StreamsWanted::Running));
    let progress = Ask::CopyProgress { keyspace: keyspace("customer"), workflow: workflow(&movement) };
    let facts = port.observe(&query(&movement, [progress.clone()]));
    show(&facts, &movement, "started");
    eprintln!("  {:?}", facts.copy_progress(&progress));
    wait_for_copy(&port, &movement);
    let facts = port.observe(&query(&movement, [progress.clone()]));
    show(&facts, &movement, "copied");
    assert!(facts.copy_progress(&progress).unwrap().traffic_state.starts_with("Reads Not Switched"));

    let uuid = Uuid::new_v4();
    let one = Ask::VDiff { keyspace: keyspace("customer"), workflow: workflow(&movement), uuid: uuid.to_string() };
    let all = Ask::VDiffs { keyspace: keyspace("customer"), workflow: workflow(&movement) };
    assert_eq!(port.ask(one.clone()).map(|answer| format!("{answer:?}")), Ok("VDiff(None)".into()));
    assert_eq!(port.perform(compare(&movement, uuid)), uuid.to_string());
    let facts = wait::until(Duration::from_secs(60), "the VDiff is completed", || {
        let facts = port.observe(&query(&movement, [one.clone()]));
        let verdict = facts.vdiff(&one).unwrap().as_ref().unwrap().verdict(&shards(&["-80", "80-"]), both);
        eprintln!("  {verdict:?}");
        matches!(verdict, Verdict::Pass { .. }).then_some(facts)
    });
    match facts.vdiff(&one).unwrap().as_ref().unwrap().verdict(&shards(&["-80", "80-"]), both) {
        Verdict::Pass { rows_compared, completed_at } => {
            assert_eq!(rows_compared, 2000);
            assert!(completed_at <= jiff::Timestamp::now() && completed_at > created_about(&facts));
        }
        other => panic!("{other:?}"),
    }
    // Read at the same time as the VDiff itself, the list may be of a moment before. Of a look of its own it isn't.
    let facts = port.observe(&query(&movement, [all.clone()]));
    let listed = facts.vdiffs(&all).unwrap();
    assert_eq!(
        listed.iter().map(|one| (one.shard.as_str(), one.state)).collect::<Vec<_>>(),
        [("-80", VDiffState::Completed), ("80-", VDiffState::Completed)]
    );
    assert!(listed.iter().all(|one| one.uuid == uuid.to_string()));
    let oracle = world.cluster.vtctl().vdiff("customer", &movement.workflow, &["show", &uuid.to_string()]);
    assert_eq!(oracle["State"], "completed");
    port.perform(Mutation::StopVDiff(StopVDiff {
        workflow: workflow(&movement),
        target_keyspace: keyspace("customer"),
        uuid: uuid.to_string(),
    }));

    use Direction::{Backward, Forward};
    use TabletType::{Primary, Rdonly, Replica};
    let mut frozen_before = created.stream_ids();
    for (direction, types, expected) in [
        (Forward, vec![Rdonly], "S/S/T"),
        (Forward, vec![Replica], "S/T/T"),
        (Forward, vec![Primary], "T/T/T"),
        (Backward, vec![Primary], "S/T/T"),
        // In this order: with REPLICA Vitess switches RDONLY too as long as no cell has a tablet of that type.
        (Backward, vec![Rdonly], "S/T/S"),
        (Backward, vec![Replica], "S/S/S"),
        (Forward, vec![Rdonly], "S/S/T"),
        (Forward, vec![Replica], "S/T/T"),
        (Forward, vec![Primary], "T/T/T"),
    ] {
        // A stream that has just been made reports its position only after a moment, and refuses a switch until then.
        wait::until_true(Duration::from_secs(30), "the streams are live", || {
            let facts = port.observe(&query(&movement, []));
            let live = |workflow: &Workflow| workflow.transaction_lag_seconds.is_some_and(|lag| lag < 30);
            facts.workflows.iter().filter(|workflow| !workflow.streams.iter().all(|stream| stream.is_frozen())).all(live)
        });
        let summary = port.perform(switch(&movement, direction, &types));
        let facts = port.observe(&query(&movement, []));
        show(&facts, &movement, &summary);
        same_streams(world, &facts);
        assert_eq!(traffic(&facts, &movement), expected);
        if types == [Primary] {
            let (from, to) = if direction == Forward { ("commerce", "customer") } else { ("customer", "commerce") };
            assert_eq!((&denied(&facts, from), denied(&facts, to)), (both, BTreeSet::new()));
            let (frozen, live) = match direction {
                Forward => (forward(&facts, &movement).unwrap(), backward(&facts, &movement).unwrap()),
                Backward => (backward(&facts, &movement).unwrap(), forward(&facts, &movement).unwrap()),
            };
            assert!(frozen.streams.iter().all(|stream| stream.is_frozen()), "{frozen:?}");
            assert!(live.streams.iter().all(|stream| stream.state == StreamState::Running), "{live:?}");
            if direction == Backward {
                assert_ne!(live.stream_ids(), frozen_before, "a reversal makes the streams anew");
                frozen_before = live.stream_ids();
            }
        }
    }
    // The sequences were brought past the rows.
    let next = Ask::Sql(Question::SequenceNext {
        keyspace: source.clone(),
        sequences: tables(&movement).iter().map(|table| TableName::new(format!("{table}_seq")).unwrap()).collect(),
    });
    match port.ask(next) {
        Ok(Answer::SequenceNext(next)) => assert!(next.values().all(|next| next.is_some_and(|next| next > 1000)), "{next:?}"),
        other => panic!("{other:?}"),
    }

    let summary = port.perform(Mutation::CompleteMoveTables(CompleteMoveTables {
        workflow: workflow(&movement),
        target_keyspace: keyspace("customer"),
        source_tables: SourceTables::Rename,
        table_count: movement.tables.len(),
    }));
    let names = Ask::TableNames(source);
    let facts = port.observe(&query(&movement, [names.clone()]));
    show(&facts, &movement, &summary);
    assert!(facts.workflows.is_empty());
    assert_eq!(rules(&facts, &movement).len(), 16);
    assert!(denied(&facts, "commerce").is_empty() && denied(&facts, "customer").is_empty());
    let names = &facts.table_names(&names).unwrap()["0"];
    for table in tables(&movement) {
        assert!(names.contains(&table.renamed()) && !names.contains(table.as_str()), "{names:?}");
    }

    let mut foreign = facts.routing_rules.clone();
    let foreign_key = format!("commerce.{}_foreign", world.name);
    let keys: Vec<String> = rules(&facts, &movement).into_iter().map(|(from, _)| from).collect();
    foreign.set(foreign_key.as_str(), "commerce.elsewhere");
    let set = vec![cutover::model::routing::Rule { from_table: foreign_key.clone(), to_table: "commerce.elsewhere".into() }];
    port.perform(Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(&facts.routing_rules, vec![], set)));
    let facts = port.observe(&query(&movement, []));
    port.perform(Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(&facts.routing_rules, keys, vec![])));
    port.perform(Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] }));
    let facts = port.observe(&query(&movement, []));
    assert!(rules(&facts, &movement).is_empty());
    assert_eq!(facts.routing_rules.target(&foreign_key), Some("commerce.elsewhere"), "somebody else's rule stays");
    port.perform(Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(&facts.routing_rules, vec![foreign_key], vec![])));
}

/// A time before the VDiff: an hour ago.
fn created_about(facts: &Facts) -> jiff::Timestamp {
    facts.observed_at - jiff::SignedDuration::from_hours(1)
}

fn a_copy_has_no_lag_and_a_stream_keeps_its_settings(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 20_000, ..Shape::default() });
    let port = Port::new(world.cluster);
    port.perform(create(&movement));
    let vtctl = world.cluster.vtctl();
    vtctl.slow_copying_down("customer", 0.9);
    let _back = OnDrop(|| drop(vtctl.let_copying_run("customer")));
    let stored = |what: &str| -> Vec<String> {
        let sql = format!("select {what} from _vt.vreplication where workflow = '{}'", movement.workflow);
        world.cluster.query_primaries("customer", &sql)
    };
    let settings = "concat(cell, '|', tablet_types, '|', options, '|', defer_secondary_keys)";
    let before = (stored(settings), stored("source"));
    assert!(before.0.iter().all(|row| row.contains("|in_order:replica,primary|")), "{before:?}");
    assert!(before.1.iter().all(|row| row.contains("on_ddl:STOP")), "{before:?}");
    port.perform(streams(&movement, StreamsWanted::Running));
    port.perform(streams(&movement, StreamsWanted::Stopped));
    port.perform(streams(&movement, StreamsWanted::Running));
    assert_eq!((stored(settings), stored("source")), before, "starting and stopping changes nothing else");

    let progress = Ask::CopyProgress { keyspace: keyspace("customer"), workflow: workflow(&movement) };
    let mut seen_copying = false;
    wait::until_true(Duration::from_secs(120), "the copy is complete", || {
        let facts = port.observe(&query(&movement, [progress.clone()]));
        let found = forward(&facts, &movement).unwrap();
        if found.streams.iter().any(|stream| stream.state == StreamState::Copying) {
            if !seen_copying {
                eprintln!("  copying: {:?}", facts.copy_progress(&progress));
                let oracle = world.cluster.vtctl().workflow("customer", &movement.workflow).unwrap();
                eprintln!("  the oracle's lag: {}", oracle["max_v_replication_transaction_lag"]);
                vtctl.let_copying_run("customer").expect("the throttler is there");
            }
            seen_copying = true;
            assert_eq!(found.transaction_lag_seconds, None);
            assert!(!found.streams.iter().all(|stream| stream.copy_is_complete()));
        }
        found.streams.iter().all(|stream| stream.copy_is_complete()) && found.transaction_lag_seconds.is_some_and(|lag| lag < 30)
    });
    assert!(seen_copying, "the copy was too fast to be seen");
    port.perform(Mutation::CancelWorkflow(CancelWorkflow {
        workflow: workflow(&movement),
        target_keyspace: keyspace("customer"),
        table_count: movement.tables.len(),
    }));
    let facts = port.observe(&query(&movement, [Ask::TableNames(keyspace("customer"))]));
    assert!(facts.workflows.is_empty() && rules(&facts, &movement).is_empty() && denied(&facts, "customer").is_empty());
    assert!(world.cluster.tables("customer").iter().all(|table| !movement.tables.contains(table)));
}

fn a_vdiff_finds_what_differs(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let port = Port::new(world.cluster);
    port.perform(create(&movement));
    port.perform(streams(&movement, StreamsWanted::Running));
    wait_for_copy(&port, &movement);
    let secret = format!("secret-{}", world.name);
    let changed = &movement.tables[1];
    let mut primary = world.cluster.connect_primary("customer", "-80");
    primary.query_drop(format!("update {changed} set note = '{secret}' limit 1")).unwrap();
    primary.query_drop(format!("delete from {changed} where note <> '{secret}' limit 2")).unwrap();

    let uuid = Uuid::new_v4();
    port.perform(compare(&movement, uuid));
    let ask = Ask::VDiff { keyspace: keyspace("customer"), workflow: workflow(&movement), uuid: uuid.to_string() };
    let tables = movement.tables.iter().cloned().collect();
    let found = wait::until(Duration::from_secs(60), "the VDiff has an end", || {
        let facts = port.observe(&query(&movement, [ask.clone()]));
        let vdiff = facts.vdiff(&ask).unwrap().clone().unwrap();
        match vdiff.verdict(&shards(&["-80", "80-"]), &tables) {
            Verdict::Running { .. } => None,
            verdict => Some((verdict, format!("{facts:?}"))),
        }
    });
    eprintln!("  {:?}", found.0);
    let Verdict::Mismatch { found: mismatches, .. } = found.0 else { panic!("{:?}", found.0) };
    assert_eq!(mismatches.len(), 1);
    assert_eq!((mismatches[0].shard.as_str(), &mismatches[0].table), ("-80", changed));
    assert_eq!((mismatches[0].counts.mismatched_rows, mismatches[0].counts.extra_rows_source), (1, 2));
    assert!(!found.1.contains(&secret), "row data was read");
    // What was asked for is what the shards keep.
    let options: Vec<String> =
        world.cluster.query_primaries("customer", &format!("select options from _vt.vdiff where vdiff_uuid = '{uuid}'"));
    for options in options {
        let options: Value = serde_json::from_str(&options).unwrap();
        eprintln!("  {options}");
        assert_eq!(options["picker_options"]["tablet_types"], "in_order:rdonly,replica,primary");
        assert_eq!(options["core_options"]["max_extra_rows_to_compare"], 1000);
        assert_eq!(options["core_options"]["timeout_seconds"], 30);
        assert_eq!(options["core_options"]["auto_retry"], true);
        assert_eq!(options["report_options"]["only_pks"], true);
        assert_eq!(options["report_options"]["max_sample_rows"], 1);
    }
    // Nor did the cluster keep more of it than one sample of keys.
    let reports: Vec<String> =
        primary.query("select cast(report as char) from _vt.vdiff_table where report is not null").unwrap();
    assert!(reports.iter().all(|report| !report.contains(&secret)), "{reports:?}");

    // One shard that has lost its row of the VDiff does not make it one that never was.
    primary.query_drop(format!("delete from _vt.vdiff where vdiff_uuid = '{uuid}'")).unwrap();
    match port.ask(ask) {
        Ok(Answer::VDiff(Some(vdiff))) => assert_eq!(vdiff.shards.keys().collect::<Vec<_>>(), ["80-"]),
        other => panic!("{other:?}"),
    }
}

fn who_holds_a_lock_is_seen(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    let port = Port::new(world.cluster);
    port.perform(create(&movement));
    port.perform(streams(&movement, StreamsWanted::Running));
    wait_for_copy(&port, &movement);
    // It holds the switch up in LOCK TABLES.
    let mut writer = world.cluster.connect_primary("commerce", "0");
    writer.query_drop("begin").unwrap();
    writer.query_drop(format!("update {} set hits = 1 where id = 1", movement.tables[0])).unwrap();
    let ask = Ask::Locks {
        workflows: vec![(keyspace("customer"), workflow(&movement))],
        keyspaces: vec![keyspace("commerce"), keyspace("customer")],
    };
    std::thread::scope(|scope| {
        let switching =
            scope.spawn(|| Port::new(world.cluster).perform(switch(&movement, Direction::Forward, &[TabletType::Primary])));
        let mut held = Vec::new();
        wait::until_true(Duration::from_secs(20), "all three locks are held", || {
            if let Ok(Answer::Locks(locks)) = port.ask(ask.clone()) {
                held = locks;
            }
            held.len() == 3
        });
        eprintln!("  {held:#?}");
        let of: Vec<&str> = held.iter().map(|lock| lock.of.as_str()).collect();
        let named = format!("customer/{}", movement.workflow);
        assert_eq!(of, [named.as_str(), "commerce", "customer"]);
        assert!(
            held.iter()
                .all(|lock| !lock.action.is_empty() && !lock.host.is_empty() && lock.time.parse::<jiff::Timestamp>().is_ok())
        );
        writer.query_drop("rollback").unwrap();
        assert!(switching.join().unwrap().contains("SwitchTraffic was successful"));
    });
    assert_eq!(port.ask(ask).map(|answer| format!("{answer:?}")), Ok("Locks([])".into()));
}
