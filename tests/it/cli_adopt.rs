//! `adopt`: a movement that somebody made by hand is taken over on evidence, at any phase, and goes on from there.

use cutover::cluster::mutation::Mutation;
use cutover::cluster::port::Writer as _;
use serde_json::Value;

use crate::support::console::steady;
use crate::support::{Output, TestEnv, cluster_of, switch_by_hand};

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n\
                    [gates]\npolicy = \"auto-advance\"\n[revert]\nwindow = \"30m\"\n";
const WORLD: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[application]\nkeyspace = \"commerce\"\n\
                     [keyspaces.commerce.tables.corder]\nrows = 10\nwrites-per-second = 20\n\
                     columns = [\"id bigint not null\", \"data varbinary(100)\"]\n\
                     [keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n\
                     vschema = { sharded = true, vindexes = { hash = { type = \"hash\" } }, \
                     tables = { corder = { column_vindexes = [{ column = \"id\", name = \"hash\" }] } } }\n";
const MOVING: &str = "who-made-it,only-writer,rules-before";
const SWITCHED: &str = "who-made-it,only-writer,rows-compared,switch-time,rules-before";

/// A movement that has come so far, of which there is no record: nobody here made it.
fn by_hand(until: &str) -> TestEnv {
    by_hand_in(WORLD, until)
}

fn by_hand_in(world: &str, until: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.set("USER", "morgan");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", world);
    let apply = env.run(&["apply", "--until", until]);
    assert_eq!(apply.code, Some(0), "{apply}");
    lose_the_record(&env);
    env
}

fn lose_the_record(env: &TestEnv) {
    for name in ["workflow.lock", ".cutover/workflow.lock.last"] {
        std::fs::remove_file(env.path().join(name)).unwrap();
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn adopt(env: &TestEnv, accept: &str) {
    let output = env.run(&["adopt", "--accept", accept, "--reason", "CHG-7, made by kim", "--format", "json"]);
    assert_eq!((output.code, &json(&output)["verdict"]), (Some(0), &"adopted".into()), "{output}");
}

fn nothing_was_lost(env: &TestEnv) {
    let account = env.run(&["sandbox", "show"]);
    assert!(account.stdout.contains(" 0 lost, 0 written twice"), "{account}");
}

#[test]
fn what_no_look_proves_is_accepted_by_name_or_nothing_is_put_on_record() {
    let env = by_hand("copy");
    let foreign = env.run(&["apply"]);
    assert!(foreign.code == Some(4) && foreign.stderr.contains("cutover adopt"), "{foreign}");
    let asked = env.run(&["adopt"]);
    assert_eq!(asked.code, Some(4), "{asked}");
    insta::assert_snapshot!("asked", steady(&asked.to_string()));
    let partly = env.run(&["adopt", "--accept", "who-made-it", "--reason", "CHG-7"]);
    assert_eq!(partly.code, Some(4), "{partly}");
    let without_reason = env.run(&["adopt", "--accept", MOVING]);
    assert!(without_reason.code == Some(64) && without_reason.stderr.contains("a reason is needed"), "{without_reason}");
    let misspelt = env.run(&["adopt", "--accept", "who-made-itt", "--reason", "CHG-7"]);
    assert!(misspelt.code == Some(64) && misspelt.stderr.contains("did you mean `who-made-it`"), "{misspelt}");
    assert!(!env.path().join("workflow.lock").exists());
}

#[test]
fn at_a_terminal_each_doubt_is_asked_and_a_yes_to_all_adopts_it() {
    let env = by_hand("copy");
    let answers = [
        ("Accept `who-made-it`? [y/N] ", "y"),
        ("Accept `only-writer`? [y/N] ", "yes"),
        ("Accept `rules-before`? [y/N] ", "y"),
        ("It stands in the record: ", "CHG-7, kim began it"),
    ];
    let asked = env.run_at_terminal(&["adopt"], &answers);
    assert_eq!(asked.code, Some(0), "{asked}");
    insta::assert_snapshot!("asked_at_a_terminal", steady(&asked.to_string()));
    let history = json(&env.run(&["history", "--format", "json"]));
    let adopted = history["steps"].as_array().unwrap().iter().find(|step| step["entry"] == "adopted").unwrap().to_string();
    for words in ["who-made-it", "only-writer", "rules-before", "CHG-7, kim began it"] {
        assert!(adopted.contains(words), "{words}: {adopted}");
    }
    assert_eq!(env.run(&["apply", "--until", "verify"]).code, Some(0));
}

#[test]
fn at_a_terminal_one_no_or_none_at_all_puts_nothing_on_record() {
    let env = by_hand("copy");
    let first = ("Accept `who-made-it`? [y/N] ", "y");
    for refused in ["n", "", "\u{4}", "maybe"] {
        let asked = env.run_at_terminal(&["adopt"], &[first, ("Accept `only-writer`? [y/N] ", refused)]);
        assert_eq!(asked.code, Some(4), "{refused:?}: {asked}");
        assert!(asked.stderr.contains("`only-writer` was not accepted; nothing was put on record"), "{asked}");
        assert!(!env.path().join("workflow.lock").exists(), "{refused:?}");
    }
    // What is accepted by name is not asked again.
    let no_reason = env.run_at_terminal(
        &["adopt", "--accept", "who-made-it,only-writer"],
        &[("1 of 1: no look proves this (rules-before)", "y"), ("It stands in the record: ", " ")],
    );
    assert!(no_reason.code == Some(64) && no_reason.stderr.contains("a reason is needed"), "{no_reason}");
    assert!(!no_reason.stderr.contains("Accept `who-made-it`"), "{no_reason}");
    assert!(!env.path().join("workflow.lock").exists());
}

#[test]
fn one_that_copies_is_led_to_its_end() {
    let env = by_hand("copy");
    adopt(&env, MOVING);
    let again = env.run(&["adopt", "--format", "json"]);
    assert_eq!((again.code, &json(&again)["verdict"]), (Some(0), &"ours-already".into()), "{again}");
    let plan = json(&env.run(&["plan", "--format", "json"]));
    let status =
        |name: &str| plan["phases"].as_array().unwrap().iter().find(|phase| phase["name"] == name).unwrap()["status"].clone();
    assert_eq!((status("copy"), status("verify")), ("done".into(), "next".into()), "somebody's VDiff does not count");
    assert_eq!(plan["verdict"], "ready", "{plan}");
    let held = env.run(&["apply", "--wait"]);
    assert!(held.code == Some(3) && held.stderr.contains("held before complete"), "{held}");
    assert_eq!(env.run(&["apply", "--approve", "complete", "--reason", "seen enough"]).code, Some(3));
    nothing_was_lost(&env);
    let ended = env.run(&["apply", "--approve", "remove-rules", "--reason", "nobody asks for the old names"]);
    assert_eq!(ended.code, Some(0), "{ended}");
    let history = json(&env.run(&["history", "--format", "json"]));
    let adopted = history["steps"].as_array().unwrap().iter().find(|step| step["entry"] == "adopted").unwrap();
    let evidence = adopted["evidence"].to_string();
    assert!(evidence.contains("accepted without proof (who-made-it)") && evidence.contains("every row is copied"), "{adopted}");
}

#[test]
fn one_with_its_reads_switched_is_verified_before_its_writes_are() {
    let env = by_hand("switch-replicas");
    adopt(&env, MOVING);
    let plan = json(&env.run(&["plan", "--format", "json"]));
    let next: Vec<&Value> = plan["phases"].as_array().unwrap().iter().filter(|phase| phase["status"] == "next").collect();
    assert_eq!(next[0]["name"], "verify", "{plan}");
    let apply = env.run(&["apply", "--until", "switch-primary"]);
    assert_eq!(apply.code, Some(0), "{apply}");
    let vdiffs = json(&env.run(&["history", "--format", "json"]))["steps"].to_string().matches("VDiff ").count();
    assert!(vdiffs > 0, "it was compared");
    nothing_was_lost(&env);
}

#[test]
fn one_whose_writes_are_switched_goes_back_and_is_cancelled_on_proof() {
    let env = by_hand("switch-primary");
    adopt(&env, SWITCHED);
    let held = env.run(&["apply"]);
    assert!(held.code == Some(3) && held.stderr.contains("revert window"), "the window counts from the adoption: {held}");
    let cancel = env.run(&["cancel", "--confirm", "c2c"]);
    assert_eq!(cancel.code, Some(4), "writes are at the target: {cancel}");
    let back = env.run(&["switch-back", "--reason", "errors in the checkout"]);
    assert_eq!(back.code, Some(0), "{back}");
    nothing_was_lost(&env);
    let cancel = env.run(&["cancel", "--confirm", "c2c"]);
    assert_eq!(cancel.code, Some(0), "{cancel}");
    let doctor = env.run(&["doctor", "--cluster", "sandbox"]);
    assert_eq!(doctor.code, Some(0), "{doctor}");
}

#[test]
fn a_plan_file_that_says_something_else_is_named_line_by_line() {
    let env = by_hand("copy");
    let other =
        PLAN.replace("tables = [\"corder\"]\n", "tables = [\"corder\"]\non-ddl = \"ignore\"\ntablet-types = [\"rdonly\"]\n");
    env.write("workflow.toml", other);
    let output = env.run(&["adopt", "--accept", MOVING, "--reason", "CHG-7", "--format", "json"]);
    assert_eq!(output.code, Some(4), "{output}");
    let report = json(&output);
    let places: Vec<&str> =
        report["blocking"].as_array().unwrap().iter().map(|finding| finding["at"].as_str().unwrap()).collect();
    assert_eq!(places, ["move-tables.on-ddl", "move-tables.tablet-types"]);
    assert!(report["blocking"][0]["help"].as_str().unwrap().contains("on-ddl = \"stop\""), "{report}");
    assert!(!env.path().join("workflow.lock").exists());
}

#[test]
fn a_half_done_switch_is_mended_first() {
    let goes_wrong = "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nstep = \"create-reverse\"\n";
    let world = format!("{WORLD}{goes_wrong}");
    let env = by_hand_in(&world, "copy");
    switch_by_hand(&env);
    let adopt = env.run(&["adopt", "--accept", MOVING, "--reason", "CHG-7"]);
    assert_eq!(adopt.code, Some(5), "{adopt}");
    assert!(adopt.stdout.contains("cutover repair --cluster sandbox --workflow customer.c2c"), "{adopt}");
    assert!(!env.path().join("workflow.lock").exists());
}

#[test]
fn where_nothing_is_there_or_the_record_is_only_misplaced_it_says_so() {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", WORLD);
    let nothing = env.run(&["adopt", "--format", "json"]);
    assert_eq!((nothing.code, &json(&nothing)["verdict"]), (Some(4), &"nothing-to-adopt".into()), "{nothing}");
    assert_eq!(env.run(&["apply", "--until", "copy"]).code, Some(0));
    std::fs::remove_file(env.path().join("workflow.lock")).unwrap();
    let ours = env.run(&["adopt", "--accept", MOVING, "--reason", "CHG-7"]);
    assert!(ours.code == Some(4) && ours.stderr.contains("cp ./.cutover/workflow.lock.last ./workflow.lock"), "{ours}");
}

#[test]
fn the_plan_of_what_is_under_way_names_what_hands_have_changed() {
    let env = by_hand("copy");
    adopt(&env, MOVING);
    let quiet = json(&env.run(&["plan", "--format", "json"]));
    assert!(quiet.get("drift").is_none() && quiet.get("drift_unknown").is_none(), "{quiet}");
    change_rules(&env);
    let plan = env.run(&["plan", "--format", "json"]);
    assert_eq!(plan.code, Some(4), "{plan}");
    let drift = json(&plan)["drift"].as_array().unwrap().clone();
    let of = |what: &str| drift.iter().find(|drift| drift["what"] == what).unwrap_or_else(|| panic!("{what}: {drift:?}")).clone();
    let ours = of("routing rule `corder@replica`");
    assert_eq!(
        (&ours["ours"], &ours["expected"], &ours["found"]),
        (&true.into(), &"commerce.corder".into(), &"customer.corder".into())
    );
    assert!(ours["follows"].as_str().unwrap().contains("stops at it (C401)"), "{ours}");
    let theirs = of("routing rule `theirs`");
    assert_eq!((&theirs["ours"], &theirs["found"]), (&false.into(), &"commerce.theirs".into()));
    insta::assert_snapshot!("drift", steady(&env.run(&["plan"]).to_string()));
    let markdown = env.run(&["plan", "--format", "markdown"]);
    assert!(markdown.stdout.contains("Ours, and not as our last write left it"), "{markdown}");
}

/// Somebody points a rule of ours elsewhere, and adds one of their own.
fn change_rules(env: &TestEnv) {
    use cutover::cluster::mutation::ApplyRoutingRules;
    use cutover::cluster::port::{Query, Reader as _};
    use cutover::model::routing::Rule;
    let cluster = cluster_of(env);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let facts = cluster.observe(&Query::default()).await.unwrap();
        let rule = |from: &str, to: &str| Rule { from_table: from.into(), to_table: to.into() };
        let set = vec![rule("corder@replica", "customer.corder"), rule("theirs", "commerce.theirs")];
        cluster.perform(&Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(&facts.routing_rules, vec![], set))).await.unwrap();
    });
}
