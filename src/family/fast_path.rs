//! The fast path: whether a movement is small and plain enough to run straight through, and whether it does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run::phase::PhaseId;
use crate::spec::{Caveat, FastPathSpec, GatePolicy, GateSpec};

/// Judged on structure alone; what changes by the minute stays with the gates and their conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FastPath {
    /// Every criterion passes.
    pub eligible: bool,
    /// Eligible, and the plan file accepts every caveat: the movement runs straight through to the hold before `complete`.
    pub taken: bool,
    pub criteria: Vec<Criterion>,
    /// What taking it means, and whether the plan file accepts it.
    pub caveats: Vec<CaveatOf>,
}

/// One thing that must be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Criterion {
    pub name: String,
    pub passes: bool,
    /// What was seen, or why nothing was.
    pub seen: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaveatOf {
    pub name: Caveat,
    pub words: String,
    pub accepted: bool,
}

impl Criterion {
    pub fn new(name: &str, passes: bool, seen: impl Into<String>) -> Self {
        Self { name: name.to_owned(), passes, seen: seen.into() }
    }
}

impl FastPath {
    pub fn of(criteria: Vec<Criterion>, spec: &FastPathSpec) -> Self {
        let caveats =
            Caveat::ALL.map(|name| CaveatOf { name, words: name.words().to_owned(), accepted: spec.accept.contains(&name) });
        let eligible = !criteria.is_empty() && criteria.iter().all(|criterion| criterion.passes);
        Self { eligible, taken: eligible && caveats.iter().all(|caveat| caveat.accepted), criteria, caveats: caveats.into() }
    }

    /// It is to be had, or the plan file asks for it.
    pub fn is_worth_saying(&self) -> bool {
        self.eligible || self.caveats.iter().any(|caveat| caveat.accepted)
    }

    /// Why a movement whose plan file accepts any of it does not take it; none where it does, or where nobody asked for it.
    pub fn why_not(&self) -> Option<String> {
        if self.taken || !self.caveats.iter().any(|caveat| caveat.accepted) {
            return None;
        }
        let failed = self.criteria.iter().filter(|criterion| !criterion.passes);
        let not_met = failed.map(|criterion| format!("{}: {}", criterion.name, criterion.seen));
        let not_accepted = self.caveats.iter().filter(|caveat| !caveat.accepted);
        let not_accepted = not_accepted.map(|caveat| format!("the plan file does not accept \"{}\"", caveat.name.as_str()));
        let why: Vec<String> = not_met.chain(not_accepted).collect();
        Some(format!("the fast path is not taken ({})", why.join("; ")))
    }

    /// In a line, no full stop.
    pub fn words(&self) -> String {
        if self.taken {
            "taken: it runs straight through to the hold before `complete`, after VDiff has passed".to_owned()
        } else if self.eligible {
            let all: Vec<String> = self.caveats.iter().map(|caveat| format!("\"{}\"", caveat.name.as_str())).collect();
            let small = "small and plain enough to run straight through to the hold before `complete`";
            let whole = format!("`[fast-path] accept = [{}]`", all.join(", "));
            if self.caveats.iter().any(|caveat| caveat.accepted) {
                format!("not taken: it needs every caveat accepted ({whole}). The movement is {small}")
            } else {
                format!("{small}; with {whole} it does")
            }
        } else {
            "asked for and not taken: the ordinary gates stand".to_owned()
        }
    }
}

/// A gate on the fast path: traffic moves without a hold, and nothing is dropped without one, whatever the plan file says.
pub fn gate(phase: &PhaseId, spec: &GateSpec) -> GateSpec {
    let policy = match phase {
        phase if [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY].contains(phase) => GatePolicy::AutoAdvance,
        phase if *phase == PhaseId::COMPLETE => GatePolicy::OperatorHold,
        _ => spec.policy,
    };
    GateSpec { policy, ..spec.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(accept: &[Caveat]) -> FastPathSpec {
        FastPathSpec { accept: accept.iter().copied().collect() }
    }

    fn policies(policy: GatePolicy) -> Vec<GatePolicy> {
        let spec = GateSpec { policy, windows: vec![], time_zone: "UTC".into(), approval_expires_seconds: 60 };
        let phases =
            [PhaseId::VERIFY, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE, PhaseId::REMOVE_RULES];
        phases.iter().map(|phase| gate(phase, &spec).policy).collect()
    }

    #[test]
    fn it_is_taken_only_where_all_fits_and_all_is_accepted() {
        let fits = || vec![Criterion::new("few rows", true, "10 rows")];
        assert!(FastPath::of(fits(), &spec(&Caveat::ALL)).taken);
        for accepted in [&[][..], &[Caveat::NoHold], &[Caveat::NoRevertWindow]] {
            let path = FastPath::of(fits(), &spec(accepted));
            assert!(path.eligible && !path.taken, "{accepted:?}");
        }
        let mut other = fits();
        other.push(Criterion::new("one source shard", false, "2 shards"));
        let path = FastPath::of(other, &spec(&Caveat::ALL));
        assert!(!path.eligible && !path.taken);
        assert_eq!(path.why_not().unwrap(), "the fast path is not taken (one source shard: 2 shards)");
        let half = FastPath::of(fits(), &spec(&[Caveat::NoHold]));
        assert_eq!(half.why_not().unwrap(), "the fast path is not taken (the plan file does not accept \"no-revert-window\")");
        assert_eq!(FastPath::of(fits(), &spec(&[])).why_not(), None, "nobody asked for it");
        assert!(!FastPath::of(vec![], &spec(&Caveat::ALL)).taken, "a family that judges nothing offers nothing");
    }

    #[test]
    fn on_it_traffic_moves_without_a_hold_and_nothing_is_dropped_without_one() {
        use GatePolicy::{AutoAdvance, OperatorHold};
        assert_eq!(policies(OperatorHold), [OperatorHold, AutoAdvance, AutoAdvance, OperatorHold, OperatorHold]);
        assert_eq!(policies(AutoAdvance), [AutoAdvance, AutoAdvance, AutoAdvance, OperatorHold, AutoAdvance]);
    }
}
