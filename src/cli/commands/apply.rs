//! `cutover apply`

use std::path::PathBuf;

use clap::Args;

use super::{approve, plan};
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::drive::drive;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::driver::RunOptions;
use crate::finding::Finding;
use crate::plan::document::Verdict;
use crate::run::machine::Options;
use crate::run::phase::PhaseId;

/// Do what the plan shows, up to the next hold; run again, it goes on
///
/// Killed at any point and run again, it goes on from what the cluster says. At a gate that holds it says what was proved and what
/// comes next, and exits 3.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Stop after this phase
    #[arg(long, value_name = "PHASE")]
    until: Option<String>,
    /// Approve this gate first
    #[arg(long, value_name = "GATE", requires = "reason")]
    approve: Option<String>,
    /// Why it is approved
    #[arg(long, value_name = "TEXT", requires = "approve")]
    reason: Option<String>,
    /// Stay at holds until they are released or end by themselves
    #[arg(long)]
    wait: bool,
    /// Answer the question before the first write; opens no gate
    #[arg(long)]
    yes: bool,
    /// Give slow questions about rows minutes instead of seconds, as in `plan`
    #[arg(long, conflicts_with = "no_sql")]
    deep: bool,
    /// Make whole what stopped half way, and begin nothing
    #[arg(long, conflicts_with_all = ["until", "approve"])]
    finish_only: bool,
}

pub fn run(args: ApplyArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    context.global.deep = args.deep;
    let until = args.until.as_deref().map(phase).transpose()?;
    block_on(async {
        let mut session = Session::open(context, &args.file, "apply", Wants::Nothing).await?;
        let blocking: Vec<Finding> = session.guards().into_iter().filter(Finding::blocks).collect();
        if let Some(first) = blocking.first() {
            return Err(Error::ended(
                Exit::Refused,
                format!("{} {}: {}", first.code, first.subject, first.summary),
                first.help.clone(),
            ));
        }
        // For the whole run: two applies of one movement would only get in each other's way.
        let _running = session.leases.try_take(&session.lease_key(" apply"), &session.lease_info()).map_err(Error::lease)?;
        session.refuse_foreign().await?;
        if session.record.is_none() {
            if args.finish_only {
                return Err(Error::ended(
                    Exit::Refused,
                    "there is no record here, so nothing of ours can stand half way",
                    "`cutover plan` shows the cluster",
                ));
            }
            if !args.yes && !start(context, &session).await? {
                return Ok(Exit::Done);
            }
        }
        session.begin()?;
        if let (Some(gate), Some(reason)) = (&args.approve, &args.reason) {
            approve::append(&mut session, gate, reason, false).await?;
        }
        let options = RunOptions {
            machine: Options { until, finish_only: args.finish_only, start_streams: false },
            wait: args.wait,
            ..RunOptions::default()
        };
        drive(context, &session, options).await
    })
}

/// Shows the plan and asks whether to begin. False is a no.
async fn start(context: &mut Context, session: &Session) -> Result<bool, Error> {
    if !context.ui.is_interactive || context.is_json() {
        return Err(Error::usage(
            "nobody is here to be asked whether to begin",
            "read `cutover plan`, then `cutover apply --yes`; it opens no gate",
        ));
    }
    let plan = plan::make(session).await?;
    context.show_plan(&plan, &session.file)?;
    if plan.verdict == Verdict::Blocked {
        return Err(Error::ended(
            Exit::Refused,
            "the plan is blocked; nothing was begun",
            "mend what it names, or waive it with a reason",
        ));
    }
    context.ui.ask(&format!("Begin `{}` on {} ({})?", plan.workflow, plan.cluster.alias, plan.cluster.address))
}

/// A phase by its name.
pub fn phase(text: &str) -> Result<PhaseId, Error> {
    const PHASES: [PhaseId; 9] = [
        PhaseId::PRE_CHECK,
        PhaseId::CREATE,
        PhaseId::COPY,
        PhaseId::VERIFY,
        PhaseId::SWITCH_REPLICAS,
        PhaseId::SWITCH_PRIMARY,
        PhaseId::REVERT_WINDOW,
        PhaseId::COMPLETE,
        PhaseId::REMOVE_RULES,
    ];
    let found = PHASES.iter().find(|phase| phase.as_str() == text);
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = PHASES.iter().map(PhaseId::as_str).collect();
        let nearest = crate::spec::suggest::nearest(text, names.iter().copied())
            .map(|name| format!("did you mean `{name}`? "))
            .unwrap_or_default();
        Error::usage(format!("there is no phase `{text}`"), format!("{nearest}the phases are {}", names.join(", ")))
    })
}
