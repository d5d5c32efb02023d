//! The actions in `.github/actions` and the workflows in `.github/examples`: what their steps run is run, with what a runner on GitHub
//! gives them, against the sandbox and a stand-in of GitHub's API.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::extract::{Path as At, State};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::support::TestEnv;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n\
                    [gates]\npolicy = \"auto-advance\"\n";
const SANDBOX: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 10\n\
                       [keyspaces.customer]\nshards = [\"0\"]\n";
/// What a pull request may hold, and no shell may run.
const HOSTILE: &str = "$(touch hacked)`touch hacked`;touch hacked";

/// A value of the runner's: `inputs.file`, `steps.plan.outputs.exitcode`.
type Values = BTreeMap<String, String>;

/// Comments of a pull request.
#[derive(Default, Clone)]
struct GitHub(Arc<Mutex<Vec<Value>>>);

impl GitHub {
    /// Serves the comments of pull request 7 of `o/r`, and gives the address.
    fn serve(&self) -> String {
        let router = Router::new()
            .route("/repos/o/r/issues/7/comments", get(list).post(add))
            .route("/repos/o/r/issues/comments/{id}", patch(edit))
            .with_state(self.clone());
        let (address, got) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                address.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        format!("http://{}", got.recv().unwrap())
    }

    fn write(&self, kind: &str, body: &str) {
        let mut comments = self.0.lock().unwrap();
        let id = comments.len() + 1;
        comments.push(json!({ "id": id, "user": { "type": kind }, "body": body }));
    }

    fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }
}

async fn list(State(github): State<GitHub>, query: axum::extract::RawQuery) -> Json<Value> {
    let page: usize = query.0.unwrap().split_once("&page=").unwrap().1.parse().unwrap();
    let comments = github.0.lock().unwrap();
    Json(comments.iter().skip((page - 1) * 100).take(100).cloned().collect())
}

async fn add(State(github): State<GitHub>, Json(comment): Json<Value>) {
    github.write("Bot", comment["body"].as_str().unwrap());
}

async fn edit(State(github): State<GitHub>, At(id): At<u64>, Json(comment): Json<Value>) {
    let mut comments = github.0.lock().unwrap();
    let found = comments.iter_mut().find(|comment| comment["id"] == id).unwrap();
    assert_eq!(found["user"]["type"], "Bot", "nobody's words are overwritten");
    found["body"] = comment["body"].clone();
}

/// A job under way.
struct Runner<'a> {
    env: &'a TestEnv,
    values: Values,
    has_failed: bool,
    /// What the steps printed.
    log: String,
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// With each `${{ NAME }}` replaced by its value.
fn filled(words: &str, values: &Values) -> String {
    let mut parts = words.split("${{");
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap();
        // What a runner doesn't know is empty.
        filled.push_str(values.get(name.trim()).map_or("", String::as_str));
        filled.push_str(rest);
    }
    filled
}

impl<'a> Runner<'a> {
    fn new(env: &'a TestEnv, github: &str) -> Self {
        let values = [("github.event.pull_request.number", "7"), ("github.token", "t0ken"), ("api", github)];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { env, values, has_failed: false, log: String::new() }
    }

    /// Runs the one job of a workflow.
    fn run_workflow(&mut self, name: &str) {
        let workflow = yaml(&Path::new(ROOT).join(".github/examples").join(name));
        let jobs = workflow["jobs"].as_object().unwrap();
        let [job] = jobs.values().collect::<Vec<_>>()[..] else { panic!("one job") };
        for step in job["steps"].as_array().unwrap() {
            self.run_step(step);
        }
    }

    fn run_step(&mut self, step: &Value) {
        if !self.is_wanted(step["if"].as_str()) {
            return;
        }
        let id = step["id"].as_str().unwrap_or("-");
        let (ok, outputs) = match step["uses"].as_str() {
            Some(uses) => match uses.strip_prefix("./.github/actions/") {
                Some(action) => self.run_action(action, step),
                None => (true, Values::new()),
            },
            None => self.run_shell(step, &Values::new()),
        };
        self.has_failed |= !ok;
        let outcome = if ok { "success" } else { "failure" };
        self.values.insert(format!("steps.{id}.outcome"), outcome.to_owned());
        self.values.extend(outputs.into_iter().map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value)));
    }

    fn is_wanted(&self, condition: Option<&str>) -> bool {
        match condition {
            None => !self.has_failed,
            Some("always()") => true,
            Some("always() && steps.plan.outcome == 'success'") => {
                self.values.get("steps.plan.outcome").is_some_and(|outcome| outcome == "success")
            }
            Some(other) => panic!("{other}"),
        }
    }

    fn run_action(&mut self, name: &str, step: &Value) -> (bool, Values) {
        let folder = Path::new(ROOT).join(".github/actions").join(name);
        let action = yaml(&folder.join("action.yml"));
        let mut values: Values = [("github.action_path".to_owned(), folder.display().to_string())].into();
        for (input, about) in action["inputs"].as_object().unwrap() {
            let given = step["with"].get(input).map(|value| filled(&text(value), &self.values));
            let value = given.or_else(|| about.get("default").map(text));
            values.insert(format!("inputs.{input}"), value.unwrap_or_else(|| panic!("{name} wants {input}")));
        }
        let unknown = step["with"].as_object().unwrap().keys().find(|input| action["inputs"].get(*input).is_none());
        assert_eq!(unknown, None, "{name} knows no such input");
        let [inner] = &action["runs"]["steps"].as_array().unwrap()[..] else { panic!("one step") };
        let mut with_env = inner.clone();
        if let Some(outer) = step["env"].as_object() {
            for (name, value) in outer {
                with_env["env"][name] = json!(filled(&text(value), &self.values));
            }
        }
        let (ok, of_step) = self.run_shell(&with_env, &values);
        let id = inner["id"].as_str().unwrap_or("-");
        let of_step: Values = of_step.into_iter().map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value)).collect();
        let outputs = action["outputs"].as_object().into_iter().flatten();
        (ok, outputs.map(|(name, about)| (name.clone(), filled(&text(&about["value"]), &of_step))).collect())
    }

    /// As a runner does it: the environment alone carries values, and outputs come back in a file.
    fn run_shell(&mut self, step: &Value, more: &Values) -> (bool, Values) {
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "a value would become a part of the command: {script}");
        let mut values = self.values.clone();
        values.extend(more.clone());
        let output_file = self.env.path().join("github.output");
        fs::write(&output_file, "").unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_cutover")).parent().unwrap();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.env.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()))
            .env("HOME", self.env.path())
            .env("CUTOVER_SANDBOX_CLOCK", "jump")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTOR", "morgan")
            .env("GITHUB_API_URL", &self.values["api"])
            .env("GITHUB_REPOSITORY", "o/r")
            .env("GITHUB_OUTPUT", &output_file)
            .env("GITHUB_STEP_SUMMARY", self.env.path().join("summary.md"));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, filled(&text(value), &values));
        }
        let ran = command.output().unwrap();
        self.log.push_str(&String::from_utf8_lossy(&ran.stdout));
        self.log.push_str(&String::from_utf8_lossy(&ran.stderr));
        let outputs = fs::read_to_string(&output_file).unwrap();
        let outputs = outputs.lines().filter_map(|line| line.split_once('='));
        (ran.status.success(), outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn output(&self, name: &str) -> &str {
        self.values.get(&format!("steps.{name}")).map_or("", String::as_str)
    }
}

fn environment(plan: &str, sandbox: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write("workflow.toml", plan);
    env.write("sandbox.toml", sandbox);
    env
}

#[test]
fn a_pull_request_has_one_comment_that_is_kept_up_to_date() {
    let env = environment(PLAN, SANDBOX);
    let github = GitHub::default();
    let address = github.serve();
    for number in 0..130 {
        github.write("User", &format!("comment {number}"));
    }
    let mut runner = Runner::new(&env, &address);
    runner.run_workflow("plan.yml");
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
    let mut runner = Runner::new(&env, &address);
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
    let mut runner = Runner::new(&env, &github.serve());
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
    let mut runner = Runner::new(&env, &github.serve());
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
    let env = environment(PLAN, SANDBOX);
    let mut runner = Runner::new(&env, "http://127.0.0.1:1");
    runner.values.insert("inputs.until".into(), "verify".into());
    runner.run_workflow("apply.yml");
    assert!(!runner.has_failed, "{}", runner.log);
    assert_eq!(runner.output("apply.outputs.exitcode"), "0");
    assert!(env.run(&["status"]).stdout.contains("at switch-replicas"), "{}", runner.log);

    runner.values.insert("inputs.until".into(), "complete".into());
    runner.run_workflow("apply.yml");
    assert_eq!(runner.output("apply.outputs.exitcode"), "3", "{}", runner.log);
    assert!(!runner.has_failed, "a hold is no failure: {}", runner.log);
}

#[test]
fn what_a_killed_job_left_half_done_is_finished_by_its_last_step() {
    let trouble = "[[goes-wrong]]\nwhat = \"kill-cutover\"\ncall = \"ApplyRoutingRules\"\n\
                   [[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 3\nstep = \"create-journal\"\n";
    let env = environment(PLAN, &format!("{SANDBOX}{trouble}"));
    let mut runner = Runner::new(&env, "http://127.0.0.1:1");
    runner.values.insert("inputs.until".into(), "switch-primary".into());
    runner.run_workflow("apply.yml");
    assert!(runner.has_failed, "its own code says that it was killed: {}", runner.log);
    let again = env.run(&["apply", "--finish-only"]);
    assert!(again.stderr.contains("nothing stands half way"), "{again}\n{}", runner.log);
}
