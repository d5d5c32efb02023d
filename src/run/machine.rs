//! The machine: from what is wanted, recorded and seen to the next thing to do. Pure: the same values give the same decision.
//!
//! It is level-triggered: it never remembers where it was, it looks at where the cluster is. After every write it looks whether the
//! write happened and whether everything is as forecast, before anything else is decided.

use jiff::Timestamp;
use uuid::Uuid;

use super::again;
use super::decision::{Act, Decision, Ending, HoldKind, Stop, StopKind};
use super::drift;
use super::forsaken;
use super::gates::{self, GateInput, GateState};
use super::locks::{self, Holder};
use super::phase::PhaseId;
use super::reconcile;
use super::refusal;
use super::retry::{self, Retry};
use super::stops::{between, between_by_hands, between_states, contradictory, foreign, hanging_lock, stale_lock};
use super::watch::Watch;
use crate::cluster::mutation::{Mutation, RemoveStaleLock};
use crate::cluster::port::{Facts, HeldLock, Query};
use crate::family::picture::Picture;
use crate::family::{Condition, Family, Phase, SituationKind, Step, View, Waiting, forecast_digest};
use crate::finding::Finding;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::routing::RoutingRules;
use crate::record::entry::{Goal, What};
use crate::record::progress::{Attempt, Progress};
use crate::words::length;

/// Everything that a decision depends on.
pub struct Input<'a> {
    pub family: &'a dyn Family,
    pub progress: &'a Progress,
    pub facts: &'a Facts,
    pub watch: &'a Watch,
    pub now: Timestamp,
    pub fresh_uuid: Uuid,
    pub kept_rules: Option<&'a RoutingRules>,
    /// What stood there after our last write.
    pub baseline: Option<&'a Picture>,
    pub options: &'a Options,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The last phase to do; none is all.
    pub until: Option<PhaseId>,
    /// Make whole what stopped half way, and begin nothing.
    pub finish_only: bool,
    /// Start the streams that stand still, and do no more.
    pub start_streams: bool,
    /// A command for one thing only: whatever others decide meanwhile, this run goes no way forward.
    pub never_forward: bool,
    /// The operator has said how to reach the topology server: a dead vtctld's lock may be taken away there.
    pub may_remove_locks: bool,
    /// What stands between states is mended whoever has left it so, and nothing is begun.
    pub mends: bool,
    /// The checks of what comes soon are made while something short is waited for.
    pub looks_ahead: bool,
}

/// Between whole states for so long, with nothing of ours half done, before it counts: a rebuild of somebody else's shows so, too.
const BETWEEN_SECONDS: i64 = 10;

/// What the next look must read, as far as the record tells.
pub fn query(family: &dyn Family, progress: &Progress) -> Query {
    let mut query = family.query();
    if let Some(open) = &progress.open_attempt {
        query.merge(reconcile::query(family, open, progress));
    }
    query
}

/// The next thing to do.
pub fn next(input: &Input<'_>) -> Decision {
    let situation = input.family.situation(input.facts, input.progress);
    let view = View {
        facts: input.facts,
        progress: input.progress,
        watch: input.watch,
        situation: &situation,
        now: input.now,
        fresh_uuid: input.fresh_uuid,
        kept_rules: input.kept_rules,
    };
    let run = Run { input, view };
    if let Some(open) = &input.progress.open_attempt {
        let needed = reconcile::query(input.family, open, input.progress);
        if !input.facts.covers(&needed) {
            return Decision::Look(needed);
        }
        return reconcile::decide(input, &view, open);
    }
    match situation.kind {
        SituationKind::Foreign => return run.refuse(None, foreign(&situation)),
        SituationKind::Contradictory => {
            // Where the tables are tells what somebody has made of it.
            let needed = input.family.query_for(&PhaseId::CANCEL, input.progress);
            if !input.facts.covers(&needed) {
                return Decision::Look(needed);
            }
            return run.needs_human(None, contradictory(&situation));
        }
        _ => {}
    }
    if let Some(stop) = reconcile::stop_after_difference(input) {
        return stop;
    }
    let half_done = input.progress.last_write().filter(|last| last.is_half_done());
    if let Some(last) = half_done
        && situation.kind != SituationKind::Between
        && let Some(whole) = reconcile::whole_again(input, &view, last)
    {
        return whole;
    }
    // The way back is barred by nobody's hands in what is ours; and what stands half way is not what a baseline shows.
    if input.progress.goal() != Goal::SwitchedBack
        && half_done.is_none()
        && !input.options.mends
        && let Some(drift) = run.drift()
    {
        return drift;
    }
    if situation.kind == SituationKind::Between {
        return run.finish();
    }
    if let Some((last, mutation)) = input.progress.last_write().zip(input.family.settle(&view)) {
        return run.send(&last.phase, mutation);
    }
    let incarnation = input.family.incarnation(input.facts);
    if !incarnation.is_empty() && incarnation != input.progress.streams {
        return Decision::Note(vec![What::Incarnation { streams: incarnation }]);
    }
    if input.options.finish_only {
        return Decision::Done(Ending::NothingToFinish);
    }
    if input.options.start_streams {
        return run.other_way(PhaseId::COPY, input.family.step_resume(&view), Ending::Resumed);
    }
    match input.progress.goal() {
        Goal::Cancelled => run.other_way(PhaseId::CANCEL, input.family.step_cancel(&view), Ending::Cancelled),
        Goal::SwitchedBack => run
            .forward_again(&PhaseId::SWITCH_BACK, &gates::MOVE_TRAFFIC)
            .unwrap_or_else(|| run.other_way(PhaseId::SWITCH_BACK, input.family.step_back(&view), Ending::SwitchedBack)),
        Goal::RulesRestored => run
            .forward_again(&PhaseId::RESTORE_RULES, &[PhaseId::REMOVE_RULES])
            .unwrap_or_else(|| run.other_way(PhaseId::RESTORE_RULES, input.family.step_restore(&view), Ending::RulesRestored)),
        Goal::Forward if input.progress.paused => run.other_way(PhaseId::COPY, input.family.step_pause(&view), Ending::Paused),
        Goal::Forward if input.options.never_forward => Decision::Done(Ending::NothingToFinish),
        Goal::Forward => run.forward(),
    }
}

/// One decision in the making.
pub(super) struct Run<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) view: View<'a>,
}

impl Run<'_> {
    /// Forward once more, on an approval that was given after the way back had ended.
    fn forward_again(&self, way_back: &PhaseId, gates: &[PhaseId]) -> Option<Decision> {
        if self.input.options.never_forward {
            return None;
        }
        let approval = self.input.progress.forward_again(way_back, gates, self.input.now)?;
        Some(Decision::Note(vec![What::Goal { goal: Goal::Forward, reason: Some(approval.reason.clone()) }]))
    }

    fn forward(&self) -> Decision {
        let family = self.input.family;
        for phase in family.phases() {
            if let Some(decision) = self.phase(&phase) {
                return decision;
            }
            if self.input.options.until.as_ref() == Some(&phase.id) {
                return Decision::Done(Ending::UntilReached);
            }
        }
        match self.view.situation.kind {
            SituationKind::Cancelled => Decision::Done(Ending::Cancelled),
            _ => Decision::Done(Ending::Complete),
        }
    }

    /// The look that reads this as well; none when it was read.
    fn look_for(&self, mut needed: Query) -> Option<Decision> {
        if self.input.facts.covers(&needed) {
            return None;
        }
        needed.merge(self.input.family.query());
        Some(Decision::Look(needed))
    }

    fn look_at_locks(&self) -> Option<Decision> {
        self.look_for(Query { asks: [self.input.family.lock_ask()].into(), ..Query::default() })
    }

    /// What a phase wants; none when it is done and on record.
    fn phase(&self, phase: &Phase) -> Option<Decision> {
        let id = &phase.id;
        let ahead = self.input.family.phases_ahead(self.view.situation);
        if *id == PhaseId::PRE_CHECK {
            if !ahead.contains(id) {
                return None;
            }
            return self.checks(id, &PhaseId::CREATE).or_else(|| self.reached(id, vec![]));
        }
        if self.input.progress.reached.contains_key(id) && self.input.family.is_past(id, self.view.situation) {
            return None;
        }
        if let Some(look) = self.look_for(self.input.family.query_for(id, self.input.progress)) {
            return Some(look);
        }
        match self.input.family.step(id, &self.view) {
            Step::Done(evidence) => self.reached(id, evidence),
            Step::Act(mutation) => Some(self.guarded(phase, mutation)),
            Step::Finish(mutation) => Some(self.send(id, mutation)),
            Step::Wait(waiting) => Some(self.check_ahead(id).unwrap_or_else(|| Decision::Wait(id.clone(), waiting))),
            Step::Blocked(finding) => Some(self.refuse(Some(id), finding)),
            Step::Until(until, waiting) => Some(self.hold(id, HoldKind::RevertWindow, waiting.what, vec![], Some(until))),
            Step::Between(why) => Some(self.needs_human(Some(id), between(why))),
        }
    }

    fn reached(&self, phase: &PhaseId, evidence: Vec<String>) -> Option<Decision> {
        let known = self.input.progress.reached.contains_key(phase);
        (!known).then(|| Decision::Note(vec![What::Reached { phase: phase.clone(), evidence }]))
    }

    /// A phase's write, behind its gate, its checks and its conditions.
    fn guarded(&self, phase: &Phase, mutation: Mutation) -> Decision {
        let progress = self.input.progress;
        // What has begun is finished, whatever the hour: the second of the two calls that switch reads.
        let since = progress.last_switch_back.unwrap_or(0);
        let begun = phase.id == PhaseId::SWITCH_REPLICAS
            && progress.attempts.iter().any(|attempt| {
                attempt.phase == phase.id && attempt.serial > since && reconcile::is_done(attempt) && attempt.mutation != mutation
            });
        if let Some(taken) = self.fast_path(&phase.id) {
            return taken;
        }
        let worst_case_seconds = self.worst_case_seconds(&phase.id);
        let conditions = self.conditions(&phase.id);
        if phase.has_gate
            && !begun
            && let Some(spec) = self.input.family.gate(&phase.id, self.input.facts)
        {
            let forecast = forecast_digest(self.input.family, &phase.id, self.input.facts, self.view.situation);
            let state = gates::judge(&GateInput {
                phase: &phase.id,
                spec: &spec,
                progress,
                forecast: &forecast,
                now: self.input.now,
                worst_case_seconds,
                began_at_serial: self.input.watch.began_at_serial,
                one_attempt: phase.id == PhaseId::SWITCH_PRIMARY,
            });
            if let GateState::Shut { kind, mut why, until } = state {
                if kind == HoldKind::Gate && gates::MOVE_TRAFFIC.contains(&phase.id) {
                    let not_taken = self.input.family.why_no_fast_path(self.input.facts);
                    why.extend(not_taken.into_iter().map(|why_not| format!("; {why_not}")));
                }
                why.extend(self.lock_ahead(&mutation));
                return self.hold(&phase.id, kind, why, conditions, until);
            }
        }
        if !conditions.iter().all(Condition::passes) {
            return self.not_quiet(&phase.id, conditions);
        }
        if let Some(decision) = self.checks(&phase.id, &phase.id) {
            return decision;
        }
        self.send(&phase.id, mutation)
    }

    /// That a hold is left out is on record before traffic moves; none where it is, or where the gates stand.
    fn fast_path(&self, phase: &PhaseId) -> Option<Decision> {
        let Input { family, facts, progress, .. } = self.input;
        if !gates::MOVE_TRAFFIC.contains(phase) || progress.fast_path_at_serial.is_some() || !family.takes_fast_path(facts) {
            return None;
        }
        let path = family.fast_path(facts);
        Some(Decision::Note(vec![What::FastPath {
            phase: phase.clone(),
            accepted: path.caveats.iter().map(|caveat| caveat.name.as_str().to_owned()).collect(),
            evidence: path.criteria.iter().map(|criterion| format!("{}: {}", criterion.name, criterion.seen)).collect(),
        }]))
    }

    /// What must hold at the moment of a phase's first write, and what of it somebody has waived.
    fn conditions(&self, phase: &PhaseId) -> Vec<Condition> {
        let mut conditions = self.input.family.conditions(phase, &self.view);
        for condition in conditions.iter_mut().filter(|condition| !condition.passes()) {
            let waived =
                condition.code.as_ref().and_then(|code| self.input.progress.waived(code, &condition.name, &condition.counts));
            condition.waived = waived.map(str::to_owned);
        }
        conditions
    }

    /// A write, unless a dead vtctld's lock stands in its way.
    fn send(&self, phase: &PhaseId, mutation: Mutation) -> Decision {
        self.named_lock(phase, &mutation).unwrap_or_else(|| self.send_unlocked(phase, mutation))
    }

    /// What the lock of the name that a write needs makes of it; none when it is free.
    fn named_lock(&self, phase: &PhaseId, mutation: &Mutation) -> Option<Decision> {
        let family = self.input.family;
        let name = family.named_lock(mutation, self.input.facts)?;
        if let Some(look) = self.look_at_locks() {
            return Some(look);
        }
        match self.holder(&name) {
            // Vitess waits for it and says so, if need be.
            Holder::Nobody | Holder::Unknown(_) => None,
            Holder::MayLive(lock) => Some(Decision::Wait(phase.clone(), Waiting::new(waits_for(lock)))),
            Holder::Dead(lock) if self.input.options.may_remove_locks && self.is_proven_dead(lock) => {
                let (keyspace, workflow) = name;
                let remove = RemoveStaleLock { keyspace, workflow, node: lock.node.clone() };
                Some(self.send_unlocked(phase, Mutation::RemoveStaleLock(remove)))
            }
            Holder::Dead(lock) if self.view.situation.kind == SituationKind::Between => {
                Some(self.needs_human(Some(phase), self.locked(lock)))
            }
            Holder::Dead(lock) => Some(self.refuse(Some(phase), self.locked(lock))),
        }
    }

    /// Whose holder's end is on record, for it was a call of ours; or a person has said so, who was shown the lock. Of anybody else's,
    /// a vtctld that hangs at a dead tablet looks like a dead one's.
    fn is_proven_dead(&self, lock: &HeldLock) -> bool {
        let is_ours = || self.input.progress.attempts.iter().any(|attempt| locks::is_of(lock, Some(attempt)));
        !self.may_hang(lock) && !self.input.watch.is_of_somebody_else(lock) && (self.input.options.mends || is_ours())
    }

    fn may_hang(&self, lock: &HeldLock) -> bool {
        forsaken::may_hang(lock, self.input.progress)
    }

    /// What a lock that nobody gives back makes of a write.
    fn locked(&self, lock: &HeldLock) -> Finding {
        if self.may_hang(lock) { hanging_lock(lock) } else { stale_lock(lock) }
    }

    /// Who holds a name. What a write of ours that is over has left locked, its own state has shown to be no longer worked on.
    fn holder(&self, name: &(KeyspaceName, WorkflowName)) -> Holder<'_> {
        let locks = self.input.facts.locks(&self.input.family.lock_ask());
        let last = self.input.progress.last_write();
        let of_ours = |locks: &Vec<HeldLock>| {
            locks.iter().any(|lock| lock.of == format!("{}/{}", name.0, name.1) && locks::is_of(lock, last))
        };
        let had_keyspaces = last.is_some_and(Attempt::is_half_done) || locks.as_ref().is_ok_and(|locks| of_ours(locks));
        locks::of_name(locks, name, self.input.watch, had_keyspaces, self.input.now)
    }

    /// At a hold: the dead vtctld's lock that the next try will meet, if it is known.
    fn lock_ahead(&self, mutation: &Mutation) -> Option<String> {
        if self.input.options.may_remove_locks {
            return None;
        }
        let name = self.input.family.named_lock(mutation, self.input.facts)?;
        let lock = match self.holder(&name) {
            Holder::Dead(lock) => lock,
            Holder::MayLive(lock) => return Some(format!("; the next try {}", waits_for(lock))),
            Holder::Nobody | Holder::Unknown(_) => return None,
        };
        let finding = self.locked(lock);
        Some(format!(
            "; and before a next try {} must be dealt with, or it fails: {}. {}",
            finding.code, finding.summary, finding.help
        ))
    }

    /// A write, unless the cluster has just refused the same.
    fn send_unlocked(&self, phase: &PhaseId, mutation: Mutation) -> Decision {
        let is_between = self.view.situation.kind == SituationKind::Between;
        let again = match is_between && phase != &PhaseId::REPAIR {
            true => "`cutover apply --finish-only`".to_owned(),
            false => self.again(phase),
        };
        let after = refusal::After { again, is_between };
        // What could not be mended is not where it was.
        let refused = |kind, finding: Finding| {
            let (kind, findings) = match is_between {
                true => (StopKind::NeedsHuman, vec![between_states(self.view.situation), finding]),
                false => (kind, vec![finding]),
            };
            Decision::Stop(Box::new(Stop { kind, phase: Some(phase.clone()), findings }))
        };
        match retry::judge(self.input.progress, self.input.watch, phase, &mutation, self.input.now, is_between) {
            Retry::Now => Decision::Act(Box::new(self.act(phase, mutation))),
            Retry::In(seconds, words) => {
                Decision::Wait(phase.clone(), Waiting::new(format!("tries again in {}: {words}", length(seconds))))
            }
            Retry::NoMore(words) => refused(StopKind::Refused, refusal::finding(phase, &mutation, &words, &after)),
            Retry::NotAllowed(words) => refused(StopKind::NotAllowed, refusal::finding(phase, &mutation, &words, &after)),
            Retry::Lost(words) => refused(StopKind::Refused, refusal::lost(phase, &mutation, &words, &after)),
        }
    }

    /// How a phase is tried again, in words.
    fn again(&self, phase: &PhaseId) -> String {
        again::words(phase, self.input.family.spec().workflow.as_str())
    }

    fn worst_case_seconds(&self, phase: &PhaseId) -> u64 {
        self.input.family.mutations(phase).iter().map(|mutation| mutation.verb().worst_case_seconds()).sum()
    }

    /// While something short is waited for: the checks of what follows at once, so that it need not wait for them. Once a phase and run;
    /// what stands in the way is said when it is that phase's turn.
    fn check_ahead(&self, waiting: &PhaseId) -> Option<Decision> {
        let Input { family, watch, options, .. } = self.input;
        if !options.looks_ahead || watch.checked_ahead.contains(waiting) || options.until.as_ref() == Some(waiting) {
            return None;
        }
        let soon = family.checks_soon(waiting, &self.view)?;
        if let Some(look) = self.look_for_checks(waiting, &soon) {
            return Some(look);
        }
        let passed = self.blocked_by(&soon).is_empty().then_some(soon);
        Some(Decision::CheckedAhead { waiting: waiting.clone(), passed })
    }

    /// The look that the checks before a phase need, made in another one's turn.
    fn look_for_checks(&self, at: &PhaseId, before: &PhaseId) -> Option<Decision> {
        let Input { family, facts, progress, .. } = self.input;
        let mut needed = family.check_query(facts, Some(before));
        if facts.covers(&needed) {
            return None;
        }
        needed.merge(family.query());
        needed.merge(family.query_for(at, progress));
        Some(Decision::Look(needed))
    }

    /// What the checks before a phase find that stands in its way.
    fn blocked_by(&self, before: &PhaseId) -> Vec<Finding> {
        let Input { family, facts, progress, .. } = self.input;
        family.check(facts, progress, Some(before)).into_iter().filter(Finding::blocks).collect()
    }

    /// The checks before a phase; none when they have passed a short while ago.
    fn checks(&self, at: &PhaseId, before: &PhaseId) -> Option<Decision> {
        if self.input.watch.checked_lately(before, self.input.now) {
            return None;
        }
        if let Some(look) = self.look_for_checks(at, before) {
            return Some(look);
        }
        let findings = self.blocked_by(before);
        if findings.is_empty() {
            return Some(Decision::Checked(before.clone()));
        }
        Some(Decision::Stop(Box::new(Stop { kind: StopKind::Refused, phase: Some(at.clone()), findings })))
    }

    fn act(&self, phase: &PhaseId, mutation: Mutation) -> Act {
        let before = self.input.family.picture(self.input.facts);
        let after = self.input.family.forecast(&mutation, &before, self.input.facts);
        let forecast = after.digest_of_ours(&self.input.family.ours());
        Act { phase: phase.clone(), mutation, before, after, forecast }
    }

    /// A way that no gate stands before: back, cancel, pause, restore.
    fn other_way(&self, phase: PhaseId, step: Step, ending: Ending) -> Decision {
        let needed = self.input.family.query_for(&phase, self.input.progress);
        if let Some(look) = self.look_for(needed) {
            return look;
        }
        match step {
            Step::Done(evidence) => self.reached_since_goal(&phase, evidence, ending),
            Step::Act(mutation) | Step::Finish(mutation) => self.send(&phase, mutation),
            Step::Wait(waiting) | Step::Until(_, waiting) => Decision::Wait(phase, waiting),
            Step::Blocked(finding) => self.refuse(Some(&phase), finding),
            Step::Between(why) => self.needs_human(Some(&phase), between(why)),
        }
    }

    fn reached_since_goal(&self, phase: &PhaseId, evidence: Vec<String>, ending: Ending) -> Decision {
        if matches!(ending, Ending::Paused | Ending::Resumed) {
            return Decision::Done(ending);
        }
        let since = self.input.progress.goal.as_ref().map(|goal| goal.at);
        let known = self.input.progress.reached.get(phase).is_some_and(|at| Some(*at) >= since);
        if known { Decision::Done(ending) } else { Decision::Note(vec![What::Reached { phase: phase.clone(), evidence }]) }
    }

    /// Somebody else's hands in what is ours, since our last write.
    fn drift(&self) -> Option<Decision> {
        let Input { family, facts, progress, baseline, .. } = self.input;
        let changed = drift::of(*family, facts, progress, self.view.situation, (*baseline)?);
        (!changed.is_empty())
            .then(|| Decision::Stop(Box::new(Stop { kind: StopKind::NeedsHuman, phase: None, findings: changed })))
    }

    /// Between whole states, with no attempt open: our last write stopped half way, or somebody's hands. A write that came to
    /// nothing has left nothing to be finished.
    fn finish(&self) -> Decision {
        let last = self.input.progress.last_write();
        let mends = self.input.options.mends;
        let unfinished = last.is_some_and(Attempt::is_half_done);
        if !unfinished && !mends {
            let since = self.input.watch.between_since.unwrap_or(self.input.now);
            if self.input.now.duration_since(since).as_secs() < BETWEEN_SECONDS {
                let phase = last.map_or(PhaseId::PRE_CHECK, |attempt| attempt.phase.clone());
                let against = self.view.situation.contradictions.join("; ");
                return Decision::Wait(phase, Waiting::new(format!("looking whether it stays so: {against}")));
            }
            if let Some(decision) = self.somebody_at_work() {
                return decision;
            }
            return self.needs_human(None, between_by_hands(self.view.situation));
        }
        let phase = match last {
            Some(attempt) if unfinished => attempt.phase.clone(),
            _ => PhaseId::REPAIR,
        };
        if let Some(look) = self.look_for(self.input.family.finish_query(&phase, self.input.progress)) {
            return look;
        }
        match self.input.family.step_finish(&self.view) {
            Step::Act(mutation) | Step::Finish(mutation) => self.send(&phase, mutation),
            Step::Wait(waiting) => Decision::Wait(phase, waiting),
            Step::Between(why) => self.needs_human(Some(&phase), between(why)),
            _ => self.needs_human(Some(&phase), between_states(self.view.situation)),
        }
    }

    /// Between states by the hands of somebody whose call may still be under way: nothing is broken yet.
    fn somebody_at_work(&self) -> Option<Decision> {
        if let Some(look) = self.look_at_locks() {
            return Some(look);
        }
        let locks = self.input.facts.locks(&self.input.family.lock_ask()).ok()?;
        let (watch, now) = (self.input.watch, self.input.now);
        let may_live =
            |lock: &&HeldLock| !lock.waits && watch.keyspaces_free_seconds(lock, now) < locks::may_be_alone_seconds(lock);
        let held = locks::of_a_keyspace(locks).or_else(|| locks.iter().filter(|lock| lock.is_named()).find(may_live))?;
        let phase = self.input.progress.last_write().map_or(PhaseId::PRE_CHECK, |attempt| attempt.phase.clone());
        Some(Decision::Wait(phase, Waiting::new(format!("somebody else is at work: {}", locks::words(held)))))
    }

    fn refuse(&self, phase: Option<&PhaseId>, finding: Finding) -> Decision {
        Decision::Stop(Box::new(Stop { kind: StopKind::Refused, phase: phase.cloned(), findings: vec![finding] }))
    }

    fn needs_human(&self, phase: Option<&PhaseId>, finding: Finding) -> Decision {
        Decision::Stop(Box::new(Stop { kind: StopKind::NeedsHuman, phase: phase.cloned(), findings: vec![finding] }))
    }
}

/// Who may live is waited for; that he doesn't is known after a while alone.
fn waits_for(lock: &HeldLock) -> String {
    let alone = length(locks::may_be_alone_seconds(lock));
    format!(
        "waits for a lock: {}; when a run has seen it for {alone} and no keyspace locked beside it, its owner is dead (C408)",
        locks::words(lock)
    )
}

/// A short wait that everything in this module may use.
pub(super) fn wait(what: impl Into<String>) -> Waiting {
    Waiting::new(what)
}
