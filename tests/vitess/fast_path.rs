//! The fast path on a real cluster, both ways: taken, and not to be had.

use super::movement::QUICK;
use super::support::{Application, Case, Movement, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        a_small_movement_runs_straight_to_the_hold_before_complete,
        one_that_is_not_eligible_holds_where_the_plan_file_says,
        a_foreign_key_bars_the_fast_path,
    ];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

fn plan() -> String {
    format!(
        "[fast-path]\naccept = [\"no-hold\", \"no-revert-window\"]\n\n{QUICK}\n[revert]\nwindow = \"1h\"\n\n[complete]\nsource-tables = \
         \"rename\"\n"
    )
}

fn a_small_movement_runs_straight_to_the_hold_before_complete(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &plan());
    let application = Application::start(&movement, world.cluster);
    let seen = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    assert_eq!(
        (&seen["fast_path"]["eligible"], &seen["fast_path"]["taken"]),
        (&true.into(), &true.into()),
        "{}",
        seen["fast_path"]
    );

    let held = world.cutover().args(["apply", "--yes"]).limit_seconds(300).run_expecting(3);
    assert!(held.stderr.contains("held before complete"), "neither a hold nor an hour's window before it: {held}");
    assert!(held.stderr.contains("VDiff compared"), "{held}");
    application.wait_for_writes(100);
    // The hold is where the way back is still open.
    world.cutover().args(["switch-back", "--reason", "to see that it is"]).limit_seconds(300).run_expecting(0);
    application.wait_for_writes(50);
    application.finish().assert_nothing_lost("commerce");
}

fn one_that_is_not_eligible_holds_where_the_plan_file_says(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 50, ..Shape::default() });
    movement.write_plan(world, &plan());
    let primary = world.cluster.vtctl().primary_uid("commerce", "0");
    let mut connection = world.cluster.connect_tablet(primary, "commerce");
    let table = &movement.tables[0];
    // A unique key moves, too, and is not what the fast path wants.
    let keyed_otherwise = format!("alter table {table} add unique key only_one (id), drop primary key");
    mysql::prelude::Queryable::query_drop(&mut connection, keyed_otherwise).expect("a statement");
    let held = world.cutover().args(["apply", "--yes"]).limit_seconds(300).run_expecting(3);
    assert!(held.stderr.contains("held before switch-replicas") && held.stderr.contains("VDiff compared"), "{held}");
    let path = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json()["fast_path"].clone();
    assert_eq!((&path["eligible"], &path["taken"]), (&false.into(), &false.into()), "{path}");
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn a_foreign_key_bars_the_fast_path(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &plan());
    let (table, other) = (&movement.tables[0], format!("{}_ref", movement.tables[0]));
    let primary = world.cluster.vtctl().primary_uid("commerce", "0");
    let mut connection = world.cluster.connect_tablet(primary, "commerce");
    let mut run = |sql: String| mysql::prelude::Queryable::query_drop(&mut connection, sql).expect("a statement");
    run(format!("create table {other} (id bigint unsigned primary key, foreign key (id) references {table} (id))"));
    let seen = world.cutover().args(["plan", "--format", "json"]).run().json();
    run(format!("drop table {other}"));
    let path = &seen["fast_path"];
    assert_eq!((&path["eligible"], &path["taken"]), (&false.into(), &false.into()), "{path}");
    let criteria = path["criteria"].as_array().expect("criteria");
    let failed: Vec<&str> = criteria.iter().filter(|it| it["passes"] == false).filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(failed, ["no foreign keys"], "{path}");
    let gate = seen["phases"].as_array().and_then(|phases| phases.iter().find(|phase| phase["name"] == "switch-primary"));
    assert_eq!(gate.expect("the phase")["gate"]["policy"], "operator-hold");
}
