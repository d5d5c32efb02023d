//! What others do in a sandbox at the time of a plan, and what a cluster's settings don't allow.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Output, TestEnv, sandbox_of, time_passes};

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n";

fn plan(trouble: &str, arguments: &[&str]) -> Output {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    let world = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 1_000_000\n[keyspaces.customer]\n";
    env.write("sandbox.toml", format!("{world}{trouble}"));
    env.run(&[&["plan"], arguments].concat())
}

/// The findings of a code that have not passed, with their severity.
fn amiss(output: &Output, code: &str) -> Vec<(String, String)> {
    let plan: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let checks = plan["checks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_code = checks.filter(|finding| finding["code"] == code && finding["result"] != "pass");
    of_code.map(|finding| (text(&finding["severity"]), text(&finding["summary"]))).collect()
}

#[test]
fn each_is_found_as_grave_as_it_is_and_nothing_else() {
    let goes_wrong = |what: &str, rest: &str| format!("[[goes-wrong]]\nwhat = \"{what}\"\n{rest}\nlasts-seconds = 600\n");
    let cases = [
        ("C224", "error", goes_wrong("schema-change", "keyspace = \"commerce\"\ntable = \"corder\""), "is running on `0`"),
        ("C226", "warning", "[keyspaces.commerce.mysql]\nbinlog-expire-logs-seconds = 7200\n".to_owned(), "for 2 h"),
        ("C227", "warning", goes_wrong("throttled", "keyspace = \"customer\""), "lag is 10.00, over its threshold 5.00"),
        ("C228", "error", "[keyspaces.commerce.mysql]\nstreams-may-write = false\n".to_owned(), "may not write the moved tables"),
    ];
    for (code, severity, trouble, words) in &cases {
        let output = plan(trouble, &["--format", "json"]);
        let found = amiss(&output, code);
        assert_eq!(found.len(), 1, "{code}: {output}");
        assert!(found[0].0 == *severity && found[0].1.contains(words), "{code}: {found:?}");
        assert_eq!(output.code, Some(if *severity == "error" { 4 } else { 0 }), "{code}: {output}");
        let others = cases.iter().map(|(other, ..)| *other).filter(|other| other != code);
        assert!(others.into_iter().all(|other| amiss(&output, other).is_empty()), "{code}: {output}");
    }
}

/// A transaction grows old while the plan is made anew.
#[test]
fn a_transaction_that_was_left_open_is_a_warning() {
    let trouble =
        "[[goes-wrong]]\nwhat = \"long-transaction\"\nkeyspace = \"commerce\"\ntable = \"corder\"\nlasts-seconds = 600\n";
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", format!("{PLAN}[gates]\npolicy = \"auto-advance\"\n"));
    env.write(
        "sandbox.toml",
        format!("version = 1\n[keyspaces.commerce.tables.corder]\nrows = 1_000_000\n[keyspaces.customer]\n{trouble}"),
    );
    // Its copy takes 50 s.
    assert_eq!(env.run(&["apply", "--until", "copy", "--yes"]).code, Some(0));
    let output = env.run(&["plan", "--format", "json"]);
    assert_eq!(output.code, Some(0), "{output}");
    let found = amiss(&output, "C225");
    assert!(found.len() == 1 && found[0].0 == "warning" && found[0].1.contains("of `vt_app` from `localhost`"), "{found:?}");
}

/// vtctld dies behind the last step of a cancel: nothing is left of that movement but the lock of its name, for 24 hours.
#[test]
fn a_name_that_a_dead_vtctld_has_locked_is_in_the_way_of_the_next_plan() {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    let dies = "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowDelete\"\nstep = \"delete-streams\"\n";
    let world = "version = 1\n[keyspaces.commerce.tables.corder]\nrows = 10\n[keyspaces.customer]\n";
    env.write("sandbox.toml", format!("{world}{dies}"));
    for arguments in [&["apply", "--until", "copy"][..], &["cancel", "--confirm", "c2c"]] {
        let output = env.run(arguments);
        assert_eq!(output.code, Some(0), "{output}");
    }
    std::fs::remove_file(env.path().join("workflow.lock")).unwrap();
    let plan = |env: &TestEnv| env.run(&["plan", "--format", "json"]);

    let young = plan(&env);
    let found = amiss(&young, "C223");
    assert!(found.len() == 1 && found[0].0 == "warning", "{found:?}");
    assert!(
        found[0].1.contains("`customer/c2c` is locked: WorkflowDelete") && found[0].1.contains("may be at work"),
        "{found:?}"
    );

    time_passes(&env, Duration::from_secs(360));
    let old = plan(&env);
    let found = amiss(&old, "C223");
    assert_eq!(old.code, Some(4), "{old}");
    assert!(found.len() == 1 && found[0].0 == "error" && found[0].1.contains("whoever took it is dead"), "{found:?}");
    let apply = env.run(&["apply"]);
    assert!(apply.code == Some(4) && apply.stderr.contains("the plan is blocked; nothing was begun"), "{apply}");
    assert!(apply.stdout.contains("C223") && apply.stdout.contains("`cutover doctor` says how"), "{apply}");

    env.write("workflow.toml", PLAN.replace("\"c2c\"", "\"another\""));
    assert_eq!(amiss(&plan(&env), "C223"), [], "another name has another lock");
    env.write("workflow.toml", PLAN);
    assert!(sandbox_of(&env).take_away_named_lock("customer", "c2c").unwrap());
    let free = plan(&env);
    assert_eq!((free.code, amiss(&free, "C223")), (Some(0), vec![]), "{free}");
}

#[test]
fn without_sql_what_only_warns_does_not_stand_in_the_way() {
    let output = plan("", &["--format", "json", "--no-sql"]);
    // What may lose rows is never taken for seen: one check alone needs SQL for that of every movement.
    assert_eq!(output.code, Some(4), "{output}");
    let plan: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let blocks = |check: &&serde_json::Value| check["severity"] == "error" && check["result"] != "pass";
    let codes: Vec<&serde_json::Value> = plan["checks"].as_array().unwrap().iter().filter(blocks).map(|it| &it["code"]).collect();
    assert_eq!(codes, ["C217"], "{output}");
    for code in ["C225", "C226", "C228"] {
        let found = amiss(&output, code);
        assert!(!found.is_empty() && found.iter().all(|(severity, _)| severity == "warning"), "{code}: {found:?}");
    }
}

#[test]
fn the_plan_says_what_it_costs() {
    let plan = plan("", &[]);
    assert_eq!(plan.code, Some(0), "{plan}");
    assert!(plan.stdout.contains("costs    copies about 1,000,000 rows, 95.4 MiB without indexes"), "{plan}");
    assert!(plan.stdout.contains("binlogs are kept for 3 d: a stream"), "{plan}");
}
