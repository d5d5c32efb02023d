//! The actions in `.github/actions` and the workflows in `.github/examples`: what their steps run is run, with what a runner on GitHub
//! gives them, against the sandbox and a stand-in of GitHub's API.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::extract::{Path as At, State};
use axum::routing::{get, patch};
use axum::{Json, Router};
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

/// A value of the runner's: `inputs.file`, `steps.plan.outputs.exitcode`.
type Values = BTreeMap<String, String>;

/// The files of an artifact, by their paths in it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What GitHub keeps of the repository `o/r`.
#[derive(Default, Clone)]
struct GitHub(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// Of pull request 7.
    comments: Vec<Value>,
    /// The workflow of each run; a run's id is its place, from 1.
    runs: Vec<String>,
    artifacts: BTreeMap<(usize, String), Files>,
}

impl GitHub {
    /// Serves it, and gives the address.
    fn serve(&self) -> String {
        let router = Router::new()
            .route("/repos/o/r/issues/7/comments", get(list).post(add))
            .route("/repos/o/r/issues/comments/{id}", patch(edit))
            .route("/repos/o/r/actions/workflows/{name}/runs", get(runs))
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
        let comments = &mut self.0.lock().unwrap().comments;
        let id = comments.len() + 1;
        comments.push(json!({ "id": id, "user": { "type": kind }, "body": body }));
    }

    fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().comments.iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }

    fn begin(&self, workflow: &str) -> usize {
        let runs = &mut self.0.lock().unwrap().runs;
        runs.push(workflow.to_owned());
        runs.len()
    }

    fn last_run(&self) -> String {
        self.0.lock().unwrap().runs.len().to_string()
    }
}

async fn list(State(github): State<GitHub>, query: axum::extract::RawQuery) -> Json<Value> {
    let page: usize = query.0.unwrap().split_once("&page=").unwrap().1.parse().unwrap();
    let comments = &github.0.lock().unwrap().comments;
    Json(comments.iter().skip((page - 1) * 100).take(100).cloned().collect())
}

async fn add(State(github): State<GitHub>, Json(comment): Json<Value>) {
    github.write("Bot", comment["body"].as_str().unwrap());
}

async fn edit(State(github): State<GitHub>, At(id): At<u64>, Json(comment): Json<Value>) {
    let comments = &mut github.0.lock().unwrap().comments;
    let found = comments.iter_mut().find(|comment| comment["id"] == id).unwrap();
    assert_eq!(found["user"]["type"], "Bot", "nobody's words are overwritten");
    found["body"] = comment["body"].clone();
}

/// Newest first. The newest is a fork's, whose branch is called as ours: it could have put anything into its artifact.
async fn runs(State(github): State<GitHub>, At(name): At<String>) -> Json<Value> {
    let kept = github.0.lock().unwrap();
    let of = |id: usize, event: &str, repository: &str| json!({ "id": id, "event": event, "head_branch": "main", "head_repository": { "full_name": repository } });
    let ours = kept.runs.iter().enumerate().rev().filter(|(_, workflow)| **workflow == name);
    let all: Vec<Value> =
        std::iter::once(of(99, "pull_request", "fork/r")).chain(ours.map(|(place, _)| of(place + 1, "push", "o/r"))).collect();
    Json(json!({ "workflow_runs": all }))
}

/// A run of a workflow, on a machine that has a checkout.
struct Runner<'a> {
    env: &'a TestEnv,
    github: &'a GitHub,
    values: Values,
    run: usize,
    /// Of the job, and when all are done, of any.
    has_failed: bool,
    /// The machine is gone after the step of this id.
    vanishes_after: Option<&'static str>,
    /// The jobs that were not skipped.
    jobs: Vec<String>,
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
    fn new(env: &'a TestEnv, github: &'a GitHub) -> Self {
        let values = [
            ("github.event.pull_request.number", "7"),
            ("github.event.pull_request.head.repo.full_name", "o/r"),
            ("github.event.repository.default_branch", "main"),
            ("github.repository", "o/r"),
            ("github.token", "t0ken"),
            ("api", &github.serve()),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (vanishes_after, jobs, log) = (None, Vec::new(), String::new());
        Self { env, github, values, run: 0, has_failed: false, vanishes_after, jobs, log }
    }

    fn give(&mut self, values: &[(&str, &str)]) {
        self.values.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// Runs the jobs of a workflow, each once for every value of its matrix.
    fn run_workflow(&mut self, name: &str) {
        let workflow = yaml(&Path::new(ROOT).join(".github/examples").join(name));
        self.run = self.github.begin(name);
        let mut any_has_failed = false;
        for (id, job) in workflow["jobs"].as_object().unwrap() {
            if let Some(needed) = job["needs"].as_str() {
                let result = self.values.get(&format!("needs.{needed}.result"));
                if result.is_none_or(|result| result != "success") {
                    continue;
                }
            }
            if !job["if"].as_str().is_none_or(|condition| self.holds(condition)) {
                continue;
            }
            self.jobs.push(id.clone());
            for file in self.matrix(job) {
                self.values.retain(|name, _| !name.starts_with("steps."));
                self.values.insert("matrix.file".into(), file);
                self.run_job(job);
                any_has_failed |= self.has_failed;
            }
            let result = if self.has_failed { "failure" } else { "success" };
            self.values.insert(format!("needs.{id}.result"), result.into());
            for (output, value) in job["outputs"].as_object().into_iter().flatten() {
                let value = filled(&text(value), &self.values);
                self.values.insert(format!("needs.{id}.outputs.{output}"), value);
            }
        }
        self.has_failed = any_has_failed;
    }

    /// The plan files that a job runs for; of a job without a matrix, one that has no name.
    fn matrix(&self, job: &Value) -> Vec<String> {
        let Some(files) = job["strategy"]["matrix"]["file"].as_str() else { return vec![String::new()] };
        let name = files.strip_prefix("${{ fromJSON(").and_then(|rest| rest.strip_suffix(") }}")).unwrap();
        serde_json::from_str(&self.values[name]).unwrap()
    }

    fn run_job(&mut self, job: &Value) {
        self.has_failed = false;
        for step in job["steps"].as_array().unwrap() {
            self.run_step(step);
            if self.vanishes_after.is_some_and(|id| step["id"] == id) {
                return;
            }
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
                None => (self.stand_in(uses, step), Values::new()),
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
            Some(other) => panic!("{other}"),
        }
    }

    /// `A == B && C != 'd'`; what a runner doesn't know is empty.
    fn holds(&self, condition: &str) -> bool {
        let value = |word: &str| match word.trim().strip_prefix('\'') {
            Some(literal) => literal.strip_suffix('\'').unwrap().to_owned(),
            None => self.values.get(word.trim()).cloned().unwrap_or_default(),
        };
        condition.split("&&").all(|part| match (part.split_once("=="), part.split_once("!=")) {
            (Some((one, other)), _) => value(one) == value(other),
            (_, Some((one, other))) => value(one) != value(other),
            _ => panic!("{part}"),
        })
    }

    /// What GitHub's own actions do, as far as the workflows need it.
    fn stand_in(&mut self, uses: &str, step: &Value) -> bool {
        let with = |name: &str| step["with"].get(name).map(|value| filled(&text(value), &self.values)).unwrap_or_default();
        let (workspace, name, path) = (self.env.path(), with("name"), with("path"));
        match uses.split_once('@').unwrap().0 {
            // What a former run has left there is no part of it.
            "actions/checkout" => {
                for file in ["plan.json", "plan.md"] {
                    fs::remove_file(workspace.join(file)).ok();
                }
                fs::remove_dir_all(workspace.join("snapshots")).ok();
                true
            }
            "actions/upload-artifact" => {
                let files = files_of(&workspace.join(path));
                let is_none = files.is_empty();
                if !is_none {
                    assert!(!name.is_empty() && !name.contains(['/', '\\', ':', '\n']), "no name for an artifact: {name}");
                    let former = self.github.0.lock().unwrap().artifacts.insert((self.run, name), files);
                    assert!(former.is_none(), "an artifact of a run is never replaced");
                }
                !is_none || with("if-no-files-found") != "error"
            }
            "actions/download-artifact" => {
                // Without a token only the artifacts of this run can be had, whatever `run-id` says.
                let run = if with("github-token").is_empty() { self.run } else { with("run-id").parse().unwrap_or(0) };
                let found = self.github.0.lock().unwrap().artifacts.get(&(run, name)).cloned();
                for (file, bytes) in found.iter().flatten() {
                    self.env.write(Path::new(&path).join(file).to_str().unwrap(), bytes);
                }
                found.is_some()
            }
            other => panic!("{other}"),
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
        let mut variables: Values = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", "morgan"),
            ("GITHUB_API_URL", &self.values["api"]),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_OUTPUT", output_file.to_str().unwrap()),
            ("GITHUB_STEP_SUMMARY", self.env.path().join("summary.md").to_str().unwrap()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let of_step = step["env"].as_object().into_iter().flatten();
        variables.extend(of_step.map(|(name, value)| (name.clone(), filled(&text(value), &values))));
        let ran = bash(self.env, script, &variables);
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

/// As runners start it, with the sandbox's time that jumps.
fn bash(env: &TestEnv, script: &str, variables: &Values) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_cutover")).parent().unwrap();
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(env.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()))
        .env("HOME", env.path())
        .env("CUTOVER_SANDBOX_CLOCK", "jump")
        .envs(variables)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A file, or all files below a folder, with the paths that they have in an artifact.
fn files_of(path: &Path) -> Files {
    let mut files = Files::new();
    let mut paths = vec![path.to_owned()];
    while let Some(next) = paths.pop() {
        if next.is_dir() {
            paths.extend(fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()));
        } else if next.is_file() {
            let root = if path.is_dir() { path } else { path.parent().unwrap() };
            files.insert(next.strip_prefix(root).unwrap().to_owned(), fs::read(&next).unwrap());
        }
    }
    files
}

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
