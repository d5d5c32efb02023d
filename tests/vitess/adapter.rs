//! That the port's adapter reads and writes a real vtctld: each reading beside what `vtctldclient` says of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::clock::SystemClock;
use cutover::cluster::mutation::{
    ApplyRoutingRules, AutoIncrementHandling, CancelWorkflow, CompleteMoveTables, CreateMoveTables, CreateVDiff, Direction,
    Mutation, OnDdl, RebuildVSchemaGraph, SetStreams, SourceTables, StopVDiff, StreamsWanted, SwitchTraffic,
};
use cutover::cluster::port::{Answer, Ask, Facts, Query, Question, Reader as _, Writer as _};
use cutover::cluster::vtctld::{Cluster as Adapter, ConnectionSettings, SqlReads, Vtctld};
use cutover::cluster::{ClusterError, ErrorKind};
use cutover::model::name::{KeyspaceName, TableName, WorkflowName};
use cutover::model::topology::TabletType;
use cutover::model::vdiff::{VDiffState, Verdict};
use cutover::model::workflow::{StreamState, Workflow};
use mysql::prelude::Queryable;
use serde_json::Value;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::support::{Case, Cluster, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    cases![
        an_idle_cluster_is_seen_as_it_is,
        what_does_not_exist_is_absent,
        names_of_tables_are_matched_exactly,
        sql_answers_within_bounds,
        sql_that_takes_too_long_is_unread,
        a_transaction_that_writes_is_named,
        a_movement_by_mutations_alone,
        a_copy_has_no_lag_and_a_stream_keeps_its_settings,
        a_vdiff_finds_what_differs,
        who_holds_a_lock_is_seen,
        a_tablet_that_is_down_leaves_the_rest,
        an_unreachable_vtctld_is_an_error,
    ]
}

/// The adapter over the cluster's vtctld, for tests that are no futures themselves.
struct Port {
    runtime: Runtime,
    adapter: Adapter,
}

impl Port {
    fn new(cluster: &Cluster) -> Self {
        Self::at(cluster.vtctld())
    }

    fn at(address: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let adapter = {
            let _inside = runtime.enter();
            let vtctld = Vtctld::connect(&ConnectionSettings::plaintext(address)).expect("settings for a local vtctld");
            Adapter::new(vtctld, Arc::new(SystemClock))
        };
        Self { runtime, adapter }
    }

    fn with_sql(mut self, sql: SqlReads) -> Self {
        self.adapter = self.adapter.with_sql(sql);
        self
    }

    fn attempt(&self, query: &Query) -> Result<Facts, ClusterError> {
        self.runtime.block_on(self.adapter.observe(query))
    }

    fn observe(&self, query: &Query) -> Facts {
        let begin = Instant::now();
        let facts = self.attempt(query).unwrap_or_else(|error| panic!("{error}"));
        let unread: Vec<String> =
            facts.answers.iter().filter_map(|one| one.answer.as_ref().err().map(|why| format!("{:?}: {why}", one.ask))).collect();
        eprintln!("  observed in {} ms, {} answers, unread: {unread:?}", begin.elapsed().as_millis(), facts.answers.len());
        assert!(facts.covers(query));
        facts
    }

    /// The answer to one ask, or why there is none.
    fn ask(&self, ask: Ask) -> Result<Answer, String> {
        let facts = self.observe(&Query { asks: [ask.clone()].into(), ..Query::default() });
        facts.answer(&ask).cloned().map_err(|unread| unread.why)
    }

    fn perform(&self, mutation: Mutation) -> String {
        self.try_perform(mutation.clone()).unwrap_or_else(|error| panic!("{mutation:?}: {error}"))
    }

    fn try_perform(&self, mutation: Mutation) -> Result<String, ClusterError> {
        let begin = Instant::now();
        let receipt = self.runtime.block_on(self.adapter.perform(&mutation));
        eprintln!("  {} in {} ms: {receipt:?}", mutation.verb().words(), begin.elapsed().as_millis());
        receipt.map(|receipt| receipt.summary)
    }
}

fn keyspace(name: &str) -> KeyspaceName {
    KeyspaceName::new(name).expect("a keyspace's name")
}

fn tables(movement: &Movement) -> Vec<TableName> {
    movement.tables.iter().map(|table| TableName::new(table.as_str()).expect("a table's name")).collect()
}

fn workflow(movement: &Movement) -> WorkflowName {
    WorkflowName::forward(movement.workflow.as_str()).expect("a workflow's name")
}

fn shards(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What the driver would look at: both keyspaces, the workflow and its reverse.
fn query(movement: &Movement, asks: impl IntoIterator<Item = Ask>) -> Query {
    let name = workflow(movement);
    Query {
        keyspaces: [keyspace(movement.source), keyspace(movement.target)].into(),
        workflows: [(keyspace(movement.source), name.reverse()), (keyspace(movement.target), name)].into(),
        asks: asks.into_iter().collect(),
    }
}

fn forward<'a>(facts: &'a Facts, movement: &Movement) -> Option<&'a Workflow> {
    facts.workflow(&keyspace(movement.target), &workflow(movement))
}

fn backward<'a>(facts: &'a Facts, movement: &Movement) -> Option<&'a Workflow> {
    facts.workflow(&keyspace(movement.source), &workflow(movement).reverse())
}

fn an_idle_cluster_is_seen_as_it_is(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    let port = Port::new(world.cluster);
    let source = keyspace("commerce");
    let asks = [
        Ask::Tablets(source.clone()),
        Ask::TabletStatus(source.clone()),
        Ask::Tables { keyspace: source.clone(), names: None },
        Ask::TableNames(source.clone()),
        Ask::Locks {
            keyspaces: vec![source.clone(), keyspace("customer")],
            keyspace: keyspace("customer"),
            workflow: workflow(&movement),
        },
    ];
    let before = jiff::Timestamp::now();
    let facts = port.observe(&query(&movement, asks.clone()));
    assert!(facts.observed_at >= before && facts.observed_at <= jiff::Timestamp::now());

    let vtctl = world.cluster.vtctl();
    let cells: Vec<&str> = facts.cells.names.iter().map(|cell| cell.as_str()).collect();
    assert_eq!(cells, ["zone1", "zone2"]);
    assert_eq!(facts.keyspaces.keys().map(KeyspaceName::as_str).collect::<Vec<_>>(), ["commerce", "customer"]);
    for (name, found) in &facts.keyspaces {
        for (shard, record) in &found.shards {
            let uid = vtctl.primary_uid(name.as_str(), shard.as_str());
            assert_eq!(record.primary_alias.as_ref().map(|alias| alias.uid), Some(uid), "{name}/{shard}");
            assert!(record.is_primary_serving);
            assert!(record.denied_tables().is_empty());
        }
    }
    assert_eq!(
        facts.keyspaces["customer"].shards.values().map(|shard| shard.key_range.clone()).collect::<Vec<_>>(),
        [(String::new(), "80".into()), ("80".into(), String::new())]
    );
    // The same VSchema globally and in each cell, and the table's as the oracle says it.
    assert_eq!(facts.served.keys().collect::<Vec<_>>(), ["zone1", "zone2"]);
    for served in facts.served.values() {
        assert_eq!(served.vschemas["customer"], facts.vschemas["customer"]);
        assert_eq!(served.routing_rules, facts.routing_rules);
    }
    let oracle = vtctl.vschema("customer");
    let table = &facts.vschemas["customer"].tables[&movement.tables[0]];
    assert_eq!(
        oracle["tables"][&movement.tables[0]]["auto_increment"]["sequence"],
        table.auto_increment.as_ref().unwrap().sequence
    );
    assert_eq!(table.column_vindexes[0].columns, ["id"]);
    assert_eq!(facts.routing_rules.len(), vtctl.routing_rules().len());
    assert!(facts.workflows.is_empty());

    let tablets = facts.tablets(&asks[0]).unwrap();
    assert_eq!(tablets.len(), world.cluster.tablets().iter().filter(|tablet| tablet.keyspace == "commerce").count());
    assert_eq!(tablets.iter().filter(|tablet| tablet.tablet_type == TabletType::Primary).count(), 1);
    assert!(tablets.iter().all(|tablet| tablet.database == "vt_commerce"));
    let status = facts.tablet_status(&asks[1]).unwrap();
    assert_eq!(status.len(), tablets.len());
    for one in status {
        let tablet = tablets.iter().find(|tablet| tablet.alias == one.alias).unwrap();
        let mysql = one.status.as_ref().unwrap();
        eprintln!("  {} {}: {mysql:?}", one.alias, tablet.tablet_type);
        assert_eq!((mysql.binlog_format.as_str(), mysql.binlog_row_image.as_str()), ("ROW", "FULL"));
        assert_eq!(mysql.replication_is_running.is_some(), tablet.tablet_type != TabletType::Primary);
    }
    let definitions = &facts.tables(&asks[2]).unwrap()["0"];
    let definition = &definitions[&movement.tables[0]];
    assert_eq!(definition.primary_key_columns, ["id"]);
    assert_eq!(definition.auto_increment_column().as_deref(), Some("id"));
    assert_eq!(definition.columns, ["id", "token", "hits", "note", "written_at"]);
    let names = &facts.table_names(&asks[3]).unwrap()["0"];
    let all: BTreeSet<String> = world.cluster.tables("commerce").into_iter().collect();
    assert_eq!(names, &all);
    assert!(facts.locks(&asks[4]).unwrap().is_empty());
}

fn what_does_not_exist_is_absent(world: &World) {
    let port = Port::new(world.cluster);
    let (nowhere, name) = (keyspace("nowhere"), WorkflowName::forward(world.name.as_str()).unwrap());
    let vdiff = Ask::VDiff { keyspace: keyspace("customer"), workflow: name.clone(), uuid: Uuid::new_v4().to_string() };
    let vdiffs = Ask::VDiffs { keyspace: keyspace("customer"), workflow: name.clone() };
    let progress = Ask::CopyProgress { keyspace: keyspace("customer"), workflow: name.clone() };
    let tables = Ask::Tables { keyspace: nowhere.clone(), names: None };
    let facts = port.observe(&Query {
        keyspaces: [nowhere.clone(), keyspace("commerce")].into(),
        workflows: [(nowhere.clone(), name.clone()), (keyspace("customer"), name)].into(),
        asks: [vdiff.clone(), vdiffs.clone(), progress.clone(), tables.clone()].into(),
    });
    assert!(!facts.keyspaces.contains_key(&nowhere) && facts.keyspaces.contains_key("commerce"));
    assert!(!facts.vschemas.contains_key(&nowhere));
    assert!(facts.workflows.is_empty());
    assert_eq!(facts.vdiff(&vdiff).unwrap(), &None);
    assert!(facts.vdiffs(&vdiffs).unwrap().is_empty());
    assert!(facts.copy_progress(&progress).unwrap_err().why.contains("no streams found"));
    assert_eq!(facts.tables(&tables).unwrap_err().why, "keyspace nowhere does not exist");
}

fn names_of_tables_are_matched_exactly(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 1, ..Shape::default() });
    let port = Port::new(world.cluster);
    let table = &movement.tables[0];
    let view = format!("{table}_view");
    world.cluster.execute_primaries("commerce", &format!("create view `{view}` as select id from `{table}`"));
    let source = keyspace("commerce");
    let name = |name: &str| TableName::new(name).unwrap();
    let ask = Ask::Tables { keyspace: source.clone(), names: Some(vec![name(&table.to_uppercase()), name(table), name(&view)]) };
    let none = Ask::Tables { keyspace: source.clone(), names: Some(vec![]) };
    let names = Ask::TableNames(source);
    let facts = port.observe(&Query { asks: [ask.clone(), none.clone(), names.clone()].into(), ..Query::default() });
    world.cluster.execute_primaries("commerce", &format!("drop view `{view}`"));
    let found = &facts.tables(&ask).unwrap()["0"];
    assert_eq!(found.keys().collect::<BTreeSet<_>>(), [table, &view].into());
    assert!(found[&view].is_view && !found[table].is_view);
    assert!(facts.tables(&none).unwrap()["0"].is_empty());
    let names = &facts.table_names(&names).unwrap()["0"];
    assert!(names.contains(table) && !names.contains(&view));
}

fn sql_answers_within_bounds(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 2, rows: 10, ..Shape::default() });
    let port = Port::new(world.cluster);
    let (with, empty) = (&movement.tables[0], &movement.tables[1]);
    let odd = format!("{} o`dd", world.name).replace('`', "-");
    world.cluster.execute_primaries("commerce", &format!("delete from {empty}"));
    world.cluster.execute_primaries("commerce", &format!("create table `{odd}` (`a``b` int, `max` bigint unsigned)"));
    world.cluster.execute_primaries("commerce", &format!("insert into `{odd}` values (null, 18446744073709551615), (1, 2)"));
    let name = |name: &str| TableName::new(name).unwrap();
    let source = keyspace("commerce");
    let absent = name("not_there");
    let has_rows = Ask::Sql(Question::HasRows {
        keyspace: source.clone(),
        tables: vec![name(with), name(empty), name(&odd), absent.clone()],
    });
    let on_target = Ask::Sql(Question::HasRows { keyspace: keyspace("customer"), tables: tables(&movement) });
    let has_null = Ask::Sql(Question::HasNull {
        keyspace: source.clone(),
        columns: vec![(name(with), "id".into()), (name(&odd), "a`b".into()), (absent.clone(), "x".into())],
    });
    let largest = Ask::Sql(Question::LargestValue {
        keyspace: source.clone(),
        columns: vec![
            (name(with), "id".into()),
            (name(empty), "id".into()),
            (name(&odd), "max".into()),
            (absent.clone(), "x".into()),
        ],
    });
    let next = Ask::Sql(Question::SequenceNext {
        keyspace: source.clone(),
        sequences: vec![name(&format!("{with}_seq")), absent.clone()],
    });
    let no_column = Ask::Sql(Question::HasNull { keyspace: source, columns: vec![(name(with), "no such".into())] });
    // What the replica lacks, it says it lacks: it has to know the new table first.
    wait::until_true(Duration::from_secs(20), "the replicas know the table", || {
        world.cluster.tablets().iter().filter(|tablet| tablet.keyspace == "commerce").all(|tablet| {
            let found: Vec<String> =
                world.cluster.connect_tablet(tablet.uid, "commerce").query(format!("show tables like '{odd}'")).unwrap();
            found.len() == 1
        })
    });
    let asks = [&has_rows, &on_target, &has_null, &largest, &next, &no_column].map(Clone::clone);
    let facts = port.observe(&Query { asks: asks.into(), ..Query::default() });
    world.cluster.execute_primaries("commerce", &format!("drop table `{odd}`"));
    assert_eq!(facts.has_rows(&has_rows).unwrap()["0"], [with.clone(), odd.clone()].into());
    assert_eq!(
        facts.has_rows(&on_target).unwrap(),
        &BTreeMap::from([("-80".to_owned(), [].into()), ("80-".to_owned(), [].into())])
    );
    assert_eq!(facts.has_null(&has_null).unwrap(), &[odd.clone()].into());
    assert_eq!(
        facts.largest_value(&largest).unwrap(),
        &BTreeMap::from([(with.clone(), Some(10)), (empty.clone(), None), (odd, Some(18_446_744_073_709_551_615))])
    );
    assert_eq!(facts.sequence_next(&next).unwrap(), &BTreeMap::from([(format!("{with}_seq"), Some(1))]));
    let why = facts.has_null(&no_column).unwrap_err().why;
    assert!(why.contains("errno 1054"), "{why}");

    let forbidden = Port::new(world.cluster).with_sql(SqlReads::Forbidden).ask(has_rows);
    assert!(forbidden.unwrap_err().contains("--no-sql"));
}

fn sql_that_takes_too_long_is_unread(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 40_000, ..Shape::default() });
    // Without an index the table is read whole, here many times over in one statement.
    let column = (tables(&movement)[0].clone(), "hits".to_owned());
    let ask = Ask::Sql(Question::LargestValue { keyspace: keyspace("commerce"), columns: vec![column; 50] });
    let limit = Duration::from_millis(5);
    let why = Port::new(world.cluster).with_sql(SqlReads::Within(limit)).ask(ask.clone()).unwrap_err();
    assert!(why.contains("could not be read within 0.005 s"), "{why}");
    match Port::new(world.cluster).with_sql(SqlReads::DEEP).ask(ask) {
        Ok(Answer::LargestValue(found)) => assert_eq!(found, BTreeMap::from([(movement.tables[0].clone(), Some(0))])),
        other => panic!("{other:?}"),
    }
}

fn a_transaction_that_writes_is_named(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 2, rows: 10, ..Shape::default() });
    let port = Port::new(world.cluster);
    let (ours, other) = (&movement.tables[0], &movement.tables[1]);
    let ask =
        Ask::Sql(Question::WriteLocks { keyspace: keyspace("commerce"), tables: vec![TableName::new(ours.as_str()).unwrap()] });
    let locks = |port: &Port| match port.ask(ask.clone()) {
        Ok(Answer::WriteLocks(locks)) => locks,
        other => panic!("{other:?}"),
    };
    assert!(locks(&port).is_empty());

    let mut reader = world.cluster.connect("commerce").unwrap();
    reader.query_drop("begin").unwrap();
    let _: Vec<u64> = reader.query(format!("select id from {ours}")).unwrap();
    let mut elsewhere = world.cluster.connect("commerce").unwrap();
    elsewhere.query_drop("begin").unwrap();
    elsewhere.query_drop(format!("update {other} set hits = 1 where id = 1")).unwrap();
    assert!(locks(&port).is_empty(), "a reader of ours and a writer of another table");

    let mut writer = world.cluster.connect("commerce").unwrap();
    writer.query_drop("begin").unwrap();
    writer.query_drop(format!("update {ours} set hits = 1 where id = 1")).unwrap();
    let begin = Instant::now();
    let mut administrator = world.cluster.connect_primary("commerce", "0");
    administrator.query_drop("begin").unwrap();
    let _: Vec<u64> = administrator.query(format!("select id from {ours} where id = 2 for update")).unwrap();
    // Its age grows, to the millisecond.
    let mut seen = locks(&port);
    wait::until_true(Duration::from_secs(10), "the transaction grows older than 1.2 s", || {
        seen = locks(&port);
        seen.iter().any(|lock| lock.user == "vt_app" && lock.age_milliseconds > 1200)
    });
    eprintln!("  {seen:#?}");
    let users: BTreeSet<&str> = seen.iter().map(|lock| lock.user.as_str()).collect();
    assert_eq!(users, ["vt_app", "vt_dba"].into());
    let lock = seen.iter().find(|lock| lock.user == "vt_app").unwrap();
    assert_eq!((lock.shard.as_str(), &lock.table), ("0", ours));
    assert!(u128::from(lock.age_milliseconds) <= begin.elapsed().as_millis() + 50);
    let alive: Option<u64> = administrator
        .query_first(format!("select count(*) from performance_schema.processlist where id = {}", lock.connection))
        .unwrap();
    assert_eq!(alive, Some(1));
    administrator.query_drop("rollback").unwrap();

    // Without metadata locks it can't be said on which table.
    let instrument = |enabled: &str| {
        format!("update performance_schema.setup_instruments set enabled = '{enabled}' where name = 'wait/lock/metadata/sql/mdl'")
    };
    administrator.query_drop(instrument("NO")).unwrap();
    // InnoDB makes its list of transactions anew only when nobody has read it for 0.1 s.
    let mut without = Vec::new();
    let begin = Instant::now();
    while without.len() != 2 && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(300));
        without = locks(&port);
    }
    administrator.query_drop(instrument("YES")).unwrap();
    eprintln!("  {without:#?}");
    assert!(without.len() == 2 && without.iter().all(|lock| lock.table == "?" && lock.user == "vt_app"));

    for mut connection in [writer, elsewhere, reader] {
        connection.query_drop("rollback").unwrap();
    }
    assert!(locks(&port).is_empty());
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
        target_keyspace: keyspace(movement.target),
        uuid,
        cells: vec![],
        tablet_types: vec![TabletType::Rdonly, TabletType::Replica, TabletType::Primary],
        max_duration_seconds: None,
    })
}

fn switch(movement: &Movement, direction: Direction, tablet_types: &[TabletType]) -> Mutation {
    Mutation::SwitchTraffic(SwitchTraffic {
        workflow: workflow(movement),
        target_keyspace: keyspace(movement.target),
        direction,
        tablet_types: tablet_types.to_vec(),
        timeout_seconds: 5,
        max_lag_seconds: 5,
        initialize_target_sequences: true,
    })
}

fn wait_for_copy(port: &Port, movement: &Movement) {
    wait::until_true(Duration::from_secs(60), "the copy is complete", || {
        let facts = port.observe(&query(movement, []));
        let found = forward(&facts, movement).unwrap();
        found.streams.iter().all(|stream| stream.copy_is_complete()) && found.transaction_lag_seconds.is_some_and(|lag| lag < 5)
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
        let facts = port.observe(&query(&movement, [one.clone(), all.clone()]));
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
        (Backward, vec![Replica], "S/S/T"),
        (Backward, vec![Rdonly], "S/S/S"),
        (Forward, vec![Rdonly], "S/S/T"),
        (Forward, vec![Replica], "S/T/T"),
        (Forward, vec![Primary], "T/T/T"),
    ] {
        // A stream that has just been made reports its position only after a moment, and refuses a switch until then.
        wait::until_true(Duration::from_secs(30), "the streams are live", || {
            let facts = port.observe(&query(&movement, []));
            let live = |workflow: &Workflow| workflow.transaction_lag_seconds.is_some_and(|lag| lag < 5);
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
    let movement = Movement::prepare(world, &Shape { rows: 60_000, ..Shape::default() });
    let port = Port::new(world.cluster);
    port.perform(create(&movement));
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
            }
            seen_copying = true;
            assert_eq!(found.transaction_lag_seconds, None);
            assert!(!found.streams.iter().all(|stream| stream.copy_is_complete()));
        }
        found.streams.iter().all(|stream| stream.copy_is_complete()) && found.transaction_lag_seconds.is_some_and(|lag| lag < 5)
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
    let Verdict::Mismatch(mismatches) = found.0 else { panic!("{:?}", found.0) };
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
        keyspaces: vec![keyspace("commerce"), keyspace("customer")],
        keyspace: keyspace("customer"),
        workflow: workflow(&movement),
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

fn a_tablet_that_is_down_leaves_the_rest(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 1, ..Shape::default() });
    let port = Port::new(world.cluster);
    let source = keyspace("commerce");
    let down = world.cluster.tablets().into_iter().rfind(|tablet| tablet.keyspace == "commerce").unwrap();
    let status = Ask::TabletStatus(source.clone());
    let definitions = Ask::Tables { keyspace: source.clone(), names: Some(tables(&movement)) };
    let has_null = Ask::Sql(Question::HasNull { keyspace: source, columns: vec![(tables(&movement)[0].clone(), "note".into())] });
    let process = format!("vttablet-{}", down.uid);
    world.cluster.kill(&process);
    let facts = port.attempt(&Query { asks: [status.clone(), definitions.clone(), has_null.clone()].into(), ..Query::default() });
    world.cluster.restart(&process);
    let facts = facts.unwrap();
    for one in facts.tablet_status(&status).unwrap() {
        eprintln!("  {}: {:?}", one.alias, one.status);
        assert_eq!(one.status.is_err(), one.alias.uid == down.uid, "{one:?}");
    }
    assert!(facts.tables(&definitions).unwrap()["0"].contains_key(&movement.tables[0]));
    // The replica does not answer, so the primary did.
    assert!(facts.has_null(&has_null).unwrap().is_empty());
}

fn an_unreachable_vtctld_is_an_error(_: &World) {
    let port = Port::at("127.0.0.1:1");
    let error = port.attempt(&Query { asks: [Ask::Tablets(keyspace("commerce"))].into(), ..Query::default() }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
}
