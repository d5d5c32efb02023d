//! `cutover sandbox serve` in front of Vitess's own vtctldclient: it reads there, and moves tables.

use std::time::Duration;

use serde_json::Value;

use super::support::{Case, World, cases, wait};

pub fn tests() -> Vec<Case> {
    cases![vtctldclient_reads_a_sandbox_and_moves_its_tables]
}

fn vtctldclient_reads_a_sandbox_and_moves_its_tables(world: &World) {
    let program = world.cutover().args(["sandbox", "serve", "--listen", "127.0.0.1:0", "--format", "json", "--quiet"]);
    let served = program.limit_seconds(300).spawn();
    let address = wait::until(Duration::from_secs(30), "the sandbox's address", || {
        let said: Value = serde_json::from_str(&served.output().stdout).ok()?;
        Some(said["listening"].as_str()?.to_owned())
    });
    let vtctl = world.cluster.vtctl().at(&address);

    let keyspaces = vtctl.json(&["GetKeyspaces"]);
    let names: Vec<&str> = keyspaces.as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["commerce", "customer"]);
    for reading in [
        "GetKeyspace commerce",
        "FindAllShardsInKeyspace customer",
        "GetShard customer/-80",
        "GetVSchema customer",
        "GetSrvVSchemas",
        "GetRoutingRules",
        "GetShardRoutingRules",
        "GetKeyspaceRoutingRules",
        "GetMirrorRules",
        "GetCellsAliases",
        "GetSchema --tables customer zone1-0000000100",
        "GetFullStatus zone1-0000000100",
        "GetTopologyPath /global/keyspaces",
        "GetThrottlerStatus zone1-0000000100",
        "CheckThrottler zone1-0000000100",
        "Workflow --keyspace customer list",
    ] {
        vtctl.json(&reading.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(vtctl.run(&["GetTablets"]).lines().count(), 6);

    let movement = |rest: &str| -> Vec<String> {
        let begin = ["MoveTables", "--workflow", "w", "--target-keyspace", "customer"].map(str::to_owned);
        begin.into_iter().chain(rest.split(' ').map(str::to_owned)).collect()
    };
    let run = |rest: &str| {
        let arguments = movement(rest);
        vtctl.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run("create --source-keyspace commerce --tables customer,corder");
    wait::until_true(Duration::from_secs(60), "the copy is complete", || {
        let workflows = vtctl.json(&["MoveTables", "--workflow", "w", "--target-keyspace", "customer", "show"]);
        let streams = workflows["workflows"][0]["shard_streams"].as_object().unwrap().values();
        let mut streams = streams.flat_map(|shard| shard["streams"].as_array().unwrap());
        streams.all(|stream| stream["state"] == "Running" && stream["position"] != "")
    });
    let vdiff = ["VDiff", "--workflow", "w", "--target-keyspace", "customer"];
    vtctl.run(&[vdiff.as_slice(), &["create", "--wait", "--wait-update-interval", "1s"]].concat());
    let vdiff = vtctl.json(&[vdiff.as_slice(), &["show", "last", "--format", "json"]].concat());
    assert_eq!((&vdiff["State"], &vdiff["HasMismatch"]), (&Value::from("completed"), &Value::from(false)), "{vdiff}");
    assert!(run("switchtraffic --tablet-types replica,rdonly --dry-run").contains("Lock keyspace commerce"));
    // Without it the sequences would give out ids that are taken: the way back would die.
    run("switchtraffic --initialize-target-sequences");
    assert!(run("status").contains("Traffic State: All Reads Switched. Writes Switched"));
    run("reversetraffic");
    assert!(run("status").contains("Traffic State: Reads Not Switched. Writes Not Switched"));
    run("cancel");
    let shown = world.cutover().args(["sandbox", "show"]).run_expecting(0);
    assert!(
        shown.stdout.contains("customer: writes go to commerce") && shown.stdout.contains(" 0 lost, 0 written twice, 0 failed"),
        "{shown}"
    );
}
