//! The fold: from the record's entries to where the movement stands.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Goal, NOT_SENT, OutcomeResult, What};
use crate::cluster::mutation::Mutation;
use crate::model::digest::Digest;
use crate::run::phase::PhaseId;

/// What the record says. Nothing here is proof of what the cluster is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub begun: Option<Begun>,
    /// The intent digest that counts now, after edits.
    pub intent: Option<Digest>,
    /// Digest of the plan file's meaning as it was last taken up, kept beside the record.
    pub spec: Option<Digest>,
    pub serial: u64,
    pub goal: Option<StandingGoal>,
    /// A write without outcome: it may have happened.
    pub open_attempt: Option<Attempt>,
    /// Every attempt, with its outcome.
    pub attempts: Vec<Attempt>,
    /// Phases whose done-condition was observed since the last change of direction, with the time.
    pub reached: BTreeMap<PhaseId, Timestamp>,
    /// The serials of these observations.
    pub reached_at_serial: BTreeMap<PhaseId, u64>,
    pub approvals: Vec<StandingApproval>,
    pub waivers: Vec<StandingWaiver>,
    /// `stream <keyspace>.<workflow> <shard> <source shard>` to id.
    pub streams: BTreeMap<String, i64>,
    pub paused: bool,
    /// The serial of the last `resume`.
    pub resumed_at_serial: u64,
    /// What stood there after our last write, as kept beside the record.
    pub baseline: Option<Digest>,
    /// The serial of the last switch back or edit that voids older approvals.
    pub last_switch_back: Option<u64>,
    /// Somebody else made the movement, and it was taken over.
    pub adoption: Option<Adoption>,
    /// The serial at which the fast path was taken, by the plan file as it is now.
    pub fast_path_at_serial: Option<u64>,
}

/// When a movement of somebody else's was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    pub serial: u64,
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
    /// The names of what was accepted without proof.
    pub accepted: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub at: Timestamp,
    pub workflow: String,
    pub cluster: String,
    pub fingerprint: String,
    pub frozen: Digest,
    pub tables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingGoal {
    pub goal: Goal,
    pub serial: u64,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub attempt: u64,
    pub serial: u64,
    pub at: Timestamp,
    pub phase: PhaseId,
    pub mutation: Mutation,
    pub replaced: Option<Digest>,
    pub outcome: Option<(OutcomeResult, Timestamp)>,
    pub evidence: Vec<String>,
    /// The serial of the outcome's entry.
    pub ended_at_serial: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingApproval {
    pub serial: u64,
    pub at: Timestamp,
    pub by: String,
    pub gate: PhaseId,
    pub reason: String,
    pub intent: Digest,
    pub forecast: Digest,
    pub expires_at: Option<Timestamp>,
    pub end_revert_window: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingWaiver {
    pub serial: u64,
    pub code: String,
    pub subject: String,
    pub reason: String,
    pub intent: Digest,
    pub seen: String,
}

impl Attempt {
    /// A write that makes whole what another one left half done, and is none of its phase's own.
    pub fn is_mending(&self) -> bool {
        self.mutation.is_mending()
            || match &self.mutation {
                Mutation::SetStreams(_) => self.phase != PhaseId::COPY,
                Mutation::ApplyRoutingRules(_) => ![PhaseId::REMOVE_RULES, PhaseId::RESTORE_RULES].contains(&self.phase),
                _ => false,
            }
    }

    /// It was put on record, and never left this machine.
    pub fn was_not_sent(&self) -> bool {
        self.evidence.iter().any(|line| line.starts_with(NOT_SENT))
    }

    /// It was seen to have changed nothing, or that all of it was taken back.
    pub fn came_to_nothing(&self) -> bool {
        matches!(self.outcome, Some((OutcomeResult::NotDone | OutcomeResult::RolledBack, _)))
    }

    /// It stopped half way, and nobody has seen it whole since.
    pub fn is_half_done(&self) -> bool {
        matches!(self.outcome, Some((OutcomeResult::HalfDone, _)))
    }
}

impl Progress {
    /// Whether it is about something that may be there: a write of ours was sent, or a movement was taken over. Until then the plan
    /// file alone says what the movement is.
    pub fn is_bound(&self) -> bool {
        !self.attempts.is_empty() || self.adoption.is_some()
    }

    /// The last write that is not the mending of another.
    pub fn last_write(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| !attempt.is_mending())
    }

    /// Folds a whole record.
    pub fn of(entries: &[Entry]) -> Self {
        let mut progress = Self::default();
        for entry in entries {
            progress.absorb(entry);
        }
        progress
    }

    pub fn absorb(&mut self, entry: &Entry) {
        self.serial = entry.serial;
        match &entry.what {
            What::Begun { workflow, cluster, fingerprint, intent, frozen, tables, spec } => {
                self.spec = spec.clone();
                self.intent = Some(intent.clone());
                self.begun = Some(Begun {
                    at: entry.at,
                    workflow: workflow.clone(),
                    cluster: cluster.clone(),
                    fingerprint: fingerprint.clone(),
                    frozen: frozen.clone(),
                    tables: tables.clone(),
                });
            }
            What::Edited { intent, gates, spec } => {
                self.spec = spec.clone();
                self.fast_path_at_serial = None;
                let before = self.intent.replace(intent.clone());
                // An approval binds the intent that it was given for. A gate that the edit left alone keeps its own; one that an
                // earlier edit made void stays so.
                for approval in &mut self.approvals {
                    if !gates.contains(&approval.gate) && Some(&approval.intent) == before.as_ref() {
                        approval.intent = intent.clone();
                    }
                }
            }
            What::Goal { goal, .. } => {
                self.goal = Some(StandingGoal { goal: *goal, serial: entry.serial, at: entry.at });
                if matches!(goal, Goal::SwitchedBack | Goal::Cancelled) {
                    self.last_switch_back = Some(entry.serial);
                    self.fast_path_at_serial = None;
                    self.approvals.clear();
                    if *goal == Goal::Cancelled {
                        self.reached.remove(&PhaseId::CREATE);
                        self.reached.remove(&PhaseId::COPY);
                    }
                    for phase in [PhaseId::VERIFY, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::REVERT_WINDOW] {
                        self.reached.remove(&phase);
                    }
                }
                if matches!(goal, Goal::RulesRestored) {
                    self.reached.remove(&PhaseId::REMOVE_RULES);
                }
            }
            What::Intent { attempt, phase, mutation, replaced, .. } => {
                let attempt = Attempt {
                    attempt: *attempt,
                    serial: entry.serial,
                    at: entry.at,
                    phase: phase.clone(),
                    mutation: mutation.clone(),
                    replaced: replaced.clone(),
                    outcome: None,
                    evidence: Vec::new(),
                    ended_at_serial: 0,
                };
                self.attempts.push(attempt.clone());
                self.open_attempt = Some(attempt);
            }
            What::Outcome { attempt, result, found, evidence, .. } => {
                if found.is_some() {
                    self.baseline = found.clone();
                }
                for known in &mut self.attempts {
                    if known.attempt == *attempt {
                        known.outcome = Some((*result, entry.at));
                        known.evidence = evidence.clone();
                        known.ended_at_serial = entry.serial;
                    }
                }
                if self.open_attempt.as_ref().is_some_and(|open| open.attempt == *attempt) {
                    self.open_attempt = None;
                }
            }
            What::Reached { phase, .. } => {
                self.reached.insert(phase.clone(), entry.at);
                self.reached_at_serial.insert(phase.clone(), entry.serial);
            }
            What::Approval { gate, reason, intent, forecast, expires_at, end_revert_window } => {
                self.approvals.retain(|approval| &approval.gate != gate);
                self.approvals.push(StandingApproval {
                    serial: entry.serial,
                    at: entry.at,
                    by: entry.by.user.clone(),
                    gate: gate.clone(),
                    reason: reason.clone(),
                    intent: intent.clone(),
                    forecast: forecast.clone(),
                    expires_at: *expires_at,
                    end_revert_window: *end_revert_window,
                });
            }
            What::Waiver { code, subject, reason, intent, seen } => {
                self.waivers.retain(|waiver| !(waiver.code == *code && waiver.subject == *subject));
                self.waivers.push(StandingWaiver {
                    serial: entry.serial,
                    code: code.clone(),
                    subject: subject.clone(),
                    reason: reason.clone(),
                    intent: intent.clone(),
                    seen: seen.clone(),
                });
            }
            What::Incarnation { streams } => self.streams = streams.clone(),
            What::Adopted { reached, streams, accepted, reason, found, .. } => {
                for phase in reached {
                    self.reached.insert(phase.clone(), entry.at);
                    self.reached_at_serial.insert(phase.clone(), entry.serial);
                }
                self.streams = streams.clone();
                self.baseline = Some(found.clone());
                self.adoption = Some(Adoption {
                    serial: entry.serial,
                    at: entry.at,
                    by: entry.by.user.clone(),
                    reason: reason.clone(),
                    accepted: accepted.iter().map(|accepted| accepted.name.clone()).collect(),
                });
            }
            What::FastPath { .. } => self.fast_path_at_serial = Some(entry.serial),
            What::Paused { .. } => self.paused = true,
            What::Resumed { .. } => {
                self.paused = false;
                self.resumed_at_serial = entry.serial;
            }
            What::Remark { .. } => {}
        }
    }

    pub fn goal(&self) -> Goal {
        self.goal.as_ref().map_or(Goal::Forward, |standing| standing.goal)
    }

    pub fn next_attempt(&self) -> u64 {
        self.attempts.last().map_or(1, |last| last.attempt + 1)
    }

    /// The last try to move writes in a phase. Stopping a VDiff before it is none.
    pub fn last_switch_of_writes(&self, phase: &PhaseId) -> Option<&Attempt> {
        let moves_writes = |attempt: &Attempt| matches!(&attempt.mutation, Mutation::SwitchTraffic(it) if it.moves_writes());
        self.attempts.iter().rev().find(|attempt| &attempt.phase == phase && moves_writes(attempt))
    }

    /// The last edit that took our routing rules away. What made it whole afterwards replaced none of them.
    pub fn last_removal_of_rules(&self) -> Option<&Attempt> {
        let removes = |attempt: &&Attempt| {
            attempt.phase == PhaseId::REMOVE_RULES && matches!(attempt.mutation, Mutation::ApplyRoutingRules(_))
        };
        self.attempts.iter().rev().find(removes)
    }

    /// The reason of a waiver of this code and subject that binds now: given for the plan as it is and for these counts.
    pub fn waived(&self, code: &str, subject: &str, counts: &str) -> Option<&str> {
        let binds = |waiver: &&StandingWaiver| {
            (waiver.code.as_str(), waiver.subject.as_str(), waiver.seen.as_str()) == (code, subject, counts)
                && Some(&waiver.intent) == self.intent.as_ref()
        };
        self.waivers.iter().find(binds).map(|waiver| waiver.reason.as_str())
    }

    /// On the way that the goal says, the writes stand where they stood, and nothing is half done: it was refused, or waits. Reads may
    /// have moved, and VDiffs been stopped.
    pub fn has_left_the_writes_alone_since_its_goal(&self) -> bool {
        let goal_at = self.goal.as_ref().map_or(0, |goal| goal.serial);
        let leaves_them = |attempt: &Attempt| match &attempt.mutation {
            Mutation::StopVDiff(_) => true,
            Mutation::SwitchTraffic(switch) => attempt.came_to_nothing() || (!switch.moves_writes() && !attempt.is_half_done()),
            _ => false,
        };
        let mut since = self.attempts.iter().filter(|attempt| attempt.serial > goal_at);
        self.open_attempt.is_none() && since.all(leaves_them)
    }

    /// An approval that lets traffic go forward again after a way back: of one of these gates, given for the plan as it is, not
    /// expired, and younger than the sight of the way back's end. One that was given while traffic was still on its way back
    /// doesn't count: it would turn it round in the middle.
    pub fn forward_again(&self, way_back: &PhaseId, gates: &[PhaseId], now: Timestamp) -> Option<&StandingApproval> {
        let ended = *self.reached_at_serial.get(way_back)?;
        let goal_at = self.goal.as_ref().map_or(0, |goal| goal.serial);
        let counts = |approval: &&StandingApproval| {
            gates.contains(&approval.gate) && approval.serial > ended && self.stands(approval, now)
        };
        (ended > goal_at).then(|| self.approvals.iter().find(counts)).flatten()
    }

    /// Whether an approval was given for the plan as it is, and has not expired.
    pub fn stands(&self, approval: &StandingApproval, now: Timestamp) -> bool {
        Some(&approval.intent) == self.intent.as_ref() && approval.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::entry::{Accepted, Actor};

    fn fold(whats: Vec<What>) -> Progress {
        let by = Actor { user: "morgan".into(), host: "ops1".into(), process: 1, version: "0.1.0".into() };
        let numbered = whats.into_iter().zip(1..);
        let entries: Vec<Entry> =
            numbered.map(|(what, serial)| Entry { serial, at: Timestamp::UNIX_EPOCH, by: by.clone(), what }).collect();
        Progress::of(&entries)
    }

    fn digest(text: &str) -> Digest {
        Digest::of_bytes(text.as_bytes())
    }

    fn begun() -> What {
        What::Begun {
            workflow: "c2c".into(),
            cluster: "test".into(),
            fingerprint: "zone1".into(),
            intent: digest("first"),
            frozen: digest("frozen"),
            tables: vec![],
            spec: None,
        }
    }

    fn approval(gate: PhaseId, intent: &str) -> What {
        What::Approval {
            gate,
            reason: "reviewed".into(),
            intent: digest(intent),
            forecast: digest("forecast"),
            expires_at: None,
            end_revert_window: false,
        }
    }

    #[test]
    fn an_edit_of_one_gate_leaves_the_approvals_of_others() {
        let edited = What::Edited { intent: digest("second"), gates: vec![PhaseId::COMPLETE], spec: None };
        let folded =
            fold(vec![begun(), approval(PhaseId::SWITCH_PRIMARY, "first"), approval(PhaseId::COMPLETE, "first"), edited]);
        let binds = |gate| {
            folded.approvals.iter().any(|approval| approval.gate == gate && Some(&approval.intent) == folded.intent.as_ref())
        };
        assert!(binds(PhaseId::SWITCH_PRIMARY) && !binds(PhaseId::COMPLETE));
    }

    #[test]
    fn a_movement_that_was_taken_over_binds_its_record_with_all_that_was_found() {
        let adopted = What::Adopted {
            reached: vec![PhaseId::CREATE, PhaseId::COPY],
            streams: [("customer.c2c -80 from 0".to_owned(), 7)].into(),
            evidence: vec![],
            accepted: vec![Accepted { name: "who-made-it".into(), doubt: "nobody knows".into() }],
            reason: "CHG-7".into(),
            found: digest("picture"),
        };
        assert!(!fold(vec![begun()]).is_bound());
        let folded = fold(vec![begun(), adopted]);
        assert!(folded.is_bound() && folded.attempts.is_empty());
        assert_eq!(folded.reached.keys().collect::<Vec<_>>(), [&PhaseId::COPY, &PhaseId::CREATE]);
        assert_eq!((folded.streams.len(), folded.baseline), (1, Some(digest("picture"))));
        assert_eq!(folded.adoption.map(|it| (it.serial, it.accepted)), Some((2, vec!["who-made-it".to_owned()])));
    }

    #[test]
    fn a_waiver_binds_the_plan_and_the_counts() {
        let waiver = What::Waiver {
            code: "C310".into(),
            subject: "customer.c2c".into(),
            reason: "seen".into(),
            intent: digest("first"),
            seen: "1 row".into(),
        };
        let folded = fold(vec![begun(), waiver.clone()]);
        assert_eq!(folded.waived("C310", "customer.c2c", "1 row"), Some("seen"));
        assert_eq!(folded.waived("C310", "customer.c2c", "2 rows"), None);
        assert_eq!(folded.waived("C311", "customer.c2c", "1 row"), None);
        let edited = What::Edited { intent: digest("second"), gates: vec![], spec: None };
        assert_eq!(fold(vec![begun(), waiver, edited]).waived("C310", "customer.c2c", "1 row"), None, "an edit voids it");
    }

    #[test]
    fn the_rules_that_a_removal_replaced_are_those_before_it_and_not_before_its_mending() {
        use crate::cluster::mutation::{ApplyRoutingRules, RebuildVSchemaGraph};
        let intent = |attempt, phase, mutation| What::Intent {
            attempt,
            phase,
            mutation,
            forecast: digest("forecast"),
            replaced: Some(digest(&format!("before {attempt}"))),
            lag_seconds: None,
        };
        let edit = || Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(&Default::default(), vec![], vec![]));
        let rebuild = Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] });
        let folded = fold(vec![
            begun(),
            intent(1, PhaseId::SWITCH_PRIMARY, edit()),
            intent(2, PhaseId::REMOVE_RULES, edit()),
            intent(3, PhaseId::REMOVE_RULES, rebuild),
            intent(4, PhaseId::RESTORE_RULES, edit()),
        ]);
        assert_eq!(folded.last_removal_of_rules().and_then(|removal| removal.replaced.clone()), Some(digest("before 2")));
    }

    #[test]
    fn only_an_approval_after_the_way_back_has_ended_leads_forward_again() {
        let back = || What::Goal { goal: Goal::SwitchedBack, reason: None };
        let ended = || What::Reached { phase: PhaseId::SWITCH_BACK, evidence: vec![] };
        let gates = [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY];
        let leads = |whats: Vec<What>| fold(whats).forward_again(&PhaseId::SWITCH_BACK, &gates, Timestamp::UNIX_EPOCH).is_some();
        let approval = |gate| approval(gate, "first");
        assert!(leads(vec![begun(), back(), ended(), approval(PhaseId::SWITCH_REPLICAS)]));
        assert!(!leads(vec![begun(), back(), approval(PhaseId::SWITCH_PRIMARY), ended()]), "given on the way back");
        assert!(!leads(vec![begun(), back(), approval(PhaseId::SWITCH_PRIMARY)]), "still on the way back");
        assert!(!leads(vec![begun(), back(), ended(), approval(PhaseId::COMPLETE)]), "of another gate");
        assert!(!leads(vec![begun(), back(), ended(), back(), approval(PhaseId::SWITCH_PRIMARY)]), "a second way back");
        let edited = What::Edited { intent: digest("second"), gates: vec![PhaseId::SWITCH_PRIMARY], spec: None };
        assert!(!leads(vec![begun(), back(), ended(), approval(PhaseId::SWITCH_PRIMARY), edited]), "void");
    }

    #[test]
    fn an_approval_that_one_edit_made_void_is_not_revived_by_the_next_one() {
        let edited = |intent: &str, gate| What::Edited { intent: digest(intent), gates: vec![gate], spec: None };
        let folded = fold(vec![
            begun(),
            approval(PhaseId::SWITCH_PRIMARY, "first"),
            edited("second", PhaseId::SWITCH_PRIMARY),
            edited("third", PhaseId::COMPLETE),
        ]);
        assert_eq!(folded.intent, Some(digest("third")));
        assert_eq!(folded.approvals[0].intent, digest("first"), "it was given for what stood there before the first edit");
    }
}
