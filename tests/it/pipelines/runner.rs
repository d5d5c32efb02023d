//! A runner of workflows: what their steps run is run, in a checkout.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::ROOT;
use super::github::{Files, GitHub};
use crate::support::TestEnv;

/// A value of the runner's: `inputs.file`, `steps.plan.outputs.exitcode`.
pub type Values = BTreeMap<String, String>;

/// A run of a workflow, on a machine that has a checkout.
pub struct Runner<'a> {
    pub env: &'a TestEnv,
    pub github: &'a GitHub,
    pub values: Values,
    pub run: usize,
    /// Of the job, and when all are done, of any.
    pub has_failed: bool,
    /// The machine is gone after the step of this id.
    pub vanishes_after: Option<&'static str>,
    /// The jobs that were not skipped.
    pub jobs: Vec<String>,
    /// What the steps printed.
    pub log: String,
}

pub fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// With each `${{ NAME }}` replaced by its value.
pub fn filled(words: &str, values: &Values) -> String {
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
    pub fn new(env: &'a TestEnv, github: &'a GitHub) -> Self {
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

    pub fn give(&mut self, values: &[(&str, &str)]) {
        self.values.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// Runs the jobs of a workflow, each once for every value of its matrix.
    pub fn run_workflow(&mut self, name: &str) {
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
    pub fn matrix(&self, job: &Value) -> Vec<String> {
        let Some(files) = job["strategy"]["matrix"]["file"].as_str() else { return vec![String::new()] };
        let name = files.strip_prefix("${{ fromJSON(").and_then(|rest| rest.strip_suffix(") }}")).unwrap();
        serde_json::from_str(&self.values[name]).unwrap()
    }

    pub fn run_job(&mut self, job: &Value) {
        self.has_failed = false;
        for step in job["steps"].as_array().unwrap() {
            self.run_step(step);
            if self.vanishes_after.is_some_and(|id| step["id"] == id) {
                return;
            }
        }
    }

    pub fn run_step(&mut self, step: &Value) {
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

    pub fn is_wanted(&self, condition: Option<&str>) -> bool {
        match condition {
            None => !self.has_failed,
            Some("always()") => true,
            Some(other) => panic!("{other}"),
        }
    }

    /// `A == B && C != 'd'`; what a runner doesn't know is empty.
    pub fn holds(&self, condition: &str) -> bool {
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
    pub fn stand_in(&mut self, uses: &str, step: &Value) -> bool {
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
                    let former = self.github.keep(self.run, name, files);
                    assert!(former.is_none(), "an artifact of a run is never replaced");
                }
                !is_none || with("if-no-files-found") != "error"
            }
            "actions/download-artifact" => {
                // Without a token only the artifacts of this run can be had, whatever `run-id` says.
                let run = if with("github-token").is_empty() { self.run } else { with("run-id").parse().unwrap_or(0) };
                let found = self.github.kept(run, name);
                for (file, bytes) in found.iter().flatten() {
                    self.env.write(Path::new(&path).join(file).to_str().unwrap(), bytes);
                }
                found.is_some()
            }
            other => panic!("{other}"),
        }
    }

    pub fn run_action(&mut self, name: &str, step: &Value) -> (bool, Values) {
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
    pub fn run_shell(&mut self, step: &Value, more: &Values) -> (bool, Values) {
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

    pub fn output(&self, name: &str) -> &str {
        self.values.get(&format!("steps.{name}")).map_or("", String::as_str)
    }
}

/// As runners start it, with the sandbox's time that jumps.
pub fn bash(env: &TestEnv, script: &str, variables: &Values) -> Output {
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
pub fn files_of(path: &Path) -> Files {
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
