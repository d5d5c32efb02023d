//! What stands in a cluster that no whole movement leaves there, whoever made it. Pure: from a [`Survey`] to [`Leftover`]s.
//!
//! `doctor` names them, `repair` mends those that it may. A movement is found in the cluster itself, by its streams, not in a plan
//! file: so it is seen also when it was never ours.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`survey`] | what is looked at, and how far |
//! | [`movement`] | a movement as its streams show it |
//! | [`traffic`] | what the application sees: where each table's writes and reads go, or why they don't |
//! | `kinds` | one kind of leftover each: how it is known, what it means, what to do |

mod kinds;
pub mod movement;
pub mod survey;
pub mod traffic;

#[cfg(test)]
pub(crate) mod fixtures;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use kinds::KINDS;
pub use survey::{Scope, Survey};

/// A kind of leftover.
pub struct Kind {
    /// `C501`. Never given to another kind.
    pub code: &'static str,
    pub title: &'static str,
    pub find: fn(&Survey) -> Vec<Leftover>,
    /// It says that no workflow carries something: told only where every workflow could be read, for one that could not may carry it.
    pub wants_every_workflow: bool,
    /// The page of `cutover explain CODE`.
    pub page: &'static str,
}

/// One thing that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leftover {
    pub code: String,
    pub weight: Weight,
    /// Where it stands: `commerce/0`, `customer.commerce2customer`, a cell.
    pub subject: String,
    /// What stands there, one line, no full stop.
    pub summary: String,
    /// What was read, with its values.
    pub evidence: Vec<String>,
    /// Since when, if the cluster shows it.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    pub meaning: String,
    pub mend: Mend,
    /// The same by hand, or the only way where `repair` has none.
    pub by_hand: Vec<String>,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The cluster stands between states: traffic is refused, split, or will change by somebody's next step.
    Between,
    /// Traffic is whole, and something is in the way of the next movement, or of the way back.
    Standing,
    /// Worth knowing; nothing is wrong.
    Note,
}

/// Who mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "with")]
pub enum Mend {
    /// `repair` of the movement.
    Movement { keyspace: String, workflow: String },
    /// `repair` of tables in a keyspace.
    Tables { keyspace: String, tables: Vec<String> },
    /// `repair` that publishes what the topology holds.
    Publish,
    /// Nobody but a person.
    Hand,
}

impl Kind {
    /// What stands there of this kind.
    pub fn found(&self, survey: &Survey) -> Vec<Leftover> {
        let may_be_told = !self.wants_every_workflow || survey.knows_every_workflow();
        if may_be_told { (self.find)(survey) } else { vec![] }
    }
}

/// All leftovers, those that matter most first.
pub fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found: Vec<Leftover> = KINDS.iter().flat_map(|kind| kind.found(survey)).collect();
    found.sort_by(|one, other| (one.weight, &one.code, &one.subject).cmp(&(other.weight, &other.code, &other.subject)));
    found
}

/// Those of a second look that the first one has seen too: a stream that was in an error for a moment, or a switch that somebody has
/// just ended, is none.
pub fn still_there(first: &[Leftover], second: Vec<Leftover>) -> Vec<Leftover> {
    let seen = |leftover: &Leftover| first.iter().any(|it| it.code == leftover.code && it.subject == leftover.subject);
    second.into_iter().filter(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::fixtures::Case;
    use super::*;

    #[test]
    fn a_whole_movement_leaves_nothing_at_any_stage() {
        for phases in [
            &[][..],
            &["create"],
            &["create", "copy"],
            &["create", "copy", "switch-replicas"],
            &["create", "copy", "switch-replicas", "switch-primary"],
            &["create", "copy", "switch-replicas", "switch-primary", "complete", "remove-rules"],
        ] {
            let found = find(&Case::after(phases).survey());
            assert_eq!(
                found.iter().filter(|it| it.weight != Weight::Note).collect::<Vec<_>>(),
                Vec::<&Leftover>::new(),
                "{phases:?}"
            );
        }
    }

    #[test]
    fn what_passes_between_two_looks_is_no_leftover() {
        let mut case = Case::after(&["create", "copy"]);
        case.deny("commerce", "0", &["corder", "customer"]);
        let first = find(&case.survey());
        assert!(!first.is_empty());
        assert_eq!(still_there(&first, find(&case.survey())), first);
        assert_eq!(still_there(&[], find(&case.survey())), []);
    }

    #[test]
    fn codes_are_given_once() {
        let mut codes: Vec<&str> = KINDS.iter().map(|kind| kind.code).collect();
        let count = codes.len();
        codes.dedup();
        assert!(codes.is_sorted() && codes.len() == count, "{codes:?}");
    }
}
