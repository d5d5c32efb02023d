//! A diagnosis for people: what the application sees first, what to run last.

use jiff::Timestamp;

use super::doctor::{Diagnosis, LeftoverSeen, Verdict};
use super::page::{Page, Span, bad, bold, caution, dim, good, plain};
use super::problems::Drawing;
use crate::leftovers::Weight;
use crate::leftovers::survey::SilentPrimary;
use crate::words::{away, counted, moment, names};

/// How to draw a diagnosis.
#[derive(Debug, Clone, Copy)]
pub struct DoctorView {
    pub drawing: Drawing,
    pub now: Timestamp,
    /// The evidence of notes too, and all that was looked at.
    pub full: bool,
}

/// So many lines of traffic that is whole are said.
const MOST_WHOLE: usize = 4;
const MOST_NAMES: usize = 8;

/// Draws the diagnosis.
pub fn draw(diagnosis: &Diagnosis, view: &DoctorView) -> String {
    let mut page = Page::new(view.drawing);
    head(&mut page, diagnosis, view);
    for (weight, title) in [(Weight::Between, "Between states"), (Weight::Standing, "Leftovers"), (Weight::Note, "Notes")] {
        let found: Vec<&LeftoverSeen> = diagnosis.leftovers.iter().filter(|seen| seen.leftover.weight == weight).collect();
        if found.is_empty() {
            continue;
        }
        page.gap();
        page.line(0, &[bold(title)]);
        for seen in found {
            leftover(&mut page, seen, view);
        }
    }
    if !diagnosis.unread.is_empty() {
        page.gap();
        page.line(0, &[bold("Could not be read, so nothing is known of it")]);
        for unread in &diagnosis.unread {
            page.line(2, &[bold(&unread.what), plain(": "), plain(&unread.why)]);
        }
    }
    page.gap();
    looked_at(&mut page, diagnosis, view);
    page.gap();
    page.line(0, &[bold("Next")]);
    for command in &diagnosis.next {
        page.command(2, command);
    }
    page.finish()
}

fn head(page: &mut Page, diagnosis: &Diagnosis, view: &DoctorView) {
    let mut spans = Vec::new();
    if diagnosis.cluster.alias == "sandbox" {
        spans.extend([caution("SANDBOX"), plain(" ")]);
    }
    spans.push(match diagnosis.verdict {
        Verdict::NothingWrong => good("NOTHING WRONG"),
        Verdict::Leftovers => caution("LEFTOVERS"),
        Verdict::BetweenStates if is_only_changed(diagnosis) => bad("CHANGED BY HAND"),
        Verdict::BetweenStates => bad("BETWEEN STATES"),
        Verdict::NotKnown => caution("NOT KNOWN"),
    });
    spans.extend([plain(": "), bold(first_words(diagnosis))]);
    page.line(0, &spans);
    let (worst, others) = match diagnosis.traffic.split_first() {
        Some((worst, others)) if !worst.tables.is_whole() || !is_between(diagnosis) => (Some(worst), others),
        _ => (None, diagnosis.traffic.as_slice()),
    };
    let is_said = |line: &&super::doctor::TrafficSeen| worst.is_some_and(|worst| worst == *line);
    let (whole, amiss): (Vec<_>, Vec<_>) = others.iter().filter(|line| !is_said(line)).partition(|line| line.tables.is_whole());
    for line in amiss.iter().chain(whole.iter().take(MOST_WHOLE)) {
        page.item(2, &[dim("traffic  ")], &[plain(&line.words)]);
    }
    if whole.len() > MOST_WHOLE {
        let more = counted(whole.len() - MOST_WHOLE, "group");
        page.item(2, &[dim("traffic  ")], &[plain(format!("{more} of tables more, whole too"))]);
    }
    page.item(
        2,
        &[dim("cluster  ")],
        &[plain(format!("{} ({}), seen {}", diagnosis.cluster.alias, diagnosis.cluster.address, moment(diagnosis.observed_at)))],
    );
    if let Some(record) = &diagnosis.record {
        page.item(2, &[dim("record   ")], &[plain(format!("`{}`: {}", record.file, record.situation))]);
        for contradiction in &record.contradictions {
            page.item(11, &[bad(if view.drawing.unicode { "✗ " } else { "x " })], &[plain(contradiction)]);
        }
    }
}

/// The cluster is whole, and not as our last write left it.
fn is_only_changed(diagnosis: &Diagnosis) -> bool {
    let is_whole = diagnosis.leftovers.iter().all(|seen| seen.leftover.weight != Weight::Between);
    is_whole && diagnosis.record.as_ref().is_some_and(|record| record.is_changed_by_hand)
}

fn is_between(diagnosis: &Diagnosis) -> bool {
    diagnosis.verdict == Verdict::BetweenStates
}

/// What the application sees; where that is whole and something stands between states all the same, what stands there.
fn first_words(diagnosis: &Diagnosis) -> String {
    if !diagnosis.silent_primaries.is_empty() {
        let silent: Vec<String> = diagnosis.silent_primaries.iter().map(SilentPrimary::words).collect();
        return format!("NO ANSWER from {}: what it serves takes no writes", names(&silent, MOST_NAMES));
    }
    let worst = diagnosis.traffic.first();
    let first = diagnosis.leftovers.first().filter(|seen| seen.leftover.weight == Weight::Between);
    match (worst, first) {
        (Some(worst), _) if !worst.tables.is_whole() => worst.words.clone(),
        (_, Some(seen)) => seen.leftover.summary.clone(),
        (Some(worst), None) => worst.words.clone(),
        (None, None) if !diagnosis.unread.is_empty() => "no movement of tables was seen, and not all could be read".to_owned(),
        (None, None) => "no movement of tables is there".to_owned(),
    }
}

fn leftover(page: &mut Page, seen: &LeftoverSeen, view: &DoctorView) {
    let found = &seen.leftover;
    let code = format!("{} ", found.code);
    let label: Span = match found.weight {
        Weight::Between => bad(&code),
        Weight::Standing => caution(&code),
        Weight::Note => dim(&code),
    };
    let hang = 2 + label.width();
    page.item(2, &[label], &[bold(&found.subject), plain(": "), plain(&found.summary)]);
    if found.weight == Weight::Note && !view.full {
        return;
    }
    for evidence in &found.evidence {
        page.item(hang, &[dim("seen     ")], &[plain(evidence)]);
    }
    if let Some(since) = found.since {
        page.item(hang, &[dim("since    ")], &[plain(format!("{}, {}", moment(since), away(since, view.now)))]);
    }
    page.item(hang, &[dim("means    ")], &[plain(&found.meaning)]);
    let ours = seen.next.iter().filter(|command| command.starts_with("cutover "));
    for command in ours {
        page.verbatim(hang, &[dim("mend     "), super::page::command(command)]);
    }
    for command in &found.by_hand {
        page.verbatim(hang, &[dim("by hand  "), plain(command)]);
    }
}

fn looked_at(page: &mut Page, diagnosis: &Diagnosis, view: &DoctorView) {
    let looked_at = &diagnosis.looked_at;
    let list = |all: &[String]| {
        let quoted: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
        if all.is_empty() {
            String::new()
        } else {
            format!(" ({})", names(&quoted, if view.full { usize::MAX - 1 } else { MOST_NAMES }))
        }
    };
    page.line(
        0,
        &[plain(format!(
            "Looked at {}{}, {}{}, what {}{} {}, denied tables, routing rules, VSchemas, names of tables, locks, journals, VDiffs. \
             Nothing was written to the cluster.",
            counted(looked_at.keyspaces.len(), "keyspace"),
            list(&looked_at.keyspaces),
            counted(looked_at.workflows.len(), "workflow"),
            list(&looked_at.workflows),
            counted(looked_at.cells.len(), "cell"),
            list(&looked_at.cells),
            if looked_at.cells.len() == 1 { "serves" } else { "serve" },
        ))],
    );
    let codes: std::collections::BTreeSet<&str> = diagnosis
        .leftovers
        .iter()
        .filter(|seen| seen.leftover.weight != Weight::Note)
        .map(|seen| seen.leftover.code.as_str())
        .collect();
    if let Some(code) = codes.first() {
        page.line(0, &[dim(format!("`cutover explain {code}` says more of a code."))]);
    }
}

#[cfg(test)]
#[path = "doctor_human_tests.rs"]
mod tests;
