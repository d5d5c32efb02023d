//! The plan, as people and machines read it: what each phase will change, before anything happens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::drift::Drift;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::Facts;
use crate::family::basis::Basis;
use crate::family::costs::Costs;
use crate::family::fast_path::FastPath;
use crate::family::picture::Picture;
use crate::family::{Family, Situation, SituationKind, Traffic, forecast_of_phase, gate_digest};
use crate::finding::Finding;
use crate::model::digest::Digest;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::spec::{GatePolicy, GateSpec};
use crate::words::moment;

/// `plan --format json`. `format_version` grows when a reader of the old one would misread the new one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub format_version: u32,
    pub workflow: String,
    pub cluster: ClusterName,
    /// Made without asking the cluster; absent where it was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offline: Option<Offline>,
    pub source_keyspace: String,
    pub target_keyspace: String,
    pub tables: Vec<String>,
    pub digests: Digests,
    /// What `digests.basis` is of.
    pub basis: Basis,
    pub verdict: Verdict,
    /// Where the movement stands now, in words.
    pub situation: String,
    pub traffic: Traffic,
    /// What is not as our last write left it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub drift: Vec<Drift>,
    /// Why that can't be told; absent where it can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub drift_unknown: Option<String>,
    #[serde(default)]
    pub costs: Costs,
    pub checks: Vec<Finding>,
    pub phases: Vec<PhasePlan>,
    pub fast_path: FastPath,
}

/// `plan --facts`: the snapshot that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offline {
    pub facts_file: String,
    /// When the cluster was as the plan takes it to be.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
}

impl Offline {
    /// In a line, no full stop.
    pub fn words(&self) -> String {
        format!("planned from {}, as the cluster was {}; nobody was asked", self.facts_file, moment(self.as_of))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterName {
    pub alias: String,
    pub address: String,
    pub fingerprint: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Digests {
    #[schemars(with = "String")]
    pub intent: Digest,
    #[schemars(with = "String")]
    pub basis: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Ready,
    Blocked,
    NothingToDo,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PhasePlan {
    pub name: String,
    pub status: PhaseStatus,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gate: Option<GatePlan>,
    pub effects: Vec<String>,
    /// The writes, in order: what is sent, and the same by hand.
    pub writes: Vec<WritePlan>,
    pub done_when: String,
    pub way_back: String,
    pub irreversible: bool,
    #[schemars(with = "String")]
    pub digest: Digest,
    #[serde(flatten)]
    pub changes: Changes,
    /// Sequences that are set, and above what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequences: BTreeMap<String, String>,
    /// What `switch-back` and `cancel` would change once this phase is done, as far as they are to be had then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways_back: Vec<WayBackPlan>,
}

/// A way back from a phase, with all that it changes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WayBackPlan {
    /// `switch-back` or `cancel`.
    pub command: String,
    pub writes: Vec<WritePlan>,
    #[serde(flatten)]
    pub changes: Changes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhaseStatus {
    Done,
    Next,
    Later,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatePlan {
    pub policy: GatePolicy,
    /// As written in the plan file's grammar.
    pub windows: Vec<String>,
    pub time_zone: String,
    pub approval_expires_seconds: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WritePlan {
    pub words: String,
    pub equivalent: String,
}

/// Makes the plan. Pure; `findings` are those of the checks, waivers applied.
pub fn plan(
    family: &dyn Family,
    facts: &Facts,
    progress: &Progress,
    intent: Digest,
    findings: Vec<Finding>,
    cluster: ClusterName,
) -> Plan {
    let situation = family.situation(facts, progress);
    let ahead = family.phases_ahead(&situation);
    let mut picture = family.picture(facts);
    // What the approvals of phases that are behind us bind.
    let all = family.phases();
    let at_the_end = (ahead.len() < all.len())
        .then(|| ahead.iter().fold(picture.clone(), |picture, phase| forecast_of_phase(family, phase, &picture, facts)));
    // After a cancel nothing comes next: another movement begins with another record.
    let is_cancelled = situation.kind == SituationKind::Cancelled;
    let mut next_given = is_cancelled;
    let mut phases = Vec::new();
    for phase in all {
        let is_ahead = ahead.contains(&phase.id);
        let before = picture.clone();
        if is_ahead {
            picture = forecast_of_phase(family, &phase.id, &before, facts);
        }
        // The first phase ahead that isn't on record as reached is next. Of a movement that somebody else has led past one of them,
        // what nobody here has seen done is owed still.
        let is_owed = phase.has_gate && progress.adoption.is_some() && situation.kind == SituationKind::Moving;
        let is_done = progress.reached.contains_key(&phase.id)
            || (phase.id == PhaseId::PRE_CHECK && progress.adoption.is_some())
            || !(is_ahead || is_owed);
        let status = match (is_done, next_given) {
            (true, false) => PhaseStatus::Done,
            (false, false) => PhaseStatus::Next,
            _ => PhaseStatus::Later,
        };
        next_given |= status == PhaseStatus::Next;
        phases.push(PhasePlan {
            name: phase.id.to_string(),
            status,
            gate: family.gate(&phase.id, facts).filter(|_| phase.has_gate).as_ref().map(gate_plan),
            effects: family.effects(&phase.id, facts),
            writes: writes(&family.mutations(&phase.id)),
            done_when: phase.done_when.to_owned(),
            way_back: phase.way_back.to_owned(),
            irreversible: phase.irreversible,
            digest: gate_digest(family, &phase.id, at_the_end.as_ref().filter(|_| !is_ahead).unwrap_or(&picture)),
            changes: Changes::between(&before, &picture),
            sequences: if is_ahead { family.sequences_set(&phase.id, facts) } else { BTreeMap::new() },
            ways_back: if is_ahead { ways_back(family, &phase.id, &picture, facts) } else { vec![] },
        });
    }
    let verdict = if findings.iter().any(Finding::blocks) {
        Verdict::Blocked
    } else if is_cancelled || phases.iter().all(|phase| phase.status == PhaseStatus::Done) {
        Verdict::NothingToDo
    } else {
        Verdict::Ready
    };
    let (source_keyspace, target_keyspace) = family.keyspaces();
    let basis = family.basis(facts);
    Plan {
        format_version: 1,
        workflow: family.spec().workflow.to_string(),
        cluster,
        offline: None,
        source_keyspace,
        target_keyspace,
        tables: family.tables(),
        digests: Digests { intent, basis: basis.digest() },
        basis,
        verdict,
        situation: describe(&situation),
        traffic: situation.traffic,
        drift: vec![],
        drift_unknown: None,
        costs: if verdict == Verdict::NothingToDo { Costs::default() } else { family.costs(facts, &ahead) },
        checks: findings,
        phases,
        fast_path: family.fast_path(facts),
    }
}

fn describe(situation: &Situation) -> String {
    if situation.kind == SituationKind::Cancelled {
        return format!(
            "{}; to begin anew, move the record (the `.lock` file) away and run `cutover plan` again",
            situation.words
        );
    }
    if situation.contradictions.is_empty() {
        situation.words.clone()
    } else {
        format!("{}: {}", situation.words, situation.contradictions.join("; "))
    }
}

fn gate_plan(gate: &GateSpec) -> GatePlan {
    GatePlan {
        policy: gate.policy,
        windows: gate.windows.iter().map(ToString::to_string).collect(),
        time_zone: gate.time_zone.clone(),
        approval_expires_seconds: gate.approval_expires_seconds,
    }
}

fn writes(mutations: &[Mutation]) -> Vec<WritePlan> {
    let write = |mutation: &Mutation| WritePlan { words: mutation.verb().words(), equivalent: mutation.verb().equivalent() };
    mutations.iter().map(write).collect()
}

/// The ways back from the state of `picture`, which is that after `phase`.
fn ways_back(family: &dyn Family, phase: &PhaseId, picture: &Picture, facts: &Facts) -> Vec<WayBackPlan> {
    let plan = |(command, mutations): (PhaseId, Vec<Mutation>)| {
        let after = mutations.iter().fold(picture.clone(), |before, mutation| family.forecast(mutation, &before, facts));
        WayBackPlan { command: command.to_string(), writes: writes(&mutations), changes: Changes::between(picture, &after) }
    };
    family.ways_back(phase).into_iter().map(plan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::entry::{OutcomeResult, What};
    use crate::report::fixtures::{cluster, entries, facts, movement};
    use crate::run::phase::PhaseId;

    #[test]
    fn after_a_cancel_there_is_nothing_to_do_and_it_says_how_to_begin_anew() {
        let (movement, facts) = (movement(2), facts(&["-80", "80-"]));
        let cancel = crate::cluster::mutation::CancelWorkflow {
            workflow: movement.workflow().clone(),
            target_keyspace: movement.target().clone(),
            table_count: 2,
        };
        let create = movement.mutations(&PhaseId::CREATE).remove(0);
        let intent = |attempt, phase, mutation| {
            let forecast = Digest::of(&"forecast");
            What::Intent { attempt, phase, mutation, forecast, replaced: None, lag_seconds: None }
        };
        let done =
            |attempt| What::Outcome { attempt, result: OutcomeResult::Done, evidence: vec![], took_milliseconds: 1, found: None };
        let progress = Progress::of(&entries(vec![
            (1, intent(1, PhaseId::CREATE, create)),
            (2, done(1)),
            (3, intent(2, PhaseId::CANCEL, crate::cluster::mutation::Mutation::CancelWorkflow(cancel))),
            (4, done(2)),
        ]));
        let plan = plan(&movement, &facts, &progress, Digest::of(&"intent"), vec![], cluster("production"));
        assert_eq!(plan.verdict, Verdict::NothingToDo);
        assert!(plan.phases.iter().all(|phase| phase.status != PhaseStatus::Next));
        assert!(plan.situation.contains("to begin anew, move the record"), "{}", plan.situation);
        let view = crate::report::plan_human::PlanView {
            drawing: crate::report::fixtures::PLAIN,
            begins: false,
            full: false,
            file: None,
        };
        let drawn = crate::report::plan_human::draw(&plan, &view);
        assert!(drawn.contains("NOTHING TO DO") && !drawn.contains("Phases") && !drawn.contains("no undo"), "{drawn}");
    }
}
