//! The table: for each effect and each kind of fault how often it struck, and how that ended. Written to `target/faults.txt`; what is
//! checked in is its short form, by edge, kind of effect and kind of fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::enumerate::{Case, Result, Row};
use super::kinds::{Kind, StepKind};
use super::scenario::Edge;

#[derive(Debug, Default)]
pub struct Table(BTreeMap<Row, BTreeMap<String, usize>>);

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

    pub fn write(&self) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/faults.txt");
        std::fs::write(path, self.text()).unwrap();
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
            let endings: Vec<String> = endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
            writeln!(text, "    {}: {}", row.kind, endings.join(", ")).unwrap();
        }
        text
    }
}
