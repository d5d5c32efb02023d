//! `repair`: what `doctor` names is mended, also of a movement that was never ours, and nothing else is touched.

use serde_json::Value;

use crate::support::console::{steady, words};
use crate::support::{Output, TestEnv, switch_by_hand};

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n\
                    [gates]\npolicy = \"auto-advance\"\n";
const WORLD: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[application]\nkeyspace = \"commerce\"\n\
                     [keyspaces.commerce.tables.corder]\nrows = 10\nwrites-per-second = 20\n\
                     columns = [\"id bigint not null\", \"data varbinary(100)\"]\n\
                     [keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n\
                     vschema = { sharded = true, vindexes = { hash = { type = \"hash\" } }, \
                     tables = { corder = { column_vindexes = [{ column = \"id\", name = \"hash\" }] } } }\n";
const MOVEMENT: &[&str] = &["repair", "--cluster", "sandbox", "--workflow", "customer.c2c"];

/// Time jumps.
fn environment(more: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.set("USER", "morgan");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", format!("{WORLD}{more}"));
    env
}

/// vtctld dies in the first switch, after this step.
fn dies_after(step: &str) -> String {
    format!("[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nstep = \"{step}\"\n")
}

/// A movement that has caught up, whose writes somebody switches by hand, with a vtctld that dies in it.
fn half_a_switch(step: &str) -> TestEnv {
    let env = environment(&dies_after(step));
    let apply = env.run(&["apply", "--until", "copy"]);
    assert_eq!(apply.code, Some(0), "{apply}");
    switch_by_hand(&env);
    env
}

/// The record and the plan file are gone: it was never ours.
fn never_ours(env: &TestEnv) {
    for name in ["workflow.lock", "workflow.toml"] {
        std::fs::remove_file(env.path().join(name)).unwrap();
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn codes(env: &TestEnv) -> Vec<String> {
    let value = json(&env.run(&["doctor", "--cluster", "sandbox", "--format", "json"]));
    let leftovers = value["leftovers"].as_array().unwrap();
    let heavy = leftovers.iter().filter(|it| it["weight"] != "note");
    heavy.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

/// Writes flow to one side, and the application has lost nothing.
fn assert_whole(env: &TestEnv, side: &str) {
    let doctor = env.run(&["doctor", "--cluster", "sandbox"]);
    assert_eq!(doctor.code, Some(0), "{doctor}");
    let writes = doctor.stdout.lines().next().unwrap();
    assert!(writes.contains(&format!("of `corder` go to `{side}`")), "{doctor}");
    let account = env.run(&["sandbox", "show"]);
    assert!(account.stdout.contains(" 0 lost, 0 written twice"), "{account}");
}

#[test]
fn a_switch_of_somebody_before_its_journal_is_led_back() {
    let env = half_a_switch("create-reverse");
    never_ours(&env);
    let found = codes(&env);
    assert!(["C501", "C510"].iter().all(|code| found.iter().any(|it| it == code)), "{found:?}");
    let plan = env.run(&[MOVEMENT, &["--dry-run"]].concat());
    assert_eq!(plan.code, Some(0), "{plan}");
    insta::assert_snapshot!("led_back", steady(&plan.to_string()));
    assert_eq!(codes(&env), found, "a dry run writes nothing");
    let repair = env.run(MOVEMENT);
    assert_eq!(repair.code, Some(0), "{repair}");
    assert!(repair.stderr.contains("nothing of it is left"), "{repair}");
    assert!(env.path().join("repair.sandbox.customer.c2c.lock").exists());
    assert_whole(&env, "commerce");
    let again = env.run(MOVEMENT);
    assert!(again.code == Some(0) && again.stdout.contains("NOTHING TO REPAIR"), "{again}");
}

#[test]
fn a_switch_of_somebody_past_its_journal_is_led_forward() {
    for step in ["create-journal", "allow-target-writes", "save-rules", "rebuild-cell", "start-reverse"] {
        let env = half_a_switch(step);
        never_ours(&env);
        assert!(!codes(&env).is_empty(), "{step}");
        let repair = env.run(MOVEMENT);
        assert_eq!(repair.code, Some(0), "{step}: {repair}");
        assert_whole(&env, "customer");
    }
}

#[test]
fn what_hands_left_of_a_movement_of_ours_goes_on_with_its_record() {
    let env = half_a_switch("create-journal");
    let repair = env.run(&["repair"]);
    assert_eq!(repair.code, Some(0), "{repair}");
    assert_whole(&env, "customer");
    let history = env.run(&["history"]);
    assert!(history.stdout.contains("repair"), "{history}");
    assert_eq!(std::fs::read_dir(env.path()).unwrap().filter(|it| is_repair_record(it.as_ref().unwrap())).count(), 0);
}

fn is_repair_record(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with("repair.")
}

#[test]
fn each_command_that_doctor_names_mends_what_it_is_named_for() {
    let env = environment(
        "[keyspaces.stock]\ndenied-tables = [\"item\"]\n[keyspaces.stock.tables.item]\nrows = 3\n\
         [routing-rules]\n\"invoice\" = \"commerce.invoice\"\n\"commerce.invoice@replica\" = \"commerce.invoice\"\n\
         \"bill\" = \"stock.item\"\n",
    );
    assert_eq!(codes(&env), ["C502", "C505"]);
    let doctor = json(&env.run(&["doctor", "--cluster", "sandbox", "--format", "json"]));
    let commands = doctor["next"].as_array().unwrap().clone();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let typed = words(command.as_str().unwrap());
        let typed: Vec<&str> = typed.iter().skip(1).map(String::as_str).collect();
        let repair = env.run(&typed);
        assert_eq!(repair.code, Some(0), "{repair}");
    }
    assert_eq!(codes(&env), Vec::<String>::new());
    let rules = env.run(&["sandbox", "show"]);
    assert_eq!(rules.code, Some(0), "{rules}");
}

#[test]
fn what_could_let_two_keyspaces_take_writes_is_left_to_a_person() {
    let env = environment("[keyspaces.stock]\ndenied-tables = [\"corder\"]\n[keyspaces.stock.tables.corder]\nrows = 3\n");
    let output = env.run(&["repair", "--cluster", "sandbox", "--keyspace", "stock", "--tables", "corder"]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("both would take writes"), "{output}");
}

#[test]
fn what_is_to_be_mended_must_be_named() {
    let env = environment("");
    for (arguments, code, words) in [
        (&["repair", "--cluster", "sandbox"][..], 64, "doesn't say what to mend"),
        (&["repair", "--cluster", "sandbox", "--workflow", "c2c"], 64, "is not `KEYSPACE.NAME`"),
        (&["repair", "--cluster", "sandbox", "--workflow", "customer.c2c"], 4, "there is no workflow `customer.c2c`"),
        (&["repair", "--workflow", "customer.c2c"], 64, "--cluster"),
    ] {
        let output = env.run(arguments);
        assert_eq!(output.code, Some(code), "{output}");
        assert!(output.stderr.contains(words), "{output}");
    }
    let nothing = env.run(&["repair", "--cluster", "sandbox", "--publish", "--dry-run", "--format", "json"]);
    assert_eq!((nothing.code, &json(&nothing)["verdict"]), (Some(0), &"nothing-to-do".into()), "{nothing}");
}
