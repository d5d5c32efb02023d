use super::*;
use crate::report::fixtures::{ASCII, COLOUR, HOSTILE, PLAIN, WIDE, assert_harmless, no_key, passes, plan_of, slow_binlog};

fn view(drawing: Drawing) -> PlanView<'static> {
    PlanView { drawing, full: false, file: None }
}

#[test]
fn two_tables_at_80_columns() {
    let mut findings = passes(14);
    findings.extend([slow_binlog("zone1-0000000100"), slow_binlog("zone1-0000000101")]);
    insta::assert_snapshot!(draw(&plan_of(2, "production", findings), &view(PLAIN)), @"");
}

#[test]
fn four_hundred_tables_that_are_blocked_at_140_columns() {
    let mut findings = passes(1);
    findings.extend((1..40).map(|n| no_key(&format!("order_{n:03}"))));
    let drawn = draw(&plan_of(400, "sandbox", findings), &view(WIDE));
    let head: Vec<&str> = drawn.lines().take(24).collect();
    insta::assert_snapshot!(head.join("\n"), @"");
    assert!(drawn.lines().count() < 110, "{}", drawn.lines().count());
    assert!(drawn.ends_with("Next, when what is in the way has been dealt with\n  cutover plan\n"), "{drawn}");
}

#[test]
fn everything_is_there_when_asked_for() {
    let drawn = draw(&plan_of(400, "production", passes(14)), &PlanView { full: true, ..view(WIDE) });
    let rules = |sign: &str| drawn.lines().filter(|line| line.trim_start().starts_with(sign)).count();
    assert!(rules("+ ") >= 3_600 && rules("~ ") == 3_200, "{} {}", rules("+ "), rules("~ "));
    assert!(drawn.contains("vtctldclient MoveTables --workflow commerce2customer --target-keyspace customer SwitchTraffic"));
    assert!(!drawn.contains("--verbose"));
}

#[test]
fn colours_add_nothing_but_colours() {
    let plan = plan_of(2, "production", vec![no_key("customer"), slow_binlog("zone1-0000000100")]);
    let coloured = anstream::adapter::strip_str(&draw(&plan, &view(COLOUR))).to_string();
    assert_eq!(coloured, draw(&plan, &view(PLAIN)));
}

#[test]
fn no_line_is_wider_than_the_screen_and_ascii_is_ascii() {
    let plan = plan_of(400, "production", vec![no_key("order_001"), slow_binlog("zone1-0000000100")]);
    let drawn = draw(&plan, &view(ASCII));
    assert!(drawn.is_ascii());
    let wide: Vec<&str> = drawn.lines().filter(|line| line.len() > 80).collect();
    assert_eq!(wide, Vec::<&str>::new());
}

#[test]
fn no_text_from_outside_acts() {
    let mut finding = no_key("x");
    for text in [&mut finding.subject, &mut finding.summary, &mut finding.help, &mut finding.code] {
        *text = HOSTILE.into();
    }
    let mut plan = plan_of(2, "production", vec![finding]);
    plan.workflow = HOSTILE.into();
    plan.cluster.address = HOSTILE.into();
    plan.tables = vec![HOSTILE.into()];
    plan.situation = HOSTILE.into();
    assert_harmless(&draw(&plan, &PlanView { file: Some(HOSTILE), ..view(PLAIN) }));
}
