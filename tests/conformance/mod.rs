//! One suite over all calls that we make, run on a real Vitess and on the sandbox.
//!
//! A case makes calls, good and bad, and appends each answer and pictures of the whole state to a text in canonical form. What a
//! real Vitess gave is kept in `goldens`; the sandbox has to give the same, and so has a real Vitess on another day. Beside the
//! cases there are scripts of random steps, see [`random`].
#![allow(dead_code, reason = "each of the two test programs uses its part")]

pub mod canonical;
pub mod cases;
pub mod golden;
pub mod picture;
pub mod quiet;
pub mod random;
pub mod stage;
pub mod world;

use std::path::PathBuf;
use std::pin::Pin;

pub use golden::Golden;
pub use stage::{Deed, Held, Stage};

/// The steps of a case.
pub type Steps = for<'a> fn(&'a dyn Stage, &'a mut Golden) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One case, `family/name`: its golden is `goldens/family/name.txt`.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub steps: Steps,
}

/// What is done with the text that a case gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It becomes the golden: on a real Vitess alone.
    Record,
    Compare,
}

/// Runs one case in a world made new.
///
/// # Errors
/// The difference from the golden, to be read by people.
pub async fn run(case: &Case, stage: &dyn Stage, mode: Mode) -> Result<(), String> {
    stage.reset().await;
    let mut golden = Golden::default();
    (case.steps)(stage, &mut golden).await;
    settle(case.name, &golden.into_text(), mode)
}

/// Records or compares a text.
pub fn settle(name: &str, text: &str, mode: Mode) -> Result<(), String> {
    let path = path(name);
    if mode == Mode::Record {
        let folder = path.parent().ok_or("a golden is in a folder")?;
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        return std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    difference(&expected, text).map_or(Ok(()), |difference| Err(format!("{name} differs from its golden:\n{difference}")))
}

/// Where a golden is kept.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/goldens").join(format!("{name}.txt"))
}

/// Goldens that no case and no script gives any more.
pub fn strays() -> Vec<String> {
    let mut known: Vec<PathBuf> = cases::all().iter().map(|case| path(case.name)).collect();
    known.extend(random::SEEDS.map(|seed| path(&random::name(seed))));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/goldens");
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let goldens = entries(root).flat_map(entries);
    goldens.filter(|golden| !known.contains(golden)).map(|golden| golden.display().to_string()).collect()
}

/// None when the texts are equal.
fn difference(expected: &str, found: &str) -> Option<String> {
    let difference = similar::TextDiff::from_lines(expected, found);
    let unified = difference.unified_diff().context_radius(6).header("golden", "found").to_string();
    (expected != found).then_some(unified)
}
