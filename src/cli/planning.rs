//! How a plan is made: from a cluster, or from a snapshot of one.

use jiff::Timestamp;

use super::foresee::Foresight;
use crate::cluster::error::ClusterError;
use crate::cluster::port::{Facts, Query, Reader};
use crate::driver::kept_picture;
use crate::family::move_tables::MoveTables;
use crate::family::picture::Picture;
use crate::family::{Family as _, Situation, SituationKind};
use crate::finding::{Finding, Severity};
use crate::plan::checks;
use crate::plan::document::{ClusterName, Plan, plan};
use crate::plan::drift::{self, Base};
use crate::record::entry::Actor;
use crate::record::file::FileStore;
use crate::record::progress::{Attempt, Progress};
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
    /// Looks at everything that plan and status show, what the checks of the phases ahead need, and `more`; and goes on with what
    /// was `seen` already.
    ///
    /// # Errors
    /// When the cluster can't be asked.
    pub async fn look(&self, mut more: Query, seen: Option<(Query, Facts)>) -> Result<Facts, ClusterError> {
        more.merge(self.movement.query());
        for phase in self.movement.phases() {
            more.merge(self.movement.query_for(&phase.id, &self.progress));
            more.merge(self.movement.shown_query(&phase.id));
        }
        // Whoever is or was at it may hold a lock.
        if self.progress.open_attempt.is_some() || self.progress.attempts.iter().any(Attempt::is_half_done) {
            more.asks.insert(self.movement.lock_ask());
        }
        // What was seen tells what is behind: its checks need not be asked for.
        let ahead = match &seen {
            Some((_, facts)) => self.movement.phases_ahead(&self.movement.situation(facts, &self.progress)),
            None => self.movement.phases().into_iter().map(|phase| phase.id).collect(),
        };
        checks::look(self.reader, self.movement, &ahead, more, seen).await
    }

    /// What the machine would do now, and the facts that it rests on where these alone don't do.
    ///
    /// # Errors
    /// A further look that fails.
    pub async fn decision(
        &self,
        progress: &Progress,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<(Option<Decision>, Option<Facts>), ClusterError> {
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
        let (decision, _) = self.decision(&progress, facts, now).await?;
        add_stops(&mut findings, &situation, decision.as_ref());
        let mut plan = plan(self.movement, facts, &progress, intent, findings, self.cluster.clone());
        let kept = progress.baseline.as_ref().and_then(|digest| kept_picture(&self.store.kept(), digest));
        let base = base(&progress, &situation, kept.as_ref());
        plan.drift = drift::of(base, &self.movement.picture(facts), &self.movement.ours(), decision.as_ref());
        if let Base::Unknown(why) = base {
            plan.drift_unknown = Some(why.to_owned());
        }
        Ok(plan)
    }
}

/// What the drift is worked out from.
fn base<'a>(progress: &Progress, situation: &Situation, kept: Option<&'a Picture>) -> Base<'a> {
    let is_under_way = matches!(situation.kind, SituationKind::Moving | SituationKind::Switched | SituationKind::Completed);
    if !progress.is_bound() || !(is_under_way || situation.kind == SituationKind::Between) {
        return Base::None;
    }
    if progress.open_attempt.is_some() || progress.last_write().is_some_and(Attempt::is_half_done) {
        return Base::Unknown("a write of ours is not at its end, and what it changes can't be told from what others change");
    }
    match (kept, &progress.baseline) {
        (Some(picture), _) => Base::Known(picture),
        (None, Some(_)) => Base::Unknown(
            "what stood there after our last write is not kept here: `.cutover/` beside the record is missing or was emptied",
        ),
        (None, None) => Base::Unknown("the record has no picture of what stood there after our last write"),
    }
}

/// Adds what a run would stop at now, whatever the checks say: what it found somebody to have changed, a verdict, a situation that
/// is no whole one.
fn add_stops(findings: &mut Vec<Finding>, situation: &Situation, decision: Option<&Decision>) {
    let stops = match decision {
        Some(Decision::Stop(stop)) => stop.findings.clone(),
        _ => vec![],
    };
    // Each thing that somebody changed is told as drift, with what it was and is.
    let (changed, others): (Vec<Finding>, Vec<Finding>) = stops.into_iter().partition(|finding| finding.code == drift::CHANGED);
    for finding in all_changed(changed).into_iter().chain(others) {
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

/// One finding for all that was changed of ours.
fn all_changed(changed: Vec<Finding>) -> Option<Finding> {
    let is_one = changed.len() == 1;
    let first = changed.into_iter().next()?;
    if is_one {
        return Some(first);
    }
    let summary = "somebody changed what is ours since our last write; each thing is named above, with what it was".to_owned();
    Some(Finding { subject: "cluster".to_owned(), summary, ..first })
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
    fn all_that_was_changed_of_ours_is_one_finding_for_the_plan_names_each_as_drift() {
        let finding = |subject: &str| Finding::fail("C401", Severity::Error, subject, "changed", "put it back");
        let stop = Stop { kind: StopKind::NeedsHuman, phase: None, findings: vec![finding("a"), finding("b")] };
        let mut findings = vec![];
        add_stops(&mut findings, &situation(SituationKind::Moving), Some(&Decision::Stop(Box::new(stop))));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].blocks() && findings[0].summary.contains("each thing is named"), "{findings:?}");
    }

    #[test]
    fn drift_is_worked_out_from_the_last_write_and_where_that_is_not_known_it_says_so() {
        use crate::family::move_tables::fixtures::World;
        let picture = Picture::default();
        let is = |progress: &Progress, kind| base(progress, &situation(kind), Some(&picture));
        let mut world = World::after(&["create"]);
        assert!(matches!(is(&Progress::default(), SituationKind::NotBegun), Base::None));
        assert!(matches!(is(&world.progress, SituationKind::Moving), Base::Known(_)));
        assert!(matches!(base(&world.progress, &situation(SituationKind::Moving), None), Base::Unknown(_)));
        world.progress.open_attempt = world.progress.attempts.last().cloned();
        assert!(matches!(is(&world.progress, SituationKind::Moving), Base::Unknown(_)));
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
