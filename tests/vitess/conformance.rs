//! The conformance suite on the real cluster: a sixth of its cases each day, and one of its random scripts.
//!
//! `CUTOVER_CONFORMANCE=all`, or a part of the names of cases, runs these instead. `CUTOVER_UPDATE=1` records the goldens anew.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use cutover::clock::SystemClock;
use cutover::cluster::vtctld::generated::{topodata, vtctldata as data};
use cutover::cluster::vtctld::{Cluster as Adapter, ConnectionSettings, Vtctld};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::conformance_suite::{self as suite, Deed, Held, Mode, Stage, canonical, picture, random, world};
use super::support::{Case, Cluster, OnDrop, World};

/// The suite is run in so many days.
const PARTS: u64 = 6;

pub fn tests() -> Vec<Case> {
    // A part takes a minute or two; all of it, some more.
    let limit_seconds = if std::env::var_os("CUTOVER_CONFORMANCE").is_some() { 7200 } else { 600 };
    vec![
        Case::new("the_cases_of_today_give_their_goldens", the_cases_of_today_give_their_goldens).limit_seconds(limit_seconds),
        Case::new("the_script_of_today_gives_its_golden", the_script_of_today_gives_its_golden).limit_seconds(limit_seconds),
    ]
}

fn the_cases_of_today_give_their_goldens(world: &World) {
    assert_eq!(suite::strays(), Vec::<String>::new(), "goldens of no case");
    let cases: Vec<(usize, suite::Case)> = suite::cases::all().into_iter().enumerate().collect();
    let chosen = chosen(cases, |(_, case)| case.name.to_owned(), |(index, _)| *index as u64);
    if let (true, Ok(part)) = (chosen.is_empty(), std::env::var("CUTOVER_CONFORMANCE")) {
        assert!(random::SEEDS.map(random::name).any(|name| name.contains(&part)), "no case and no script has such a name");
    }
    run_each(world, chosen, |stage, (_, case)| {
        (case.name.to_owned(), Box::pin(async move { suite::run(&case, stage, mode()).await }))
    });
}

fn the_script_of_today_gives_its_golden(world: &World) {
    let mut chosen = chosen(random::SEEDS.collect(), |seed| random::name(*seed), |seed| *seed);
    if std::env::var_os("CUTOVER_CONFORMANCE").is_none() {
        // One is enough for a day; which of the part's depends on the week.
        let week = usize::try_from(days() / PARTS).unwrap_or(0);
        chosen = chosen.get(week % chosen.len().max(1)).copied().into_iter().collect();
    }
    run_each(world, chosen, |stage, seed| (random::name(seed), Box::pin(script(seed, stage))));
}

async fn script(seed: u64, stage: &RigStage) -> Result<(), String> {
    let agreement = random::run(seed, stage, mode()).await?;
    eprintln!("  {} of {} steps agree", agreement.agreed, agreement.steps);
    agreement.difference.map_or(Ok(()), Err)
}

type Running<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// Runs each, and fails with all that differ.
fn run_each<T>(world: &World, chosen: Vec<T>, run: impl for<'a> Fn(&'a RigStage, T) -> (String, Running<'a>)) {
    let runtime = Runtime::new().expect("a runtime");
    let stage = RigStage::new(world.cluster, &runtime);
    let _empty = OnDrop(|| runtime.block_on(stage.leave()));
    let mut failed = Vec::new();
    for one in chosen {
        let begin = Instant::now();
        let (name, running) = run(&stage, one);
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(running)));
        let outcome = outcome.unwrap_or_else(|_| Err("it panicked, see above".to_owned()));
        eprintln!("  {name}: {:.1} s{}", begin.elapsed().as_secs_f64(), if outcome.is_ok() { "" } else { ", FAILED" });
        if let Err(why) = outcome {
            failed.push(format!("{name}: {why}"));
            world.cluster.heal();
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn mode() -> Mode {
    if std::env::var_os("CUTOVER_UPDATE").is_some() { Mode::Record } else { Mode::Compare }
}

/// Days since 1970.
fn days() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs() / 86_400
}

/// Those that `CUTOVER_CONFORMANCE` names, or else today's part.
fn chosen<T>(all: Vec<T>, name: impl Fn(&T) -> String, number: impl Fn(&T) -> u64) -> Vec<T> {
    let wanted = std::env::var("CUTOVER_CONFORMANCE").ok();
    let today = days() % PARTS;
    let is_chosen = |one: &T| match wanted.as_deref() {
        Some("all") => true,
        Some(part) => name(one).contains(part),
        None => number(one) % PARTS == today,
    };
    all.into_iter().filter(is_chosen).collect()
}

/// The rig's cluster, brought into the world of the suite.
struct RigStage {
    cluster: &'static Cluster,
    vtctld: Vtctld,
    adapter: Adapter,
    /// Connections to MySQL by tablet.
    connections: Mutex<BTreeMap<u32, Conn>>,
    /// What is there when all is as in the world: checksums of tables, and VSchemas.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    checksums: BTreeMap<String, i64>,
    vschemas: BTreeMap<&'static str, Vec<String>>,
}

/// Names of all tables that are no views.
const TABLES: &str =
    "select table_name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE'";

/// Of a write that brings the world back.
const DEADLINE: Duration = Duration::from_secs(60);

impl RigStage {
    fn new(cluster: &'static Cluster, runtime: &Runtime) -> Self {
        let _inside = runtime.enter();
        let vtctld = Vtctld::connect(&ConnectionSettings::plaintext(cluster.vtctld())).expect("settings for a local vtctld");
        let adapter = Adapter::new(vtctld.clone(), Arc::new(SystemClock));
        Self { cluster, vtctld, adapter, connections: Mutex::default(), known: Mutex::default() }
    }

    fn sql<T>(&self, uid: u32, keyspace: &str, run: impl FnOnce(&mut Conn) -> mysql::Result<T>) -> T {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = connections.entry(uid).or_insert_with(|| self.cluster.connect_tablet(uid, keyspace));
        run(connection).unwrap_or_else(|error| panic!("on tablet {uid}: {error}"))
    }

    fn statement(&self, uid: u32, keyspace: &str, sql: &str) {
        self.sql(uid, keyspace, |connection| connection.query_drop(sql));
    }

    /// Takes all away that is not a table: rules, workflows, denied tables, leftovers in the sidecar schema.
    async fn clear(&self) {
        if !self.cluster.locks().is_empty() {
            self.cluster.unlock();
        }
        // Rules first: then nothing counts as switched, and no deletion is refused.
        self.vtctld.write(data::ApplyRoutingRulesRequest::default(), DEADLINE).await.expect("no rules");
        for keyspace in &world::KEYSPACES {
            for workflow in picture::workflows_of(&self.vtctld, keyspace.name).await {
                let request = data::WorkflowDeleteRequest {
                    keyspace: keyspace.name.to_owned(),
                    workflow: workflow.name.clone(),
                    keep_data: true,
                    keep_routing_rules: true,
                    ..Default::default()
                };
                if let Err(error) = self.vtctld.write(request, DEADLINE).await {
                    eprintln!("  deleting {} by hand: {error}", workflow.name);
                    for shard in keyspace.shards {
                        let name = &workflow.name;
                        self.statement(
                            shard.primary_uid,
                            keyspace.name,
                            &format!("delete from _vt.vreplication where workflow = '{name}'"),
                        );
                    }
                }
            }
        }
        for keyspace in &world::KEYSPACES {
            let request = data::FindAllShardsInKeyspaceRequest { keyspace: keyspace.name.to_owned() };
            let shards = self.vtctld.read(request).await.expect("shards").shards;
            for (name, shard) in shards {
                let controls = shard.shard.unwrap_or_default().tablet_controls;
                for control in &controls {
                    let request = data::SetShardTabletControlRequest {
                        keyspace: keyspace.name.to_owned(),
                        shard: name.clone(),
                        tablet_type: control.tablet_type,
                        remove: true,
                        ..Default::default()
                    };
                    self.vtctld.write(request, DEADLINE).await.expect("no denied tables");
                }
                if !controls.is_empty() {
                    let request =
                        data::RefreshStateByShardRequest { keyspace: keyspace.name.to_owned(), shard: name, cells: vec![] };
                    self.vtctld.write(request, DEADLINE).await.expect("tablets that know it");
                }
            }
            for shard in keyspace.shards {
                for table in ["resharding_journal", "vdiff_log", "vdiff_table", "vdiff", "copy_state"] {
                    self.statement(shard.primary_uid, keyspace.name, &format!("delete from _vt.{table}"));
                }
            }
        }
    }

    /// Makes the tables of a shard's primary those of `tables`, and tells its tablets.
    async fn put_tables(&self, keyspace: &world::Keyspace, shard: &world::Shard, tables: &[world::Table]) {
        let names: Vec<String> = self.sql(shard.primary_uid, keyspace.name, |connection| connection.query(TABLES));
        let mut changed = false;
        for name in names.iter().filter(|name| !tables.iter().any(|table| table.name == name.as_str())) {
            self.statement(shard.primary_uid, keyspace.name, &format!("drop table `{name}`"));
            changed = true;
        }
        for table in tables {
            if self.is_whole(keyspace, shard, table, names.iter().any(|name| name == table.name)) {
                continue;
            }
            self.statement(shard.primary_uid, keyspace.name, &format!("drop table if exists `{}`", table.name));
            self.statement(shard.primary_uid, keyspace.name, table.definition);
            self.statement(shard.primary_uid, keyspace.name, &table.fill());
            let checksum = self.checksum(keyspace, shard, table);
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.checksums.insert(table.name.to_owned(), checksum);
            changed = true;
        }
        if changed {
            self.reload(keyspace, shard).await;
        }
    }

    fn checksum(&self, keyspace: &world::Keyspace, shard: &world::Shard, table: &world::Table) -> i64 {
        let sql = format!("checksum table `{}`", table.name);
        let row: Option<(String, i64)> = self.sql(shard.primary_uid, keyspace.name, |connection| connection.query_first(sql));
        row.expect("a checksum").1
    }

    fn is_whole(&self, keyspace: &world::Keyspace, shard: &world::Shard, table: &world::Table, exists: bool) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).checksums.get(table.name).copied();
        exists && known.is_some_and(|known| known == self.checksum(keyspace, shard, table))
    }

    /// Both tablets of a shard read their schema anew: what vttablet does not know it neither denies nor streams.
    async fn reload(&self, keyspace: &world::Keyspace, shard: &world::Shard) {
        let executed: Option<String> =
            self.sql(shard.primary_uid, keyspace.name, |connection| connection.query_first("select @@global.gtid_executed"));
        let wait = format!("select wait_for_executed_gtid_set('{}', 30)", executed.unwrap_or_default());
        self.statement(shard.replica_uid, keyspace.name, &wait);
        for uid in [shard.primary_uid, shard.replica_uid] {
            let request = data::ExecuteFetchAsDbaRequest {
                tablet_alias: Some(topodata::TabletAlias { cell: world::CELLS[0].to_owned(), uid }),
                query: b"select 1".to_vec(),
                max_rows: -1,
                disable_binlogs: false,
                reload_schema: true,
            };
            self.vtctld.write(request, DEADLINE).await.expect("a tablet that reads its schema");
        }
    }

    async fn put_vschema(&self, keyspace: &world::Keyspace) {
        let read = async || {
            let request = data::GetVSchemaRequest { keyspace: keyspace.name.to_owned() };
            let answer = self.vtctld.read(request).await;
            answer.ok().and_then(|answer| answer.v_schema).as_ref().map(canonical::vschema)
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).vschemas.get(keyspace.name).cloned();
        if known.is_some() && read().await == known {
            return;
        }
        let vschema: Value = serde_json::from_str(keyspace.vschema).expect("a VSchema in JSON");
        self.cluster.vtctl().apply_vschema(keyspace.name, &vschema);
        let applied = read().await.expect("a VSchema that was applied");
        self.known.lock().unwrap_or_else(PoisonError::into_inner).vschemas.insert(keyspace.name, applied);
    }

    /// Leaves the cluster empty, for the tests that come after.
    async fn leave(&self) {
        self.clear().await;
        for keyspace in &world::KEYSPACES {
            for shard in keyspace.shards {
                self.put_tables(keyspace, shard, &[]).await;
            }
            self.cluster.vtctl().apply_vschema(keyspace.name, &Value::Object(serde_json::Map::default()));
        }
    }
}

fn a_world_keyspace(name: &str) -> &'static world::Keyspace {
    world::keyspace(name).expect("a keyspace of the world")
}

/// The columns of a table of the world, wherever it was moved.
fn columns(table: &str) -> &'static [&'static str] {
    let tables = world::KEYSPACES.iter().flat_map(|keyspace| keyspace.tables);
    tables.into_iter().find(|one| one.name == table).expect("a table of the world").columns
}

#[async_trait]
impl Stage for RigStage {
    fn vtctld(&self) -> &Vtctld {
        &self.vtctld
    }

    fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    async fn reset(&self) {
        self.clear().await;
        for keyspace in &world::KEYSPACES {
            for shard in keyspace.shards {
                self.put_tables(keyspace, shard, keyspace.tables).await;
            }
            self.put_vschema(keyspace).await;
        }
        self.vtctld.write(data::RebuildVSchemaGraphRequest::default(), DEADLINE).await.expect("cells that serve this");
    }

    async fn moment(&self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    async fn rows(&self, keyspace: &str, table: &str) -> Option<u64> {
        let mut sum = None;
        for shard in a_world_keyspace(keyspace).shards {
            let rows: Option<u64> = self.sql(shard.primary_uid, keyspace, |connection| {
                let found: Option<String> = connection.query_first(format!("show tables like '{table}'"))?;
                match found {
                    Some(_) => connection.query_first(format!("select count(*) from `{table}`")),
                    None => Ok(None),
                }
            });
            sum = rows.map(|rows| rows + sum.unwrap_or(0)).or(sum);
        }
        sum
    }

    async fn put_row(&self, keyspace: &str, table: &str, number: u64) {
        let values: Vec<String> = columns(table)
            .iter()
            .map(|column| if column.ends_with("_id") { number.to_string() } else { format!("'stray-{number}'") })
            .collect();
        let shard = &a_world_keyspace(keyspace).shards[0];
        self.statement(shard.primary_uid, keyspace, &format!("insert into `{table}` values ({})", values.join(", ")));
    }

    async fn take_row(&self, keyspace: &str, table: &str, number: u64) {
        for shard in a_world_keyspace(keyspace).shards {
            let column = columns(table)[0];
            self.statement(shard.primary_uid, keyspace, &format!("delete from `{table}` where `{column}` = '{number}'"));
        }
    }

    async fn move_positions(&self) {
        for keyspace in &world::KEYSPACES {
            for shard in keyspace.shards {
                let mark = "'of the tests'";
                let put = format!("replace into _vt.heartbeat (keyspaceShard, tabletUid, ts) values ({mark}, 0, 1)");
                self.statement(shard.primary_uid, keyspace.name, &put);
                self.statement(
                    shard.primary_uid,
                    keyspace.name,
                    &format!("delete from _vt.heartbeat where keyspaceShard = {mark}"),
                );
            }
        }
    }

    async fn hold_write_lock(&self, keyspace: &str, table: &str) -> Box<dyn Held> {
        let shard = &a_world_keyspace(keyspace).shards[0];
        let mut connection = self.cluster.connect_tablet(shard.primary_uid, keyspace);
        let last = columns(table).last().expect("a table has columns");
        for sql in ["begin", &format!("update `{table}` set `{last}` = 'held' limit 1")] {
            connection.query_drop(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        Box::new(OpenTransaction(Mutex::new(connection)))
    }

    async fn by_hand(&self, deed: Deed) -> Box<dyn Held> {
        let shard = &a_world_keyspace("commerce").shards[0];
        let mut connection = self.cluster.connect_tablet(shard.primary_uid, "commerce");
        let statements = |of: &[&str]| of.iter().map(|sql| (*sql).to_owned()).collect::<Vec<String>>();
        let (done, undone) = match deed {
            Deed::Dependents => (
                statements(&[
                    "alter table corder add foreign key (customer_id) references customer (customer_id)",
                    "create trigger note_trigger before insert on note for each row set new.body = upper(new.body)",
                    "create view orders as select order_id, email from corder join customer using (customer_id)",
                ]),
                statements(&[
                    "drop view if exists orders",
                    "drop trigger if exists note_trigger",
                    "alter table corder drop foreign key corder_ibfk_1",
                ]),
            ),
            Deed::KeepBinlogs { seconds } => {
                let was: Option<u64> =
                    connection.query_first("select @@global.binlog_expire_logs_seconds").expect("a setting that is there");
                let set = |seconds: u64| vec![format!("set global binlog_expire_logs_seconds = {seconds}")];
                (set(seconds), set(was.expect("a value")))
            }
            Deed::StreamsMayNotWrite => {
                let account = "'vt_filtered'@'localhost'";
                (
                    vec![format!("revoke update on *.* from {account}"), format!("grant update on _vt.* to {account}")],
                    vec![format!("grant update on *.* to {account}"), format!("revoke update on _vt.* from {account}")],
                )
            }
        };
        let undone = Undone { connection: Mutex::new(connection), statements: undone };
        undone.all(&done);
        Box::new(undone)
    }

    async fn add_column(&self, keyspace: &str, table: &str, column: &str) {
        for shard in a_world_keyspace(keyspace).shards {
            self.statement(shard.primary_uid, keyspace, &format!("alter table `{table}` add column `{column}` int"));
        }
    }
}

/// MySQL rolls back what a connection that ends has not committed.
struct OpenTransaction(#[allow(dead_code, reason = "it is kept open")] Mutex<Conn>);

impl Held for OpenTransaction {}

/// Takes back what was done by hand, whatever became of the case.
struct Undone {
    connection: Mutex<Conn>,
    statements: Vec<String>,
}

impl Undone {
    fn all(&self, statements: &[String]) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        for sql in statements {
            connection.query_drop(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}

impl Held for Undone {}

impl Drop for Undone {
    fn drop(&mut self) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        for sql in &self.statements {
            if let Err(error) = connection.query_drop(sql) {
                eprintln!("  {sql}: {error}");
            }
        }
    }
}
