//! A real Vitess cluster, run by the scripts in `tests/vitess/rig`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mysql::prelude::Queryable;

use super::vtctl::Vtctl;
use super::wait;

/// A running cluster. One that was started here goes down when it is dropped, or by itself when this process has
/// ended; the one of `tests/all` is left standing.
pub struct Cluster {
    folder: PathBuf,
    settings: BTreeMap<String, String>,
    /// Whether it was started here.
    own: bool,
}

/// One tablet: `uid` 100 is `zone1-0000000100`, the processes `vttablet-100` and `mysqld-100`.
#[derive(Debug, Clone)]
pub struct Tablet {
    pub uid: u32,
    pub keyspace: String,
    pub shard: String,
}

impl Cluster {
    /// The cluster that `tests/all` has started and named in `CUTOVER_TEST_CLUSTER`: keyspaces `commerce` and `archive`
    /// (unsharded) and `customer` (-80, 80-), each shard with a primary and a replica in cell zone1, and an empty cell
    /// zone2.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        let open = || Some(Self::open(PathBuf::from(std::env::var_os("CUTOVER_TEST_CLUSTER")?), false));
        SHARED.get_or_init(open).as_ref()
    }

    /// A cluster for one test alone, with shards as `rig/cluster` takes them: `commerce/0:1:1` has a primary, one
    /// replica and one rdonly. It takes about ten seconds.
    pub fn start(layout: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // MySQL's sockets live here, and their paths must be short.
        let folder = PathBuf::from(format!("/tmp/cutover-cluster.{process}.{count}"));
        let rig = std::env::var_os("CUTOVER_RIG").expect("tests/all sets CUTOVER_RIG");
        let mut up = Command::new(script());
        up.arg("up").arg(rig).arg(&folder).args(layout).env("OWNER", process.to_string()).env("PORT", "auto");
        succeed(&mut up);
        Self::open(folder, true)
    }

    /// One like the shared one, for when that is broken for good. It goes down with this process.
    pub fn start_for_good() -> &'static Self {
        Box::leak(Box::new(Self::start(&[])))
    }

    fn open(folder: PathBuf, own: bool) -> Self {
        let text = std::fs::read_to_string(folder.join("env"))
            .unwrap_or_else(|error| panic!("no cluster stands in {}: {error}", folder.display()));
        let settings = text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into()));
        Self { folder, settings: settings.collect(), own }
    }

    fn setting(&self, name: &str) -> &str {
        self.settings.get(name).unwrap_or_else(|| panic!("the cluster's env has no {name}"))
    }

    /// `127.0.0.1:PORT` of vtctld's gRPC.
    pub fn vtctld(&self) -> &str {
        self.setting("VTCTLD")
    }

    /// `127.0.0.1:PORT` where etcd, the topology server, serves its clients.
    pub fn etcd(&self) -> &str {
        self.setting("ETCD")
    }

    /// `127.0.0.1:PORT` where vtgate speaks MySQL's protocol.
    pub fn vtgate(&self) -> &str {
        self.setting("VTGATE_MYSQL")
    }

    /// `v0.24.0`.
    pub fn version(&self) -> &str {
        self.setting("VITESS")
    }

    /// `MySQL 9.7.4-2, etcd 3.5.30-2`
    pub fn beside(&self) -> String {
        let installed = Path::new(self.setting("RIG")).join("mysql/installed");
        std::fs::read_to_string(installed).unwrap_or_default().trim().to_owned()
    }

    /// The data folder: `log/NAME`, `pids/NAME`, `vt_0000000100/` and the like.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `vtctldclient` of the cluster's own release, talking to the cluster's vtctld.
    pub fn vtctl(&self) -> Vtctl {
        Vtctl::new(Path::new(self.setting("RIG")).join("bin/vtctldclient"), self.vtctld(), self.version())
    }

    pub fn tablets(&self) -> Vec<Tablet> {
        let text = std::fs::read_to_string(self.folder.join("tablets")).expect("the cluster lists its tablets");
        let tablet = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let uid = words.next()?.parse().ok()?;
            Some(Tablet { uid, keyspace: words.next()?, shard: words.next()? })
        };
        text.lines().map(|line| tablet(line).unwrap_or_else(|| panic!("not a tablet: {line}"))).collect()
    }

    /// The shards of a keyspace, in order: `["-80", "80-"]`.
    pub fn shards(&self, keyspace: &str) -> Vec<String> {
        let mut shards: Vec<_> =
            self.tablets().into_iter().filter(|tablet| tablet.keyspace == keyspace).map(|tablet| tablet.shard).collect();
        shards.dedup();
        shards
    }

    /// Ends one process by SIGKILL, and waits until it is gone. Names: `vtctld`, `vtgate`, `vttablet-100`, `mysqld-100`.
    pub fn kill(&self, name: &str) {
        self.script("kill", &[name, "KILL"]);
    }

    /// Sends one process a signal: `TERM`, `STOP`, `CONT`. Waits for the end of a process that was told to end.
    pub fn signal(&self, name: &str, signal: &str) {
        self.script("kill", &[name, signal]);
    }

    /// Starts a process that has ended, as it was started first, and waits until it serves.
    pub fn restart(&self, name: &str) {
        self.script("start", &[name]);
    }

    /// One more vtctld on the same topology, `vtctld-…`, with flags of its own; gives its address. It ends with the test.
    pub fn more_vtctld(&self, name: &str, flags: &[&str]) -> String {
        self.script("vtctld", &[&[name], flags].concat()).trim().to_owned()
    }

    /// Starts what has ended, wakes what is stopped, ends further vtctlds, and waits until vtgate serves every shard: what
    /// a test broke, the next one finds whole. Gives the names of what it had to start.
    pub fn heal(&self) -> Vec<String> {
        let begun = self.script("heal", &[]).lines().map(str::to_owned).collect();
        self.wait_until_served();
        begun
    }

    /// A tablet that serves again is known to vtgate only after its next health check.
    fn wait_until_served(&self) {
        let shards: BTreeSet<String> =
            self.tablets().into_iter().map(|tablet| format!("{}/{}", tablet.keyspace, tablet.shard)).collect();
        for (shard, kind) in shards.iter().flat_map(|shard| [(shard, "primary"), (shard, "replica")]) {
            let target = format!("{shard}@{kind}");
            wait::until_true(Duration::from_secs(60), &format!("vtgate serves {target}"), || {
                let connection = self.connect(&target);
                connection.and_then(|mut it| it.query_first::<u64, _>("select 1")).is_ok()
            });
        }
    }

    /// The process of this name: its id.
    pub fn pid(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.folder.join("pids").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        text.split_whitespace().next().expect("its id").to_owned()
    }

    /// All keys of the topology.
    pub fn topology_keys(&self) -> Vec<String> {
        self.script("keys", &[]).lines().map(str::to_owned).collect()
    }

    /// The keys of locks in the topology, each below `/vitess/global`: who died with a lock left one.
    pub fn locks(&self) -> Vec<String> {
        self.script("locks", &[]).lines().map(str::to_owned).collect()
    }

    /// Takes all locks out of the topology: what an operator with access to etcd can do, and what a test that has
    /// killed a vtctld owes to the tests after it.
    pub fn unlock(&self) {
        self.script("unlock", &[]);
    }

    /// Takes away the named locks alone, which outlive the death of their owner by 24 hours: what `apply` asks a human to do.
    pub fn unlock_named(&self) {
        self.script("unlock", &["/named_locks/"]);
    }

    fn script(&self, verb: &str, arguments: &[&str]) -> String {
        succeed(Command::new(script()).arg(verb).arg(&self.folder).args(arguments))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own {
            let down = Command::new(script()).arg("down").arg(&self.folder).status();
            if !down.as_ref().is_ok_and(ExitStatus::success) {
                eprintln!("the cluster in {} is not down: {down:?}", self.folder.display());
            }
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vitess/rig/cluster")
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    String::from_utf8(output.stdout).expect("the rig's scripts print UTF-8")
}
