//! What a command is given besides its own arguments.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::Error;
use super::files::read_operator_config;
use super::global::{Format, Global};
use super::saved_plan;
use super::ui::Ui;
use crate::operator::{Connection, ResolveError, resolve};
use crate::plan::document::Plan;
use crate::plan::folder::FolderPlan;
use crate::report::annotations;
use crate::report::blocks::ViewOptions;
use crate::report::event::View;
use crate::report::events_json::JsonLines;
use crate::report::events_lines::Lines;
use crate::report::events_terminal::Terminal;
use crate::report::folder as folder_report;
use crate::report::plan_human::{self, PlanView};
use crate::report::plan_markdown;
use crate::report::stop::{self, StopView};
use crate::run::decision::Stop;

pub struct Context {
    pub ui: Ui,
    pub global: Global,
    pub environment: Environment,
}

impl Context {
    /// How to reach the cluster of an alias: flags, environment, operator's file.
    pub fn connection(&mut self, alias: &str) -> Result<Connection, Error> {
        let config = read_operator_config(&self.global, &self.environment)?;
        let connection = resolve(alias, &self.global.connection(), &self.environment.connection, &config)?;
        for note in &connection.notes {
            self.ui.warn(note);
        }
        Ok(connection)
    }

    /// Where the operator keeps the records of a cluster, if not beside the plan files.
    pub fn record_folder(&mut self, alias: &str) -> Result<Option<PathBuf>, Error> {
        let config = read_operator_config(&self.global, &self.environment)?;
        // By the address that the other commands would take; without one, by the alias.
        let cluster = match resolve(alias, &self.global.connection(), &self.environment.connection, &config) {
            Ok(connection) => connection.config,
            Err(ResolveError::NoAddress { .. }) => config.clusters.get(alias).cloned(),
            Err(error) => return Err(error.into()),
        };
        let Some(cluster) = cluster else { return Ok(None) };
        Ok(cluster.record_dir)
    }

    /// Refuses a format that a command has no form for.
    pub fn without_markdown(&self) -> Result<(), Error> {
        match self.global.format {
            Format::Markdown => {
                Err(Error::usage("`--format markdown` is of `plan` and `history` only", "take `human` or `json`"))
            }
            Format::Human | Format::Json => Ok(()),
        }
    }

    pub fn is_json(&self) -> bool {
        self.global.format == Format::Json
    }

    /// Whether time jumps instead of passing: then only the sandbox may be talked to, for a network needs its time.
    pub fn time_jumps(&self) -> Result<bool, Error> {
        match self.environment.sandbox_clock.as_deref() {
            None => Ok(false),
            Some("jump") => Ok(true),
            Some(other) => Err(Error::usage(
                format!("CUTOVER_SANDBOX_CLOCK is `{other}`"),
                "`jump` is for tests: the sandbox's time jumps when nothing else is to do. Unset, it passes",
            )),
        }
    }

    /// For what takes real time.
    pub fn refuse_time_that_jumps(&self, what: &str) -> Result<(), Error> {
        if !self.time_jumps()? {
            return Ok(());
        }
        Err(Error::usage(format!("time jumps, and {what}"), "unset CUTOVER_SANDBOX_CLOCK: it is for tests in the sandbox"))
    }
}

impl Context {
    /// Where a run tells what happens: JSON on stdout, lines on stderr. `file` stands in the commands that it names.
    pub fn view(&self, file: &Path, workflow: &str, keyspaces: (String, String)) -> Box<dyn View> {
        if self.is_json() {
            return Box::new(JsonLines::new(std::io::stdout()));
        }
        let options = ViewOptions { drawing: self.ui.drawing, keyspaces, file: named(file), workflow: workflow.to_owned() };
        if self.ui.is_screen && !self.global.quiet {
            let rows = terminal_size::terminal_size_of(std::io::stderr()).map_or(24, |(_, height)| usize::from(height.0));
            return Box::new(Terminal::new(options, rows, indicatif::ProgressDrawTarget::stderr()));
        }
        Box::new(Lines::new(self.ui.stderr(), options))
    }

    /// Says on stderr, or in JSON on stdout, what stands in the way of a run that has not begun.
    pub fn show_stop(&mut self, stop: &Stop, file: &Path, workflow: &str) -> Result<(), Error> {
        if self.is_json() {
            return self.ui.json(&serde_json::json!({ "stop": stop }));
        }
        let file = named(file);
        let view = StopView { drawing: self.ui.drawing, file: file.as_deref(), workflow, cluster_now: None };
        self.ui.message(&stop::draw(stop, &view));
        Ok(())
    }

    /// Shows a plan; `begins` when the command that shows it goes on and does it.
    pub fn show_plan(&mut self, plan: &Plan, file: &Path, begins: bool) -> Result<(), Error> {
        if self.is_json() {
            return self.ui.json(&serde_json::json!(plan));
        }
        let file = named(file);
        if self.global.format == Format::Markdown {
            return self.ui.data(&plan_markdown::draw(plan, file.as_deref()));
        }
        let view = PlanView { drawing: self.ui.drawing, begins, full: self.global.verbose > 0, file: file.as_deref() };
        self.ui.data(&plan_human::draw(plan, &view))
    }
}

impl Context {
    /// In a workflow on GitHub: what is in the way beside the lines of `shown`, the plan file, and the plan on the page of the run.
    pub fn show_to_reviewers(&mut self, plan: &Plan, shown: &Path, file: &Path) -> Result<(), Error> {
        self.annotate_plan(plan, shown);
        self.summarise(|| plan_markdown::draw(plan, named(file).as_deref()))
    }

    /// As [`show_plan`](Self::show_plan), of all plans of a folder.
    pub fn show_folder(&mut self, folder: &FolderPlan) -> Result<(), Error> {
        match self.global.format {
            Format::Json => self.ui.json(&serde_json::json!(folder)),
            Format::Markdown => self.ui.data(&folder_report::markdown(folder)),
            Format::Human => {
                let full = self.global.verbose > 0;
                let view = PlanView { drawing: self.ui.drawing, begins: false, full, file: None };
                self.ui.data(&folder_report::draw(folder, &view))
            }
        }
    }

    /// As [`show_to_reviewers`](Self::show_to_reviewers), of all plans of a folder.
    pub fn show_folder_to_reviewers(&mut self, folder: &FolderPlan) -> Result<(), Error> {
        for filed in &folder.plans {
            self.annotate_plan(&filed.plan, Path::new(&filed.file));
        }
        self.summarise(|| folder_report::markdown(folder))
    }

    fn annotate_plan(&mut self, plan: &Plan, shown: &Path) {
        // A saved plan has no lines that anybody wrote.
        let text = std::fs::read_to_string(shown).ok().filter(|_| !saved_plan::is_one(shown));
        self.ui.annotate(|| annotations::of_plan(plan, &shown.display().to_string(), text.as_deref()));
    }

    /// Adds to the page of the run, where there is one.
    fn summarise(&self, comment: impl FnOnce() -> String) -> Result<(), Error> {
        let Some(summary) = &self.environment.step_summary else { return Ok(()) };
        let comment = comment();
        let written = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(summary)
            .and_then(|mut page| page.write_all(comment.as_bytes()));
        written.map_err(|source| Error::Write { what: summary.display().to_string(), source })
    }
}

/// The file as commands name it; none for the one that they find by themselves.
pub fn named(file: &Path) -> Option<String> {
    (file != Path::new("workflow.toml")).then(|| file.display().to_string())
}
