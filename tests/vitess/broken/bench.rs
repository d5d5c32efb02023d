//! A vtctld that can be stopped at any step of its operations: its etcd is behind a relay, and what it wants to write to MySQL can be
//! locked away from it.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::observed::{SHARDS, journals, observe, streams};
use crate::support::relay::Relay;
use crate::support::{Movement, Program, World, put_back, wait};

/// How the rig calls it.
pub const NAME: &str = "vtctld-broken";
/// How long an operation may take to come to a step.
const LIMIT: Duration = Duration::from_secs(90);

pub struct Bench<'a> {
    pub world: &'a World,
    pub movement: &'a Movement,
    relay: Relay,
    vtctld: String,
    /// What MySQL keeps from others: the shard's letter, the table, the connection that holds it.
    held: Vec<(&'static str, String, Conn)>,
    /// zone2's etcd is behind the relay too.
    moved_zone2: bool,
}

impl<'a> Bench<'a> {
    pub fn new(world: &'a World, movement: &'a Movement) -> Self {
        let relay = Relay::to(world.cluster.etcd());
        let flags = ["--topo-global-server-address", &relay.address()];
        let vtctld = world.cluster.more_vtctld(NAME, &flags);
        Self { world, movement, relay, vtctld, held: Vec::new(), moved_zone2: false }
    }

    /// The address of the vtctld that is going to break.
    pub fn vtctld(&self) -> &str {
        &self.vtctld
    }

    /// The program under test, talking to that vtctld. With `topo` the operator's file tells it where etcd is.
    pub fn cutover(&self, topo: bool) -> Program {
        let mut config = format!("[clusters.test]\nvtctld = \"{}\"\n", self.vtctld);
        if topo {
            config += &format!("topo = \"etcd://{}/vitess/global\"\n", self.world.cluster.etcd());
        }
        let file = self.world.write("config.toml", &config);
        Program::new(self.world.folder()).env("CUTOVER_CONFIG", &file.to_string_lossy())
    }

    pub fn observe(&self) -> String {
        observe(self.world.cluster, self.movement)
    }

    /// Keeps vtctld from writing keys that contain one of these.
    pub fn keep_writes(&self, keys: &'static [&'static str]) {
        self.relay.keep(move |call| keys.iter().any(|key| call.writes(key)));
    }

    /// Lets vtctld write keys that contain this, and keeps the answer from it.
    pub fn keep_answers(&self, key: &'static str) {
        self.relay.keep_answers(move |call| call.writes(key));
    }

    /// Keeps vtctld from giving back a lock.
    pub fn keep_unlocking(&self) {
        self.relay.keep(|call| call.method() == "LeaseRevoke");
    }

    /// Keeps the very next read or write of the topology.
    pub fn keep_next(&self) {
        self.relay.keep(|call| ["Put", "Txn", "DeleteRange", "Range"].contains(&call.method()));
    }

    pub fn wait_until_kept(&self, count: usize) {
        self.relay.wait_until_kept(count, LIMIT);
    }

    /// What the relay keeps goes on.
    pub fn release(&self) {
        self.relay.release();
    }

    /// What the relay keeps goes on, up to the next write to one of these.
    pub fn keep_writes_and_let_go(&self, keys: &'static [&'static str]) {
        self.keep_writes(keys);
        self.relay.let_go();
    }

    /// What the relay keeps goes on, up to the answer to the next write to this.
    pub fn keep_answers_and_let_go(&self, key: &'static str) {
        self.keep_answers(key);
        self.relay.let_go();
    }

    /// The records of zone2 stand behind the relay from now on. Nobody is served there: vtgate's zone is zone1.
    pub fn relay_zone2(&mut self) {
        self.place_zone2(&self.relay.address());
        self.moved_zone2 = true;
    }

    fn place_zone2(&self, address: &str) {
        self.world.cluster.vtctl().run(&["UpdateCellInfo", "--root", "/vitess/zone2", "--server-address", address, "zone2"]);
    }

    fn connect(&self, letter: &str) -> Conn {
        let (_, keyspace, shard) = SHARDS.iter().find(|(it, ..)| *it == letter).expect("a letter of a shard");
        self.world.cluster.connect_primary(keyspace, shard)
    }

    /// Nobody can write to a table of Vitess's own (`vreplication`, `resharding_journal`) at these shards.
    pub fn lock(&mut self, letters: &[&'static str], table: &str) {
        for letter in letters {
            let mut connection = self.connect(letter);
            connection.query_drop(format!("lock tables _vt.{table} read")).expect("a table of Vitess's own");
            self.held.push((letter, table.to_owned(), connection));
        }
    }

    /// Nobody can write to the sequence of the movement's first table.
    pub fn lock_sequence(&mut self) {
        let table = format!("{}_seq", self.movement.tables[0]);
        let mut connection = self.connect("S");
        connection.query_drop(format!("lock tables `{table}` read")).expect("a sequence");
        self.held.push(("S", table, connection));
    }

    /// Nobody can change the rows of the movement's streams at this shard, their position neither: that stream stands still.
    pub fn lock_streams(&mut self, letter: &'static str) {
        let mut connection = self.connect(letter);
        let sql = format!("select id from _vt.vreplication where workflow like '{}%' for update", self.movement.workflow);
        connection.query_drop("begin").and_then(|()| connection.query_drop(sql)).expect("the rows of the streams");
        self.held.push((letter, "vreplication".to_owned(), connection));
    }

    /// A transaction of an application that has written to a moved table: `LOCK TABLES` waits for it.
    pub fn open_transaction(&mut self, letter: &'static str, table: usize) {
        let mut connection = self.connect(letter);
        let table = &self.movement.tables[table];
        let sql = format!("update `{table}` set note = 'slow' order by id limit 1");
        connection.query_drop("begin").and_then(|()| connection.query_drop(sql)).expect("a transaction that writes");
        self.held.push((letter, table.clone(), connection));
    }

    /// Somebody reads a moved table and does not end: it can be neither dropped nor renamed.
    pub fn read_on(&mut self, letter: &'static str, table: usize) {
        let mut connection = self.connect(letter);
        let table = &self.movement.tables[table];
        let read =
            connection.query_drop("begin").and_then(|()| connection.query_drop(format!("select id from `{table}` limit 1")));
        read.expect("a transaction that reads");
        self.held.push((letter, table.clone(), connection));
    }

    /// No table can be created at this shard.
    pub fn lock_ddl(&mut self, letter: &'static str) {
        let mut connection = self.connect(letter);
        connection.query_drop("lock instance for backup").expect("a lock of the whole MySQL");
        self.held.push((letter, "create table".to_owned(), connection));
    }

    /// Waits until something waits at each shard where MySQL holds something.
    pub fn wait_until_stuck(&self) {
        for (letter, table, _) in &self.held {
            let mut connection = self.connect(letter);
            wait::until_true(LIMIT, &format!("somebody waits for {table} at {letter}"), || {
                !waiting(&mut connection, table).is_empty()
            });
        }
    }

    /// Waits until the forward streams are in these states.
    pub fn wait_for_streams(&self, expected: &str) {
        self.wait_for(expected, || streams(self.world.cluster, "customer", &self.movement.workflow));
    }

    /// Waits until these shards have journals.
    pub fn wait_for_journals(&self, expected: &str) {
        self.wait_for(expected, || journals(self.world.cluster, self.movement));
    }

    fn wait_for(&self, expected: &str, look: impl Fn() -> String) {
        wait::until_true(LIMIT, &format!("the cluster shows {expected:?}"), || look() == expected);
    }

    /// What MySQL holds is free again. `kills`: what has waited for it does not happen; its client is dead, and MySQL would do it all
    /// the same.
    pub fn free(&mut self, kills: bool) {
        for (letter, table, mut holder) in std::mem::take(&mut self.held) {
            if kills {
                let mut connection = self.connect(letter);
                wait::until_true(Duration::from_secs(30), "nobody waits any more", || {
                    let ids = waiting(&mut connection, &table);
                    for id in &ids {
                        // It may be gone by itself.
                        connection.query_drop(format!("kill query {id}")).ok();
                    }
                    ids.is_empty()
                });
            }
            for sql in ["rollback", "unlock tables", "unlock instance"] {
                holder.query_drop(sql).expect("a connection that gives back what it holds");
            }
        }
    }

    /// vtctld does nothing any more, and is not dead yet: time to look.
    pub fn stop_vtctld(&self) {
        self.world.cluster.signal(NAME, "STOP");
    }

    /// Kills vtctld with -9. What it had asked of MySQL and still waited for does not happen.
    pub fn kill_vtctld(&mut self) {
        self.world.cluster.kill(NAME);
        self.relay.release();
        self.free(true);
    }

    pub fn restart_vtctld(&self) {
        self.world.cluster.restart(NAME);
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        self.relay.release();
        if self.moved_zone2 {
            put_back(|| self.place_zone2(self.world.cluster.etcd()));
        }
    }
}

/// The connections whose statement waits for a lock on this table.
fn waiting(connection: &mut Conn, table: &str) -> Vec<u64> {
    let sql = "select id from performance_schema.processlist where (state like 'Waiting for%lock') and info like";
    connection.query(format!("{sql} '%{table}%' and id <> connection_id()")).expect("MySQL's list of processes")
}
