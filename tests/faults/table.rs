//! The table: for each effect and each kind of fault how often it struck, and how that ended: in full in `target/faults.txt`; in
//! short, a line for each effect of each edge, in `table.txt` beside this when the whole was run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::enumerate::{Case, Result, Row};
use super::kinds::{Kind, StepKind};
use super::scenario::Edge;

#[derive(Debug, Default)]
pub struct Table(BTreeMap<Row, BTreeMap<String, usize>>);

/// Edge and effect to how often each ending came.
type Short = BTreeMap<[String; 2], BTreeMap<String, usize>>;

impl Table {
    pub fn of(cases: &[Case], results: &[Result]) -> Self {
        let mut table = Self::default();
        for (case, result) in cases.iter().zip(results) {
            *table.0.entry(case.row.clone()).or_default().entry(result.ending.name()).or_default() += 1;
        }
        table
    }

    /// Every effect and step of the undisturbed ways with each kind that can befall it, as far as nothing struck there.
    pub fn empty(&self, edges: &[Edge]) -> Vec<String> {
        let mut wanted = BTreeSet::new();
        for edge in edges {
            for site in &edge.sites {
                for kind in Kind::of(site) {
                    wanted.insert(Row { edge: edge.name.clone(), site: site.name(), kind: kind.name() });
                }
            }
            for (_, step) in &edge.steps {
                for kind in StepKind::of(step) {
                    wanted.insert(Row { edge: edge.name.clone(), site: format!("vtctld: {step}"), kind: kind.name() });
                }
            }
        }
        let is_zero = |row: &&Row| self.0.get(row).is_none_or(|endings| endings.values().sum::<usize>() == 0);
        wanted.iter().filter(is_zero).map(ToString::to_string).collect()
    }

    /// The effects of these cases that nothing struck.
    pub fn never_struck(&self, cases: &[Case]) -> Vec<String> {
        let struck = self.short();
        let mut never: Vec<String> = cases
            .iter()
            .map(|case| effect_of(&case.row))
            .filter(|key| !struck.contains_key(key))
            .map(|key| key.join(" | "))
            .collect();
        never.dedup();
        never
    }

    /// What was struck, in full beside the build, and in short where it is checked in.
    pub fn write(&self, is_whole: bool) {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/target/faults.txt"), self.text()).unwrap();
        if is_whole && std::env::var_os("CUTOVER_UPDATE").is_some() {
            std::fs::write(CHECKED_IN, short_text(&self.short())).unwrap();
        }
    }

    fn short(&self) -> Short {
        let mut short = Short::new();
        for (row, endings) in &self.0 {
            let sums = short.entry(effect_of(row)).or_default();
            for (ending, count) in endings {
                *sums.entry(ending.clone()).or_default() += count;
            }
        }
        short
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let (mut edge, mut site) = ("", "");
        for (row, endings) in &self.0 {
            if row.edge != edge {
                edge = &row.edge;
                site = "";
                writeln!(text, "\n{edge}").unwrap();
            }
            if row.site != site {
                site = &row.site;
                writeln!(text, "  {site}").unwrap();
            }
            writeln!(text, "    {}: {}", row.kind, said(endings)).unwrap();
        }
        text
    }
}

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/table.txt");

/// The edge, and the effect without its place on it.
pub fn effect_of(row: &Row) -> [String; 2] {
    let is_step = row.site.starts_with("vtctld: ");
    let effect = if is_step { &row.site } else { row.site.split(" [").next().unwrap_or(&row.site) };
    [row.edge.clone(), effect.to_owned()]
}

fn said(endings: &BTreeMap<String, usize>) -> String {
    endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect::<Vec<_>>().join(", ")
}

fn short_text(short: &Short) -> String {
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = String::new();
    let mut edge = "";
    for ([of, effect], endings) in short {
        if of != edge {
            edge = of;
            writeln!(lines, "\n{edge}").unwrap();
        }
        writeln!(lines, "  {effect}: {} faults: {}", endings.values().sum::<usize>(), said(endings)).unwrap();
        for (ending, count) in endings {
            *all.entry(ending.clone()).or_default() += count;
        }
    }
    let head = "Every effect of the ways in scenario.rs, and every micro-step of vtctld's on them, with how many faults struck it and how \
                it ended. Written by `CUTOVER_FAULTS=all CUTOVER_UPDATE=1 cargo test --profile enumerate --test faults every`.";
    format!("{head}\n\nAll: {} faults: {}\n{lines}", all.values().sum::<usize>(), said(&all))
}
