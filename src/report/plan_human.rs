//! The plan for people: everything that will happen, before it happens. Verdict first, the next command last.

use super::changes;
use super::command::for_file;
use super::drift_words;
use super::findings;
use super::page::{Page, Span, bad, bold, caution, command, dim, good, plain};
use super::problems::Drawing;
use crate::cluster::mutation::shell;
use crate::family::fast_path::FastPath;
use crate::finding::{CheckResult, Finding};
use crate::plan::document::{GatePlan, PhasePlan, PhaseStatus, Plan, Verdict};
use crate::plan::drift::Drift;
use crate::spec::GatePolicy;
use crate::words::{counted, length, names};

/// What of a plan to show, and how.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    pub drawing: Drawing,
    /// `apply` shows it and goes on: what it would say of the next command is left out.
    pub begins: bool,
    /// Every rule, write, digest and check, instead of groups and counts.
    pub full: bool,
    /// The file that `apply` will be given: the plan file, or the saved plan. None is the default file.
    pub file: Option<&'a str>,
}

const MOST_TABLES: usize = 8;

/// Draws the plan.
pub fn draw(plan: &Plan, view: &PlanView<'_>) -> String {
    let mut page = Page::new(view.drawing);
    head(&mut page, plan);
    drift(&mut page, plan, view.full);
    checks(&mut page, plan, view.full);
    let is_cancelled = plan.verdict == Verdict::NothingToDo && plan.phases.iter().any(|phase| phase.status != PhaseStatus::Done);
    if !is_cancelled {
        phases(&mut page, plan, view.full);
    }
    foot(&mut page, plan, view);
    page.finish()
}

fn phases(page: &mut Page, plan: &Plan, full: bool) {
    page.gap();
    page.line(0, &[bold("Phases")]);
    let mut way_back = "";
    for (at, phase) in plan.phases.iter().enumerate() {
        if at > 0 && phase.status != PhaseStatus::Done {
            page.gap();
        }
        let before = std::mem::replace(&mut way_back, &phase.way_back);
        one_phase(page, plan, phase, before, full);
    }
}

fn head(page: &mut Page, plan: &Plan) {
    let blocking = plan.checks.iter().filter(|finding| finding.blocks()).count();
    let mut spans = Vec::new();
    if plan.cluster.alias == "sandbox" {
        spans.extend([caution("SANDBOX"), plain(" ")]);
    }
    spans.push(match plan.verdict {
        Verdict::Ready => good("READY"),
        Verdict::Blocked => bad(format!("BLOCKED by {}", counted(blocking, "finding"))),
        Verdict::NothingToDo => good("NOTHING TO DO"),
    });
    spans.extend([plain(": "), bold(&plan.workflow), plain(" on "), bold(&plan.cluster.alias)]);
    spans.push(plain(format!(" ({})", plan.cluster.address)));
    page.line(0, &spans);
    if let Some(offline) = &plan.offline {
        page.item(2, &[dim("offline  ")], &[caution(offline.words())]);
    }
    let (source, target) = (&plan.source_keyspace, &plan.target_keyspace);
    let tables =
        format!("{} from `{source}` to `{target}`: {}", counted(plan.tables.len(), "table"), names(&plan.tables, MOST_TABLES));
    page.item(2, &[dim("moves    ")], &[plain(tables)]);
    let now = format!("{}; {}", plan.situation, plan.traffic.words(source, target));
    page.item(2, &[dim("now      ")], &[plain(now)]);
    if plan.verdict == Verdict::NothingToDo {
        return;
    }
    for (at, line) in plan.costs.lines.iter().enumerate() {
        page.item(2, &[dim(if at == 0 { "costs    " } else { "         " })], &[plain(line)]);
    }
    let ahead = |wanted: &dyn Fn(&&PhasePlan) -> bool| -> Vec<&str> {
        let phases = plan.phases.iter().filter(|phase| phase.status != PhaseStatus::Done);
        phases.filter(wanted).map(|phase| phase.name.as_str()).collect()
    };
    let holds = ahead(&|phase| phase.gate.as_ref().is_some_and(|gate| gate.policy == GatePolicy::OperatorHold));
    if !holds.is_empty() {
        page.item(2, &[dim("holds    ")], &[caution(format!("before {}", holds.join(", ")))]);
    }
    let final_ones = ahead(&|phase| phase.irreversible);
    if !final_ones.is_empty() {
        page.item(2, &[dim("no undo  ")], &[bad(format!("from {} on", final_ones.join(", ")))]);
    }
}

/// Ours and everybody else's apart.
fn drift(page: &mut Page, plan: &Plan, full: bool) {
    const MOST: usize = 8;
    for (title, ours) in [(drift_words::OURS, true), (drift_words::THEIRS, false)] {
        let found: Vec<&Drift> = plan.drift.iter().filter(|drift| drift.ours == ours).collect();
        if found.is_empty() {
            continue;
        }
        page.gap();
        page.line(0, &[bold(title)]);
        let shown = if full || found.len() <= MOST + 1 { found.len() } else { MOST };
        for one in &found[..shown] {
            let mark = if ours { caution(&one.what) } else { plain(&one.what) };
            page.item(2, &[], &[mark, plain(format!(": it was {}, it is {}", one.expected, one.found))]);
        }
        if shown < found.len() {
            page.line(2, &[dim(format!("and {} more, all with --verbose", found.len() - shown))]);
        }
        for follows in drift_words::follows(&found) {
            page.item(2, &[plain("-> ")], &[plain(follows)]);
        }
    }
    if let Some(why) = &plan.drift_unknown {
        page.gap();
        page.item(0, &[bold("Changed by hand: "), caution("not known: ")], &[plain(why)]);
    }
}

fn checks(page: &mut Page, plan: &Plan, full: bool) {
    for (title, found) in findings::sections(&plan.checks) {
        page.gap();
        page.line(0, &[bold(title)]);
        findings::draw(page, 2, &found, full);
    }
}

fn one_phase(page: &mut Page, plan: &Plan, phase: &PhasePlan, way_back_before: &str, full: bool) {
    let unicode = page.drawing().unicode;
    let mark = match (phase.status, unicode) {
        (PhaseStatus::Done, true) => good("✓ "),
        (PhaseStatus::Done, false) => good("x "),
        (PhaseStatus::Next, true) => bold("▶ "),
        (PhaseStatus::Next, false) => bold("> "),
        (PhaseStatus::Later, _) => plain("  "),
    };
    let is_done = phase.status == PhaseStatus::Done;
    let name = format!("{:15} ", phase.name);
    let label = [mark, if is_done { dim(&name) } else { bold(&name) }];
    if is_done {
        page.item(0, &label, &[dim("done")]);
        return;
    }
    let mut parts: Vec<Vec<Span>> = Vec::new();
    if phase.status == PhaseStatus::Next {
        parts.push(vec![bold("next")]);
    }
    if phase.irreversible {
        parts.push(vec![bad("CANNOT BE UNDONE")]);
    }
    parts.extend(phase.gate.as_ref().map(|gate| gate_words(gate, full)));
    page.item(0, &label, &parts.join(&plain("; ")));
    for effect in &phase.effects {
        page.item(4, &[plain(if unicode { "• " } else { "* " })], &[plain(effect)]);
    }
    changes::all(page, 4, &phase.changes, &plan.tables, full);
    if full {
        for (sequence, above) in &phase.sequences {
            page.item(4, &[plain("sequence ")], &[plain(format!("{sequence} is set {above}"))]);
        }
        for way in &phase.ways_back {
            page.line(4, &[bold(format!("{} after it changes", way.command))]);
            changes::all(page, 6, &way.changes, &plan.tables, full);
        }
    }
    if !phase.irreversible && phase.way_back != way_back_before && phase.way_back.starts_with("cutover ") {
        page.item(4, &[bold("way back: ")], &[command(way_back_command(plan, phase))]);
    }
    if full {
        page.item(4, &[dim("done when ")], &[plain(&phase.done_when)]);
        if !phase.writes.is_empty() {
            page.line(4, &[dim("by hand")]);
            for write in &phase.writes {
                page.verbatim(6, &[plain(&write.equivalent)]);
            }
        }
        page.item(4, &[dim("forecast ")], &[dim(phase.digest.short())]);
    }
}

/// The command as it must be typed.
fn way_back_command(plan: &Plan, phase: &PhasePlan) -> String {
    if phase.way_back == "cutover cancel" {
        format!("cutover cancel --confirm {}", shell(&plan.workflow))
    } else {
        phase.way_back.clone()
    }
}

fn gate_words(gate: &GatePlan, full: bool) -> Vec<Span> {
    let mut spans = vec![match gate.policy {
        GatePolicy::OperatorHold => caution("HOLD for an operator"),
        GatePolicy::AutoAdvance => dim("auto-advance"),
    }];
    if !gate.windows.is_empty() {
        spans.push(plain(format!(", only {} ({})", gate.windows.join(", "), gate.time_zone)));
    }
    if full && gate.policy == GatePolicy::OperatorHold {
        spans.push(plain(format!(", an approval expires after {}", length(gate.approval_expires_seconds))));
    }
    spans
}

/// Said where it is to be had, and where the plan file asks for it and it is not.
fn fast_path(page: &mut Page, path: &FastPath) {
    if !path.is_worth_saying() {
        return;
    }
    page.line(0, &[bold("Fast path"), plain(format!(": {}", path.words()))]);
    if path.eligible {
        for caveat in &path.caveats {
            let accepted = if caveat.accepted { "accepted" } else { "not accepted" };
            page.item(2, &[plain("• ")], &[bold(caveat.name.as_str()), plain(format!(" ({accepted}): {}", caveat.words))]);
        }
    } else {
        for criterion in path.criteria.iter().filter(|criterion| !criterion.passes) {
            page.item(2, &[plain("• ")], &[bold(&criterion.name), plain(format!(": {}", criterion.seen))]);
        }
    }
    page.gap();
}

fn foot(page: &mut Page, plan: &Plan, view: &PlanView<'_>) {
    page.gap();
    fast_path(page, &plan.fast_path);
    let passed: Vec<&Finding> = plan.checks.iter().filter(|finding| finding.result == CheckResult::Pass).collect();
    if view.full && !passed.is_empty() {
        page.line(0, &[bold(format!("{} passed", counted(passed.len(), "check")))]);
        for finding in &passed {
            page.item(2, &[dim(format!("{} ", finding.code))], &[bold(&finding.subject), plain(": "), plain(&finding.summary)]);
        }
        page.gap();
    }
    let mut spans = Vec::new();
    if !view.full && !passed.is_empty() {
        spans.push(plain(format!("{} passed. ", counted(passed.len(), "check"))));
    }
    if !view.begins {
        spans.push(plain("Nothing was written to the cluster."));
    }
    if !spans.is_empty() {
        page.line(0, &spans);
    }
    if view.full {
        page.line(0, &[dim(format!("intent {}, basis {}", plan.digests.intent.short(), plan.digests.basis.short()))]);
    }
    if view.begins {
        page.gap();
        return;
    }
    let rules: usize = plan.phases.iter().map(|phase| phase.changes.routing_rules.len()).sum();
    page.gap();
    match plan.verdict {
        Verdict::Ready => {
            if !view.full && rules > 0 {
                let facts = plan.offline.as_ref().map(|offline| format!(" --facts {}", shell(&offline.facts_file)));
                let whole = format!("cutover plan --verbose{}", facts.unwrap_or_default());
                page.verbatim(0, &[plain("Each rule, write and check: "), command(for_file(&whole, view.file))]);
                page.gap();
            }
            page.line(0, &[bold("Next")]);
            page.command(2, &for_file("cutover apply", view.file));
        }
        Verdict::Blocked => {
            page.line(0, &[bold("Next"), plain(", when what is in the way has been dealt with")]);
            page.command(2, &for_file("cutover plan", view.file));
        }
        Verdict::NothingToDo => {
            page.line(0, &[bold("Next")]);
            page.command(2, &for_file("cutover history", view.file));
        }
    }
}

#[cfg(test)]
#[path = "plan_human_tests.rs"]
mod tests;
