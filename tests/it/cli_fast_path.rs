//! The fast path: offered where a movement is small and plain, taken only where all of it is accepted.

use serde_json::Value;

use crate::support::TestEnv;

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n";
const ACCEPTED: &str = "[fast-path]\naccept = [\"no-hold\", \"no-revert-window\"]\n";

fn environment(plan: &str, rows: u64) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", plan);
    env.write(
        "sandbox.toml",
        format!("version = 1\n[keyspaces.commerce.tables.corder]\nrows = {rows}\n[keyspaces.customer]\nshards = [\"0\"]\n"),
    );
    env
}

/// Without the breaks of lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fast_path(env: &TestEnv) -> Value {
    let output = env.run(&["plan", "--format", "json"]);
    serde_json::from_str::<Value>(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output}"))["fast_path"].clone()
}

#[test]
fn a_small_movement_is_offered_it_and_holds_until_all_of_it_is_accepted() {
    for (more, taken) in [("", false), ("[fast-path]\naccept = [\"no-hold\"]\n", false), (ACCEPTED, true)] {
        let env = environment(&format!("{PLAN}{more}"), 10);
        let path = fast_path(&env);
        assert_eq!((&path["eligible"], &path["taken"]), (&Value::Bool(true), &Value::Bool(taken)), "{path}");
        let shown = env.run(&["plan"]);
        assert!(words(&shown.stdout).contains("nobody is asked again"), "{shown}");
        let output = env.run(&["apply", "--yes"]);
        assert_eq!(output.code, Some(3), "{output}");
        let gate = if taken { "held before complete" } else { "held before switch-replicas" };
        assert!(output.stderr.contains(gate), "{output}");
        assert!(output.stderr.contains("VDiff compared"), "it is never skipped: {output}");
        // Who reads the history sees that holds were left out, on whose word and on what evidence: once.
        let history = serde_json::from_str::<Value>(&env.run(&["history", "--format", "json"]).stdout).unwrap();
        let steps = history["steps"].as_array().unwrap();
        let of_path: Vec<&Value> = steps.iter().filter(|step| step["entry"] == "fast-path").collect();
        assert_eq!(of_path.len(), usize::from(taken), "{history:#}");
        if taken {
            assert_eq!(of_path[0]["phase"], "switch-replicas");
            assert!(of_path[0]["what"].as_str().unwrap().contains("accepts no-hold, no-revert-window"), "{}", of_path[0]);
            assert!(of_path[0]["evidence"].to_string().contains("few rows: about 10 rows"), "{}", of_path[0]);
            assert!(words(&shown.stdout).contains("none is waited out"), "{shown}");
            let status = env.run(&["status"]);
            assert!(!status.stdout.contains("has passed"), "no window was waited for: {status}");
        }
    }
}

#[test]
fn a_large_one_is_not_offered_it_and_who_asks_for_it_is_told_why() {
    let env = environment(PLAN, 2_000_000);
    let path = fast_path(&env);
    assert_eq!(path["eligible"], false, "{path}");
    assert!(!env.run(&["plan"]).stdout.contains("Fast path"));

    let env = environment(&format!("{PLAN}{ACCEPTED}"), 2_000_000);
    let shown = env.run(&["plan"]);
    let said = words(&shown.stdout);
    assert!(said.contains("the ordinary gates stand") && said.contains("about 2,000,000 rows"), "{shown}");
    let output = env.run(&["apply", "--yes"]);
    assert!(output.stderr.contains("held before switch-replicas"), "{output}");
    let held = words(&output.stderr);
    assert!(held.contains("the fast path is not taken (few rows: about 2,000,000 rows"), "{output}");
    // Whoever asks later is told as well.
    assert!(words(&env.run(&["status"]).stdout).contains("the fast path is not taken (few rows"), "{output}");
}

#[test]
fn complete_holds_on_it_whatever_the_gates_say() {
    let env = environment(&format!("{PLAN}{ACCEPTED}[gates]\npolicy = \"auto-advance\"\ncomplete = \"auto-advance\"\n"), 10);
    let output = env.run(&["apply", "--yes"]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("held before complete"), "{output}");
    // And the way back is open there.
    assert_eq!(env.run(&["switch-back", "--reason", "it was too fast"]).code, Some(0));
}
