//! The application: it writes and reads through vtgate while its tables are moved, and keeps account of each write that
//! was acknowledged to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;

use super::account::{Account, Failure, Report};
use super::{Cluster, Movement, wait};

/// Writers with ids of their own, each about this many rows and as many updates a second.
const WRITERS: u64 = 3;
const PACE: Duration = Duration::from_millis(20);
/// The writers' ids begin here, far above those of the rows that were there before.
const FIRST_ID: u64 = 1_000_000_000;
/// After `finish`, a write that was begun is tried for so long.
const LAST_TRIES: Duration = Duration::from_secs(30);
/// "Duplicate entry": an earlier try of this very row was written after all.
const DUPLICATE_ENTRY: u16 = 1062;

/// What one thread of the application does until it is stopped.
type Job = Box<dyn FnOnce(&Shared) + Send>;

/// Threads that write to the first table with ids of their own, and retry each row until it is acknowledged; that count
/// up in the rows of the first table; that insert into each further table with ids from MySQL or from the sequence; and that
/// read from primary and replica.
pub struct Application {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    cluster: &'static Cluster,
    /// What the application is connected to; the routing rules do the rest.
    database: &'static str,
    tables: Vec<String>,
    seeds: u64,
    /// The shortest time from one write or read of a thread to its next.
    pace: Duration,
    stopping: AtomicBool,
    written: AtomicUsize,
    account: Mutex<Account>,
}

impl Application {
    /// Starts it, connected to `commerce` as before the movement, and waits for its first acknowledged writes.
    pub fn start(movement: &Movement, cluster: &'static Cluster) -> Self {
        Self::connected_to("commerce", movement, cluster)
    }

    /// `start`, with about a third of the writes: for tests that measure how long there are none, on a machine that has other work.
    pub fn start_slowly(movement: &Movement, cluster: &'static Cluster) -> Self {
        Self::begin("commerce", movement, cluster, 3 * PACE)
    }

    /// `start`, connected to another keyspace, or with an empty name to none: then the tables' names alone lead to them.
    pub fn connected_to(database: &'static str, movement: &Movement, cluster: &'static Cluster) -> Self {
        Self::begin(database, movement, cluster, PACE)
    }

    fn begin(database: &'static str, movement: &Movement, cluster: &'static Cluster, pace: Duration) -> Self {
        let shared = Arc::new(Shared {
            cluster,
            database,
            tables: movement.tables.clone(),
            seeds: movement.rows,
            pace,
            stopping: AtomicBool::new(false),
            written: AtomicUsize::new(0),
            account: Mutex::default(),
        });
        let mut jobs: Vec<Job> = Vec::new();
        for writer in 0..WRITERS {
            jobs.push(Box::new(move |shared| shared.write_rows(writer)));
        }
        for table in 1..shared.tables.len() {
            jobs.push(Box::new(move |shared| shared.write_rows_without_id(table)));
        }
        for kind in ["primary", "replica"] {
            jobs.push(Box::new(move |shared| shared.read_rows(kind)));
        }
        let spawn = |job: Job| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || job(&shared))
        };
        let threads = jobs.into_iter().map(spawn).collect();
        let application = Self { shared, threads };
        application.wait_for_writes(20);
        application
    }

    /// How many writes were acknowledged up to now.
    pub fn acknowledged(&self) -> usize {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Waits until so many more writes were acknowledged: the application is served.
    pub fn wait_for_writes(&self, more: usize) {
        let goal = self.acknowledged() + more;
        let what = format!("{more} more writes are acknowledged");
        wait::until_true(Duration::from_secs(90), &what, || self.acknowledged() >= goal);
    }

    /// Stops it, and gives its account. A row that was begun is tried until it is acknowledged, or for 30 s.
    pub fn finish(mut self) -> Report {
        self.stop();
        let account = std::mem::take(&mut *self.shared.account.lock().expect("no thread of the application panicked"));
        Report::new(account, self.shared.tables.clone(), self.shared.cluster)
    }

    fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let outcome = thread.join();
            if !thread::panicking() {
                outcome.expect("a thread of the application panicked");
            }
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The threads write and read steadily, not as fast as they can.
    fn pace(&self, begin: Instant) {
        thread::sleep(self.pace.saturating_sub(begin.elapsed()));
    }

    fn account(&self, entry: impl FnOnce(&mut Account)) {
        entry(&mut self.account.lock().expect("no thread of the application panicked"));
    }

    fn acknowledged(&self, entry: impl FnOnce(&mut Account)) {
        self.written.fetch_add(1, Ordering::Relaxed);
        self.account(|account| {
            account.acknowledged_at.push(Instant::now());
            entry(account);
        });
    }

    fn failed(&self, what: &'static str, error: &mysql::Error, entry: impl FnOnce(&mut Account)) {
        self.account(|account| {
            account.errors.push(Failure { at: Instant::now(), what, error: error.to_string() });
            entry(account);
        });
    }

    /// Rows with ids of our own, each tried until it is acknowledged; after each one an increment, tried once.
    fn write_rows(&self, writer: u64) {
        let mut session = Session::new(self, "");
        let table = &self.tables[0];
        for count in 0.. {
            if self.stopping() {
                return;
            }
            let begin = Instant::now();
            let id = FIRST_ID + count * WRITERS + writer;
            let token = format!("app-{id}");
            if !self.write_until_acknowledged(&mut session, table, id, &token) {
                return;
            }
            if self.seeds > 0 {
                let seed = 1 + id % self.seeds.min(100);
                let outcome = session.execute(&format!("update `{table}` set hits = hits + 1 where id = {seed}"));
                match outcome {
                    Ok(()) => self.acknowledged(|account| account.hits.entry(seed).or_default().0 += 1),
                    Err(error) => self.failed("update", &error, |account| {
                        account.failed_writes += 1;
                        account.hits.entry(seed).or_default().1 += 1;
                    }),
                }
            }
            self.pace(begin);
        }
    }

    /// Whether the row was acknowledged; not, when the time after `finish` is up.
    fn write_until_acknowledged(&self, session: &mut Session<'_>, table: &str, id: u64, token: &str) -> bool {
        let mut stopped_at = None;
        loop {
            let begin = Instant::now();
            match session.execute(&format!("insert into `{table}` (id, token) values ({id}, '{token}')")) {
                Err(mysql::Error::MySqlError(error)) if error.code == DUPLICATE_ENTRY => break,
                Ok(()) => break,
                Err(error) => self.failed("insert", &error, |account| account.failed_writes += 1),
            }
            if self.stopping() && stopped_at.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES {
                self.account(|account| account.unknown_tokens.push(token.to_owned()));
                return false;
            }
            self.pace(begin);
        }
        self.acknowledged(|account| account.rows.push((0, id, token.to_owned())));
        true
    }

    /// Rows whose ids come from MySQL before the switch and from the sequence after it. Never tried twice: a second try
    /// would be another row.
    fn write_rows_without_id(&self, index: usize) {
        let mut session = Session::new(self, "");
        let table = &self.tables[index];
        for count in 0.. {
            if self.stopping() {
                return;
            }
            let begin = Instant::now();
            let token = format!("auto-{count}");
            let outcome = session.execute(&format!("insert into `{table}` (token) values ('{token}')"));
            match outcome.map(|()| session.last_id()) {
                Ok(id) => self.acknowledged(|account| account.rows.push((index, id, token))),
                Err(error) => self.failed("insert without id", &error, |account| {
                    account.failed_writes += 1;
                    account.unknown_tokens.push(token);
                }),
            }
            self.pace(begin);
        }
    }

    fn read_rows(&self, kind: &'static str) {
        let mut session = Session::new(self, kind);
        for count in 0_u64.. {
            if self.stopping() {
                return;
            }
            let begin = Instant::now();
            let table = &self.tables[usize::try_from(count).unwrap_or(0) % self.tables.len()];
            match session.execute(&format!("select id, hits from `{table}` where id = {}", 1 + count % self.seeds.max(1))) {
                Ok(()) => self.account(|account| account.read_at.push(Instant::now())),
                Err(error) => self.failed(if kind == "replica" { "read of a replica" } else { "read" }, &error, |account| {
                    account.failed_reads += 1;
                }),
            }
            self.pace(begin);
        }
    }
}

/// A connection to vtgate that is made again when it is lost.
struct Session<'a> {
    shared: &'a Shared,
    database: String,
    connection: Option<Conn>,
}

impl<'a> Session<'a> {
    fn new(shared: &'a Shared, kind: &str) -> Self {
        let database = if kind.is_empty() { shared.database.to_owned() } else { format!("{}@{kind}", shared.database) };
        Self { shared, database, connection: None }
    }

    fn execute(&mut self, sql: &str) -> Result<(), mysql::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.shared.cluster.connect(&self.database)?),
        };
        let outcome = connection.query_drop(sql);
        // vtgate answers with MySQL's errors; after any other one the connection is of no more use.
        if outcome.as_ref().is_err_and(|error| !matches!(error, mysql::Error::MySqlError(_))) {
            self.connection = None;
        }
        outcome
    }

    fn last_id(&self) -> u64 {
        self.connection.as_ref().map_or(0, Conn::last_insert_id)
    }
}
