//! What is published: figures as JSON and as a table, which each run brings up to date row by row, so that a part can be measured alone.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::FAMILIES;
use super::context::Context;
use super::figure::Figure;
use super::table;

#[derive(Default, Serialize, Deserialize)]
pub struct Results {
    rows: Vec<Row>,
    #[serde(skip)]
    folder: Option<PathBuf>,
    #[serde(skip)]
    on: On,
}

/// On what something was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct On {
    date: String,
    /// `2 cores, Intel(R) …`
    machine: String,
    /// `cutover 0.1.0 (release), Vitess v0.24.0, MySQL …`
    versions: String,
}

#[derive(Serialize, Deserialize)]
struct Row {
    family: String,
    #[serde(flatten)]
    figure: Figure,
    #[serde(flatten)]
    on: On,
}

impl Results {
    /// Those that are published; without a folder for them (`CUTOVER_BENCH_RESULTS`) nothing is written.
    pub fn open(context: &Context) -> Self {
        let folder = context.results.clone();
        let file = folder.as_deref().map(json_file);
        let known = file.filter(|file| file.exists()).map(|file| {
            let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        });
        let on = On { date: today(), machine: machine(), versions: versions(context) };
        Self { folder, on, ..known.unwrap_or_default() }
    }

    /// These take the place of all that the family had.
    pub fn put(&mut self, family: &str, figures: &[Figure]) {
        self.rows.retain(|row| row.family != family);
        let row = |figure: &Figure| Row { family: family.to_owned(), figure: figure.clone(), on: self.on.clone() };
        self.rows.extend(figures.iter().map(row));
        // In the order of the list, whatever the order of the runs.
        self.rows.sort_by_key(|row| FAMILIES.iter().position(|family| family.name == row.family));
        let Some(folder) = &self.folder else { return };
        let mut json = serde_json::to_string_pretty(&self).expect("rows");
        json.push('\n');
        put_file(&json_file(folder), &json);
        put_file(&folder.join("figures.md"), &self.draw());
    }

    fn draw(&self) -> String {
        let mut text = "# How fast, how large\n\nWritten by `tests/bench/run`. Less is better in every row; a limit is what the row must not be \
                        over. By hand is vtctldclient doing the same on the same cluster in the same run, where the note names nothing else.\n"
            .to_owned();
        // Each part with what it was measured on, for parts are measured on different days.
        for part in self.rows.chunk_by(|one, other| one.on == other.on) {
            let On { date, machine, versions } = &part[0].on;
            text += &format!("\n{date}; {machine}; {versions}.\n\n");
            text += &table::draw(part.iter().map(|row| (row.family.as_str(), &row.figure)));
        }
        text
    }
}

fn json_file(folder: &Path) -> PathBuf {
    folder.join("figures.json")
}

fn put_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn today() -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).expect("a moment of this age");
    now.strftime("%Y-%m-%d").to_string()
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    format!("{cores} cores, {}", model.unwrap_or("of a model that is not told"))
}

fn versions(context: &Context) -> String {
    let mut versions = format!("cutover {}, release build", env!("CARGO_PKG_VERSION"));
    if let Some(vitess) = context.vitess() {
        versions += &format!("; Vitess {vitess}");
    }
    if let Some(cluster) = context.cluster {
        versions += &format!(", {}", cluster.beside());
    }
    versions
}
