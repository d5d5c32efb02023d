//! What a run says when something stands in the way: what happened, where traffic is, and what to do.

use super::command::for_file;
use super::findings;
use super::page::{Page, bad, bold, plain};
use super::problems::Drawing;
use crate::finding::Finding;
use crate::run::again;
use crate::run::decision::{Stop, StopKind};

/// How to draw a stop.
#[derive(Debug, Clone, Copy)]
pub struct StopView<'a> {
    pub drawing: Drawing,
    /// The plan file; none is the default one.
    pub file: Option<&'a str>,
    /// The workflow's name, for a command that wants it.
    pub workflow: &'a str,
    /// What the cluster looks like now, in words, where it is known.
    pub cluster_now: Option<&'a str>,
}

/// "refused at switch-primary".
pub fn state(stop: &Stop) -> String {
    let what = match stop.kind {
        StopKind::Refused => "refused",
        StopKind::NeedsHuman => "needs a human",
        StopKind::Stale => "stale",
        StopKind::NotAllowed => "not allowed",
    };
    match &stop.phase {
        Some(phase) => format!("{what} at {phase}"),
        None => what.to_owned(),
    }
}

/// The state and its first reason in one line.
pub fn headline(stop: &Stop) -> String {
    let why = reason(stop);
    if why.is_empty() { state(stop) } else { format!("{}: {why}", state(stop)) }
}

/// The first reason, and how many more there are.
pub fn reason(stop: &Stop) -> String {
    let Some(first) = stop.findings.first() else { return String::new() };
    let more = if stop.findings.len() > 1 { format!(" (and {} more)", stop.findings.len() - 1) } else { String::new() };
    format!("{} {}: {}{more}", first.code, first.subject, first.summary)
}

/// What the kind of stop means for the cluster.
pub fn meaning(stop: &Stop) -> &'static str {
    match stop.kind {
        StopKind::Refused => "traffic is where it was",
        StopKind::NeedsHuman => "the cluster is between states, or is not what the record says; nothing more is written",
        StopKind::Stale => "what was planned or approved is not what is there now; nothing was written",
        StopKind::NotAllowed => "vtctld does not let these credentials do it; traffic is where it was",
    }
}

/// The commands to go on with: what was refused on the way back is tried again on the way back.
pub fn next(stop: &Stop, workflow: &str) -> Vec<String> {
    let explain = stop.findings.first().map(|finding| format!("cutover explain {}", finding.code));
    let then = match stop.kind {
        StopKind::Refused | StopKind::NotAllowed => {
            let resumes = ways_out(stop).into_iter().filter(|command| command == "cutover resume");
            resumes.chain(again::command(stop.phase.as_ref(), workflow)).collect()
        }
        StopKind::NeedsHuman => {
            let named = commands_in(stop);
            let again = || again::command(stop.phase.as_ref(), workflow);
            // A key that a person takes away himself: then the same once more.
            let tries_again = stop.findings.first().is_some_and(|finding| finding.help.contains("the same command again"));
            if named.is_empty() && tries_again { again().into_iter().collect() } else { ways_out(stop) }
        }
        StopKind::Stale => {
            vec![commands_in(stop).into_iter().next().unwrap_or_else(|| "cutover plan".to_owned())]
        }
    };
    explain.into_iter().chain(then).collect()
}

/// The commands that the first finding names, in its order.
pub fn ways_out(stop: &Stop) -> Vec<String> {
    let named = commands_in(stop);
    if named.is_empty() { vec!["cutover status".to_owned()] } else { named }
}

fn commands_in(stop: &Stop) -> Vec<String> {
    let help = stop.findings.first().map(|finding| finding.help.as_str()).unwrap_or_default();
    let mut named: Vec<String> = Vec::new();
    for quoted in help.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("cutover ")) {
        if !named.iter().any(|known| known == quoted) {
            named.push(quoted.to_owned());
        }
    }
    named
}

/// Draws the stop.
pub fn draw(stop: &Stop, view: &StopView<'_>) -> String {
    let mut page = Page::new(view.drawing);
    page.line(0, &[bad(state(stop).to_uppercase()), plain(": "), plain(meaning(stop))]);
    let all: Vec<&Finding> = stop.findings.iter().collect();
    if !all.is_empty() {
        page.gap();
        findings::draw(&mut page, 2, &all, false);
    }
    if let Some(now) = view.cluster_now {
        page.gap();
        page.item(0, &[bold("Now  ")], &[plain(now)]);
    }
    page.gap();
    let title = if stop.kind == StopKind::Refused { ", when it has been dealt with" } else { "" };
    page.line(0, &[bold("Next"), plain(title)]);
    for command in next(stop, view.workflow) {
        page.command(2, &for_file(&command, view.file));
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::report::fixtures::{HOSTILE, PLAIN, assert_harmless};
    use crate::run::phase::PhaseId;

    fn mismatch(text: &str) -> Stop {
        let finding = Finding::fail(
            "C310",
            Severity::Error,
            "customer.commerce2customer",
            text,
            "mend the rows; `cutover apply` compares anew",
        );
        Stop { kind: StopKind::Refused, phase: Some(PhaseId::VERIFY), findings: vec![finding] }
    }

    #[test]
    fn a_refusal_says_where_traffic_is_and_what_to_do() {
        let stop = mismatch("VDiff found differences: `corder` on customer/-80: 2 rows differ, 1 row only in the target");
        let view = StopView {
            drawing: PLAIN,
            file: None,
            workflow: "commerce2customer",
            cluster_now: Some("reads at `customer`, writes at `commerce`"),
        };
        insta::assert_snapshot!(draw(&stop, &view), @"
        REFUSED AT VERIFY: traffic is where it was

          C310 customer.commerce2customer: VDiff found differences: `corder` on
               customer/-80: 2 rows differ, 1 row only in the target
               mend the rows; `cutover apply` compares anew

        Now  reads at `customer`, writes at `commerce`

        Next, when it has been dealt with
          cutover explain C310
          cutover apply
        ");
    }

    #[test]
    fn what_is_refused_on_a_way_is_tried_again_on_that_way() {
        let next_of = |phase: PhaseId| next(&Stop { phase: Some(phase), ..mismatch("no") }, "it's").pop();
        assert_eq!(next_of(PhaseId::SWITCH_PRIMARY).as_deref(), Some("cutover apply"));
        assert_eq!(next_of(PhaseId::SWITCH_BACK).as_deref(), Some("cutover switch-back"));
        assert_eq!(next_of(PhaseId::CANCEL).as_deref(), Some(r"cutover cancel --confirm 'it'\''s'"));
        assert_eq!(next_of(PhaseId::REPAIR).as_deref(), Some("cutover explain C310"), "nobody here knows what it was of");
    }

    #[test]
    fn what_needs_a_human_leads_to_the_ways_out_that_it_names() {
        let finding = Finding::fail(
            "C404",
            Severity::Error,
            "cluster",
            "the cluster is between states: the source denies moved tables: writes are refused",
            "`cutover apply --finish-only` tries to make it whole",
        );
        let stop = Stop { kind: StopKind::NeedsHuman, phase: None, findings: vec![finding] };
        let view = StopView { drawing: PLAIN, file: Some("w.toml"), workflow: "commerce2customer", cluster_now: None };
        insta::assert_snapshot!(draw(&stop, &view), @"
        NEEDS A HUMAN: the cluster is between states, or is not what the record says;
        nothing more is written

          C404 cluster: the cluster is between states: the source denies moved tables:
               writes are refused
               `cutover apply --finish-only` tries to make it whole

        Next
          cutover explain C404
          cutover apply w.toml --finish-only
        ");
    }

    #[test]
    fn no_text_of_a_server_acts_on_the_terminal() {
        let view = StopView { drawing: PLAIN, file: None, workflow: "commerce2customer", cluster_now: Some(HOSTILE) };
        assert_harmless(&draw(&mismatch(HOSTILE), &view));
    }
}
