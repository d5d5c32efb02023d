//! What a movement of tables that somebody made by hand proves of itself, at any phase.
//!
//! `differences` compares its streams with the plan file, `obstacles` says from where nobody can go on, `doubts` what no look proves.

mod differences;
mod doubts;
mod obstacles;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::MoveTables;
use super::phases::switch_primary;
use crate::cluster::port::{Ask, Facts, Query, Question};
use crate::family::adoption::Adoption;
use crate::family::{Family as _, Side, Situation, SituationKind};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::workflow::Stream;
use crate::record::progress::{self, Progress};
use crate::run::phase::PhaseId;
use crate::words::{counted, length, names};

/// So many streams are named.
const MOST_STREAMS: usize = 4;

/// Every doubt that there may be, by name.
pub const DOUBTS: [&str; 10] = [
    "who-made-it",
    "only-writer",
    "rows-compared",
    "switch-time",
    "sequences-set",
    "rules-before",
    "switched-before",
    "journals",
    "streams-stopped",
    "name-locked",
];

/// Those in which the target may have rows that the source lacks, while the source takes the writes.
pub const TARGET_MAY_HAVE_TAKEN_WRITES: [&str; 2] = ["switched-before", "journals"];

/// What an adoption is judged on.
struct Judged<'a> {
    movement: &'a MoveTables,
    facts: &'a Facts,
    situation: &'a Situation,
    forward: &'a [Stream],
    reverse: &'a [Stream],
}

impl MoveTables {
    /// What must be read to judge an adoption.
    pub fn adoption_query(&self) -> Query {
        let mut query = self.query();
        query.asks.extend(self.table_names());
        query.asks.extend([switch_primary::vdiffs(self), self.lock_ask(), self.journals_of_source()]);
        query
    }

    fn journals_of_source(&self) -> Ask {
        Ask::Sql(Question::Journals { keyspace: self.source().clone() })
    }

    /// Whether a stream of it is there, forward or reverse.
    pub fn has_streams(&self, facts: &Facts) -> bool {
        !self.incarnation(facts).is_empty()
    }

    /// The record as if the movement had just been taken over: what the facts mean then.
    pub fn as_adopted(&self, facts: &Facts) -> Progress {
        let adoption =
            progress::Adoption { serial: 1, at: facts.observed_at, by: String::new(), reason: String::new(), accepted: vec![] };
        Progress { streams: self.incarnation(facts), adoption: Some(adoption), ..Progress::default() }
    }

    /// What one look says of taking it over. Without a stream there is nothing to take over.
    pub fn adoption(&self, facts: &Facts) -> Adoption {
        let situation = self.situation(facts, &self.as_adopted(facts));
        let streams = |keyspace, name| facts.workflow(keyspace, name).map(|found| found.streams.as_slice()).unwrap_or_default();
        let judged = Judged {
            movement: self,
            facts,
            situation: &situation,
            forward: streams(self.target(), self.workflow()),
            reverse: streams(self.source(), &self.workflow().reverse()),
        };
        let mut blocking = obstacles::of(&judged);
        blocking.extend(differences::of(&judged));
        if !blocking.is_empty() {
            return Adoption { evidence: judged.evidence(), blocking, ..Adoption::default() };
        }
        Adoption { reached: judged.reached(), evidence: judged.evidence(), doubts: doubts::of(&judged), blocking }
    }
}

impl Judged<'_> {
    fn is_switched(&self) -> bool {
        self.situation.kind == SituationKind::Switched
    }

    /// Every row is copied, and the streams follow closely. Frozen streams had to be that to be switched.
    fn is_copied(&self) -> bool {
        let lag = self.lag_seconds(self.movement.target(), self.movement.workflow());
        self.is_switched()
            || (self.forward.iter().all(Stream::copy_is_complete)
                && lag.is_some_and(|lag| lag <= self.movement.spec.copy.max_lag_seconds))
    }

    fn lag_seconds(&self, keyspace: &KeyspaceName, name: &WorkflowName) -> Option<u64> {
        self.facts.workflow(keyspace, name)?.transaction_lag_seconds
    }

    /// Verify is never among them: a comparison of somebody else's doesn't count.
    fn reached(&self) -> Vec<PhaseId> {
        let traffic = self.situation.traffic;
        let reads = traffic.rdonly == Side::Target && traffic.replica == Side::Target;
        [
            (PhaseId::CREATE, true),
            (PhaseId::COPY, self.is_copied()),
            (PhaseId::SWITCH_REPLICAS, reads),
            (PhaseId::SWITCH_PRIMARY, self.is_switched()),
        ]
        .into_iter()
        .filter_map(|(phase, is_behind)| is_behind.then_some(phase))
        .collect()
    }

    fn evidence(&self) -> Vec<String> {
        let (source, target) = (self.movement.source(), self.movement.target());
        let (forward, reverse) = (self.movement.workflow(), self.movement.workflow().reverse());
        let mut lines = vec![self.situation.traffic.words(source.as_str(), target.as_str())];
        for (keyspace, name, streams) in [(target, forward, self.forward), (source, &reverse, self.reverse)] {
            if streams.is_empty() {
                continue;
            }
            let ids: Vec<String> = streams.iter().map(|stream| format!("{} on {}", stream.id, stream.shard)).collect();
            let states: BTreeSet<String> = streams.iter().map(state_of).collect();
            let states: Vec<String> = states.into_iter().collect();
            let lag = self.lag_seconds(keyspace, name).filter(|_| streams.iter().any(|stream| !stream.is_frozen()));
            let lag = lag.map(|lag| format!(", lag {}", length(lag))).unwrap_or_default();
            lines.push(format!(
                "`{keyspace}.{name}` has {} ({}): {}{lag}",
                counted(streams.len(), "stream"),
                names(&ids, MOST_STREAMS),
                states.join(", ")
            ));
        }
        if !self.is_switched() && !self.forward.is_empty() {
            let left = self.forward.iter().filter(|stream| stream.copies_rows()).count();
            lines.push(match left {
                0 => "every row is copied".to_owned(),
                left => format!("{left} of {} still have rows to copy", counted(self.forward.len(), "stream")),
            });
        }
        lines.extend(self.vdiffs());
        lines
    }

    fn vdiffs(&self) -> Option<String> {
        let listed = self.facts.vdiffs(&switch_primary::vdiffs(self.movement)).ok()?;
        let ids: BTreeSet<&str> = listed.iter().map(|vdiff| vdiff.uuid.as_str()).collect();
        let number = counted(ids.len(), "VDiff");
        (!ids.is_empty()).then(|| format!("Vitess lists {number} of it; none counts here, `verify` compares anew"))
    }
}

fn state_of(stream: &Stream) -> String {
    let state = stream.state.as_str();
    if stream.message.is_empty() { state.to_owned() } else { format!("{state} ({})", stream.message) }
}
