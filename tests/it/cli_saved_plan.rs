//! `plan --out`, `plan FILE.json`, `apply FILE.json`: exactly what was shown is done, or nothing.

use serde_json::Value;

use crate::support::{TestEnv, sandbox_of};

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n\
                    [gates]\npolicy = \"auto-advance\"\n";

fn world(shards: &str) -> String {
    format!(
        "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 10\n\
         [keyspaces.commerce.tables.customer]\nrows = 10\n[keyspaces.customer]\nshards = [{shards}]\n"
    )
}

fn environment() -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.set("USER", "morgan");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", world("\"0\""));
    env
}

fn save(env: &TestEnv) -> String {
    let output = env.run(&["plan", "--out", "w.json"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("cutover apply w.json"), "{output}");
    std::fs::read_to_string(env.path().join("w.json")).unwrap()
}

#[test]
fn what_was_saved_is_shown_and_done() {
    let env = environment();
    let saved = save(&env);
    assert_eq!(saved, save(&env), "the same input, the same bytes");
    let value: Value = serde_json::from_str(&saved).unwrap();
    let schema = cutover::report::schema::saved_plan();
    let found = jsonschema::draft7::new(&schema).unwrap().iter_errors(&value).next().map(|error| error.to_string());
    assert_eq!(found, None);

    let shown = env.run(&["plan", "w.json"]);
    let live = env.run(&["plan"]);
    assert_eq!(shown.stdout.replace(" w.json", ""), live.stdout, "as it was made");
    let json = env.run(&["plan", "w.json", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap(), value["plan"]);

    let apply = env.run(&["apply", "w.json", "--until", "copy"]);
    assert_eq!(apply.code, Some(0), "{apply}");
    // It went on with what it began: never stale, though the cluster is another by its own doing.
    let again = env.run(&["apply", "w.json", "--until", "switch-replicas"]);
    assert_eq!(again.code, Some(0), "{again}");

    // What its plan file means by now was not reviewed, whether or not somebody has taken that up.
    env.write("workflow.toml", format!("{PLAN}[revert]\nwindow = \"10m\"\n"));
    for takes_up in [false, true] {
        if takes_up {
            assert_eq!(env.run(&["apply", "--until", "switch-replicas"]).code, Some(0));
        }
        let edited = env.run(&["apply", "w.json"]);
        assert_eq!(edited.code, Some(7), "{edited}");
        assert!(edited.stderr.contains("it means something else now"), "{edited}");
        assert!(!edited.stderr.contains("what the plan rests on has changed"), "its own work is no difference: {edited}");
    }
    env.write("workflow.toml", PLAN);
    assert_eq!(env.run(&["apply", "--until", "switch-replicas"]).code, Some(0));
    assert_eq!(env.run(&["apply", "w.json", "--until", "switch-replicas"]).code, Some(0), "put back, it is what was reviewed");
}

#[test]
fn from_another_folder_its_plan_file_is_found() {
    let env = environment();
    std::fs::create_dir(env.path().join("reviewed")).unwrap();
    assert_eq!(env.run(&["plan", "--out", "reviewed/w.json"]).code, Some(0));
    let apply = env.run(&["apply", "reviewed/w.json", "--until", "create"]);
    assert_eq!(apply.code, Some(0), "{apply}");
    assert!(env.path().join("workflow.lock").exists(), "the record lies beside the plan file");
}

#[test]
fn a_plan_of_something_else_is_refused_with_what_moved() {
    let env = environment();
    save(&env);
    env.write("workflow.toml", PLAN.replace("[\"corder\"]", "[\"corder\", \"customer\"]"));
    let edited = env.run(&["apply", "w.json"]);
    assert_eq!(edited.code, Some(7), "{edited}");
    for words in ["STALE", "C409", "`customer` would be moved too", "also adds the rule `customer@replica`", "cutover plan"] {
        assert!(edited.stderr.contains(words), "{words}: {edited}");
    }
    let json = env.run(&["apply", "w.json", "--format", "json"]);
    let stop: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &stop["stop"]["kind"]), (Some(7), &Value::from("stale")), "{json}");

    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", world("\"-80\", \"80-\""));
    assert_eq!(env.run(&["sandbox", "reset"]).code, Some(0));
    let elsewhere = env.run(&["apply", "w.json"]);
    assert_eq!(elsewhere.code, Some(7), "{elsewhere}");
    assert!(elsewhere.stderr.contains("fingerprint"), "{elsewhere}");
    assert!(!env.path().join("workflow.lock").exists(), "nothing was begun");
}

/// A table that was altered between the review and the window is not the one that was reviewed.
#[test]
fn a_column_that_came_after_the_plan_was_saved_is_named() {
    let env = environment();
    save(&env);
    let sandbox = sandbox_of(&env);
    sandbox.add_column("commerce", "customer", "note").unwrap();
    let unmoved = env.run(&["apply", "w.json", "--until", "pre-check"]);
    assert_eq!(unmoved.code, Some(0), "a table that stays is no matter: {unmoved}");
    std::fs::remove_file(env.path().join("workflow.lock")).unwrap();

    sandbox.add_column("commerce", "corder", "note").unwrap();
    let altered = env.run(&["apply", "w.json"]);
    assert_eq!(altered.code, Some(7), "{altered}");
    insta::assert_snapshot!("altered", altered.to_string());
    assert!(!env.path().join("workflow.lock").exists(), "nothing was begun");

    save(&env);
    let planned_anew = env.run(&["apply", "w.json", "--until", "create"]);
    assert_eq!(planned_anew.code, Some(0), "{planned_anew}");
    sandbox.add_column("commerce", "corder", "more").unwrap();
    let going_on = env.run(&["apply", "w.json", "--until", "create"]);
    assert_eq!(going_on.code, Some(0), "what it began is never stale: {going_on}");
}

#[test]
fn what_is_no_saved_plan_is_said_with_its_place() {
    let env = environment();
    let saved = save(&env);
    for (text, words) in [
        (saved.replace("\"corder\"", "\"other\""), "it was edited, or cut"),
        (saved.replace("\"saved_plan_format\": 2", "\"saved_plan_format\": 9"), "format 9"),
        (saved.replace("\"saved_plan_format\": 2", "\"saved_plan_format\": 1"), "an older cutover made it"),
        (saved[..saved.len() / 2].to_owned(), "line "),
        ("{}".to_owned(), "missing field"),
        (String::new(), "line 1, column 0"),
    ] {
        env.write("w.json", text);
        for command in ["plan", "apply"] {
            let output = env.run(&[command, "w.json"]);
            assert_eq!(output.code, Some(65), "{output}");
            assert!(output.stderr.contains(words) && output.stderr.contains("w.json"), "{words}: {output}");
        }
    }
    assert_eq!(env.run(&["plan", "absent.json"]).code, Some(65));
    assert_eq!(env.run(&["plan", "--out", "w.plan"]).code, Some(64), "by its name it is known");
    env.write("w.json", saved);
    assert_eq!(env.run(&["plan", "w.json", "--out", "v.json"]).code, Some(64));
}

#[test]
fn a_plan_for_a_pull_request_is_markdown() {
    let env = environment();
    let output = env.run(&["plan", "--format", "markdown"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.starts_with("<!-- cutover plan sandbox c2c -->\n### ✅ READY: `c2c` on `sandbox`\n"), "{output}");
    save(&env);
    let saved = env.run(&["plan", "w.json", "--format", "markdown"]);
    assert_eq!(saved.stdout.replace(" w.json", ""), output.stdout);
}

#[test]
fn a_snapshot_gives_the_same_plan_without_the_cluster() {
    let env = environment();
    let live = env.run(&["plan", "--format", "json"]);
    let taken = env.run(&["snapshot"]);
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(0), ""), "{taken}");
    assert!(taken.stderr.contains("cutover plan --facts snapshot.json"), "{taken}");
    // The cluster is gone, and another plan file wants one more table.
    std::fs::remove_dir_all(env.path().join(".cutover")).unwrap();
    std::fs::remove_file(env.path().join("sandbox.toml")).unwrap();
    let offline = env.run(&["plan", "--facts", "snapshot.json", "--format", "json"]);
    let mut found: Value = serde_json::from_str(&offline.stdout).unwrap();
    let said = found.as_object_mut().unwrap().remove("offline").unwrap();
    assert_eq!(said["facts_file"], "snapshot.json", "that nobody was asked is all that is another: {said}");
    assert_eq!((offline.code, found), (Some(0), serde_json::from_str::<Value>(&live.stdout).unwrap()));
    assert!(!env.path().join(".cutover").exists(), "nobody was asked anything");

    env.write("workflow.toml", PLAN.replace("[\"corder\"]", "[\"corder\", \"customer\"]"));
    let more = env.run(&["plan", "--facts", "snapshot.json", "--format", "json"]);
    let plan: Value = serde_json::from_str(&more.stdout).unwrap();
    assert_eq!((more.code, &plan["verdict"]), (Some(0), &Value::from("ready")), "its definition is known: {more}");
    assert_eq!(plan["tables"], serde_json::json!(["corder", "customer"]));
}

#[test]
fn what_a_snapshot_does_not_hold_is_not_known() {
    let env = environment();
    let vindex = "column_vindexes = [{ column = \"id\", name = \"hash\" }]";
    env.write(
        "sandbox.toml",
        format!(
            "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n\
             [keyspaces.commerce.tables.corder]\nrows = 10\ncolumns = [\"id bigint\"]\n\
             [keyspaces.commerce.tables.customer]\nrows = 10\ncolumns = [\"id bigint\"]\n\
             [keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n\
             vschema = {{ sharded = true, vindexes = {{ hash = {{ type = \"hash\" }} }}, \
             tables = {{ corder = {{ {vindex} }}, customer = {{ {vindex} }} }} }}\n"
        ),
    );
    assert_eq!(env.run(&["snapshot"]).code, Some(0));
    env.write("workflow.toml", PLAN.replace("[\"corder\"]", "[\"corder\", \"customer\"]"));
    let more = env.run(&["plan", "--facts", "snapshot.json", "--format", "json"]);
    let plan: Value = serde_json::from_str(&more.stdout).unwrap();
    assert_eq!((more.code, &plan["verdict"]), (Some(4), &Value::from("blocked")), "{more}");
    let inconclusive = |check: &&Value| check["result"] == "inconclusive";
    let codes: Vec<&str> =
        plan["checks"].as_array().unwrap().iter().filter(inconclusive).filter_map(|check| check["code"].as_str()).collect();
    assert!(codes.contains(&"C206"), "whether a column of `customer` holds NULL was not asked: {more}");
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let env = environment();
    assert_eq!(env.run(&["snapshot", "--out", "facts.json"]).code, Some(0));
    let text = std::fs::read_to_string(env.path().join("facts.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let schema = cutover::report::schema::snapshot();
    let found = jsonschema::draft7::new(&schema).unwrap().iter_errors(&value).next().map(|error| error.to_string());
    assert_eq!(found, None);
    let plan = |env: &TestEnv| env.run(&["plan", "--facts", "facts.json"]);
    env.write("facts.json", text.replace("\"corder\"", "\"other\""));
    assert_eq!(plan(&env).code, Some(65));
    env.write("facts.json", text);
    env.write("workflow.toml", PLAN.replace("\"customer\"\ntables", "\"archive\"\ntables"));
    let elsewhere = plan(&env);
    assert_eq!(elsewhere.code, Some(4), "{elsewhere}");
    assert!(elsewhere.stderr.contains("without looking at `archive`"), "{elsewhere}");
    env.write("workflow.toml", PLAN.replace("cluster = \"sandbox\"", "cluster = \"production\""));
    assert_eq!(plan(&env).code, Some(64));
    assert_eq!(env.run(&["plan", "--facts", "facts.json", "--deep"]).code, Some(64));
}

#[test]
fn a_workflow_on_github_is_told_beside_the_lines_and_on_its_page() {
    let mut env = environment();
    env.write("workflow.toml", PLAN.replace("[\"corder\"]", "[\"corder\", \"absent\"]"));
    let quiet = env.run(&["plan"]);
    assert!(!quiet.stderr.contains("::error"), "{quiet}");
    env.set("GITHUB_ACTIONS", "true");
    let page = env.path().join("summary.md");
    std::fs::write(&page, "before\n").unwrap();
    env.set("GITHUB_STEP_SUMMARY", page.to_str().unwrap());
    let blocked = env.run(&["plan", "--format", "json"]);
    assert_eq!((blocked.code, &blocked.stdout), (Some(4), &env.run(&["plan", "--format", "json"]).stdout));
    assert!(blocked.stderr.contains("::error file=workflow.toml,line=7,col=1,title=C203::"), "{blocked}");
    let summary = std::fs::read_to_string(&page).unwrap();
    assert!(summary.starts_with("before\n<!-- cutover plan sandbox c2c -->\n### 🛑 BLOCKED"), "{summary}");

    env.write("workflow.toml", PLAN.replace("version = 1", "version = 2"));
    let bad = env.run(&["validate"]);
    assert_eq!(bad.code, Some(65));
    assert!(bad.stderr.contains("::error file=workflow.toml,line=1,col="), "{bad}");
}

#[test]
fn a_saved_plan_is_shown_as_it_was_made_and_reads_no_facts() {
    let env = environment();
    save(&env);
    let output = env.run(&["plan", "w.json", "--facts", "w.json"]);
    assert_eq!(output.code, Some(64), "{output}");
    assert!(output.stderr.contains("no facts are read for it"), "{output}");
}
