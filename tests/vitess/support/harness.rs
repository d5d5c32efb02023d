//! A table of tests, run one at a time on one cluster.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use libtest_mimic::{Arguments, Trial};

use super::{Cluster, Program};

/// One test: `Case::new("what_it_shows", function)`. It fails by a panic.
pub struct Case {
    name: &'static str,
    test: fn(&World),
    limit: Duration,
}

impl Case {
    pub fn new(name: &'static str, test: fn(&World)) -> Self {
        Self { name, test, limit: Duration::from_secs(240) }
    }

    /// A test that takes longer than this (240 s) ends the whole run: the cluster may be in any state.
    pub fn limit_seconds(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }
}

/// A table of tests by the names of their functions. `Case::new` is for those that need more: a longer limit.
macro_rules! cases {
    ($($test:ident),* $(,)?) => { vec![$($crate::support::Case::new(stringify!($test), $test)),*] };
}
pub(crate) use cases;

/// What a test is given: the cluster that all share, a folder and a name of its own.
pub struct World {
    pub cluster: &'static Cluster,
    /// Unique in the life of any cluster, fit for the names of tables and workflows: `t1f3a_7`.
    pub name: String,
    folder: tempfile::TempDir,
}

impl World {
    fn new(cluster: &'static Cluster) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("cutover-test.").tempdir().expect("a folder for the test");
        // Vitess runs as nobody when the tests run as root, and may have to read a file of the test's: a certificate.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of ours");
        Self { cluster, name: format!("t{:x}_{count}", seconds & 0xf_ffff), folder }
    }

    /// Another one on the same cluster, with a folder and a name of its own: for a test that has many movements.
    pub fn another(&self) -> Self {
        Self::new(self.cluster)
    }

    /// One on a cluster other than the shared one.
    pub fn on(cluster: &'static Cluster) -> Self {
        Self::new(cluster)
    }

    /// A folder for this test alone, removed after it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the test's folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, text).expect("a file in the test's folder");
        path
    }

    /// The program under test, in the test's folder, with the cluster's vtctld as `test`'s address.
    pub fn cutover(&self) -> Program {
        Program::new(self.folder()).env("CUTOVER_VTCTLD", self.cluster.vtctld())
    }
}

/// Runs what the command line asks for. Without a cluster it says in one line what was left out, and that is no failure.
pub fn run<const N: usize>(modules: [(&str, Vec<Case>); N]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let count: usize = modules.iter().map(|(_, cases)| cases.len()).sum();
    let cluster = Cluster::shared();
    if cluster.is_none() && !arguments.list {
        eprintln!("left out: {count} tests that need a real Vitess; tests/all installs one and runs them");
        return ExitCode::SUCCESS;
    }
    let trials = modules.into_iter().flat_map(|(module, cases)| {
        cases.into_iter().map(move |case| {
            Trial::test(format!("{module}::{}", case.name), move || {
                run_one(&case, cluster.ok_or("needs a cluster")?);
                Ok(())
            })
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run_one(case: &Case, cluster: &'static Cluster) {
    if !cluster.folder().exists() {
        eprintln!("the cluster is gone: the run ends here");
        std::process::exit(101);
    }
    let begin = Instant::now();
    let (done, ended) = channel();
    let test = case.test;
    let thread = thread::spawn(move || {
        test(&World::new(cluster));
        done.send(()).expect("the harness waits for the test");
    });
    if ended.recv_timeout(case.limit) == Err(RecvTimeoutError::Timeout) {
        eprintln!("{} took more than {} s: the run ends here", case.name, case.limit.as_secs());
        std::process::exit(101);
    }
    let outcome = thread.join();
    cluster.heal();
    eprint!("[{:.1} s] ", begin.elapsed().as_secs_f64());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Puts back what the next test must find, also when this one fails.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        put_back(&mut self.0);
    }
}

/// What a destructor does. When the test has failed already, a panic that leaves a destructor would end the program and every test after
/// this one; it is said, and the test's own failure stands.
pub fn put_back(action: impl FnOnce()) {
    if !thread::panicking() {
        return action();
    }
    if catch_unwind(AssertUnwindSafe(action)).is_err() {
        eprintln!("to put back what the test had changed failed as well, as said above");
    }
}
