//! Findings as lines: code, subject, what is wrong, what to do. Equal ones of many subjects are said once.

use super::page::{Page, Span, bad, bold, caution, dim, plain};
use crate::finding::{CheckResult, Finding, Severity};
use crate::words::{counted, names};

/// Of one code, beyond which the rest is counted.
const MOST_GROUPS: usize = 8;
const MOST_SUBJECTS: usize = 5;

/// Draws findings that have not passed. `full` leaves none out.
pub fn draw(page: &mut Page, indent: usize, findings: &[&Finding], full: bool) {
    let mut groups: Vec<(&Finding, Vec<&str>)> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|(first, _)| is_alike(first, finding)) {
            Some((_, subjects)) => subjects.push(&finding.subject),
            None => groups.push((finding, vec![&finding.subject])),
        }
    }
    let mut at = 0;
    while at < groups.len() {
        let code = &groups[at].0.code;
        let end = groups[at..].iter().position(|(first, _)| &first.code != code).map_or(groups.len(), |next| at + next);
        let shown = if full || end - at <= MOST_GROUPS + 1 { end } else { at + MOST_GROUPS };
        for (first, subjects) in &groups[at..shown] {
            one(page, indent, first, subjects, full);
        }
        if shown < end {
            page.line(indent, &[dim(format!("{code} and {} more, all with --verbose", counted(end - shown, "finding")))]);
        }
        at = end;
    }
}

/// Those that have not passed, in the order in which a reader wants them, each group with its title; groups without any are left out.
pub fn sections(all: &[Finding]) -> Vec<(&'static str, Vec<&Finding>)> {
    let not_passed = |finding: &&Finding| finding.result != CheckResult::Pass;
    type Wanted<'a> = &'a dyn Fn(&&Finding) -> bool;
    let sections: [(&str, Wanted<'_>); 4] = [
        ("In the way", &|finding| finding.blocks()),
        ("Warnings", &|finding| not_passed(finding) && finding.waived.is_none() && finding.severity == Severity::Warning),
        ("Waived", &|finding| not_passed(finding) && finding.waived.is_some()),
        ("Notes", &|finding| not_passed(finding) && finding.waived.is_none() && finding.severity == Severity::Note),
    ];
    let found = sections.into_iter().map(|(title, wanted)| (title, all.iter().filter(wanted).collect::<Vec<_>>()));
    found.filter(|(_, found)| !found.is_empty()).collect()
}

/// Before the summary of a finding that is no plain failure.
pub fn doubt(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Error => "the check itself failed: ",
        CheckResult::Inconclusive => "not known: ",
        CheckResult::Pass | CheckResult::Fail => "",
    }
}

fn is_alike(one: &Finding, other: &Finding) -> bool {
    (&one.code, one.severity, one.result, &one.summary, &one.help, &one.waived)
        == (&other.code, other.severity, other.result, &other.summary, &other.help, &other.waived)
}

fn one(page: &mut Page, indent: usize, finding: &Finding, subjects: &[&str], full: bool) {
    let code = format!("{} ", finding.code);
    let label: Span = if finding.blocks() {
        bad(&code)
    } else if finding.severity == Severity::Note {
        dim(&code)
    } else {
        caution(&code)
    };
    let hang = indent + label.width();
    let subjects = if full { subjects.join(", ") } else { names(subjects, MOST_SUBJECTS) };
    let mut spans = vec![bold(subjects), plain(": "), plain(doubt(finding.result)), plain(&finding.summary)];
    if let Some(at) = &finding.at {
        spans.push(dim(format!(" (plan file: {at})")));
    }
    page.item(indent, &[label], &spans);
    if let Some(reason) = &finding.waived {
        page.line(hang, &[dim("waived: "), plain(reason)]);
    } else if !finding.help.is_empty() {
        page.line(hang, &[plain(&finding.help)]);
    }
}
