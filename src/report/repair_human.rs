//! The plan of a repair for people: in the form of a plan, verdict first, the next command last.

use super::changes;
use super::page::{Page, bad, bold, caution, command, dim, good, plain};
use super::problems::Drawing;
use super::repair::{RepairPlan, RepairVerdict, StepPlan};
use crate::leftovers::Leftover;
use crate::words::{counted, names};

/// How to draw it.
#[derive(Debug, Clone, Copy)]
pub struct RepairView<'a> {
    pub drawing: Drawing,
    /// The command shows it and goes on.
    pub begins: bool,
    /// Every rule instead of groups and counts.
    pub full: bool,
    /// What does it.
    pub command: &'a str,
    /// What says all that stands there.
    pub doctor: &'a str,
}

const MOST_TABLES: usize = 8;

/// Draws the plan of a repair.
pub fn draw(plan: &RepairPlan, view: &RepairView<'_>) -> String {
    let mut page = Page::new(view.drawing);
    head(&mut page, plan);
    leftovers(&mut page, "Mends", &plan.leftovers);
    if plan.verdict == RepairVerdict::Ready {
        steps(&mut page, plan, view.full);
    }
    leftovers(&mut page, "Stays, and only a person can mend it", &plan.by_hand);
    for leftover in &plan.by_hand {
        for line in &leftover.by_hand {
            page.verbatim(4, &[plain(line)]);
        }
    }
    foot(&mut page, plan, view);
    page.finish()
}

fn head(page: &mut Page, plan: &RepairPlan) {
    let mut spans = Vec::new();
    if plan.cluster.alias == "sandbox" {
        spans.extend([caution("SANDBOX"), plain(" ")]);
    }
    spans.push(match plan.verdict {
        RepairVerdict::Ready => good("READY TO REPAIR"),
        RepairVerdict::NothingToDo => good("NOTHING TO REPAIR"),
        RepairVerdict::ByHand => bad("CAN'T BE REPAIRED BY ITSELF"),
    });
    spans.extend([plain(": "), bold(&plan.subject), plain(" on "), bold(&plan.cluster.alias)]);
    spans.push(plain(format!(" ({})", plan.cluster.address)));
    page.line(0, &spans);
    if !plan.sees.is_empty() {
        page.item(2, &[dim("now      ")], &[bold(&plan.sees)]);
    }
    if !plan.tables.is_empty() {
        let tables: Vec<String> = plan.tables.iter().map(|name| format!("`{name}`")).collect();
        page.item(2, &[dim("tables   ")], &[plain(names(&tables, MOST_TABLES))]);
    }
    if let Some(stuck) = &plan.stuck {
        page.item(2, &[dim("why not  ")], &[plain(stuck)]);
    }
    for wait in &plan.waits {
        page.item(2, &[dim("waits    ")], &[caution(wait)]);
    }
    if plan.verdict == RepairVerdict::Ready {
        page.item(2, &[dim("no undo  ")], &[plain("nothing of it destroys anything: no table is dropped, no row is changed")]);
    }
}

fn leftovers(page: &mut Page, title: &str, all: &[Leftover]) {
    if all.is_empty() {
        return;
    }
    page.gap();
    page.line(0, &[bold(title)]);
    for leftover in all {
        page.item(
            2,
            &[caution(format!("{} ", leftover.code))],
            &[bold(&leftover.subject), plain(": "), plain(&leftover.summary)],
        );
    }
}

fn steps(page: &mut Page, plan: &RepairPlan, full: bool) {
    page.gap();
    page.line(0, &[bold(format!("{}, one after the other, each looked at before the next", counted(plan.steps.len(), "write")))]);
    for (at, step) in plan.steps.iter().enumerate() {
        one_step(page, at + 1, step, &plan.tables, full);
    }
}

fn one_step(page: &mut Page, number: usize, step: &StepPlan, tables: &[String], full: bool) {
    page.item(2, &[bold(format!("{number:2}. "))], &[plain(&step.words)]);
    changes::all(page, 6, &step.changes, tables, full);
    page.verbatim(6, &[dim("by hand  "), plain(&step.equivalent)]);
}

fn foot(page: &mut Page, plan: &RepairPlan, view: &RepairView<'_>) {
    page.gap();
    if plan.verdict == RepairVerdict::Ready {
        page.line(0, &[plain(format!("What is done goes on record in `{}`. At the end it is looked at again.", plan.record))]);
    }
    if view.begins {
        page.gap();
        return;
    }
    page.line(0, &[plain("Nothing was written to the cluster.")]);
    page.gap();
    page.line(0, &[bold("Next")]);
    match plan.verdict {
        RepairVerdict::Ready => page.verbatim(2, &[command(view.command)]),
        RepairVerdict::NothingToDo | RepairVerdict::ByHand => page.verbatim(2, &[command(view.doctor)]),
    }
}
