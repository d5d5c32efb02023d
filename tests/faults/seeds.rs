//! Several faults in one run, by chance: at any effect, of any kind that can befall it, also in the runs that resume. A seed gives
//! the same run again.

use super::enumerate::{Fault, Known, Result, alone};
use super::kinds::{Kind, StepKind};
use super::scenario::Edge;

/// A small generator (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.throw() % limit.max(1)
    }
}

/// A schedule of one to four faults on one edge.
pub fn schedule(seed: u64, edges: &[Edge]) -> (usize, Vec<Fault>) {
    let mut dice = Dice::new(seed);
    let with_effects: Vec<usize> = (0..edges.len()).filter(|place| !edges[*place].sites.is_empty()).collect();
    let place = with_effects[usize::try_from(dice.below(with_effects.len() as u64)).unwrap_or(0)];
    let edge = &edges[place];
    let count = 1 + dice.below(4);
    let mut faults: Vec<Fault> = (0..count).map(|_| one(&mut dice, edge)).collect();
    faults.sort();
    faults.dedup();
    (place, faults)
}

/// Twice as far as the edge goes undisturbed: what resumes it can be struck as well.
fn one(dice: &mut Dice, edge: &Edge) -> Fault {
    let steps = edge.steps.len() as u64;
    if steps > 0 && dice.below(3) == 0 {
        let kinds = StepKind::ALL;
        let kind = kinds[usize::try_from(dice.below(kinds.len() as u64)).unwrap_or(0)];
        return Fault::Step(edge.steps[0].0 + dice.below(2 * steps), kind);
    }
    let effects = edge.sites.len() as u64;
    let number = edge.base + usize::try_from(dice.below(2 * effects)).unwrap_or(0);
    Fault::Effect(number, Kind::Chosen(dice.throw()))
}

/// Leaves away what is not needed for a bad end.
pub fn shrink(edge: &Edge, faults: Vec<Fault>) -> Vec<Fault> {
    let is_bad = |faults: &[Fault]| alone(edge, faults, &Known::default(), false).ending.is_bad();
    let mut faults = faults;
    let mut place = 0;
    while place < faults.len() {
        let mut fewer = faults.clone();
        fewer.remove(place);
        if !fewer.is_empty() && is_bad(&fewer) {
            faults = fewer;
        } else {
            place += 1;
        }
    }
    faults
}

pub fn run(seed: u64, edges: &[Edge], known: &Known) -> (usize, Vec<Fault>, Result) {
    let (place, faults) = schedule(seed, edges);
    let result = alone(&edges[place], &faults, known, false);
    (place, faults, result)
}
