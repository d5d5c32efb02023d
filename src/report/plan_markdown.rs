//! The plan as one comment of a pull request: verdict first, then what is in the way, what it does and what can't be undone; the
//! differences are folded away. Never longer than a forge takes: lines are left out inside of sections, never the markup.

use super::changes;
use super::command::for_file;
use super::drift_words;
use super::findings;
use super::markdown::{block, code, fold, text};
use super::page::{Page, plain};
use super::problems::Drawing;
use crate::finding::{CheckResult, Finding};
use crate::plan::document::{GatePlan, PhasePlan, PhaseStatus, Plan, Verdict};
use crate::plan::drift::Drift;
use crate::spec::GatePolicy;
use crate::words::{counted, names};

/// GitHub takes 65,536 characters; somebody may want to put a line above.
pub const MOST_CHARACTERS: usize = 60_000;

const MOST_TABLES: usize = 20;
/// Of differences; wider than a screen, for a block of code scrolls.
const DRAWING: Drawing = Drawing { width: 160, colour: false, unicode: true };

/// A part of the comment.
enum Part {
    /// Short by itself, and always whole.
    Whole(String),
    /// Findings, open or folded, one line each.
    Findings { title: String, folded: bool, lines: Vec<String> },
    /// A block of differences.
    Differences { title: String, lines: Vec<String> },
}

/// The whole comment. `file` is the plan file, none for the default one.
pub fn draw(plan: &Plan, file: Option<&str>) -> String {
    let marker = marker(plan) + "\n";
    let most = MOST_CHARACTERS - marker.chars().count();
    marker + &within(plan, file, most)
}

/// As much of it as fits, without the mark by which a comment is found again. What can't be left out may be longer.
pub fn within(plan: &Plan, file: Option<&str>, most_characters: usize) -> String {
    let parts = parts(plan, file);
    let longest =
        |is_wanted: &dyn Fn(&Part) -> bool| parts.iter().filter(|part| is_wanted(part)).map(Part::lines).max().unwrap_or(0);
    let (findings, differences) =
        (longest(&|part| matches!(part, Part::Findings { .. })), longest(&|part| matches!(part, Part::Differences { .. })));
    let fits = |findings: usize, differences: usize| join(&parts, findings, differences).chars().count() <= most_characters;
    // Differences give way first: what is in the way is what a reviewer needs.
    let differences = most(differences, &|most| fits(findings, most));
    let findings = most(findings, &|most| fits(most, differences));
    join(&parts, findings, differences)
}

/// The largest number up to `all` that fits; 0 when none does.
fn most(all: usize, fits: &dyn Fn(usize) -> bool) -> usize {
    if fits(all) {
        return all;
    }
    let (mut low, mut high) = (0, all);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

fn join(parts: &[Part], findings: usize, differences: usize) -> String {
    parts.iter().map(|part| part.draw(findings, differences)).collect::<Vec<_>>().join("\n")
}

impl Part {
    fn lines(&self) -> usize {
        match self {
            Self::Whole(_) => 0,
            Self::Findings { lines, .. } | Self::Differences { lines, .. } => lines.len(),
        }
    }

    fn draw(&self, most_findings: usize, most_differences: usize) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Findings { title, folded, lines } => {
                let inner: String = cut(lines, most_findings, "- ").iter().map(|line| format!("{line}\n")).collect();
                if *folded { fold(title, &inner) } else { format!("#### {title}\n\n{inner}") }
            }
            Self::Differences { title, lines } => fold(title, &block("diff", &cut(lines, most_differences, ""))),
        }
    }
}

/// The first lines, and one that says how many there are more.
fn cut(lines: &[String], most: usize, mark: &str) -> Vec<String> {
    let mut shown: Vec<String> = lines.iter().take(most).cloned().collect();
    if lines.len() > most {
        let more = lines.len() - most;
        shown.push(format!("{mark}… {} more: cutover plan --verbose", counted(more, "line")));
    }
    shown
}

fn parts(plan: &Plan, file: Option<&str>) -> Vec<Part> {
    let mut parts = vec![Part::Whole(head(plan))];
    parts.extend(drift(plan));
    let passed: Vec<&Finding> = plan.checks.iter().filter(|finding| finding.result == CheckResult::Pass).collect();
    let passed = Some(("Passed", passed)).filter(|(_, passed)| !passed.is_empty());
    for (title, found) in findings::sections(&plan.checks).into_iter().chain(passed) {
        let folded = matches!(title, "Notes" | "Passed");
        let lines: Vec<String> = found.into_iter().map(finding).collect();
        parts.push(Part::Findings { title: format!("{title} ({})", lines.len()), folded, lines });
    }
    let ahead: Vec<&PhasePlan> = plan.phases.iter().filter(|phase| phase.status != PhaseStatus::Done).collect();
    if plan.verdict != Verdict::NothingToDo {
        parts.push(Part::Whole(phases(&ahead)));
        parts.extend(ahead.iter().filter_map(|phase| differences(plan, phase)));
    }
    parts.push(Part::Whole(foot(plan, file)));
    parts
}

/// Ours and everybody else's apart.
fn drift(plan: &Plan) -> Vec<Part> {
    let mut parts = Vec::new();
    for (title, ours) in [(drift_words::OURS, true), (drift_words::THEIRS, false)] {
        let found: Vec<&Drift> = plan.drift.iter().filter(|drift| drift.ours == ours).collect();
        if found.is_empty() {
            continue;
        }
        let one =
            |drift: &&Drift| format!("- {}: it was {}, it is {}", text(&drift.what), code(&drift.expected), code(&drift.found));
        let mut lines: Vec<String> =
            drift_words::follows(&found).iter().map(|follows| format!("- → {}", text(follows))).collect();
        lines.extend(found.iter().map(one));
        parts.push(Part::Findings { title: format!("{title} ({})", found.len()), folded: !ours, lines });
    }
    if let Some(why) = &plan.drift_unknown {
        parts.push(Part::Whole(format!("**Changed by hand**: not known: {}\n", text(why))));
    }
    parts
}

fn head(plan: &Plan) -> String {
    let blocking = plan.checks.iter().filter(|finding| finding.blocks()).count();
    let verdict = match plan.verdict {
        Verdict::Ready => "✅ READY".to_owned(),
        Verdict::Blocked => format!("🛑 BLOCKED by {}", counted(blocking, "finding")),
        Verdict::NothingToDo => "☑️ NOTHING TO DO".to_owned(),
    };
    let (source, target) = (&plan.source_keyspace, &plan.target_keyspace);
    let mut lines = vec![format!("### {verdict}: {} on {}", code(&plan.workflow), code(&plan.cluster.alias)), String::new()];
    lines.extend(plan.offline.as_ref().map(|offline| format!("- **offline** {}", text(&offline.words()))));
    lines.extend([
        format!(
            "- **moves** {} from {} to {}: {}",
            counted(plan.tables.len(), "table"),
            code(source),
            code(target),
            text(&names(&plan.tables.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>(), MOST_TABLES))
        ),
        format!("- **now** {}", text(&format!("{}; {}", plan.situation, plan.traffic.words(source, target)))),
    ]);
    if plan.verdict != Verdict::NothingToDo {
        if !plan.costs.lines.is_empty() {
            lines.push("- **costs**".to_owned());
            lines.extend(plan.costs.lines.iter().map(|line| format!("  - {}", text(line))));
        }
        let ahead = |wanted: &dyn Fn(&&PhasePlan) -> bool| -> Vec<String> {
            let phases = plan.phases.iter().filter(|phase| phase.status != PhaseStatus::Done);
            phases.filter(wanted).map(|phase| code(&phase.name)).collect()
        };
        let holds = ahead(&|phase| phase.gate.as_ref().is_some_and(|gate| gate.policy == GatePolicy::OperatorHold));
        if !holds.is_empty() {
            lines.push(format!("- **holds for an operator** before {}", holds.join(", ")));
        }
        if plan.fast_path.is_worth_saying() {
            lines.push(format!("- **fast path** {}", text(&plan.fast_path.words())));
            let caveats = plan.fast_path.caveats.iter().filter(|_| plan.fast_path.eligible);
            lines.extend(caveats.map(|caveat| format!("  - {}: {}", code(caveat.name.as_str()), text(&caveat.words))));
            let failed = plan.fast_path.criteria.iter().filter(|criterion| !criterion.passes);
            lines.extend(failed.map(|criterion| format!("  - {}: {}", text(&criterion.name), text(&criterion.seen))));
        }
        let final_ones = ahead(&|phase| phase.irreversible);
        if !final_ones.is_empty() {
            lines.push(format!("- **can't be undone** from {} on", final_ones.join(", ")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// By which a comment is found again, to be updated. Nothing but the letters of names.
fn marker(plan: &Plan) -> String {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).take(80).collect()
    };
    format!("<!-- cutover plan {} {} -->", plain(&plan.cluster.alias), plain(&plan.workflow))
}

fn finding(finding: &Finding) -> String {
    let doubt = findings::doubt(finding.result);
    let mut line = format!("- **{}** {}: {doubt}{}", text(&finding.code), code(&finding.subject), text(&finding.summary));
    if let Some(at) = &finding.at {
        line.push_str(&format!(" (plan file: {})", code(at)));
    }
    match &finding.waived {
        Some(reason) => line.push_str(&format!(". Waived: {}", text(reason))),
        None if finding.result != CheckResult::Pass && !finding.help.is_empty() => {
            line.push_str(&format!("<br>→ {}", text(&finding.help)));
        }
        None => {}
    }
    line
}

fn phases(ahead: &[&PhasePlan]) -> String {
    let mut lines = vec!["#### What happens, in this order".to_owned(), String::new()];
    for (place, phase) in ahead.iter().enumerate() {
        let mut notes: Vec<String> = Vec::new();
        if phase.irreversible {
            notes.push("**can't be undone**".to_owned());
        }
        notes.extend(phase.gate.as_ref().map(gate));
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        let effects: Vec<String> = phase.effects.iter().map(|effect| text(effect)).collect();
        let way_back = if phase.irreversible || !phase.way_back.starts_with("cutover ") {
            String::new()
        } else {
            format!(". Way back: {}", code(&phase.way_back))
        };
        lines.push(format!("{}. {}{notes}: {}{way_back}", place + 1, code(&phase.name), effects.join("; ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn gate(gate: &GatePlan) -> String {
    let mut words = match gate.policy {
        GatePolicy::OperatorHold => "holds for an operator".to_owned(),
        GatePolicy::AutoAdvance => "auto-advance".to_owned(),
    };
    if !gate.windows.is_empty() {
        words.push_str(&format!(", only {} ({})", text(&gate.windows.join(", ")), text(&gate.time_zone)));
    }
    words
}

fn differences(plan: &Plan, phase: &PhasePlan) -> Option<Part> {
    let mut page = Page::new(DRAWING);
    changes::all(&mut page, 0, &phase.changes, &plan.tables, false);
    for (sequence, above) in &phase.sequences {
        page.line(0, &[plain(format!("~ sequence {sequence}: {above}"))]);
    }
    for way in &phase.ways_back {
        page.line(0, &[plain(format!("{} after it:", way.command))]);
        changes::all(&mut page, 2, &way.changes, &plan.tables, false);
    }
    let drawn = page.finish();
    // At the beginning of its line a sign gives the line its colour.
    let lines: Vec<String> = drawn.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect();
    if lines.is_empty() {
        return None;
    }
    let rules = phase.changes.routing_rules.len();
    let title = match rules {
        0 => format!("<code>{}</code> changes", phase_name(phase)),
        rules => format!("<code>{}</code> changes {}", phase_name(phase), counted(rules, "routing rule")),
    };
    Some(Part::Differences { title, lines })
}

/// Inside of HTML.
fn phase_name(phase: &PhasePlan) -> String {
    phase.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn foot(plan: &Plan, file: Option<&str>) -> String {
    let next = match plan.verdict {
        Verdict::Ready => format!("Next: {}", code(&for_file("cutover apply", file))),
        Verdict::Blocked => format!("When that has been dealt with: {}", code(&for_file("cutover plan", file))),
        Verdict::NothingToDo => format!("What was done: {}", code(&for_file("cutover history", file))),
    };
    format!(
        "{next}. Nothing was written to the cluster.\n\n<sub>intent {}, basis {}, cluster {}</sub>\n",
        code(&plan.digests.intent.to_string()),
        code(&plan.digests.basis.to_string()),
        code(&plan.cluster.fingerprint)
    )
}

#[cfg(test)]
#[path = "plan_markdown_tests.rs"]
mod tests;
