//! The actions in `.github/actions` and the workflows in `.github/examples`: what their steps run is run, with what a runner on GitHub
//! gives them, against the sandbox and a stand-in of GitHub's API.

mod github;
mod runner;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use github::{Files, GitHub};
use runner::{Runner, Values, bash, files_of, text, yaml};
use serde_json::{Value, json};

use crate::support::console::blocks;
use crate::support::{TestEnv, sandbox_of};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n\
                    [gates]\npolicy = \"auto-advance\"\n";
const SANDBOX: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 10\n\
                       [keyspaces.customer]\nshards = [\"0\"]\n";
/// What a pull request may hold, and no shell may run.
const HOSTILE: &str = "$(touch hacked)`touch hacked`;touch hacked";

/// A repository whose last commit, for GitHub the merge of the pull request, changes these two files.
fn environment(plan: &str, sandbox: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    git(&env, &["init", "--quiet"]);
    commit(&env);
    env.write("workflow.toml", plan);
    env.write("sandbox.toml", sandbox);
    commit(&env);
    env
}

fn commit(env: &TestEnv) {
    git(env, &["add", "--all"]);
    git(env, &["commit", "--quiet", "--allow-empty", "--message", "change"]);
}

fn git(env: &TestEnv, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=morgan", "-c", "user.email=morgan@example.com"]).args(arguments).current_dir(env.path());
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", env.path());
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

/// The last commit.
fn head(env: &TestEnv) -> String {
    fs::read_to_string(env.path().join(".git/HEAD")).map(|head| head.trim().trim_start_matches("ref: ").to_owned()).map_or_else(
        |why| panic!("{why}"),
        |name| fs::read_to_string(env.path().join(".git").join(name)).unwrap().trim().to_owned(),
    )
}

/// The plan that a person approves is made; gives the run that it is an artifact of.
fn planned(env: &TestEnv, github: &GitHub) -> String {
    Runner::new(env, github).run_workflow("plan.yml");
    github.last_run()
}

/// Somebody starts `apply.yml` with the plan of a run.
fn applying<'a>(env: &'a TestEnv, github: &'a GitHub, run: &str, until: &str) -> Runner<'a> {
    let mut runner = Runner::new(env, github);
    runner.give(&[("inputs.run-id", run), ("inputs.file", "workflow.toml"), ("inputs.until", until)]);
    runner
}

#[test]
fn a_pull_request_has_one_comment_that_is_kept_up_to_date() {
    let env = environment(PLAN, SANDBOX);
    let github = GitHub::default();
    for number in 0..130 {
        github.write("User", &format!("comment {number}"));
    }
    let mut runner = Runner::new(&env, &github);
    runner.run_workflow("plan.yml");
    assert_eq!(runner.jobs, ["changed", "plan"]);
    assert!(!runner.has_failed, "{}", runner.log);
    assert_eq!((runner.output("plan.outputs.exitcode"), runner.output("plan.outputs.verdict")), ("2", "ready"));
    let saved: Value = serde_json::from_str(&fs::read_to_string(env.path().join("plan.json")).unwrap()).unwrap();
    assert_eq!(runner.output("plan.outputs.digest"), saved["digest"].as_str().unwrap());
    let first = github.bodies().pop().unwrap();
    assert!(first.starts_with("<!-- cutover plan ") && first.contains("c2c"), "{first}");
    assert_eq!(github.bodies().len(), 131);
    // Somebody quotes it: that is theirs.
    github.write("User", &first);

    env.write("workflow.toml", PLAN.replace("corder", "nowhere"));
    commit(&env);
    let mut runner = Runner::new(&env, &github);
    runner.run_workflow("plan.yml");
    assert!(runner.has_failed, "{}", runner.log);
    assert_eq!((runner.output("plan.outputs.exitcode"), runner.output("plan.outputs.verdict")), ("4", "blocked"));
    assert!(runner.log.contains("::error file=workflow.toml"), "{}", runner.log);
    let bodies = github.bodies();
    assert_eq!(bodies.len(), 132, "it was edited");
    assert!(bodies[130].contains("nowhere") && bodies[131] == first, "{}", bodies[130]);
    let summary = fs::read_to_string(env.path().join("summary.md")).unwrap();
    assert_eq!(summary.matches("c2c").next(), Some("c2c"), "{summary}");
}

#[test]
fn a_file_that_is_no_plan_has_a_comment_too_and_no_digest() {
    let env = environment("version = 1\nworkflow = \n", SANDBOX);
    let github = GitHub::default();
    let mut runner = Runner::new(&env, &github);
    runner.run_workflow("plan.yml");
    assert!(runner.has_failed);
    assert_eq!((runner.output("plan.outputs.exitcode"), runner.output("plan.outputs.digest")), ("65", ""));
    let bodies = github.bodies();
    assert!(bodies.len() == 1 && bodies[0].contains("There is no plan"), "{bodies:?}");
}

#[test]
fn inputs_never_become_a_part_of_a_command() {
    let env = environment(PLAN, SANDBOX);
    let github = GitHub::default();
    let mut runner = Runner::new(&env, &github);
    for action in ["plan", "comment"] {
        let folder = Path::new(ROOT).join(".github/actions").join(action);
        let inputs = yaml(&folder.join("action.yml"))["inputs"].clone();
        let keeps = ["program", "folder"];
        let with: serde_json::Map<String, Value> = inputs
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, about)| {
                let value = if keeps.contains(&name.as_str()) { text(&about["default"]) } else { HOSTILE.to_owned() };
                (name.clone(), json!(value))
            })
            .collect();
        runner.run_step(&json!({ "if": "always()", "uses": format!("./.github/actions/{action}"), "with": with }));
    }
    assert!(!env.path().join("hacked").exists(), "{}", runner.log);
    assert!(runner.log.contains("the number of the pull request is"), "{}", runner.log);
}

#[test]
fn an_approved_plan_is_applied_to_its_hold() {
    let (env, github) = (environment(PLAN, SANDBOX), GitHub::default());
    let run = planned(&env, &github);
    let mut runner = applying(&env, &github, &run, "verify");
    runner.run_workflow("apply.yml");
    assert!(!runner.has_failed, "{}", runner.log);
    assert_eq!(runner.output("apply.outputs.exitcode"), "0");
    assert!(env.run(&["status"]).stdout.contains("at switch-replicas"), "{}", runner.log);

    let mut runner = applying(&env, &github, &run, "complete");
    runner.run_workflow("apply.yml");
    assert_eq!(runner.output("apply.outputs.exitcode"), "3", "{}", runner.log);
    assert!(!runner.has_failed, "a hold is no failure: {}", runner.log);
}

#[test]
fn what_moved_since_the_plan_was_approved_is_named_and_nothing_is_applied() {
    let (env, github) = (environment(PLAN, SANDBOX), GitHub::default());
    let run = planned(&env, &github);
    sandbox_of(&env).add_column("commerce", "corder", "note").unwrap();
    let mut runner = applying(&env, &github, &run, "verify");
    runner.run_workflow("apply.yml");
    assert!(runner.has_failed, "{}", runner.log);
    assert_eq!(runner.output("apply.outputs.exitcode"), "7", "{}", runner.log);
    assert!(runner.log.contains("STALE") && runner.log.contains("`note`"), "{}", runner.log);
    assert!(!env.path().join("workflow.lock").exists(), "nothing was begun");
}

/// vtctld dies in the switch of the writes, and `cutover` when it would go on from there.
const BOTH_DIE: &str = "[[goes-wrong]]\nwhat = \"kill-cutover\"\ncall = \"ApplyRoutingRules\"\n\
                        [[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 3\nstep = \"create-journal\"\n";

#[test]
fn what_a_killed_job_left_half_done_is_finished_by_its_last_step() {
    let (env, github) = (environment(PLAN, &format!("{SANDBOX}{BOTH_DIE}")), GitHub::default());
    let run = planned(&env, &github);
    let mut runner = applying(&env, &github, &run, "switch-primary");
    runner.run_workflow("apply.yml");
    assert!(runner.has_failed, "its own code says that it was killed: {}", runner.log);
    let again = env.run(&["apply", "--finish-only"]);
    assert!(again.stderr.contains("nothing stands half way"), "{again}\n{}", runner.log);
}

/// The machine vanished with the job, so nothing ran after the kill; of the next run nothing but the last step does.
#[test]
fn what_a_vanished_runner_left_between_states_is_finished_by_the_next_run_whatever_fails_in_it() {
    let (env, github) = (environment(PLAN, &format!("{SANDBOX}{BOTH_DIE}")), GitHub::default());
    let run = planned(&env, &github);
    let mut vanished = applying(&env, &github, &run, "switch-primary");
    vanished.vanishes_after = Some("apply");
    vanished.run_workflow("apply.yml");
    let doctor = env.run(&["doctor"]);
    assert_eq!(doctor.code, Some(5), "{doctor}\n{}", vanished.log);

    let mut runner = applying(&env, &github, "404", "switch-primary");
    runner.run_workflow("apply.yml");
    assert!(runner.has_failed, "there is no such plan: {}", runner.log);
    assert_eq!(runner.output("apply.outcome"), "", "it was skipped");
    let doctor = env.run(&["doctor"]);
    assert!(doctor.code != Some(5) && doctor.stdout.contains("go to `customer`"), "{doctor}\n{}", runner.log);
}

/// A plan file of another movement than the one at the root.
fn late() -> String {
    PLAN.replace("c2c", "late").replace("corder", "invoice")
}

const LATE_SANDBOX: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.invoice]\nrows = 10\n\
                            [keyspaces.customer]\nshards = [\"0\"]\n";

#[test]
fn a_changed_plan_file_in_a_subfolder_is_planned_and_applied_and_no_other() {
    let (env, github) = (environment(PLAN, SANDBOX), GitHub::default());
    env.write("moves/late/workflow.toml", late());
    env.write("moves/late/sandbox.toml", LATE_SANDBOX);
    commit(&env);
    let mut runner = Runner::new(&env, &github);
    runner.run_workflow("plan.yml");
    assert!(!runner.has_failed, "{}", runner.log);
    let bodies = github.bodies();
    assert!(bodies.len() == 1 && bodies[0].contains("`late`"), "{bodies:?}");

    let mut runner = applying(&env, &github, &github.last_run(), "verify");
    runner.give(&[("inputs.file", "moves/late/workflow.toml")]);
    runner.run_workflow("apply.yml");
    assert_eq!(runner.output("apply.outputs.exitcode"), "0", "{}", runner.log);
    assert!(env.path().join("moves/late/workflow.lock").exists() && !env.path().join("workflow.lock").exists());

    env.write("moves/late/workflow.toml", late().replace("version = 1\n", "version = 1\n# a note\n"));
    env.write("workflow.toml", PLAN.replace("corder", "nowhere"));
    commit(&env);
    let mut runner = Runner::new(&env, &github);
    runner.run_workflow("plan.yml");
    assert!(runner.has_failed, "one of both is blocked: {}", runner.log);
    let bodies = github.bodies();
    assert!(bodies.len() == 2 && bodies.iter().any(|body| body.contains("nowhere")), "one comment a plan file: {bodies:?}");

    env.write("notes.txt", "no plan file");
    commit(&env);
    let mut runner = Runner::new(&env, &github);
    runner.run_workflow("plan.yml");
    assert_eq!(runner.jobs, ["changed"], "{}", runner.log);
}

#[test]
fn a_folder_has_one_comment_and_no_saved_plan() {
    let (env, github) = (environment(PLAN, SANDBOX), GitHub::default());
    env.write("moves/late/workflow.toml", late());
    env.write("moves/late/sandbox.toml", LATE_SANDBOX);
    let mut runner = Runner::new(&env, &github);
    runner.run_step(&json!({ "id": "plan", "uses": "./.github/actions/plan", "with": { "file": "." } }));
    assert!(!runner.has_failed, "{}", runner.log);
    let outputs = ["exitcode", "verdict", "digest"].map(|name| runner.output(&format!("plan.outputs.{name}")).to_owned());
    assert_eq!(outputs, ["2", "ready", ""]);
    let comment = fs::read_to_string(env.path().join("plan.md")).unwrap();
    assert!(comment.contains("`c2c`") && comment.contains("`late`"), "{comment}");
    assert!(!env.path().join("plan.json").exists());
}

#[test]
fn a_pull_request_from_a_fork_is_planned_from_what_a_trusted_job_has_read() {
    let (trusted, github) = (environment(PLAN, SANDBOX), GitHub::default());
    let mut runner = Runner::new(&trusted, &github);
    runner.run_workflow("snapshot.yml");
    assert!(!runner.has_failed, "{}", runner.log);

    // The fork's machine reaches no cluster.
    let fork = environment(PLAN, "");
    fs::remove_file(fork.path().join("sandbox.toml")).unwrap();
    let mut runner = Runner::new(&fork, &github);
    runner.give(&[("github.event.pull_request.head.repo.full_name", "fork/r")]);
    runner.run_workflow("plan.yml");
    assert_eq!(runner.jobs, ["changed", "fork"]);
    assert!(!runner.has_failed, "{}", runner.log);
    assert_eq!((runner.output("plan.outputs.exitcode"), runner.output("plan.outputs.verdict")), ("2", "ready"));
    let page = fs::read_to_string(fork.path().join("summary.md")).unwrap();
    assert!(page.contains("`c2c`"), "{page}");
    assert!(github.bodies().is_empty(), "it may write none");
    assert!(!fork.path().join(".cutover").exists(), "no cluster was asked, not even the sandbox");
    let job = &yaml(&Path::new(ROOT).join(".github/examples/plan.yml"))["jobs"]["fork"];
    let words = job.to_string();
    assert!(!words.contains("secrets.") && !words.contains("vars.") && job["environment"].is_null(), "no credential: {words}");
    assert_eq!(job["runs-on"], "ubuntu-latest", "code of others runs on no host of ours");
}

#[test]
fn what_was_merged_from_a_fork_is_planned_on_the_cluster_and_can_be_applied() {
    let (env, github) = (environment(PLAN, SANDBOX), GitHub::default());
    let before = head(&env);
    // One push brings several commits: a merge that keeps each of them.
    env.write("moves/late/workflow.toml", late());
    env.write("moves/late/sandbox.toml", LATE_SANDBOX);
    commit(&env);
    env.write("README", "more");
    commit(&env);
    let mut runner = Runner::new(&env, &github);
    runner.give(&[("github.event.before", &before)]);
    runner.run_workflow("merged.yml");
    assert!(!runner.has_failed && runner.jobs == ["changed", "plan"], "{}", runner.log);
    let page = fs::read_to_string(env.path().join("summary.md")).unwrap();
    assert!(page.contains("`late`") && !page.contains("`c2c`"), "{page}");
    assert!(github.bodies().is_empty(), "there is no pull request to write to");

    let mut runner = applying(&env, &github, &github.last_run(), "verify");
    runner.give(&[("inputs.file", "moves/late/workflow.toml")]);
    runner.run_workflow("apply.yml");
    assert_eq!(runner.output("apply.outputs.exitcode"), "0", "{}", runner.log);
    assert!(env.path().join("moves/late/workflow.lock").exists());
}

/// The one block of the README in this language that has these words.
fn block(language: &str, words: &str) -> String {
    let page = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let found: Vec<String> = blocks(&page, language).into_iter().filter(|block| block.contains(words)).collect();
    let [block] = &found[..] else { panic!("{found:?}") };
    block.clone()
}

#[test]
fn the_shell_of_the_readme_tells_a_ready_plan_from_a_blocked_one_and_from_none() {
    let script = block("sh", "cutover validate");
    for (plan, code, words) in [
        (PLAN.to_owned(), 0, "ready: plan.txt says what would change"),
        (PLAN.replace("corder", "nowhere"), 1, "C203 commerce.nowhere: "),
        ("version = 1\n".to_owned(), 65, "workflow.toml"),
    ] {
        let env = environment(&plan, SANDBOX);
        let ran = bash(&env, &script, &Values::new());
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert_eq!(ran.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{words}: {said}");
        let files = ["plan.txt", "plan.md"].map(|file| env.path().join(file).metadata().is_ok_and(|file| file.len() > 0));
        assert_eq!(files, [code != 65; 2], "{said}");
    }
}

/// The jobs of a pipeline on GitLab, by what started it.
fn jobs(pipeline: &Value, is_merge_request: bool) -> BTreeMap<&str, &Value> {
    let starts = |rule: &Value| match rule["if"].as_str().unwrap() {
        "$CI_PIPELINE_SOURCE == \"merge_request_event\"" => is_merge_request,
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" => !is_merge_request,
        other => panic!("{other}"),
    };
    let all = pipeline.as_object().unwrap().iter().map(|(name, job)| (name.as_str(), job));
    all.filter(|(_, job)| job["rules"].as_array().unwrap().iter().any(starts)).collect()
}

/// Each line of a job, in one shell that ends at the first that fails. Its code must be none that fails the job.
fn run_on_gitlab(env: &TestEnv, job: &Value, part: &str) {
    let lines: Vec<&str> = job[part].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let ran = bash(env, &lines.join("\n"), &Values::new());
    let code = ran.status.code().unwrap();
    let allowed = job["allow_failure"]["exit_codes"].as_array().unwrap();
    assert!(code == 0 || allowed.contains(&json!(code)), "{ran:?}");
}

#[test]
fn the_pipeline_for_gitlab_applies_what_the_plan_of_the_same_pipeline_shows() {
    let pipeline: Value = serde_saphyr::from_str(&block("yaml", "resource_group")).unwrap();
    let env = environment(PLAN, SANDBOX);
    let of_merge_request = jobs(&pipeline, true);
    assert_eq!(of_merge_request.keys().collect::<Vec<_>>(), [&"plan"], "nothing is applied before it is merged");
    run_on_gitlab(&env, of_merge_request["plan"], "script");

    let of_branch = jobs(&pipeline, false);
    let apply = of_branch["apply"];
    assert!(apply["rules"].as_array().unwrap().iter().all(|rule| rule["when"] == "manual"), "{apply}");
    let mut artifacts = Files::new();
    // None of another pipeline's.
    for file in ["plan.json", "plan.md"] {
        fs::remove_file(env.path().join(file)).unwrap();
    }
    for needed in apply["needs"].as_array().unwrap() {
        let job = of_branch[needed.as_str().unwrap()];
        run_on_gitlab(&env, job, "script");
        for path in job["artifacts"]["paths"].as_array().unwrap() {
            artifacts.extend(files_of(&env.path().join(path.as_str().unwrap())));
        }
    }
    for file in ["plan.json", "plan.md"] {
        fs::remove_file(env.path().join(file)).unwrap();
    }
    for (path, bytes) in &artifacts {
        env.write(path.to_str().unwrap(), bytes);
    }
    run_on_gitlab(&env, apply, "script");
    run_on_gitlab(&env, apply, "after_script");
    let doctor = env.run(&["doctor"]);
    assert!(doctor.stdout.contains("go to `customer`"), "{doctor}");
}
