//! What the runner of a workflow on GitHub shows beside the lines of a pull request: commands in its log, one a line
//! (docs.github.com, "Workflow commands for GitHub Actions").

use super::escape::escape;
use super::place::{self, Place};
use crate::finding::{CheckResult, Finding, Severity};
use crate::plan::document::Plan;
use crate::spec::{Problem, span_of_key};

/// So many of a kind are shown of one step; more are dropped in silence there.
const MOST_OF_A_KIND: usize = 10;

/// Of what a plan found and has not passed, each at the key of the plan file that it is about. `text` is the plan file's, if it is
/// at hand.
pub fn of_plan(plan: &Plan, file: &str, text: Option<&str>) -> Vec<String> {
    let told = plan.checks.iter().filter(|finding| finding.result != CheckResult::Pass && finding.waived.is_none());
    let lines = told.filter_map(|finding| {
        let kind = kind(finding.severity, finding.blocks())?;
        let span = finding.at.as_deref().zip(text).and_then(|(at, text)| span_of_key(text, at).map(|span| (span, text)));
        let at = span.map(|(span, text)| place::of(text, span.start));
        Some((kind, line(kind, file, at, &finding.code, &words(finding))))
    });
    few(lines)
}

/// Of what is wrong with a plan file.
pub fn of_problems(problems: &[Problem], file: &str, text: Option<&str>) -> Vec<String> {
    let lines = problems.iter().filter_map(|problem| {
        let kind = kind(problem.severity, problem.severity == Severity::Error)?;
        let at = problem.span.as_ref().zip(text).map(|(span, text)| place::of(text, span.start));
        let help = if problem.help.is_empty() { String::new() } else { format!(". {}", problem.help) };
        Some((kind, line(kind, file, at, &problem.code, &format!("{}{help}", problem.message))))
    });
    few(lines)
}

fn few(lines: impl Iterator<Item = (&'static str, String)>) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::new();
    let mut is_few = |kind: &'static str| {
        let count: &mut usize = counts.entry(kind).or_default();
        *count += 1;
        *count <= MOST_OF_A_KIND
    };
    lines.filter(|(kind, _)| is_few(kind)).map(|(_, line)| line).collect()
}

fn kind(severity: Severity, blocks: bool) -> Option<&'static str> {
    match severity {
        Severity::Error if blocks => Some("error"),
        Severity::Error | Severity::Warning => Some("warning"),
        Severity::Note => None,
    }
}

fn words(finding: &Finding) -> String {
    let help = if finding.help.is_empty() { String::new() } else { format!(". {}", finding.help) };
    format!("{}: {}{help}", finding.subject, finding.summary)
}

fn line(kind: &str, file: &str, at: Option<Place>, title: &str, message: &str) -> String {
    let mut line = format!("::{kind} file={}", property(file));
    if let Some(Place { line: row, column }) = at {
        line.push_str(&format!(",line={row},col={column}"));
    }
    line.push_str(&format!(",title={}::{}", property(title), data(message)));
    line
}

/// After the second `::`.
fn data(text: &str) -> String {
    escape(text).replace('%', "%25")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{HOSTILE, no_key, passes, plan_of, slow_binlog};

    const FILE: &str = "version = 1\n\n[move-tables]\ntables = [\"corder\"]\n";

    #[test]
    fn each_finding_stands_at_its_key() {
        let mut findings = passes(3);
        findings.extend([no_key("corder"), slow_binlog("zone1-0000000100")]);
        let lines = of_plan(&plan_of(2, "production", findings), "moves/w.toml", Some(FILE));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("::error file=moves/w.toml,line=4,col=1,title=C201::commerce.corder: the table"),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("::warning file=moves/w.toml,title=C230::zone1-0000000100: binlogs"), "{lines:?}");
    }

    #[test]
    fn a_key_that_is_not_there_stands_at_its_table() {
        let mut finding = no_key("corder");
        finding.at = Some("move-tables.absent".into());
        let lines = of_plan(&plan_of(2, "production", vec![finding]), "w.toml", Some(FILE));
        assert!(lines[0].contains(",line=3,col="), "{lines:?}");
    }

    #[test]
    fn no_text_is_a_command_of_its_own_and_no_more_than_are_shown() {
        let mut finding = no_key("corder");
        (finding.summary, finding.code) = (format!("{HOSTILE}%0A::error::no"), "C1,line=9::x".into());
        let lines = of_plan(&plan_of(2, "production", vec![finding; 40]), "a,b:c.toml", None);
        assert_eq!(lines.len(), MOST_OF_A_KIND);
        for line in lines {
            assert!(line.starts_with("::error file=a%2Cb%3Ac.toml,title=C1%2Cline=9%3A%3Ax::"), "{line}");
            assert!(!line.contains('\n') && !line.contains("%0A") && !line.contains('\u{1b}'), "{line}");
        }
    }
}
