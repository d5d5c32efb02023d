//! An adoption for people: verdict first, the next command last.

use super::adoption::{AdoptionReport, AdoptionVerdict, DoubtReport};
use super::findings;
use super::page::{Page, bad, bold, caution, dim, good, plain};
use super::problems::Drawing;
use crate::family::adoption::Doubt;
use crate::words::{counted, names};

const MOST_TABLES: usize = 8;

/// Draws it. `begins`: the command shows it and goes on, so the next command is left out, and what it will ask is said when it asks.
pub fn draw(report: &AdoptionReport, drawing: Drawing, begins: bool) -> String {
    let mut page = Page::new(drawing);
    head(&mut page, report);
    if !report.evidence.is_empty() {
        page.gap();
        page.line(0, &[bold("Seen")]);
        let mark = if drawing.unicode { "• " } else { "* " };
        for line in &report.evidence {
            page.item(2, &[plain(mark)], &[plain(line)]);
        }
    }
    if !report.blocking.is_empty() {
        page.gap();
        page.line(0, &[bold("In the way")]);
        findings::draw(&mut page, 2, &report.blocking.iter().collect::<Vec<_>>(), true);
    }
    doubts(&mut page, report, begins);
    foot(&mut page, report, begins);
    page.finish()
}

/// One doubt before it is asked, with all that there is to know of it: who answers may have the page in another place.
pub fn question(doubt: &Doubt, place: usize, of: usize, drawing: Drawing) -> String {
    let mut page = Page::new(drawing);
    page.line(0, &[plain(format!("{place} of {of}: no look proves this ")), bold(format!("({})", doubt.name))]);
    page.item(2, &[dim("not known  ")], &[plain(&doubt.what)]);
    page.item(2, &[dim("if not so  ")], &[plain(&doubt.follows)]);
    page.finish()
}

fn head(page: &mut Page, report: &AdoptionReport) {
    let mut spans = Vec::new();
    if report.cluster.alias == "sandbox" {
        spans.extend([caution("SANDBOX"), plain(" ")]);
    }
    spans.push(match report.verdict {
        AdoptionVerdict::Adopted => good("ADOPTED"),
        AdoptionVerdict::Adoptable => good("CAN BE ADOPTED"),
        AdoptionVerdict::Blocked => bad("CAN'T BE ADOPTED AS IT IS"),
        AdoptionVerdict::NothingToAdopt => caution("NOTHING TO ADOPT"),
        AdoptionVerdict::OursAlready => good("OURS ALREADY"),
    });
    spans.extend([plain(": "), bold(&report.workflow), plain(" on "), bold(&report.cluster.alias)]);
    spans.push(plain(format!(" ({})", report.cluster.address)));
    page.line(0, &spans);
    let (source, target) = (&report.source_keyspace, &report.target_keyspace);
    let tables = names(&report.tables, MOST_TABLES);
    let moves = format!("{} from `{source}` to `{target}`: {tables}", counted(report.tables.len(), "table"));
    page.item(2, &[dim("moves    ")], &[plain(moves)]);
    page.item(2, &[dim("now      ")], &[plain(&report.situation)]);
    if let Some(last) = report.reached.last() {
        page.item(2, &[dim("is past  ")], &[bold(last)]);
    }
}

fn doubts(page: &mut Page, report: &AdoptionReport, begins: bool) {
    let shown: Vec<&DoubtReport> = report.doubts.iter().filter(|doubt| doubt.accepted || !begins).collect();
    if shown.is_empty() {
        return;
    }
    page.gap();
    let title = if begins || report.verdict == AdoptionVerdict::Adopted {
        "Accepted without proof"
    } else {
        "What no look proves, and a person accepts by name"
    };
    page.line(0, &[bold(title)]);
    let width = shown.iter().map(|doubt| doubt.doubt.name.len()).max().unwrap_or(0);
    for DoubtReport { doubt, accepted } in shown {
        let name = format!("{:width$}  ", doubt.name);
        let label = if *accepted { good(name) } else { caution(name) };
        page.item(2, &[label], &[plain(format!("{}. If not so: {}", doubt.what, doubt.follows))]);
    }
}

fn foot(page: &mut Page, report: &AdoptionReport, begins: bool) {
    page.gap();
    let is_on_record = report.verdict == AdoptionVerdict::Adopted;
    page.line(
        0,
        &[plain(if is_on_record {
            "It is on record; nothing was written to the cluster."
        } else if begins {
            "Adopting writes a record here, and nothing to the cluster."
        } else {
            "Nothing was written, neither to the cluster nor here."
        })],
    );
    if begins || report.next.is_empty() {
        page.gap();
        return;
    }
    page.gap();
    page.line(0, &[bold("Next")]);
    for command in &report.next {
        page.command(2, command);
    }
}

#[cfg(test)]
#[path = "adoption_human_tests.rs"]
mod tests;
