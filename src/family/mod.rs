//! Workflow families. The machine knows none of them: a family makes the list of phases, says what the facts mean, forecasts, and
//! names the next write of a phase. A new family is a folder here, not a branch elsewhere.

pub mod adoption;
pub mod basis;
pub mod costs;
pub mod fast_path;
mod kept_picture;
pub mod mending;
pub mod move_tables;
pub mod picture;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Ask, Facts, Query};
use crate::finding::Finding;
use crate::model::digest::Digest;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::routing::RoutingRules;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::run::watch::Watch;
use crate::spec::{GateSpec, Spec};
use basis::Basis;
use costs::Costs;
use fast_path::FastPath;
use picture::{Ours, Picture};

/// A movement of some family. All of it is pure.
pub trait Family: Send + Sync {
    fn spec(&self) -> &Spec;

    /// The tables that move, by name.
    fn tables(&self) -> Vec<String>;

    /// Source and target.
    fn keyspaces(&self) -> (String, String);

    /// The keyspace whose traffic the movement changes; with the workflow's name it keys the lease.
    fn target_keyspace(&self) -> &str;

    /// The phases of the way forward, in order.
    fn phases(&self) -> Vec<Phase>;

    /// What every look at this movement reads.
    fn query(&self) -> Query;

    /// What a phase needs beyond it to be decided.
    fn query_for(&self, phase: &PhaseId, progress: &Progress) -> Query;

    /// What is shown while a phase waits, and nothing is decided by.
    fn shown_query(&self, _phase: &PhaseId) -> Query {
        Query::default()
    }

    /// Whether a phase that is on record as done can want nothing more, whatever a look would show: it isn't looked at again.
    fn is_past(&self, _phase: &PhaseId, _situation: &Situation) -> bool {
        false
    }

    /// The phase whose checks are worth making while this one waits: soon enough begun for a pass to count then.
    fn checks_soon(&self, _waiting: &PhaseId, _view: &View<'_>) -> Option<PhaseId> {
        None
    }

    /// What the facts mean. Total: every set of facts has exactly one meaning.
    fn situation(&self, facts: &Facts, progress: &Progress) -> Situation;

    /// The state of everything that the movement may change, in canonical form.
    fn picture(&self, facts: &Facts) -> Picture;

    /// What belongs to the movement among things that others also write.
    fn ours(&self) -> Ours;

    /// What a write will have changed, seen from `before`. A phase's forecast is that of its writes, one after the other.
    fn forecast(&self, mutation: &Mutation, before: &Picture, facts: &Facts) -> Picture;

    /// The phases of the way forward that are not behind us, by what the cluster shows.
    fn phases_ahead(&self, situation: &Situation) -> Vec<PhaseId>;

    /// What a phase does, in words for a plan.
    fn effects(&self, phase: &PhaseId, facts: &Facts) -> Vec<String>;

    /// The writes that a phase will send, in order, as far as they can be known before.
    fn mutations(&self, phase: &PhaseId) -> Vec<Mutation>;

    /// The next step of a phase of the way forward.
    fn step(&self, phase: &PhaseId, view: &View<'_>) -> Step;

    /// What must hold at the moment of a phase's first write.
    fn conditions(&self, phase: &PhaseId, view: &View<'_>) -> Vec<Condition>;

    /// What standing still before a gate costs, and what passing it will: how long, disk, when a VDiff pass goes stale, the worst pause.
    fn price(&self, phase: &PhaseId, view: &View<'_>) -> Vec<String>;

    /// What the phases that are ahead cost, as far as it can be told before they begin.
    fn costs(&self, _facts: &Facts, _ahead: &[PhaseId]) -> Costs {
        Costs::default()
    }

    /// Whether the movement may run straight through, and does.
    fn fast_path(&self, _facts: &Facts) -> FastPath {
        FastPath::default()
    }

    /// Judged only where the plan file asks for it: it goes through each definition.
    fn takes_fast_path(&self, facts: &Facts) -> bool {
        !self.spec().fast_path.is_ordinary() && self.fast_path(facts).taken
    }

    /// Why a fast path that the plan file asks for is not taken.
    fn why_no_fast_path(&self, facts: &Facts) -> Option<String> {
        if self.spec().fast_path.is_ordinary() { None } else { self.fast_path(facts).why_not() }
    }

    /// The gate before a phase as it stands now; none where there is none.
    fn gate(&self, phase: &PhaseId, facts: &Facts) -> Option<GateSpec> {
        let spec = self.spec().gates.get(phase)?;
        Some(if self.takes_fast_path(facts) { fast_path::gate(phase, spec) } else { spec.clone() })
    }

    /// How long at least the way back is kept open after a switch of the primary.
    fn revert_window_seconds(&self, facts: &Facts) -> u64 {
        if self.takes_fast_path(facts) { 0 } else { self.spec().revert.window_seconds }
    }

    /// The next step of making the streams stand still.
    fn step_pause(&self, view: &View<'_>) -> Step;

    /// The next step of starting streams that stand still.
    fn step_resume(&self, view: &View<'_>) -> Step;

    /// The next step of bringing traffic back to the source.
    fn step_back(&self, view: &View<'_>) -> Step;

    /// The next step of ending the movement without having moved anything.
    fn step_cancel(&self, view: &View<'_>) -> Step;

    /// The next step of putting our routing rules back after the end.
    fn step_restore(&self, view: &View<'_>) -> Step;

    /// What must be read to make a write of a phase whole.
    fn finish_query(&self, phase: &PhaseId, progress: &Progress) -> Query;

    /// The next step of making a write whole that stopped half way.
    fn step_finish(&self, view: &View<'_>) -> Step;

    /// What the last write, which came to nothing, may have left where no look reaches: one write at a time, each once.
    fn settle(&self, view: &View<'_>) -> Option<Mutation>;

    /// Whether a half-done write of this kind is made whole from what is there, by steps that wait for its locks themselves.
    fn recovers(&self, mutation: &Mutation) -> bool;

    /// The name that the server locks for a call, if any.
    fn named_lock(&self, mutation: &Mutation, facts: &Facts) -> Option<(KeyspaceName, WorkflowName)>;

    /// In one line, what an application sees of what moves now.
    fn sees(&self, facts: &Facts) -> String;

    /// Whether the write of an attempt can be seen to have happened.
    fn happened(&self, mutation: &Mutation, view: &View<'_>) -> Happened;

    /// The question for who holds the movement's locks.
    fn lock_ask(&self) -> Ask;

    /// The ids that Vitess gave to our streams.
    fn incarnation(&self, facts: &Facts) -> BTreeMap<String, i64>;

    /// What the checks before a phase (for none, before all that are ahead) have to look at, by what is known so far: the answer to
    /// one question may raise another. Covered, it asks for nothing new.
    fn check_query(&self, facts: &Facts, before: Option<&PhaseId>) -> Query;

    /// What these checks find; each says at least one thing.
    fn check(&self, facts: &Facts, progress: &Progress, before: Option<&PhaseId>) -> Vec<Finding>;

    /// What the plan depends on in the cluster: our rule keys, shards, denied tables, VSchema and definitions of our tables.
    fn basis(&self, facts: &Facts) -> Basis;

    /// Lag and errors of the streams that follow.
    fn pulse(&self, facts: &Facts) -> Pulse;

    /// What the way back hangs on after a primary switch: the health of the reverse stream.
    fn way_back(&self, facts: &Facts) -> WayBack;

    /// The ways back that are to be had once a phase is done, with the writes of each in order.
    fn ways_back(&self, _phase: &PhaseId) -> Vec<(PhaseId, Vec<Mutation>)> {
        vec![]
    }

    /// The sequences that a phase sets, and above what: `commerce.corder_seq` to "above the largest `corder.corder_id`".
    fn sequences_set(&self, _phase: &PhaseId, _facts: &Facts) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// What a person would type at this point of the way, by hand.
    fn equivalent(&self, phase: &PhaseId) -> Vec<String>;
}

/// The forecast of a whole phase: each of its writes after the other.
pub fn forecast_of_phase(family: &dyn Family, phase: &PhaseId, before: &Picture, facts: &Facts) -> Picture {
    family.mutations(phase).iter().fold(before.clone(), |picture, mutation| family.forecast(mutation, &picture, facts))
}

/// What an approval of a gate binds: our part of the state after that phase, with all that lies before it done. It is the same
/// digest from wherever it is looked at, unless what the movement changes has changed.
pub fn forecast_digest(family: &dyn Family, gate: &PhaseId, facts: &Facts, situation: &Situation) -> Digest {
    let mut picture = family.picture(facts);
    for phase in family.phases_ahead(situation) {
        picture = forecast_of_phase(family, &phase, &picture, facts);
        if &phase == gate {
            break;
        }
    }
    gate_digest(family, gate, &picture)
}

/// The same, of the picture after the gate's phase.
pub fn gate_digest(family: &dyn Family, gate: &PhaseId, picture: &Picture) -> Digest {
    Digest::of(&(gate, family.tables(), picture.digest_of_ours(&family.ours())))
}

/// What a step is decided on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub facts: &'a Facts,
    pub progress: &'a Progress,
    pub watch: &'a Watch,
    pub situation: &'a Situation,
    pub now: Timestamp,
    /// A new id for a write that needs one.
    pub fresh_uuid: Uuid,
    /// The routing rules that our last edit of them replaced, when they were kept here.
    pub kept_rules: Option<&'a RoutingRules>,
}

/// A phase of the way forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    pub id: PhaseId,
    /// A gate stands before it.
    pub has_gate: bool,
    pub irreversible: bool,
    /// What is true when it is done, in words.
    pub done_when: &'static str,
    /// How to get back from here.
    pub way_back: &'static str,
}

/// The next step of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The done-condition was observed; the evidence.
    Done(Vec<String>),
    Act(Mutation),
    /// A write that makes whole what a write of ours left half done: no new attempt, so neither gate nor conditions stand before it.
    Finish(Mutation),
    /// Not yet; what is waited for.
    Wait(Waiting),
    /// The cluster refuses or a verdict stands in the way; traffic is where it was.
    Blocked(Finding),
    /// A timer that runs; the phase is done then unless something else says so.
    Until(Timestamp, Waiting),
    /// The cluster is between states and no step of ours is safe.
    Between(String),
}

/// What is being waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub what: String,
}

impl Waiting {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// One thing that must hold at the moment of a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Condition {
    pub name: String,
    pub result: ConditionResult,
    /// What was seen, in words.
    pub seen: String,
    /// Its code, if it can be waived by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// What a waiver of it binds to: void when this is no longer the same.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub counts: String,
    /// The reason of the waiver that covers it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waived: Option<String>,
}

impl Condition {
    pub fn new(name: &str, passes: bool, seen: impl Into<String>) -> Self {
        let result = if passes { ConditionResult::Pass } else { ConditionResult::Fail };
        Self { name: name.to_owned(), result, seen: seen.into(), code: None, counts: String::new(), waived: None }
    }

    pub fn inconclusive(name: &str, why: impl Into<String>) -> Self {
        Self { result: ConditionResult::Inconclusive, ..Self::new(name, false, why) }
    }

    /// It can be waived under this code, for as long as `counts` stay the same.
    pub fn waivable(mut self, code: &str, counts: impl Into<String>) -> Self {
        self.code = Some(code.to_owned());
        self.counts = counts.into();
        self
    }

    /// Whether a write may be sent as far as this is concerned.
    pub fn passes(&self) -> bool {
        self.result == ConditionResult::Pass || self.waived.is_some()
    }
}

/// Only a pass passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConditionResult {
    Pass,
    Fail,
    Error,
    Inconclusive,
}

/// What the facts mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Situation {
    pub kind: SituationKind,
    pub traffic: Traffic,
    /// One line for people.
    pub words: String,
    /// What speaks against the nearest whole state.
    pub contradictions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SituationKind {
    /// Nothing of the movement is there, and the record never wrote.
    NotBegun,
    /// Tables and streams exist; the source takes writes.
    Moving,
    /// The target takes writes and the way back is open.
    Switched,
    /// Streams are gone, our rules lead to the target.
    Completed,
    /// After completion, our rules are gone too.
    Ended,
    /// Nothing is left, and the record says that it was cancelled.
    Cancelled,
    /// Between whole states.
    Between,
    /// A workflow of this name that the record doesn't know.
    Foreign,
    /// Absent or different where the record says otherwise.
    Contradictory,
}

/// Which keyspace serves each tablet type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Traffic {
    pub rdonly: Side,
    pub replica: Side,
    pub primary: Side,
}

impl Traffic {
    /// Who serves what: "reads and writes at `commerce`".
    pub fn words(&self, source: &str, target: &str) -> String {
        let at = |side| match side {
            Side::Source => format!("at `{source}`"),
            Side::Target => format!("at `{target}`"),
            Side::Mixed => "MIXED: not every table and cell agrees".to_owned(),
        };
        let Self { rdonly, replica, primary } = *self;
        match (rdonly == replica, replica == primary) {
            (true, true) => format!("reads and writes {}", at(primary)),
            (true, false) => format!("reads {}, writes {}", at(replica), at(primary)),
            (false, true) => format!("rdonly reads {}, replica reads and writes {}", at(rdonly), at(primary)),
            (false, false) => format!("rdonly reads {}, replica reads {}, writes {}", at(rdonly), at(replica), at(primary)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Source,
    Target,
    Mixed,
}

/// Whether a write can be seen to have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    Yes(Vec<String>),
    /// The cluster is as it was before it.
    No,
    /// Begun and not ended, or something else than was forecast.
    Partly(String),
}

/// How the streams do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Of the streams that run now, forward or reverse; none when unknown.
    pub lag_seconds: Option<u64>,
    pub any_error: bool,
    /// By the VDiff that was looked at, if one runs.
    pub rows_compared: Option<i64>,
}

/// The health of the way back after a primary switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WayBack {
    pub possible: bool,
    pub why: String,
    pub lag_seconds: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_said_once_where_it_is_the_same() {
        let of = |rdonly, replica, primary| Traffic { rdonly, replica, primary }.words("a", "b");
        use Side::{Mixed, Source, Target};
        assert_eq!(of(Source, Source, Source), "reads and writes at `a`");
        assert_eq!(of(Target, Target, Source), "reads at `b`, writes at `a`");
        assert_eq!(of(Target, Source, Source), "rdonly reads at `b`, replica reads and writes at `a`");
        assert_eq!(
            of(Target, Mixed, Source),
            "rdonly reads at `b`, replica reads MIXED: not every table and cell agrees, writes at `a`"
        );
    }
}
