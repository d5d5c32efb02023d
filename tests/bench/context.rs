//! What a family of figures is given, and what it says of itself.

use std::path::{Path, PathBuf};

use super::figure::Figure;
use super::support::Cluster;

/// Figures that are measured together.
pub struct Family {
    pub name: &'static str,
    pub needs: Needs,
    pub measure: fn(&Context) -> Vec<Figure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// It measures what it can: less where there is no Vitess.
    Nothing,
    /// Left out where there is none.
    Cluster,
    /// A cluster, and an hour: left out unless it is named.
    ClusterAndTime,
}

pub struct Context {
    /// The one that `tests/bench/run` has started. `World::on` makes a folder and names on it.
    pub cluster: Option<&'static Cluster>,
    /// Where a Vitess is installed, running or not.
    rig: Option<PathBuf>,
    /// Where the results are published, if they are.
    pub results: Option<PathBuf>,
    /// Gone with this.
    folder: tempfile::TempDir,
}

impl Context {
    pub fn of_process() -> Self {
        let folder = tempfile::Builder::new().prefix("cutover-bench.").tempdir().expect("a folder to work in");
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Self { cluster: Cluster::shared(), rig: path("CUTOVER_RIG"), results: path("CUTOVER_BENCH_RESULTS"), folder }
    }

    /// A folder to work in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file beside the results, where these are written.
    pub fn publish(&self, name: &str, text: &str) {
        if let Some(folder) = &self.results {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// Vitess's own client, where one is installed.
    pub fn vtctldclient(&self) -> Option<PathBuf> {
        let program = self.rig.as_ref()?.join("bin/vtctldclient");
        program.exists().then_some(program)
    }

    /// `v0.24.0`, where one is installed.
    pub fn vitess(&self) -> Option<String> {
        self.vtctldclient()?;
        std::env::var("VITESS").ok()
    }
}

/// The binary that is measured: the release build.
pub fn cutover() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cutover"))
}
