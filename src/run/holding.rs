//! What a hold tells: what was proved, what comes next, what it costs, and the commands that release it.

use jiff::Timestamp;

use super::decision::{Decision, Hold, HoldKind};
use super::machine::Run;
use super::phase::PhaseId;
use crate::family::{Condition, SituationKind};
use crate::words::{length, moment};

impl Run<'_> {
    pub(super) fn not_quiet(&self, phase: &PhaseId, conditions: Vec<Condition>) -> Decision {
        let limit_seconds = self.input.family.spec().switch.wait_for_quiet_seconds;
        let waited = self.input.watch.waiting_since.get(phase).map_or(0, |since| self.input.now.duration_since(*since).as_secs());
        if waited.unsigned_abs() < limit_seconds {
            return Decision::Await(phase.clone(), conditions);
        }
        let in_the_way: Vec<String> =
            conditions.iter().filter(|condition| !condition.passes()).map(|condition| condition.name.clone()).collect();
        let why = format!("no quiet moment in {}; in the way: {}", length(limit_seconds), in_the_way.join(", "));
        self.hold(phase, HoldKind::NotQuiet, why, conditions, None)
    }

    pub(super) fn hold(
        &self,
        gate: &PhaseId,
        kind: HoldKind,
        why: String,
        conditions: Vec<Condition>,
        until: Option<Timestamp>,
    ) -> Decision {
        let family = self.input.family;
        let mut proved: Vec<String> = self
            .input
            .progress
            .reached
            .iter()
            .map(|(phase, at)| (*at, phase))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .map(|(at, phase)| format!("{phase} done {}", moment(at)))
            .collect();
        proved.extend(
            conditions
                .iter()
                .filter(|condition| condition.passes() && condition.waived.is_none())
                .map(|condition| format!("{}: {}", condition.name, condition.seen)),
        );
        let next_phase = if *gate == PhaseId::REVERT_WINDOW { PhaseId::COMPLETE } else { gate.clone() };
        let release = match kind {
            HoldKind::Gate | HoldKind::VoidApproval | HoldKind::AttemptFailed | HoldKind::SwitchedBack => {
                vec![format!("cutover approve {gate} --reason TEXT"), "cutover apply".to_owned()]
            }
            HoldKind::RevertWindow => {
                vec!["cutover apply --wait".to_owned(), "cutover approve complete --end-revert-window --reason TEXT".to_owned()]
            }
            HoldKind::Window | HoldKind::NotQuiet => vec!["cutover apply --wait".to_owned()],
            HoldKind::Paused => vec!["cutover resume".to_owned()],
        };
        let price = family.price(gate, &self.view);
        let way_back = (self.view.situation.kind == SituationKind::Switched).then(|| family.way_back(self.input.facts));
        let way_back_shut = way_back.filter(|way_back| !way_back.possible).map(|way_back| way_back.why);
        let next = family.effects(&next_phase, self.input.facts);
        let gate = gate.clone();
        Decision::Hold(Box::new(Hold { gate, kind, why, proved, next, conditions, price, release, until, way_back_shut }))
    }
}
