//! `plan DIR`: each plan file below it, what they have against each other, and the worst of them as the exit code.

use serde_json::Value;

use crate::support::{Output, TestEnv};

fn plan_file(workflow: &str, tables: &str, source: &str, target: &str) -> String {
    format!(
        "version = 1\nworkflow = \"{workflow}\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"{source}\"\n\
         target-keyspace = \"{target}\"\ntables = [{tables}]\n[complete]\nsource-tables = \"rename\"\n"
    )
}

const WORLD: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 10\n\
                     [keyspaces.commerce.tables.customer]\nrows = 10\n[keyspaces.customer]\n[keyspaces.archive]\n";

fn environment(files: &[(&str, String)]) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    std::fs::create_dir_all(env.path().join("moves/late")).unwrap();
    for folder in ["moves", "moves/late"] {
        env.write(&format!("{folder}/sandbox.toml"), WORLD);
    }
    for (name, text) in files {
        env.write(name, text);
    }
    env
}

fn json(output: &Output) -> Value {
    let value: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let schema = cutover::report::schema::folder_plan();
    let found = jsonschema::draft7::new(&schema).unwrap().iter_errors(&value).next().map(|error| error.to_string());
    assert_eq!(found, None);
    value
}

#[test]
fn sound_plan_files_are_ready_and_what_is_none_is_left_out_with_a_note() {
    let env = environment(&[
        ("moves/a.toml", plan_file("one", "\"corder\"", "commerce", "customer")),
        ("moves/late/workflow.toml", plan_file("two", "\"customer\"", "commerce", "archive")),
    ]);
    let people = env.run(&["plan", "moves"]);
    assert_eq!(people.code, Some(0), "{people}");
    for words in ["2 plan files below moves: 2 ready", "moves/a.toml\nSANDBOX READY", "cutover apply moves/late/workflow.toml"] {
        assert!(people.stdout.contains(words), "{words}: {people}");
    }
    assert!(people.stderr.contains("`moves/sandbox.toml` is no plan file and left out"), "{people}");
    let output = env.run(&["plan", "moves", "--format", "json", "--detailed-exitcode"]);
    assert_eq!(output.code, Some(2), "{output}");
    let folder = json(&output);
    assert_eq!((&folder["verdict"], folder["skipped"].as_array().unwrap().len()), (&Value::from("ready"), 2));
    let queue =
        folder["plans"][0]["plan"]["checks"].as_array().unwrap().iter().find(|finding| finding["code"] == "C231").unwrap();
    assert_eq!((&queue["severity"], &queue["subject"]), (&Value::from("note"), &Value::from("commerce")), "{queue}");
}

#[test]
fn two_that_move_one_table_block_each_other_in_every_format() {
    let mut env = environment(&[
        ("moves/a.toml", plan_file("one", "\"corder\", \"customer\"", "commerce", "customer")),
        ("moves/b.toml", plan_file("two", "\"corder\"", "commerce", "archive")),
    ]);
    env.set("GITHUB_ACTIONS", "true");
    env.set("GITHUB_STEP_SUMMARY", &env.path().join("summary.md").display().to_string());
    let people = env.run(&["plan", "moves"]);
    assert_eq!(people.code, Some(4), "{people}");
    assert!(people.stdout.contains("C231 moves/b.toml: "), "{people}");
    assert!(people.stderr.contains("::error file=moves/a.toml,line=7,") && people.stderr.contains("title=C231::"), "{people}");
    let summary = std::fs::read_to_string(env.path().join("summary.md")).unwrap();
    let comment = env.run(&["plan", "moves", "--format", "markdown"]);
    assert_eq!((comment.code, comment.stdout.as_str()), (Some(4), summary.as_str()), "{comment}");
    assert!(summary.contains("### 🛑 BLOCKED: 2 plan files below `moves`, 2 blocked"), "{summary}");
}

#[test]
fn one_that_cannot_be_planned_keeps_no_other_from_it_and_is_the_worst() {
    let env = environment(&[
        ("moves/a.toml", plan_file("one", "\"corder\"", "commerce", "customer")),
        ("moves/b.toml", "workflow = \"two\"\n".to_owned()),
    ]);
    let output = env.run(&["plan", "moves", "--format", "json"]);
    assert_eq!(output.code, Some(65), "{output}");
    let folder = json(&output);
    assert_eq!((&folder["verdict"], folder["plans"].as_array().unwrap().len()), (&Value::from("blocked"), 1));
    assert_eq!((&folder["failed"][0]["file"], &folder["failed"][0]["exit"]), (&Value::from("moves/b.toml"), &Value::from(65)));
    assert!(output.stderr.contains("moves/b.toml"), "{output}");
}

#[test]
fn a_saved_plan_is_of_one_file_and_a_folder_without_any_is_no_success() {
    let env = environment(&[]);
    let none = env.run(&["plan", "moves"]);
    assert_eq!(none.code, Some(65), "{none}");
    assert!(none.stderr.contains("there is no plan file below it"), "{none}");
    let saved = env.run(&["plan", "moves", "--out", "w.json"]);
    assert_eq!(saved.code, Some(64), "{saved}");
}
