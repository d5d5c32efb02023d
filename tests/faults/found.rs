//! Each bug that was ever found here, shrunk, by name: `found/*.toml` are data, played on every run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::enumerate::{Fault, Known, alone};
use super::kinds::{Kind, StepKind};
use super::scenario::Edge;
use super::script::Site;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// What went wrong, for people.
    what: String,
    edge: String,
    faults: Vec<Struck>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Struck {
    /// An effect's name and which of that name on the edge, from 0; or how many effects after the edge's beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
    /// A micro-step's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(default)]
    place: usize,
    kind: String,
}

impl Found {
    fn faults(&self, edge: &Edge) -> Vec<Fault> {
        self.faults.iter().map(|struck| struck.fault(edge)).collect()
    }
}

impl Struck {
    fn fault(&self, edge: &Edge) -> Fault {
        if let Some(step) = &self.step {
            let kind = StepKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
            let kind = kind.unwrap_or_else(|| panic!("there is no kind `{}` of steps", self.kind));
            let found = edge.steps.iter().filter(|(_, name)| name == step).nth(self.place);
            let number = found.map(|(number, _)| *number);
            let steps = || edge.steps.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
            let none = || panic!("{} has no step {step} {}, but {}", edge.name, self.place, steps());
            return Fault::Step(number.unwrap_or_else(none), kind);
        }
        let kind = Kind::by_name(&self.kind).unwrap_or_else(|| panic!("there is no kind `{}` of effects", self.kind));
        let Some(effect) = &self.effect else { return Fault::Effect(edge.base + self.place, kind) };
        let mut alike = edge.sites.iter().enumerate().filter(|(_, site)| site.name() == *effect);
        let index = alike.nth(self.place).map(|(index, _)| index);
        let sites = || edge.sites.iter().map(Site::name).collect::<BTreeSet<_>>();
        let none = || panic!("{} has no effect {effect} {}, but {:?}", edge.name, self.place, sites());
        Fault::Effect(edge.base + index.unwrap_or_else(none), kind)
    }
}

/// As it would be written down.
pub fn text(what: &str, edge: &Edge, faults: &[Fault]) -> String {
    let struck = |fault: &Fault| match fault {
        Fault::Step(number, kind) => {
            let name = edge.steps.iter().find(|(step, _)| step == number).map(|(_, name)| name.clone());
            let place = edge.steps.iter().filter(|(step, other)| step < number && Some(other) == name.as_ref()).count();
            Struck { effect: None, step: name.or_else(|| Some(format!("number {number}"))), place, kind: kind.name() }
        }
        Fault::Effect(number, kind) => match edge.sites.get(number - edge.base) {
            Some(site) => {
                let before = &edge.sites[..number - edge.base];
                let place = before.iter().filter(|other| other.name() == site.name()).count();
                let kind = if let Kind::Chosen(dice) = kind { Kind::chosen(*dice, site) } else { *kind };
                Struck { effect: Some(site.name()), step: None, place, kind: kind.name() }
            }
            None => Struck { effect: None, step: None, place: number - edge.base, kind: kind.name() },
        },
    };
    let found = Found { what: what.to_owned(), edge: edge.name.clone(), faults: faults.iter().map(struck).collect() };
    toml::to_string(&found).unwrap()
}

/// Plays all of them; those that end badly again.
pub fn play(edges: &[Edge]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/found");
    let mut bad = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml")) {
        let found: Found = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let edge = edges.iter().find(|edge| edge.name == found.edge);
        let edge = edge.unwrap_or_else(|| panic!("{}: there is no edge `{}`", path.display(), found.edge));
        let result = alone(edge, &found.faults(edge), &Known::default(), false);
        if result.ending.is_bad() {
            bad.push(format!("{} ({}): {}", path.display(), found.what, result.ending.words()));
        }
    }
    bad
}
