//! A status for people: the state first, what to run last.

use jiff::Timestamp;

use super::command::for_file;
use super::history;
use super::hold;
use super::page::{Page, Span, bad, bold, caution, dim, good, plain};
use super::problems::Drawing;
use super::rate;
use super::status::{State, Status, VDiffResult};
use crate::words::{away, count, counted, length, moment};

/// A command that names hundreds of tables is shown whole only where all is shown.
const LONGEST_COMMAND: usize = 400;

/// How to draw a status.
#[derive(Debug, Clone, Copy)]
pub struct StatusView<'a> {
    pub drawing: Drawing,
    pub now: Timestamp,
    /// The plan file; none is the default one.
    pub file: Option<&'a str>,
    /// Each table's copy.
    pub full: bool,
}

/// Draws the status.
pub fn draw(status: &Status, view: &StatusView<'_>) -> String {
    let mut page = Page::new(view.drawing);
    let mut spans = Vec::new();
    if status.cluster.alias == "sandbox" {
        spans.extend([caution("SANDBOX"), plain(" ")]);
    }
    spans.push(state(status));
    spans.extend([plain(": "), bold(&status.workflow), plain(" on "), bold(&status.cluster.alias)]);
    spans.push(plain(format!(" ({})", status.cluster.address)));
    page.line(0, &spans);
    if status.state != State::NotStarted {
        page.line(2, &[plain(&status.why)]);
    }
    if let Some(until) = status.held.as_ref().and_then(|held| held.until) {
        page.line(2, &[plain(format!("until {}, ", moment(until))), bold(away(until, view.now))]);
    }
    for contradiction in &status.contradictions {
        page.item(2, &[bad(if view.drawing.unicode { "✗ " } else { "x " })], &[plain(contradiction)]);
    }
    page.gap();
    facts(&mut page, status, view);
    if view.full {
        tables(&mut page, status);
    }
    if let Some(held) = &status.held {
        hold::conditions(&mut page, &[bold("Not yet as it must be")], &held.conditions, view.file);
        hold::price(&mut page, &held.price);
    }
    if !status.last.is_empty() {
        page.gap();
        page.line(0, &[bold("Last on record")]);
        for step in &status.last {
            let phase = step.phase.as_deref().unwrap_or_default();
            let result = step.result.as_deref().map(|result| format!(": {}", history::words(result))).unwrap_or_default();
            let label = [dim(moment(step.at)), plain(format!("  {phase:15}  "))];
            page.item(2, &label, &[plain(&step.what), plain(result), dim(format!(" ({})", step.user))]);
        }
    }
    page.gap();
    page.line(0, &[bold("With vtctldclient")]);
    for command in &status.equivalent {
        match command.char_indices().nth(LONGEST_COMMAND) {
            Some((cut, _)) if !view.full => {
                page.verbatim(2, &[dim(&command[..cut]), dim(" … (whole with --verbose)")]);
            }
            _ => page.verbatim(2, &[dim(command)]),
        }
    }
    page.gap();
    page.line(0, &[bold("Next")]);
    for command in &status.next {
        page.command(2, &for_file(command, view.file));
    }
    page.finish()
}

fn state(status: &Status) -> Span {
    let at = |what: &str| format!("{what} {}", status.phase);
    match status.state {
        State::NotStarted => plain("NOT STARTED"),
        State::Running => good(at("RUNNING at")),
        State::Held => caution(at("HELD before")),
        State::Waiting => caution(at("WAITING at")),
        State::SwitchedBack => caution("SWITCHED BACK"),
        State::Cancelled => plain("CANCELLED"),
        State::Complete => good("COMPLETE"),
        State::Failed => bad(at("REFUSED at")),
        State::NeedsHuman => bad(at("NEEDS A HUMAN at")),
    }
}

fn facts(page: &mut Page, status: &Status, view: &StatusView<'_>) {
    let mut fact = |name: &str, spans: &[Span]| page.item(2, &[dim(format!("{name:8} "))], spans);
    let traffic = status.traffic.words(&status.source_keyspace, &status.target_keyspace);
    // At an end, and before the beginning, the state has said it.
    let is_said =
        matches!(status.state, State::NotStarted | State::Cancelled | State::Complete) || status.why.contains(&status.situation);
    let situation = if is_said { String::new() } else { format!("; {}", status.situation) };
    fact("traffic", &[bold(traffic), plain(situation)]);
    if let Some(lag) = status.lag_seconds {
        fact("lag", &[plain(length(lag))]);
    }
    if let Some(words) = copy(status) {
        fact("copy", &[plain(words)]);
    }
    if let Some(vdiff) = &status.vdiff {
        let result = match vdiff.result {
            VDiffResult::Pass => good("passed"),
            VDiffResult::Running => plain("running"),
            VDiffResult::Mismatch => bad("MISMATCH"),
            VDiffResult::Failed => bad("failed"),
            VDiffResult::Inconclusive => caution("proves nothing"),
        };
        let when = vdiff.completed_at.map(|at| format!(", {}", away(at, view.now))).unwrap_or_default();
        fact("VDiff", &[result, plain(": "), plain(&vdiff.words), plain(when)]);
    }
    // In the revert window the reason of the state is the way back, and its end stands beside it.
    if let Some(revert) = status.revert.as_ref().filter(|revert| !status.why.contains(&revert.why)) {
        let open = if revert.possible { good("open") } else { bad("NOT OPEN") };
        let until = match revert.until {
            Some(until) if until > view.now => format!("; the revert window ends {}", away(until, view.now)),
            Some(_) => "; the revert window has passed".to_owned(),
            None => String::new(),
        };
        fact("way back", &[open, plain(": "), plain(&revert.why), plain(until)]);
    }
    for lock in &status.locks {
        fact("lock", &[caution(lock)]);
    }
    if let Some(acting) = &status.acting {
        let words = format!(
            "{} on {}: `cutover {}`, process {}, since {} ({})",
            acting.who,
            acting.host,
            acting.command,
            acting.process,
            moment(acting.since),
            away(acting.since, view.now)
        );
        fact("acting", &[plain(words)]);
    }
}

fn copy(status: &Status) -> Option<String> {
    let tables = &status.copy.tables;
    if tables.is_empty() {
        return None;
    }
    let done = tables.iter().filter(|table| table.done).count();
    let copied = tables.iter().map(|table| table.rows_copied).fold(0, i64::saturating_add);
    let total = tables.iter().map(|table| table.rows_total).fold(0, i64::saturating_add);
    let percent = rate::percent(copied, total, done == tables.len());
    Some(format!(
        "{} of about {} rows ({percent}%), {done} of {} done",
        count(copied),
        count(total),
        counted(tables.len(), "table")
    ))
}

fn tables(page: &mut Page, status: &Status) {
    let tables = &status.copy.tables;
    let widest = tables.iter().map(|table| table.table.chars().count()).max().unwrap_or(0);
    for table in tables {
        let percent = rate::percent(table.rows_copied, table.rows_total, table.done);
        let words = format!("{percent:3}%  {} of ~{}", count(table.rows_copied), count(table.rows_total));
        page.verbatim(4, &[plain(format!("{:widest$}  ", table.table)), plain(words)]);
    }
}
