//! How a plan is made: from a cluster, or from a snapshot of one.

use jiff::Timestamp;

use super::foresee::Foresight;
use crate::cluster::error::ClusterError;
use crate::cluster::port::{Facts, Query, Reader};
use crate::family::move_tables::MoveTables;
use crate::family::{Family as _, Situation, SituationKind};
use crate::finding::{Finding, Severity};
use crate::plan::checks;
use crate::plan::document::{ClusterName, Plan, plan};
use crate::record::entry::Actor;
use crate::record::file::FileStore;
use crate::record::progress::Progress;
use crate::run::decision::Decision;

/// What a plan is made from.
pub struct Planning<'a> {
    pub movement: &'a MoveTables,
    pub reader: &'a dyn Reader,
    pub store: &'a FileStore,
    pub progress: Progress,
    pub actor: &'a Actor,
    pub cluster: ClusterName,
}

impl Planning<'_> {
    /// Looks at everything that plan and status show, what the checks of the phases ahead need, and `more`.
    ///
    /// # Errors
    /// When the cluster can't be asked.
    pub async fn look(&self, mut more: Query) -> Result<Facts, ClusterError> {
        more.merge(self.movement.query());
        for phase in self.movement.phases() {
            more.merge(self.movement.query_for(&phase.id, &self.progress));
        }
        let ahead: Vec<_> = self.movement.phases().into_iter().map(|phase| phase.id).collect();
        checks::look(self.reader, self.movement, &ahead, more).await
    }

    /// What the machine would do now, and the facts that it rests on.
    ///
    /// # Errors
    /// A further look that fails.
    pub async fn decision(
        &self,
        progress: &Progress,
        facts: Facts,
        now: Timestamp,
    ) -> Result<(Option<Decision>, Facts), ClusterError> {
        let (family, reader, actor) = (self.movement, self.reader, self.actor);
        Foresight { family, reader, kept: self.store.kept(), progress, actor, now }.decision(facts).await
    }

    /// Checks and forecasts what a look found. `guards` are what the operator's file has against it.
    ///
    /// # Errors
    /// A further look that fails.
    pub async fn plan(&self, facts: &Facts, guards: Vec<Finding>, now: Timestamp) -> Result<Plan, ClusterError> {
        let intent = self.movement.spec.intent_digest(&self.movement.tables);
        let mut progress = self.progress.clone();
        if progress.begun.is_some() {
            // As `apply` would take the plan file up: what was allowed for another meaning of it doesn't count.
            progress.intent = Some(intent.clone());
        }
        let mut findings = guards;
        findings.extend(self.movement.check(facts, &progress, None));
        let situation = self.movement.situation(facts, &progress);
        let (decision, _) = self.decision(&progress, facts.clone(), now).await?;
        add_stops(&mut findings, &situation, decision.as_ref());
        Ok(plan(self.movement, facts, &progress, intent, findings, self.cluster.clone()))
    }
}

/// Adds what a run would stop at now, whatever the checks say: what it found somebody to have changed, a verdict, a situation that
/// is no whole one.
fn add_stops(findings: &mut Vec<Finding>, situation: &Situation, decision: Option<&Decision>) {
    let stops = match decision {
        Some(Decision::Stop(stop)) => stop.findings.clone(),
        _ => vec![],
    };
    for finding in stops {
        let is_known = findings.iter().any(|known| known.code == finding.code && known.subject == finding.subject);
        if !is_known {
            findings.push(finding);
        }
    }
    // Half done and to be made whole is no state to plan from either, though a run would not stop there.
    if situation.kind == SituationKind::Between && !findings.iter().any(|finding| finding.code == "C404") {
        findings.push(Finding::fail(
            "C404",
            Severity::Error,
            "cluster",
            format!("the cluster is between states: {}", situation.contradictions.join("; ")),
            "`cutover apply --finish-only` makes it whole; `cutover status` shows what it sees",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{Side, Traffic};
    use crate::run::decision::{Stop, StopKind};

    fn situation(kind: SituationKind) -> Situation {
        let traffic = Traffic { rdonly: Side::Source, replica: Side::Source, primary: Side::Mixed };
        Situation { kind, traffic, words: "now".into(), contradictions: vec!["some shards deny, some don't".into()] }
    }

    fn stop(code: &str, kind: StopKind) -> Decision {
        let finding = Finding::fail(code, Severity::Error, "cluster", "it is so", "look");
        Decision::Stop(Box::new(Stop { kind, phase: None, findings: vec![finding] }))
    }

    #[test]
    fn what_a_run_would_stop_at_blocks_the_plan_and_is_said_once() {
        use SituationKind::{Between, Contradictory, Foreign, Moving};
        for (kind, code) in [(Between, "C404"), (Foreign, "C402"), (Contradictory, "C403"), (Moving, "C401"), (Moving, "C310")] {
            let mut findings = vec![Finding::pass("C201", "vtctld", "vtctld answers")];
            for _ in 0..2 {
                add_stops(&mut findings, &situation(kind), Some(&stop(code, StopKind::NeedsHuman)));
            }
            let blocking: Vec<&str> =
                findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.code.as_str()).collect();
            assert_eq!(blocking, [code]);
        }
    }

    #[test]
    fn between_states_blocks_also_where_a_run_would_make_it_whole() {
        let mut findings = vec![];
        add_stops(&mut findings, &situation(SituationKind::Between), None);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].blocks() && findings[0].help.contains("--finish-only"), "{findings:?}");
        let mut findings = vec![];
        add_stops(&mut findings, &situation(SituationKind::Moving), None);
        assert_eq!(findings, []);
    }
}
