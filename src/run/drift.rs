//! Somebody else's hands in what is ours, since our last write.

use super::phase::PhaseId;
use crate::cluster::port::Facts;
use crate::family::picture::Picture;
use crate::family::{Family, Situation, SituationKind};
use crate::finding::{Finding, Severity};
use crate::record::progress::Progress;

/// The code at which a run stops that finds ours changed.
pub const CHANGED: &str = "C401";

/// Each thing that is not as our last write left it, unless somebody has accepted it as it is. What it comes to stands first, with the
/// ways on; between states nothing is accepted.
pub fn of(family: &dyn Family, facts: &Facts, progress: &Progress, situation: &Situation, baseline: &Picture) -> Vec<Finding> {
    let mut found = family.picture(facts);
    // Streams have states of their own, and their phases judge them; tables aren't looked at each time.
    found.streams = baseline.streams.clone();
    found.tables = baseline.tables.clone();
    let changed = baseline.differences(&found, &family.ours()).into_iter().filter(|difference| difference.ours);
    let mut findings: Vec<Finding> = changed
        .map(|difference| {
            let summary =
                format!("somebody changed it since our last write: it was {}, it is {}", difference.expected, difference.found);
            Finding::fail(CHANGED, Severity::Error, difference.subject, summary, "").seen(difference.found)
        })
        .collect();
    if !findings.is_empty()
        && let Some(to) = writes_moved_to(family, progress, situation)
    {
        let summary =
            format!("somebody switched the writes by hand: they go to `{to}` since, and our last write left them elsewhere");
        findings.insert(0, Finding::fail(CHANGED, Severity::Error, "traffic", summary, "").seen(to));
    }
    let is_between = situation.kind == SituationKind::Between;
    let is_accepted = |finding: &Finding| progress.waived(&finding.code, &finding.subject, &finding.seen).is_some();
    findings.retain(|finding| is_between || !is_accepted(finding));
    // All of it has the same ways on: said once.
    if let Some(first) = findings.first_mut() {
        first.help = ways_on(family, situation);
    }
    findings
}

/// Where a whole state has the writes that the record does not know of.
fn writes_moved_to(family: &dyn Family, progress: &Progress, situation: &Situation) -> Option<String> {
    let (source, target) = family.keyspaces();
    match (situation.kind, progress.reached.contains_key(&PhaseId::SWITCH_PRIMARY)) {
        (SituationKind::Switched, false) => Some(target),
        (SituationKind::Moving, true) => Some(source),
        _ => None,
    }
}

/// What can be done from here, with the commands.
fn ways_on(family: &dyn Family, situation: &Situation) -> String {
    let (source, target) = family.keyspaces();
    let accept = format!("`cutover waive {CHANGED} --reason TEXT`, then `cutover apply`");
    match situation.kind {
        SituationKind::Between => "`cutover repair` shows what makes it whole, and does it or says what a person must do; \
                                   `cutover doctor` names all that stands there"
            .to_owned(),
        SituationKind::Switched => format!(
            "back: `cutover switch-back` brings all traffic to `{source}`; or forward with the writes at `{target}`: {accept} goes on from \
             there, the reads behind their own gate. Until then nothing is written"
        ),
        _ => format!(
            "put it back (`vtctldclient ApplyRoutingRules`, `SetShardTabletControl`), then `cutover apply`; or go on with it as it is: \
             {accept}. Nothing is switched until then"
        ),
    }
}
