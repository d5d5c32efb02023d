//! What a run says when it holds (exit 3): what it waits for, what is in the way, what it costs, what happens next, what it has
//! proved, and last the commands that release it.

use jiff::Timestamp;

use super::command::for_file;
use super::page::{Page, Span, bad, bold, caution, command, dim, good, plain};
use super::problems::Drawing;
use crate::family::{Condition, ConditionResult};
use crate::run::decision::{Hold, HoldKind};
use crate::run::phase::PhaseId;
use crate::words::{away, moment};

/// How to draw a hold.
#[derive(Debug, Clone, Copy)]
pub struct HoldView<'a> {
    pub drawing: Drawing,
    pub now: Timestamp,
    /// The plan file; none is the default one.
    pub file: Option<&'a str>,
    /// `apply --wait` stays and goes on by itself.
    pub waiting: bool,
}

/// "held before switch-primary": the state, and where.
pub fn state(hold: &Hold) -> String {
    let (what, rest) = parts(hold);
    format!("{what}{rest}")
}

fn parts(hold: &Hold) -> (&'static str, String) {
    match hold.kind {
        HoldKind::Gate | HoldKind::VoidApproval | HoldKind::AttemptFailed | HoldKind::NotQuiet => {
            ("held", format!(" before {}", hold.gate))
        }
        HoldKind::Window => ("held", format!(" before {} until a window opens", hold.gate)),
        HoldKind::RevertWindow => ("revert window", String::new()),
        HoldKind::Paused => ("paused", String::new()),
        HoldKind::SwitchedBack => ("switched back", String::new()),
    }
}

/// The state and its reason in one line.
pub fn headline(hold: &Hold) -> String {
    format!("{}: {}", state(hold), hold.why)
}

/// The commands that release it, as they must be typed.
pub fn release(hold: &Hold, file: Option<&str>, waiting: bool) -> Vec<String> {
    let goes_on = |command: &&String| waiting && command.starts_with("cutover apply");
    hold.release.iter().filter(|command| !goes_on(command)).map(|command| for_file(command, file)).collect()
}

/// Draws the hold.
pub fn draw(hold: &Hold, view: &HoldView<'_>) -> String {
    let mut page = Page::new(view.drawing);
    let (what, rest) = parts(hold);
    page.line(0, &[caution(what.to_uppercase()), bold(rest), plain(": "), plain(&hold.why)]);
    if let Some(until) = hold.until {
        let verb = if hold.kind == HoldKind::RevertWindow { "ends" } else { "opens" };
        page.line(0, &[plain(format!("It {verb} {}, ", moment(until))), bold(away(until, view.now))]);
    }
    let title = if hold.kind == HoldKind::NotQuiet {
        vec![bold("In the way")]
    } else {
        vec![bold("Not yet as it must be"), plain(format!(" when {} begins", hold.gate))]
    };
    conditions(&mut page, &title, &hold.conditions, view.file);
    price(&mut page, &hold.price);
    bullets(&mut page, "What happens next", &hold.next, |page| plain(if page.drawing().unicode { "• " } else { "* " }));
    bullets(&mut page, "Proved", &hold.proved, |page| good(if page.drawing().unicode { "✓ " } else { "+ " }));
    if let Some(why) = &hold.way_back_shut {
        page.gap();
        page.line(
            0,
            &[
                bad("THE WAY BACK IS NOT OPEN"),
                plain(format!(": {why}. Until it is, what was written since stays with the target")),
            ],
        );
        page.verbatim(0, &[plain("What to do about it: "), command("cutover doctor")]);
    } else if hold.kind == HoldKind::RevertWindow || hold.gate == PhaseId::COMPLETE {
        page.gap();
        page.verbatim(0, &[bold("Back"), plain(", at any time: "), command(for_file("cutover switch-back", view.file))]);
    }
    page.gap();
    let release = release(hold, view.file, view.waiting);
    let title = match (release.is_empty(), view.waiting, hold.kind) {
        (true, ..) => plain("This run goes on by itself"),
        (_, true, _) => plain("From another terminal; this run then goes on by itself"),
        (_, _, HoldKind::RevertWindow) => bold("Next, one of"),
        _ => bold("Next"),
    };
    page.line(0, &[title]);
    for command in release {
        page.command(2, &command);
    }
    page.finish()
}

fn bullets(page: &mut Page, title: &str, lines: &[String], mark: impl Fn(&Page) -> Span) {
    if lines.is_empty() {
        return;
    }
    page.gap();
    page.line(0, &[bold(title)]);
    for line in lines {
        let mark = mark(page);
        page.item(2, &[mark], &[plain(line)]);
    }
}

/// What standing still costs, and what passing will.
pub fn price(page: &mut Page, lines: &[String]) {
    bullets(page, "What it costs", lines, |page| plain(if page.drawing().unicode { "• " } else { "* " }));
}

/// The command by which a person lets a condition pass that may be passed by.
pub fn waiver(condition: &Condition) -> Option<String> {
    let code = condition.code.as_ref().filter(|_| !condition.passes())?;
    Some(format!("cutover waive {code} --reason TEXT"))
}

/// The conditions that don't hold, and those that were waived, each under a title of its own.
pub fn conditions(page: &mut Page, title: &[Span], conditions: &[Condition], file: Option<&str>) {
    let in_the_way: Vec<&Condition> = conditions.iter().filter(|condition| !condition.passes()).collect();
    let waived: Vec<&Condition> = conditions.iter().filter(|condition| condition.waived.is_some()).collect();
    for (title, conditions) in [(title, in_the_way), (&[bold("Waived")][..], waived)] {
        if conditions.is_empty() {
            continue;
        }
        page.gap();
        page.line(0, title);
        for condition in conditions {
            one_condition(page, condition, file);
        }
    }
}

/// A condition with what was seen of it.
pub fn one_condition(page: &mut Page, condition: &Condition, file: Option<&str>) {
    let unicode = page.drawing().unicode;
    let mark = match (condition.result, unicode) {
        _ if condition.waived.is_some() => caution("- "),
        (ConditionResult::Pass, true) => good("✓ "),
        (ConditionResult::Pass, false) => good("+ "),
        (ConditionResult::Fail, true) => bad("✗ "),
        (ConditionResult::Fail, false) => bad("x "),
        (ConditionResult::Error | ConditionResult::Inconclusive, _) => caution("? "),
    };
    let doubt = match condition.result {
        ConditionResult::Error => "could not be looked at: ",
        ConditionResult::Inconclusive => "not known: ",
        ConditionResult::Pass | ConditionResult::Fail => "",
    };
    page.item(2, &[mark], &[bold(&condition.name), plain(": "), dim(doubt), plain(&condition.seen)]);
    if let Some(reason) = &condition.waived {
        page.line(4, &[dim("waived: "), plain(reason)]);
    }
    if let Some(waiver) = waiver(condition) {
        page.verbatim(4, &[plain("to let it pass: "), command(for_file(&waiver, file))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{ASCII, HOSTILE, PLAIN, at, gate_hold, revert_hold};

    fn view(drawing: Drawing, waiting: bool) -> HoldView<'static> {
        HoldView { drawing, now: at(600), file: None, waiting }
    }

    #[test]
    fn a_gate_ends_with_the_commands_that_release_it() {
        insta::assert_snapshot!(draw(&gate_hold(), &view(PLAIN, false)), @"
        HELD before switch-primary: the plan file holds here for an operator

        Not yet as it must be when switch-primary begins
          ✗ lag is low and stable: lag 7 s, low for 0 s so far; it must be at most 5 s
            for 10 s
          ? no old transaction: not known: customer/-80: the query took longer than 2 s

        What it costs
          • writes pause for about 2 s when calm, at worst 5 s; vtgate holds them back
            for 10 s

        What happens next
          • writes go to `customer`; they pause while it happens: about 2 s when calm,
            5 s of catch-up at most
          • if vtctld dies in it, its locks stay for 45 s

        Proved
          ✓ verify done 2026-11-20 02:08:00Z
          ✓ rows were compared: VDiff compared 1,204,331 rows, none differs

        Next
          cutover approve switch-primary --reason TEXT
          cutover apply
        ");
    }

    #[test]
    fn a_run_that_waits_does_not_tell_to_run_apply() {
        let drawn = draw(&gate_hold(), &HoldView { file: Some("a/workflow.toml"), ..view(ASCII, true) });
        insta::assert_snapshot!(drawn, @"
        HELD before switch-primary: the plan file holds here for an operator

        Not yet as it must be when switch-primary begins
          x lag is low and stable: lag 7 s, low for 0 s so far; it must be at most 5 s
            for 10 s
          ? no old transaction: not known: customer/-80: the query took longer than 2 s

        What it costs
          * writes pause for about 2 s when calm, at worst 5 s; vtgate holds them back
            for 10 s

        What happens next
          * writes go to `customer`; they pause while it happens: about 2 s when calm,
            5 s of catch-up at most
          * if vtctld dies in it, its locks stay for 45 s

        Proved
          + verify done 2026-11-20 02:08:00Z
          + rows were compared: VDiff compared 1,204,331 rows, none differs

        From another terminal; this run then goes on by itself
          cutover approve a/workflow.toml switch-primary --reason TEXT
        ");
    }

    #[test]
    fn the_revert_window_counts_down_and_names_the_way_back() {
        insta::assert_snapshot!(draw(&revert_hold(), &view(PLAIN, false)), @"
        REVERT WINDOW: the way back is open: 1 reverse stream runs, lag 0 s
        It ends 2026-11-20 02:39:00Z, in 29 min

        What happens next
          • source tables renamed to `_<table>_old` in `commerce`

        Proved
          ✓ switch-primary done 2026-11-20 02:09:00Z

        Back, at any time: cutover switch-back

        Next, one of
          cutover apply --wait
          cutover approve complete --end-revert-window --reason TEXT
        ");
        assert!(draw(&revert_hold(), &view(PLAIN, true)).contains("cutover approve complete --end-revert-window"));
        let shut = Hold { way_back_shut: Some("stream 3 of `commerce.c2c_reverse` is Error".into()), ..revert_hold() };
        let drawn = draw(&shut, &view(PLAIN, false));
        assert!(drawn.contains("THE WAY BACK IS NOT OPEN: stream 3 of `commerce.c2c_reverse` is Error"), "{drawn}");
        assert!(!drawn.contains("Back, at any time") && drawn.contains("cutover doctor"), "{drawn}");
    }

    #[test]
    fn a_price_is_told_and_a_waivable_condition_says_how_it_is_waived() {
        let mut hold = gate_hold();
        hold.kind = HoldKind::NotQuiet;
        hold.why = "no quiet moment in 600 s; in the way: rows were compared: the comparison is 3 d old".into();
        hold.proved.clear();
        hold.next.clear();
        hold.conditions = vec![
            Condition::new("lag is low and stable", false, "7 s").waivable("C340", "7"),
            Condition {
                waived: Some("known since Tuesday".into()),
                ..Condition::new("no old transaction", false, "one of 4 s").waivable("C341", "4")
            },
        ];
        hold.price = vec!["the copy keeps 12.4 GB on the target".into(), "the VDiff pass goes stale 2026-11-21 02:00:00Z".into()];
        hold.release = vec!["cutover apply --wait".into()];
        let drawn = draw(&hold, &HoldView { file: Some("a/workflow.toml"), ..view(PLAIN, false) });
        insta::assert_snapshot!(drawn, @"
        HELD before switch-primary: no quiet moment in 600 s; in the way: rows were
        compared: the comparison is 3 d old

        In the way
          ✗ lag is low and stable: 7 s
            to let it pass: cutover waive a/workflow.toml C340 --reason TEXT

        Waived
          - no old transaction: one of 4 s
            waived: known since Tuesday

        What it costs
          • the copy keeps 12.4 GB on the target
          • the VDiff pass goes stale 2026-11-21 02:00:00Z

        Next
          cutover apply a/workflow.toml --wait
        ");
    }

    #[test]
    fn a_long_reason_is_wrapped_and_nothing_of_it_is_lost() {
        let mut hold = gate_hold();
        hold.kind = HoldKind::AttemptFailed;
        let evidence = "Code: DEADLINE_EXCEEDED vttablet: rpc error: workflow customer.commerce2customer did not catch up in 5s: the stream of -80 was 7s behind; ".repeat(4);
        hold.why = format!("the last switch was tried and rolled back: {}", evidence.trim_end());
        let drawn = draw(&hold, &view(PLAIN, false));
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let first = drawn.split("\n\n").next().unwrap();
        assert_eq!(words(first), words(&format!("HELD before switch-primary: {}", hold.why)));
    }

    #[test]
    fn no_text_of_a_server_acts_on_the_terminal() {
        let mut hold = gate_hold();
        hold.why = HOSTILE.into();
        hold.proved = vec![HOSTILE.into()];
        hold.next = vec![HOSTILE.into()];
        hold.release = vec![HOSTILE.into()];
        let condition = Condition::new(HOSTILE, false, HOSTILE).waivable(HOSTILE, "");
        hold.conditions = vec![condition.clone(), Condition { waived: Some(HOSTILE.into()), ..condition }];
        hold.price = vec![HOSTILE.into()];
        crate::report::fixtures::assert_harmless(&draw(&hold, &view(PLAIN, false)));
    }
}
