//! `cutover apply`

use std::path::{Path, PathBuf};

use clap::Args;

use super::approve::{self, Approved};
use super::plan;
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::drive::drive;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::saved_plan;
use crate::cli::session::{Session, Wants};
use crate::cluster::mutation::shell;
use crate::cluster::port::Facts;
use crate::driver::RunOptions;
use crate::family::{Family as _, SituationKind};
use crate::finding::Finding;
use crate::plan::document::{Plan, Verdict};
use crate::plan::saved;
use crate::run::decision::{Stop, StopKind};
use crate::run::machine::Options;
use crate::run::phase::PhaseId;

/// Do what the plan shows, up to the next hold; run again, it goes on
///
/// Killed at any point and run again, it goes on from what the cluster says. At a gate that holds it says what was proved and what
/// comes next, and exits 3.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The plan file; or a saved plan, FILE.json: exactly what it shows is done, or nothing
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
    let (saved, file) = match saved_plan::is_one(&args.file) {
        true => saved_plan::read(&args.file).map(|(saved, file)| (Some(saved.plan), file))?,
        false => (None, args.file.clone()),
    };
    block_on(context, async |context| {
        let mut session = Session::open(context, &file, "apply", Wants::Nothing).await?;
        let looked_anew;
        let facts = match session.opening_facts() {
            Some(facts) => facts,
            None => {
                looked_anew = session.observe().await?;
                &looked_anew
            }
        };
        // What stopped half way is made whole whatever the operator has tightened since.
        if !args.finish_only {
            refuse_by_guards(&session, facts)?;
        }
        // For the whole run: two applies of one movement would only get in each other's way.
        let _running = session.take_lease(" apply").map_err(Error::lease)?;
        session.refuse_foreign(facts)?;
        if let Some(saved) = &saved
            && !args.finish_only
            && let Some(exit) = refuse_stale(context, &mut session, saved, &args.file).await?
        {
            return Ok(exit);
        }
        // Also where something was waived, and nobody has said yet that it shall begin.
        if session.progress().goal.is_none() {
            if args.finish_only {
                return Err(Error::ended(
                    Exit::Refused,
                    "nothing was begun from here, so nothing of ours can stand half way",
                    "`cutover plan` shows the cluster",
                ));
            }
            if !args.yes && saved.is_none() && !start(context, &mut session).await? {
                return Ok(Exit::Done);
            }
        }
        session.begin()?;
        if let (Some(gate), Some(reason)) = (&args.approve, &args.reason)
            && let Approved::Behind(why) = approve::append(&mut session, gate, reason, false).await?
        {
            context.ui.note(&format!("no approval needed: {why}"));
        }
        let options = RunOptions {
            machine: Options {
                until,
                finish_only: args.finish_only,
                start_streams: false,
                never_forward: false,
                may_remove_locks: false,
                mends: false,
                looks_ahead: true,
            },
            wait: args.wait,
            ..RunOptions::default()
        };
        drive(context, &session, options).await
    })
}

/// Refuses a saved plan that is no longer what would happen, with what has moved. Going on with what it began is never stale: what
/// others changed since is looked at before each write.
async fn refuse_stale(
    context: &mut Context,
    session: &mut Session,
    saved: &Plan,
    saved_file: &Path,
) -> Result<Option<Exit>, Error> {
    let has_begun = session.has_begun();
    let is_of_it = session.progress().intent.as_ref() == Some(&saved.digests.intent);
    if has_begun && is_of_it && session.intent() == saved.digests.intent {
        return Ok(None);
    }
    let now = plan::make(session).await?;
    let mut findings = saved::moved(saved, &now);
    // What has moved in the cluster since is the movement's own work, and is looked at before each write.
    if has_begun && findings.iter().any(saved::is_of_the_plan_file) {
        findings.retain(saved::is_of_the_plan_file);
    }
    let kind = if findings.is_empty() { StopKind::Refused } else { StopKind::Stale };
    if let Some(first) = findings.first_mut() {
        let again = format!("cutover plan --out {}", shell(&saved_file.display().to_string()));
        first.help = format!("make it anew (`{again}`), have it reviewed, and apply that");
    }
    if findings.is_empty() {
        findings = now.checks.into_iter().filter(Finding::blocks).collect();
    }
    if findings.is_empty() {
        return Ok(None);
    }
    let stop = Stop { kind, phase: None, findings };
    context.show_stop(&stop, &session.file, session.spec.workflow.as_str())?;
    Ok(Some(Exit::of_stop(kind)))
}

/// Refuses what the operator's file forbids.
fn refuse_by_guards(session: &Session, facts: &Facts) -> Result<(), Error> {
    let Some(first) = session.guards(facts).into_iter().find(Finding::blocks) else { return Ok(()) };
    let progress = session.progress();
    let is_whole = progress.open_attempt.is_none() && session.movement.situation(facts, &progress).kind != SituationKind::Between;
    let help = if is_whole {
        first.help
    } else {
        format!("{}. A write stands half way: `cutover apply --finish-only` makes it whole all the same", first.help)
    };
    Err(Error::ended(Exit::Refused, format!("{} {}: {}", first.code, first.subject, first.summary), help))
}

/// Shows the plan and asks whether to begin. False is a no.
async fn start(context: &mut Context, session: &mut Session) -> Result<bool, Error> {
    // In the sandbox nothing is at stake: the plan is shown, and it begins.
    if !session.is_sandbox && (!context.ui.is_interactive || context.is_json()) {
        return Err(Error::usage(
            "nobody is here to be asked whether to begin",
            "read `cutover plan`, then `cutover apply --yes`; it opens no gate",
        ));
    }
    let plan = plan::make(session).await?;
    // stdout is the events' then.
    if !context.is_json() {
        context.show_plan(&plan, &session.file, true)?;
    }
    if plan.verdict == Verdict::Blocked {
        return Err(Error::ended(
            Exit::Refused,
            "the plan is blocked; nothing was begun",
            "mend what it names, or waive it with a reason, then `cutover apply`",
        ));
    }
    if session.is_sandbox {
        return Ok(true);
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
