//! What somebody does by hand to a movement of ours: every command that looks at it says the same, and names the ways on.

use std::time::Duration;

use cutover::cluster::mutation::{ApplyRoutingRules, Mutation};
use cutover::cluster::port::{Query, Reader as _, Writer as _};
use cutover::model::routing::Rule;
use cutover::sandbox::file::description::Deed;

use crate::support::{Output, TestEnv, cluster_of, sandbox_of, time_passes};

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\", \"item\"]\n[complete]\nsource-tables = \"rename\"\n";
const WORLD: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[application]\nkeyspace = \"commerce\"\n\
                     [keyspaces.commerce.tables.corder]\nrows = 10\nwrites-per-second = 20\n\
                     columns = [\"id bigint not null\", \"data varbinary(100)\"]\n\
                     [keyspaces.commerce.tables.item]\nrows = 10\n\
                     columns = [\"id bigint not null\", \"data varbinary(100)\"]\n\
                     [keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n\
                     vschema = { sharded = true, vindexes = { hash = { type = \"hash\" } }, \
                     tables = { corder = { column_vindexes = [{ column = \"id\", name = \"hash\" }] }, \
                     item = { column_vindexes = [{ column = \"id\", name = \"hash\" }] } } }\n";

/// A movement that holds before a gate. Time jumps.
fn held(more: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", format!("{WORLD}{more}"));
    let apply = env.run(&["apply"]);
    assert_eq!(apply.code, Some(3), "{apply}");
    env
}

/// A movement that has been let through both switches; where none went wrong its writes are at the target.
fn switched(more: &str) -> TestEnv {
    let env = held(more);
    for gate in ["switch-replicas", "switch-primary"] {
        let apply = env.run(&["apply", "--approve", gate, "--reason", "x"]);
        assert_eq!(apply.code, Some(3), "{apply}");
    }
    env
}

/// The rules of one table's writes lead to the target, and the other's to the source.
fn split_writes(env: &TestEnv) {
    let cluster = cluster_of(env);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let rules = cluster.observe(&Query::default()).await.unwrap().routing_rules;
        let set = ["item", "commerce.item", "customer.item"]
            .map(|from| Rule { from_table: from.to_owned(), to_table: "customer.item".to_owned() });
        let edit = ApplyRoutingRules::edit(&rules, vec![], set.into());
        cluster.perform(&Mutation::ApplyRoutingRules(edit)).await.unwrap();
    });
}

/// Without the breaks of lines.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn commands_named(output: &Output) -> Vec<&str> {
    let next = output.stdout.rsplit("Next\n").next().unwrap();
    next.lines().map(str::trim).filter(|line| line.starts_with("cutover ")).collect()
}

#[test]
fn writes_that_somebody_switched_are_told_alike_with_both_ways_on() {
    let switched = || {
        let env = held("");
        sandbox_of(&env).somebody_acts(Deed::SwitchWrites, "customer", "c2c").unwrap();
        time_passes(&env, Duration::from_secs(30));
        env
    };
    let ways = ["cutover switch-back", "cutover waive C401 --reason TEXT", "cutover apply"];
    let env = switched();
    let apply = env.run(&["apply"]);
    assert_eq!(apply.code, Some(5), "{apply}");
    assert!(apply.stderr.contains("C401 traffic: somebody switched the writes by hand"), "{apply}");
    assert_eq!(apply.stderr.matches("brings all traffic to").count(), 1, "the ways on are said once: {apply}");
    let doctor = env.run(&["doctor"]);
    assert_eq!((doctor.code, commands_named(&doctor)), (Some(5), ways.to_vec()), "{doctor}");
    assert!(doctor.stdout.starts_with("SANDBOX CHANGED BY HAND") && doctor.stdout.contains("C401 traffic"), "{doctor}");
    let status = env.run(&["status"]);
    assert_eq!(commands_named(&status)[1..], ways, "{status}");
    assert!(status.stdout.contains("C401 traffic: somebody switched the writes by hand"), "{status}");

    let back = env.run(&["switch-back"]);
    assert_eq!(back.code, Some(0), "{back}");

    let env = switched();
    let waive = env.run(&["waive", "C401", "--reason", "agreed on the phone"]);
    assert_eq!(waive.code, Some(0), "{waive}");
    assert_eq!(env.run(&["doctor"]).code, Some(0));
    let apply = env.run(&["apply", "--approve", "switch-replicas", "--reason", "the writes are there"]);
    assert_eq!(apply.code, Some(3), "{apply}");
    let status = env.run(&["status"]);
    assert!(
        status.stdout.contains("reads and writes at `customer`") && status.stdout.contains("revert-window"),
        "{apply}{status}"
    );
}

#[test]
fn writes_that_hands_have_split_are_led_back_by_repair_and_every_command_says_so() {
    let env = held("");
    split_writes(&env);
    time_passes(&env, Duration::from_secs(30));
    for (command, code) in [(&["apply"][..], 5), (&["apply", "--finish-only"], 5), (&["switch-back"], 5)] {
        let stopped = env.run(command);
        assert_eq!(stopped.code, Some(code), "{stopped}");
        assert!(flat(&stopped.stderr).contains("`cutover repair`"), "{stopped}");
    }
    for command in ["status", "doctor"] {
        let seen = env.run(&[command]);
        assert!(commands_named(&seen).contains(&"cutover repair"), "{seen}");
    }
    let repair = env.run(&["repair"]);
    assert_eq!(repair.code, Some(0), "{repair}");
    let doctor = env.run(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "{doctor}");
    assert!(doctor.stdout.contains("writes and reads of `corder`, `item` go to `commerce`"), "{doctor}");
}

#[test]
fn a_lock_that_a_dead_vtctld_left_is_told_by_each_command() {
    let dies =
        "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 3\nstep = \"refresh-tablets\"\n";
    let env = switched(dies);
    let status = env.run(&["status"]);
    assert!(status.stdout.contains("HELD before switch-primary"), "{status}");
    for words in ["traffic is where it was", "waits for a lock: `customer/c2c`", "C408"] {
        assert!(flat(&status.stdout).contains(words), "{words}: {status}");
    }
    // A living vtctld locks the keyspaces within a minute.
    time_passes(&env, Duration::from_secs(60));
    let doctor = env.run(&["doctor"]);
    assert_eq!(doctor.code, Some(4), "{doctor}");
    assert!(doctor.stdout.contains("not proven yet") && doctor.stdout.contains("etcdctl del"), "{doctor}");
    for (command, again) in
        [(&["switch-back"][..], "cutover switch-back"), (&["cancel", "--confirm", "c2c"], "cutover cancel --confirm c2c")]
    {
        let stopped = env.run(command);
        assert_eq!(stopped.code, Some(4), "{stopped}");
        assert!(stopped.stderr.contains("C408") && stopped.stderr.trim_end().ends_with(again), "{stopped}");
    }
}

#[test]
fn an_approval_that_can_not_be_given_says_what_is_held() {
    let env = held("");
    let misspelt = env.run(&["approve", "switch-replica", "--reason", "x"]);
    assert_eq!(misspelt.code, Some(64), "{misspelt}");
    for words in ["there is no gate `switch-replica`", "did you mean `switch-replicas`?", "`cutover approve switch-replicas"] {
        assert!(flat(&misspelt.stderr).contains(words), "{words}: {misspelt}");
    }
    let behind = env.run(&["approve", "copy", "--reason", "x"]);
    assert_eq!(behind.code, Some(4), "{behind}");
    assert!(behind.stderr.contains("`copy` is behind us") && behind.stderr.contains("held before switch-replicas"), "{behind}");
    let early = env.run(&["approve", "complete", "--reason", "x"]);
    assert!(early.code == Some(0) && early.stdout.contains("held now: before switch-replicas"), "{early}");
    let first = env.run(&["approve", "switch-replicas", "--reason", "lag is flat"]);
    assert!(first.code == Some(0) && !first.stdout.contains("already"), "{first}");
    let second = env.run(&["approve", "switch-replicas", "--reason", "once more"]);
    assert!(
        second.code == Some(0) && second.stdout.contains("it was approved already") && second.stdout.contains("lag is flat"),
        "{second}"
    );
}

#[test]
fn a_way_back_that_was_refused_can_be_given_up() {
    let dead = "[[goes-wrong]]\nwhat = \"stream-error\"\nkeyspace = \"commerce\"\nmessage = \"Duplicate entry\"\nafter-seconds = 20\nlasts-seconds = 50000\n";
    let env = switched(dead);
    let none = env.run(&["approve", "complete", "--give-up-way-back", "--reason", "x"]);
    assert!(none.code == Some(4) && none.stderr.contains("no way back to give up"), "{none}");
    time_passes(&env, Duration::from_secs(30));
    let back = env.run(&["switch-back", "--reason", "slow"]);
    assert!(back.code == Some(4) && flat(&back.stderr).contains("C333"), "{back}");
    let refused = env.run(&["approve", "complete", "--reason", "we stay"]);
    assert!(refused.code == Some(4) && flat(&refused.stderr).contains("approve GATE --give-up-way-back"), "{refused}");
    let stays = env.run(&["approve", "complete", "--give-up-way-back", "--reason", "we stay"]);
    assert_eq!(stays.code, Some(0), "{stays}");
    let apply = env.run(&["apply"]);
    assert!(apply.code == Some(3) && !apply.stderr.contains("C333"), "it goes forward: {apply}");
}

/// Whoever finds the record of half a switch back killed under his hands gets it mended by `repair`, as by `apply --finish-only`.
#[test]
fn repair_asks_for_what_a_half_done_way_back_needs() {
    let dies = "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 6\nstep = \"create-reverse\"\n\
                [[goes-wrong]]\nwhat = \"kill-cutover\"\ncall = \"SetShardTabletControl\"\n";
    let env = switched(dies);
    let back = env.run(&["switch-back", "--reason", "slow"]);
    assert_ne!(back.code, Some(0), "{back}");
    let repair = env.run(&["repair", "--dry-run"]);
    assert!(!repair.stdout.contains("was not asked for"), "{repair}");
}

#[test]
fn a_movement_that_somebody_ended_is_told_as_completed_or_cancelled_by_where_its_tables_are() {
    for (env, deed, at, somebody) in
        [(switched(""), Deed::Complete, "customer", "completed"), (held(""), Deed::Cancel, "commerce", "cancelled")]
    {
        sandbox_of(&env).somebody_acts(deed, "customer", "c2c").unwrap();
        time_passes(&env, Duration::from_secs(30));
        let words = format!("somebody {somebody} the movement");
        for (command, code) in [("status", 0), ("doctor", 5), ("apply", 5)] {
            let seen = env.run(&[command]);
            assert_eq!(seen.code, Some(code), "{seen}");
            assert!(flat(&format!("{}{}", seen.stdout, seen.stderr)).contains(&words), "{seen}");
        }
        let status = env.run(&["status"]);
        assert!(status.stdout.contains(&format!("reads and writes at `{at}`")), "{status}");
    }
}

#[test]
fn writes_that_somebody_reversed_are_a_change_of_ours_with_both_ways_on() {
    let reversed = || {
        let env = switched("");
        sandbox_of(&env).somebody_acts(Deed::ReverseWrites, "customer", "c2c").unwrap();
        time_passes(&env, Duration::from_secs(30));
        env
    };
    let env = reversed();
    let apply = env.run(&["apply"]);
    assert_eq!(apply.code, Some(5), "{apply}");
    assert!(flat(&apply.stderr).contains("C401 traffic: somebody switched the writes by hand: they go to `commerce`"), "{apply}");
    let waive = env.run(&["waive", "C401", "--reason", "agreed"]);
    assert_eq!(waive.code, Some(0), "{waive}");
    let held = env.run(&["apply"]);
    assert_eq!(held.code, Some(3), "the old release doesn't switch again: {held}");
    let status = env.run(&["status"]);
    assert!(flat(&status.stdout).contains("HELD before switch-primary"), "{status}");
    assert!(flat(&status.stdout).contains("switched after its approval, and switched back since"), "{status}");

    let env = reversed();
    let back = env.run(&["switch-back"]);
    assert_eq!(back.code, Some(0), "{back}");
    assert!(env.run(&["status"]).stdout.contains("SWITCHED BACK"));
}

#[test]
fn half_a_completion_is_told_as_one_with_the_lock_that_stands() {
    let env = switched("[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"MoveTablesComplete\"\nstep = \"delete-streams\"\n");
    let approve = env.run(&["approve", "complete", "--end-revert-window", "--reason", "x"]);
    assert_eq!(approve.code, Some(0), "{approve}");
    let apply = env.run(&["apply"]);
    assert_eq!(apply.code, Some(5), "{apply}");
    assert!(apply.stderr.contains("C408") && apply.stderr.trim_end().ends_with("cutover apply"), "{apply}");
    let status = env.run(&["status"]);
    for words in ["the completion is not whole", "`customer/c2c` is locked: MoveTablesComplete"] {
        assert!(flat(&status.stdout).contains(words), "{words}: {status}");
    }
}

#[test]
fn a_record_that_is_broken_or_gone_is_put_back_with_the_command_that_each_names() {
    let put_back = "cp ./.cutover/workflow.lock.last ./workflow.lock";
    let env = held("");
    let file = env.path().join("workflow.lock");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 10]).unwrap();
    let doctor = env.run(&["doctor"]);
    assert!(doctor.code == Some(4) && doctor.stdout.contains(&format!("Next\n  {put_back}\n")), "{doctor}");
    std::fs::remove_file(&file).unwrap();
    for (command, code) in [("doctor", 4), ("status", 0)] {
        let seen = env.run(&[command]);
        assert!(seen.code == Some(code) && seen.stdout.contains(&format!("Next\n  {put_back}\n")), "{seen}");
        assert!(flat(&seen.stdout).contains("gone, and this host wrote one here once"), "{seen}");
    }
}

#[test]
fn a_broken_plan_file_keeps_nobody_from_the_way_back() {
    let env = switched("");
    env.write("workflow.toml", format!("<<<<<<< HEAD\n{PLAN}"));
    let apply = env.run(&["apply"]);
    assert_eq!(apply.code, Some(65), "{apply}");
    // What a merge has left is one thing, and not an error of TOML for each of its lines.
    assert_eq!(apply.stderr.matches("C101").count(), 1, "{apply}");
    assert!(apply.stderr.contains("a merge has left its marks here") && apply.stderr.contains("workflow.toml:1:1"), "{apply}");
    let status = env.run(&["status"]);
    assert!(status.stdout.contains("Next\n  cutover validate\n"), "{status}");
    for command in ["status", "doctor", "switch-back"] {
        let seen = env.run(&[command]);
        assert_eq!(seen.code, Some(0), "{seen}");
        assert!(seen.stderr.contains("C101") && seen.stderr.contains("`apply` needs it mended"), "{seen}");
    }
    env.write("workflow.toml", PLAN.replace("target-keyspace = \"customer\"", "target-keyspace = \"commerce\""));
    let status = env.run(&["status"]);
    assert!(status.stdout.contains("SWITCHED BACK"), "a plan file that is refused is no other: {status}");
    env.write("workflow.toml", PLAN.replace(", \"item\"", ""));
    let status = env.run(&["status"]);
    assert!(flat(&status.stdout).contains("the plan file was edited, and `cutover apply` refuses it"), "{status}");
}

#[test]
fn a_primary_that_is_gone_is_the_first_thing_that_doctor_says() {
    for (keyspace, shard, tablet) in [("commerce", "0", "zone1-0000000100"), ("customer", "-80", "zone1-0000000200")] {
        let env = held(&format!(
            "[[goes-wrong]]\nwhat = \"tablet-down\"\nkeyspace = \"{keyspace}\"\nshard = \"{shard}\"\ntablet-type = \"primary\"\n\
             after-seconds = 5\nlasts-seconds = 50000\n"
        ));
        time_passes(&env, Duration::from_secs(30));
        let doctor = env.run(&["doctor"]);
        assert_eq!(doctor.code, Some(4), "{doctor}");
        let first = format!("SANDBOX NOT KNOWN: NO ANSWER from {tablet}, primary of `{keyspace}/{shard}`");
        assert!(flat(&doctor.stdout).starts_with(&first), "{doctor}");
        let next = format!("Next\n  vtctldclient EmergencyReparentShard {keyspace}/{shard}\n  cutover doctor\n");
        assert!(doctor.stdout.ends_with(&next), "{doctor}");
    }
}

#[test]
fn a_write_whose_end_nobody_saw_is_no_change_by_hand() {
    let env =
        held("[[goes-wrong]]\nwhat = \"kill-cutover\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 3\nafter-milliseconds = 50\n");
    let reads = env.run(&["apply", "--approve", "switch-replicas", "--reason", "x"]);
    assert_eq!(reads.code, Some(3), "{reads}");
    let killed = env.run(&["apply", "--approve", "switch-primary", "--reason", "x"]);
    assert_eq!(killed.code, None, "{killed}");
    let doctor = env.run(&["doctor"]);
    assert!(doctor.code == Some(5) && doctor.stdout.starts_with("SANDBOX BETWEEN STATES"), "{doctor}");
    assert_eq!(commands_named(&doctor), ["cutover apply --finish-only"], "{doctor}");
    let status = env.run(&["status"]);
    assert!(flat(&status.stdout).contains("nobody runs `cutover apply`, and what became of the last write"), "{status}");
    let finished = env.run(&["apply", "--finish-only"]);
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(env.run(&["doctor"]).code, Some(0));
}

#[test]
fn a_waiver_of_nothing_begins_no_movement() {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", WORLD);
    let waive = env.run(&["waive", "C310", "--reason", "x"]);
    assert!(waive.code == Some(4) && waive.stderr.contains("nothing with the code C310 blocks now"), "{waive}");
    assert!(!env.path().join("workflow.lock").exists(), "nothing is put on record");
    let apply = env.run(&["apply", "--until", "create"]);
    assert!(apply.stdout.contains("READY"), "the plan is shown before it begins: {apply}");
}

#[test]
fn what_was_waived_before_the_start_is_no_beginning() {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", format!("{WORLD}[routing-rules]\n\"corder\" = \"elsewhere.corder\"\n"));
    let waive = env.run(&["waive", "C208", "--reason", "agreed"]);
    assert_eq!(waive.code, Some(0), "{waive}");
    let finish = env.run(&["apply", "--finish-only"]);
    assert!(finish.code == Some(4) && finish.stderr.contains("nothing was begun from here"), "{finish}");
    let apply = env.run(&["apply", "--until", "create"]);
    assert!(apply.code == Some(0) && apply.stdout.contains("READY"), "the plan is shown before it begins: {apply}");
}

#[test]
fn a_record_that_is_gone_is_put_back_before_anything_else() {
    let env = switched("");
    std::fs::remove_file(env.path().join("workflow.lock")).unwrap();
    let back = "cp ./.cutover/workflow.lock.last ./workflow.lock";
    for command in [
        &["switch-back", "--reason", "x"][..],
        &["cancel", "--confirm", "c2c"],
        &["approve", "complete", "--reason", "x"],
        &["pause"],
        &["history"],
    ] {
        let output = env.run(command);
        assert!(output.code == Some(4) && flat(&output.stderr).contains(back), "{command:?}: {output}");
    }
    std::fs::copy(env.path().join(".cutover/workflow.lock.last"), env.path().join("workflow.lock")).unwrap();
    assert_eq!(env.run(&["switch-back", "--reason", "x"]).code, Some(0));
}

#[test]
fn a_plan_of_an_edit_that_apply_refuses_is_blocked() {
    let env = switched("");
    env.write("workflow.toml", PLAN.replace(", \"item\"", ""));
    let plan = env.run(&["plan", "--detailed-exitcode"]);
    let said = flat(&plan.stdout);
    assert!(plan.code == Some(4) && said.contains("C406 plan file") && said.contains("`item`"), "{plan}");
    assert!(said.contains("`cutover switch-back`, then `cutover cancel --confirm c2c`"), "{plan}");
    assert_eq!(env.run(&["apply"]).code, Some(7));
}
