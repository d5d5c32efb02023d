//! What is not as our last write left it: each difference by name, ours and everybody else's apart, with what follows from it.
//!
//! The base is what was found after that write, or when the movement was taken over. What that write itself left otherwise than
//! forecast is no drift: it is a finding of its own (C405).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::family::picture::{Difference, Ours, Picture};
use crate::finding::Finding;
use crate::run::decision::Decision;
pub use crate::run::drift::CHANGED;

/// What the drift of a movement under way is worked out from.
#[derive(Debug, Clone, Copy)]
pub enum Base<'a> {
    /// Nothing was sent or taken over yet: there is nothing to compare with.
    None,
    /// What stood there after our last write.
    Known(&'a Picture),
    /// Why that can't be told.
    Unknown(&'static str),
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// "routing rule `customer@replica`", "customer/-80 denied tables".
    pub what: String,
    pub expected: String,
    pub found: String,
    /// It is of this movement; else it is somebody else's, and none of our business.
    pub ours: bool,
    /// What `apply` makes of it.
    pub follows: String,
}

/// Every difference, ours first. `decision` is what a run would decide now.
pub fn of(base: Base<'_>, now: &Picture, ours: &Ours, decision: Option<&Decision>) -> Vec<Drift> {
    let Base::Known(base) = base else { return vec![] };
    let all = base.differences(now, ours);
    let by_subject: BTreeMap<&str, &Difference> =
        all.iter().map(|difference| (difference.subject.as_str(), difference)).collect();
    all.iter()
        .filter(|difference| !is_told(difference, &by_subject))
        .map(|difference| drift(difference.clone(), decision))
        .collect()
}

/// A cell that serves a rule as the topology has it now is no difference of its own.
fn is_told(difference: &Difference, by_subject: &BTreeMap<&str, &Difference>) -> bool {
    let served = difference.subject.strip_prefix("cell ").and_then(|rest| rest.split_once(" serves "));
    let other = served.and_then(|(_, subject)| by_subject.get(subject));
    other.is_some_and(|other| (&difference.expected, &difference.found) == (&other.expected, &other.found))
}

fn drift(difference: Difference, decision: Option<&Decision>) -> Drift {
    let Difference { subject: what, ours, expected, found, .. } = difference;
    let follows = match decision {
        _ if !ours => "`cutover apply` names it, puts it on record, and goes on".to_owned(),
        Some(Decision::Stop(stop)) => {
            let names_it = |finding: &&Finding| finding.code == CHANGED && finding.subject == what;
            match stop.findings.iter().find(names_it).or(stop.findings.first()) {
                Some(finding) if finding.code == CHANGED && finding.subject == what => {
                    format!("`cutover apply` stops at it ({CHANGED}), until it is put back or accepted")
                }
                Some(finding) => format!("`cutover apply` stops ({}) and looks no further", finding.code),
                None => "`cutover apply` stops".to_owned(),
            }
        }
        _ => "`cutover apply` goes on; the phase that it concerns looks at it before it writes".to_owned(),
    };
    Drift { what, expected, found, ours, follows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::run::decision::{Ending, Stop, StopKind};

    fn ours() -> Ours {
        Ours { rule_keys: ["customer".to_owned()].into(), tables: ["customer".to_owned()].into() }
    }

    fn pictures() -> (Picture, Picture) {
        let mut base = Picture::default();
        base.routing_rules.set("customer", "commerce.customer");
        base.routing_rules.set("theirs", "a.theirs");
        base.denied_tables.insert("customer/-80".into(), ["customer".to_owned()].into());
        let mut now = base.clone();
        now.routing_rules.set("customer", "customer.customer");
        now.routing_rules.remove("theirs");
        now.denied_tables.insert("customer/-80".into(), Default::default());
        (base, now)
    }

    fn stop(code: &str, subject: &str) -> Decision {
        let finding = Finding::fail(code, Severity::Error, subject, "changed", "put it back");
        Decision::Stop(Box::new(Stop { kind: StopKind::NeedsHuman, phase: None, findings: vec![finding] }))
    }

    #[test]
    fn each_difference_is_named_ours_first_and_says_what_follows() {
        let (base, now) = pictures();
        let decision = stop(CHANGED, "routing rule `customer`");
        let found = of(Base::Known(&base), &now, &ours(), Some(&decision));
        let seen: Vec<(&str, bool, bool)> =
            found.iter().map(|drift| (drift.what.as_str(), drift.ours, drift.follows.contains("stops at it (C401)"))).collect();
        assert_eq!(
            seen,
            [
                ("routing rule `customer`", true, true),
                ("customer/-80 denied tables", true, false),
                ("routing rule `theirs`", false, false)
            ]
        );
        assert!(found[2].follows.contains("goes on"), "{found:?}");
        assert_eq!((found[0].expected.as_str(), found[0].found.as_str()), ("commerce.customer", "customer.customer"));
    }

    #[test]
    fn what_a_run_decides_says_whether_ours_stops_it() {
        let (base, now) = pictures();
        let follows = |decision: &Decision| of(Base::Known(&base), &now, &ours(), Some(decision))[0].follows.clone();
        assert!(follows(&stop("C302", "customer/-80")).contains("stops (C302)"));
        assert!(follows(&Decision::Done(Ending::UntilReached)).contains("goes on"));
    }

    #[test]
    fn a_cell_is_named_only_where_it_serves_something_else_than_the_topology_has() {
        let (mut base, mut now) = pictures();
        base.served.insert("zone1".into(), base.routing_rules.clone());
        now.served.insert("zone1".into(), now.routing_rules.clone());
        let of_cells = |now: &Picture| {
            let found = of(Base::Known(&base), now, &ours(), None);
            found.into_iter().filter(|drift| drift.what.starts_with("cell ")).map(|drift| drift.what).collect::<Vec<_>>()
        };
        assert_eq!(of_cells(&now), [""; 0]);
        now.served.get_mut("zone1").unwrap().set("customer", "elsewhere.customer");
        assert_eq!(of_cells(&now), ["cell zone1 serves routing rule `customer`"]);
    }

    #[test]
    fn without_a_base_there_is_no_drift() {
        let (base, now) = pictures();
        assert_eq!(of(Base::None, &now, &ours(), None), []);
        assert_eq!(of(Base::Unknown("it is gone"), &now, &ours(), None), []);
        assert_eq!(of(Base::Known(&base), &base, &ours(), None), []);
    }
}
