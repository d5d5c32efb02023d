//! That the rig and the tools of these tests work: what else fails, fails for a reason of its own.

use std::time::Duration;

use mysql::prelude::Queryable;

use super::support::{Application, Case, Cluster, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    cases![
        the_cluster_serves,
        a_movement_by_hand_loses_nothing,
        the_account_finds_what_is_wrong,
        a_movement_leaves_nothing_behind,
        processes_end_and_start_again,
        a_primary_hands_over,
        a_second_cluster_stands_beside_the_first,
        the_program_runs,
    ]
}

fn the_cluster_serves(world: &World) {
    let vtctl = world.cluster.vtctl();
    for cell in ["zone1", "zone2"] {
        let keyspaces = vtctl.srv_vschema(cell)["keyspaces"].take();
        for keyspace in ["commerce", "customer", "archive"] {
            assert!(keyspaces.get(keyspace).is_some(), "{keyspace} is missing in the SrvVSchema of {cell}: {keyspaces}");
        }
    }
    for database in ["commerce", "commerce@replica", "archive", "customer/-80@primary", "customer/80-@replica"] {
        assert_eq!(world.cluster.query::<u32>(database, "select 1"), [1], "{database}");
    }
}

fn a_movement_by_hand_loses_nothing(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 20_000, ..Shape::default() });
    let Movement { target, workflow, .. } = &movement;
    let application = Application::start(&movement, world.cluster);

    let tables = movement.tables.join(",");
    // From replicas alone, for a stream from the primary makes its vttablet load the schema by the way: that the tables are
    // denied is up to how they were created.
    let flags = ["--source-keyspace", movement.source, "--tables", &tables, "--tablet-types", "replica"];
    vtctl.move_tables(target, workflow, &[&["create"], flags.as_slice()].concat());
    assert_eq!(movement.routing_rules().len(), 9 * movement.tables.len());
    movement.wait_until_caught_up();
    vtctl.move_tables(target, workflow, &["switchtraffic", "--initialize-target-sequences"]);
    for shard in world.cluster.shards(target) {
        assert_eq!(vtctl.denied_tables(target, &shard), [""; 0], "the target {shard} takes writes");
    }
    assert_eq!(vtctl.denied_tables(movement.source, "0"), movement.tables);
    application.wait_for_writes(200);
    vtctl.move_tables(target, workflow, &["complete", "--rename-tables", "--keep-routing-rules"]);
    application.wait_for_writes(200);
    let report = application.finish();
    report.assert_nothing_lost(target);
    report.assert_no_write_failed();
    assert!(report.acknowledged >= 400, "{report}");
    eprint!("({report}) ");
}

/// An oracle that finds nothing proves nothing: here a row is lost, one is there twice, one changed, a counter is low.
fn the_account_finds_what_is_wrong(world: &World) {
    let movement = Movement::prepare(world, &Shape { target: "archive", tables: 2, rows: 10, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("commerce");

    let [first, second] = movement.tables.as_slice() else { panic!("two tables") };
    let mut primary = world.cluster.connect_primary("commerce", "0");
    let mut wrong = |sql: String, expected: &str| {
        primary.query_drop("begin").expect("a transaction");
        primary.query_drop(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        primary.query_drop("commit").expect("a transaction");
        let differences = report.differences("commerce").join("\n");
        assert!(differences.contains(expected), "{expected:?} is not in {differences:?}");
    };
    wrong(format!("delete from {second} where token = 'auto-0'"), "(auto-0) is lost");
    wrong(format!("update {second} set token = 'other' where token = 'auto-1'"), "(auto-1) is now other");
    wrong(format!("insert into {second} (token) values ('auto-2')"), "auto-2 was written twice");
    wrong(format!("insert into {second} (token) values ('stranger')"), "(stranger)");
    wrong(format!("update {first} set hits = 0"), "updates of row 1 were acknowledged");
}

fn a_movement_leaves_nothing_behind(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 10, ..Shape::default() });
    let table = movement.tables[0].clone();
    let reverse = movement.reverse_workflow();
    vtctl.move_tables("customer", &world.name, &["create", "--source-keyspace", "commerce", "--tables", &table]);
    movement.wait_until_caught_up();
    vtctl.move_tables("customer", &world.name, &["switchtraffic"]);
    assert!(vtctl.workflow("commerce", &reverse).is_some());
    drop(movement);

    assert!(vtctl.workflow("customer", &world.name).is_none());
    assert!(vtctl.workflow("commerce", &reverse).is_none());
    for keyspace in ["commerce", "customer"] {
        let tables = world.cluster.tables(keyspace);
        assert!(!tables.iter().any(|name| name.contains(&table)), "{tables:?} in {keyspace}");
        assert!(vtctl.vschema(keyspace)["tables"].get(&table).is_none());
        for shard in world.cluster.shards(keyspace) {
            assert_eq!(vtctl.denied_tables(keyspace, &shard), [""; 0]);
        }
    }
    assert!(!vtctl.routing_rules().iter().any(|rule| rule.to_string().contains(&table)));
    assert_eq!(world.cluster.locks(), [""; 0]);
}

fn processes_end_and_start_again(world: &World) {
    let vtctl = world.cluster.vtctl();
    world.cluster.kill("vtctld");
    assert!(std::net::TcpStream::connect(world.cluster.vtctld()).is_err());
    world.cluster.restart("vtctld");
    assert!(vtctl.vschema("commerce").is_object());

    let more = world.cluster.more_vtctld("vtctld-more", &["--grpc-max-message-size", "100"]);
    assert!(std::net::TcpStream::connect(&more).is_ok());
    world.cluster.signal("vttablet-401", "STOP");
    world.cluster.kill("vtgate");
    assert_eq!(world.cluster.heal(), ["vtgate"]);
    assert!(std::net::TcpStream::connect(&more).is_err());
    assert_eq!(world.cluster.query::<u32>("archive@replica", "select 1"), [1]);
}

fn a_primary_hands_over(world: &World) {
    let vtctl = world.cluster.vtctl();
    assert_eq!(vtctl.primary_uid("archive", "0"), 400);
    for uid in [401, 400] {
        vtctl.planned_reparent("archive", "0", uid);
        assert_eq!(vtctl.primary_uid("archive", "0"), uid);
        wait::until_true(Duration::from_secs(30), "vtgate has learnt of the new primary", || {
            let mut connection = world.cluster.connect("archive@primary").expect("vtgate is there");
            // The rig gives each MySQL the tablet's uid as its server_id.
            connection.query_first("select @@server_id").is_ok_and(|found: Option<u32>| found == Some(uid))
        });
    }
}

fn a_second_cluster_stands_beside_the_first(world: &World) {
    let folder;
    {
        let second = Cluster::start(&["commerce/0:1:1"]);
        folder = second.folder().to_owned();
        assert_ne!(second.vtctld(), world.cluster.vtctld());
        assert_eq!(second.shards("commerce"), ["0"]);
        assert_eq!(second.query::<u32>("commerce@rdonly", "select 1"), [1]);
    }
    assert!(!folder.exists());
}

fn the_program_runs(world: &World) {
    let output = world.cutover().args(["--version"]).run_expecting(0);
    assert_eq!(output.stderr, "", "{output}");
}
