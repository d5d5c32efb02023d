//! `cutover status`

use std::mem::discriminant;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::cli::take_up::{GONE, put_back};
use crate::cli::without_streams;
use crate::cluster::port::Facts;
use crate::family::Family as _;
use crate::finding::Finding;
use crate::record::entry::{Entry, Goal};
use crate::record::progress::Progress;
use crate::record::store::RecordStore as _;
use crate::report::status::{Acting, Status, StatusInput};
use crate::report::status_human::{self, StatusView};
use crate::run::decision::{Decision, Stop, StopKind};

/// Show where the movement stands, and the same by hand
///
/// Reads only. Exits 0 whenever it can read, whatever it sees. With `--watch` a look that fails is told, and the next one tried.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Show it anew every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

pub fn run(args: StatusArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    if args.watch {
        context.refuse_time_that_jumps("`--watch` would never pause")?;
    }
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "status", Wants::Nothing).await?;
        if !args.watch {
            let found = match look(&mut session).await {
                Ok(found) => found,
                Err(error) => return Err(without_streams::add_to(error, &session).await),
            };
            show(context, &args, &found)?;
            return Ok(Exit::Done);
        }
        loop {
            match look_anew(&mut session).await {
                Ok(found) => show(context, &args, &found)?,
                // Whoever watches is waiting for just such a moment to pass.
                Err(error) => context.ui.error(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
            }
        }
    })
}

fn show(context: &mut Context, args: &StatusArgs, (status, now): &(Status, Timestamp)) -> Result<(), Error> {
    if context.is_json() {
        return context.ui.json(&serde_json::json!(status));
    }
    let file = named(&args.file);
    let full = context.global.verbose > 0;
    let view = StatusView { drawing: context.ui.drawing, now: *now, file: file.as_deref(), full };
    let clear = if args.watch && context.ui.is_interactive { "\u{1b}[H\u{1b}[2J" } else { "" };
    context.ui.data(&format!("{clear}{}", status_human::draw(status, &view)))
}

async fn look_anew(session: &mut Session) -> Result<(Status, Timestamp), Error> {
    session.record = session.store.load().map_err(Error::record)?;
    look(session).await
}

async fn look(session: &mut Session) -> Result<(Status, Timestamp), Error> {
    let facts = session.look().await?;
    let progress = session.progress();
    let (decision, facts) = decide(session, &progress, facts).await?;
    let decision = decision.map(|decision| refused_by_checks(session, &progress, &facts, decision));
    let entries: &[Entry] = session.record.as_ref().map_or(&[], |record| &record.entries);
    let now = session.clock.now();
    let acting = [" apply", ""].iter().find_map(|suffix| session.lease_holder(suffix));
    let mut status = Status::of(&StatusInput {
        family: &session.movement,
        cluster: session.cluster_name(),
        facts: &facts,
        progress: &progress,
        entries,
        decision: decision.as_ref(),
        acting: acting.as_ref().map(Acting::from),
        now,
    });
    let edits =
        session.frozen_edits(&progress).map(|what| format!("the plan file was edited, and `cutover apply` refuses it: {what}"));
    status.contradictions.extend(edits);
    if session.is_by_the_record {
        status.contradictions.push("the plan file can't be read: this goes by what it meant when it was last taken up".into());
        status.next.insert(0, "cutover validate".into());
    }
    // Without its record the movement is nobody's; where this host wrote one, it is put back.
    if session.record.is_none() && session.copy_of_the_record().is_some() {
        let path = session.store.path().display().to_string();
        status.contradictions.push(format!("the record `{path}` is {GONE}"));
        status.next.insert(0, put_back(&session.store));
    }
    Ok((status, now))
}

/// A run looks at the checks before it writes, and stops at them: so does this, as far as they were looked at.
fn refused_by_checks(session: &Session, progress: &Progress, facts: &Facts, decision: Decision) -> Decision {
    let family = &session.movement;
    let Decision::Act(act) = &decision else { return decision };
    let is_of_phase = family.mutations(&act.phase).iter().any(|mutation| discriminant(mutation) == discriminant(&act.mutation));
    if !progress.is_bound() || progress.goal() != Goal::Forward || !is_of_phase {
        return decision;
    }
    if !facts.covers(&family.check_query(facts, Some(&act.phase))) {
        return decision;
    }
    let findings: Vec<Finding> = family.check(facts, progress, Some(&act.phase)).into_iter().filter(Finding::blocks).collect();
    if findings.is_empty() {
        return decision;
    }
    Decision::Stop(Box::new(Stop { kind: StopKind::Refused, phase: Some(act.phase.clone()), findings }))
}

/// What the machine would do now.
pub async fn decide(session: &Session, progress: &Progress, facts: Facts) -> Result<(Option<Decision>, Facts), Error> {
    let decided = session.planning().decision(progress, &facts, session.clock.now()).await;
    let (decision, further) = decided.map_err(|error| session.failed(&error))?;
    Ok((decision, further.unwrap_or(facts)))
}
