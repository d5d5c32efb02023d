//! The commands, one file each.

pub mod apply;
pub mod approve;
pub mod calls;
pub mod cancel;
pub mod completions;
pub mod doctor;
pub mod explain;
pub mod history;
pub mod init;
pub mod man;
pub mod pause;
pub mod plan;
pub mod repair;
pub mod restore_rules;
pub mod resume;
pub mod sandbox;
pub mod schema;
pub mod snapshot;
pub mod status;
pub mod switch_back;
pub mod validate;
pub mod waive;

use clap::Subcommand;

use super::context::Context;
use super::error::Error;
use super::exit::Exit;

/// Every command, in the order of the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(init::InitArgs),
    Validate(validate::ValidateArgs),
    Plan(plan::PlanArgs),
    Snapshot(snapshot::SnapshotArgs),
    Apply(apply::ApplyArgs),
    Approve(approve::ApproveArgs),
    Waive(waive::WaiveArgs),
    Status(status::StatusArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    SwitchBack(switch_back::SwitchBackArgs),
    Cancel(cancel::CancelArgs),
    RestoreRules(restore_rules::RestoreRulesArgs),
    Doctor(doctor::DoctorArgs),
    Repair(repair::RepairArgs),
    History(history::HistoryArgs),
    Sandbox(sandbox::SandboxArgs),
    Explain(explain::ExplainArgs),
    Calls(calls::CallsArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    pub fn run(self, context: &mut Context) -> Result<Exit, Error> {
        match self {
            Self::Validate(args) => validate::run(args, context),
            Self::Init(args) => init::run(args, context),
            Self::Status(args) => status::run(args, context),
            Self::History(args) => history::run(args, context),
            Self::Sandbox(args) => sandbox::run(args, context),
            Self::Plan(args) => plan::run(args, context),
            Self::Snapshot(args) => snapshot::run(args, context),
            Self::Apply(args) => apply::run(args, context),
            Self::Approve(args) => approve::run(args, context),
            Self::Waive(args) => waive::run(args, context),
            Self::Pause(args) => pause::run(args, context),
            Self::Resume(args) => resume::run(args, context),
            Self::SwitchBack(args) => switch_back::run(args, context),
            Self::Cancel(args) => cancel::run(args, context),
            Self::RestoreRules(args) => restore_rules::run(args, context),
            Self::Doctor(args) => doctor::run(args, context),
            Self::Repair(args) => repair::run(args, context),
            Self::Explain(args) => explain::run(args, context),
            Self::Calls(args) => calls::run(args, context),
            Self::Schema(args) => schema::run(args, context),
            Self::Completions(args) => completions::run(args, context),
            Self::Man(args) => man::run(args, context),
        }
    }
}
