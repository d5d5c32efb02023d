use super::*;
use crate::report::fixtures::{ASCII, COLOUR, HOSTILE, PLAIN, WIDE, assert_harmless, no_key, passes, plan_of, slow_binlog};

fn view(drawing: Drawing) -> PlanView<'static> {
    PlanView { drawing, begins: false, full: false, file: None }
}

#[test]
fn two_tables_at_80_columns() {
    let mut findings = passes(14);
    findings.extend([slow_binlog("zone1-0000000100"), slow_binlog("zone1-0000000101")]);
    insta::assert_snapshot!(draw(&plan_of(2, "production", findings), &view(PLAIN)), @"
    READY: commerce2customer on production (vtctld.prod.example:15999)
      moves    2 tables from `commerce` to `customer`: corder, customer
      now      not begun; reads and writes at `commerce`
      holds    before switch-primary, complete, remove-rules
      no undo  from complete on

    Warnings
      C230 zone1-0000000100, zone1-0000000101: binlogs are kept for 2 h; a stream
           that stands still longer cannot catch up
           raise binlog_expire_logs_seconds on the source

    Phases
    ▶ pre-check       next
        • every check of the plan, read only

      create          auto-advance
        • 2 tables created in each shard of `customer`, denied to applications there
        • streams from `commerce` created, stopped
        • 9 routing rules a table, all leading to `commerce`: applications see no
          change
        routing rules: 18 added, 9 for each of 2 tables
          + <table>                   → commerce.<table>
          + <table>@rdonly            → commerce.<table>
          + <table>@replica           → commerce.<table>
          + commerce.<table>          → commerce.<table>
          + commerce.<table>@rdonly   → commerce.<table>
          + commerce.<table>@replica  → commerce.<table>
          + customer.<table>          → commerce.<table>
          + customer.<table>@rdonly   → commerce.<table>
          + customer.<table>@replica  → commerce.<table>
        denied tables
          + corder, customer on customer/-80, customer/80-
        streams
          customer.commerce2customer on -80, 80- → stopped
        way back: cutover cancel --confirm commerce2customer

      copy            auto-advance
        • streams started; every row of 2 tables is copied, then changes follow
        • done when every stream runs and lags at most 30 s
        streams
          customer.commerce2customer on -80, 80- → running

      verify          auto-advance
        • VDiff compares every row of 2 tables on every shard; a difference stops
          the movement

      switch-replicas auto-advance
        • rdonly, then replica reads go to `customer`, each in its own call
        routing rules: 12 changed, 6 for each of 2 tables
          ~ <table>@rdonly            commerce.<table> → customer.<table>
          ~ <table>@replica           commerce.<table> → customer.<table>
          ~ commerce.<table>@rdonly   commerce.<table> → customer.<table>
          ~ commerce.<table>@replica  commerce.<table> → customer.<table>
          ~ customer.<table>@rdonly   commerce.<table> → customer.<table>
          ~ customer.<table>@replica  commerce.<table> → customer.<table>
        way back: cutover switch-back

      switch-primary  HOLD for an operator
        • writes go to `customer`; they pause while it happens: about 2 s when calm,
          5 s of catch-up at most
        • reverse streams keep `commerce` up to date: the way back stays open until
          complete
        • tables denied on `commerce`, no longer on `customer`
        • if vtctld dies in it, its locks stay for 45 s
        • sequences of the moved tables set above the largest id
        routing rules: 4 changed, 2 removed, 3 for each of 2 tables
          ~ <table>           commerce.<table> → customer.<table>
          ~ commerce.<table>  commerce.<table> → customer.<table>
          - customer.<table>  → commerce.<table>
        denied tables
          + corder, customer on commerce/0
          - corder, customer on customer/-80, customer/80-
        streams
          commerce.commerce2customer_reverse on 0 → running
          customer.commerce2customer on -80, 80- → frozen

      revert-window
        • the reverse streams are watched for 30 min; `cutover switch-back` works at
          once

      complete        CANNOT BE UNDONE; HOLD for an operator
        • source tables renamed to `_<table>_old` in `commerce`
        • both workflows deleted: the way back ends here
        • routing rules stay
        denied tables
          - corder, customer on commerce/0
        streams
          commerce.commerce2customer_reverse on 0 → deleted
          customer.commerce2customer on -80, 80- → deleted

      remove-rules    HOLD for an operator
        • every routing rule of the moved tables removed, all others kept
        • an application connected to `commerce` gets errno 1146 for these names;
          `cutover restore-rules` puts them back
        routing rules: 16 removed, 8 for each of 2 tables
          - <table>                   → customer.<table>
          - <table>@rdonly            → customer.<table>
          - <table>@replica           → customer.<table>
          - commerce.<table>          → customer.<table>
          - commerce.<table>@rdonly   → customer.<table>
          - commerce.<table>@replica  → customer.<table>
          - customer.<table>@rdonly   → customer.<table>
          - customer.<table>@replica  → customer.<table>
        way back: cutover restore-rules

    14 checks passed. Nothing was written to the cluster.

    Each rule, write and check: cutover plan --verbose

    Next
      cutover apply
    ");
}

#[test]
fn four_hundred_tables_that_are_blocked_at_140_columns() {
    let mut findings = passes(1);
    findings.extend((1..40).map(|n| no_key(&format!("order_{n:03}"))));
    let drawn = draw(&plan_of(400, "sandbox", findings), &view(WIDE));
    let head: Vec<&str> = drawn.lines().take(24).collect();
    insta::assert_snapshot!(head.join("\n"), @"
    SANDBOX BLOCKED by 39 findings: commerce2customer on sandbox (vtctld.prod.example:15999)
      moves    400 tables from `commerce` to `customer`: order_001, order_002, order_003, order_004, order_005, order_006, order_007, order_008
               and 392 more
      now      not begun; reads and writes at `commerce`
      holds    before switch-primary, complete, remove-rules
      no undo  from complete on

    In the way
      C201 commerce.order_001, commerce.order_002, commerce.order_003, commerce.order_004, commerce.order_005 and 34 more: the table has no
           primary key and no unique key without NULL (plan file: move-tables.tables)
           give it one, or leave it out of `tables`; `cutover explain C201` says why

    Phases
    ▶ pre-check       next
        • every check of the plan, read only

      create          auto-advance
        • 400 tables created in each shard of `customer`, denied to applications there
        • streams from `commerce` created, stopped
        • 9 routing rules a table, all leading to `commerce`: applications see no change
        routing rules: 3,600 added, 9 for each of 400 tables
          + <table>                   → commerce.<table>
          + <table>@rdonly            → commerce.<table>
          + <table>@replica           → commerce.<table>
    ");
    assert!(drawn.lines().count() < 110, "{}", drawn.lines().count());
    assert!(drawn.ends_with("Next, when what is in the way has been dealt with\n  cutover plan\n"), "{drawn}");
}

#[test]
fn everything_is_there_when_asked_for() {
    let plan = plan_of(400, "production", passes(14));
    let drawn = draw(&plan, &PlanView { full: true, ..view(WIDE) });
    let rules = |sign: &str| drawn.lines().filter(|line| line.trim_start().starts_with(sign)).count();
    let on_the_way = plan.phases.iter().map(|phase| &phase.changes);
    let back = plan.phases.iter().flat_map(|phase| &phase.ways_back).map(|way| &way.changes);
    let changed: usize = on_the_way.chain(back).map(|changes| changes.routing_rules.changed.len()).sum();
    assert_eq!(rules("~ "), changed, "each rule of the way forward and of the ways back");
    assert!(rules("+ ") >= 3_600 && changed > 3_200, "{} {changed}", rules("+ "));
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
