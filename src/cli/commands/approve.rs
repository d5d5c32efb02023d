//! `cutover approve`

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use super::apply::phase;
use super::status::decide;
use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{NEVER_BEGUN, Session, Wants, no_record};
use crate::cli::way;
use crate::family::{Family as _, SituationKind, forecast_digest};
use crate::record::entry::{Goal, What};
use crate::report::command::for_file;
use crate::report::ending;
use crate::run::decision::{Decision, HoldKind};
use crate::run::phase::PhaseId;
use crate::spec::suggest::did_you_mean;

/// Open a gate, with a reason
///
/// Binds the plan file's meaning and what the phase would change; an edit of either voids it. It expires as the plan file says.
/// Works while `apply --wait` waits.
#[derive(Debug, Args)]
#[command(override_usage = "cutover approve [OPTIONS] [FILE] GATE --reason <TEXT>")]
pub struct ApproveArgs {
    /// The plan file, if it isn't workflow.toml, and the gate
    #[arg(value_names = ["FILE", "GATE"], num_args = 1..=2, required = true)]
    file_and_gate: Vec<String>,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// With the gate `complete`: don't wait for the rest of the revert window
    #[arg(long)]
    end_revert_window: bool,
    /// Give up a `switch-back` that was refused or still waits, and has not moved the writes: they stay where they are
    #[arg(long)]
    give_up_way_back: bool,
}

pub fn run(args: ApproveArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let (file, gate) = match args.file_and_gate.as_slice() {
        [gate] => (PathBuf::from("workflow.toml"), gate.clone()),
        [gate, file] if phase(gate).is_ok() && phase(file).is_err() => (PathBuf::from(file), gate.clone()),
        [file, gate] => (PathBuf::from(file), gate.clone()),
        _ => return Err(Error::usage("a gate is missing", "`cutover approve [FILE] GATE --reason TEXT`")),
    };
    block_on(context, async |context| {
        // A name that is wrong is told first: before anything began as well.
        let mut session = Session::open(context, &file, "approve", Wants::Nothing).await?;
        if gate_named(&gate, &session).is_none() {
            let held = held_now(&session).await;
            return Err(no_gate(&gate, &session, &held));
        }
        if session.record.is_none() {
            return Err(no_record(&session.store, &session.spec, &file, NEVER_BEGUN));
        }
        session.put_on_record()?;
        if args.give_up_way_back {
            give_up_way_back(&mut session, &args.reason)?;
        }
        let words = match append(&mut session, &gate, &args.reason, args.end_revert_window).await? {
            Approved::Now(words) => words,
            Approved::Behind(why) => return Err(Error::ended(Exit::Refused, why, held_now(&session).await)),
        };
        if context.is_json() {
            let last = session.record.as_ref().and_then(|record| record.entries.last());
            context.ui.json(&serde_json::json!(last))?;
        } else {
            let next = for_file("cutover apply", named(&file).as_deref());
            let held = held_elsewhere(&session, &gate).await.map(|held| format!("{held}\n")).unwrap_or_default();
            context.ui.data(&format!("{words}\n{held}next: {next}\n"))?;
        }
        Ok(Exit::Done)
    })
}

/// The writes stay where they are: the way back that was asked for is no longer wanted.
fn give_up_way_back(session: &mut Session, reason: &str) -> Result<(), Error> {
    let refuse = || {
        Error::ended(
            Exit::Refused,
            "there is no way back to give up: none was asked for, or it has moved the writes",
            "`cutover status` says where the movement stands",
        )
    };
    if reason.trim().is_empty() {
        return Err(Error::usage("a reason is needed", "say in a few words why traffic stays; it stands in the record"));
    }
    let goal = What::Goal { goal: Goal::Forward, reason: Some(reason.to_owned()) };
    session.append_if(vec![goal], |progress| if way::may_be_given_up(progress) { Ok(()) } else { Err(refuse()) })
}

/// What became of an approval.
pub enum Approved {
    /// On record; in words.
    Now(String),
    /// The gate has been passed, and needs none.
    Behind(String),
}

/// Puts an approval on record, bound to what the phase would change now.
pub async fn append(session: &mut Session, gate: &str, reason: &str, end_revert_window: bool) -> Result<Approved, Error> {
    let Some(gate) = gate_named(gate, session) else { return Err(no_gate(gate, session, "`cutover status` says what is held")) };
    let gate_spec = &session.spec.gates[&gate];
    if end_revert_window && gate != PhaseId::COMPLETE {
        return Err(Error::usage(
            "--end-revert-window goes with the gate `complete`",
            "`cutover approve complete --end-revert-window --reason TEXT`",
        ));
    }
    if reason.trim().is_empty() {
        return Err(Error::usage("a reason is needed", "say in a few words why it is safe now; it stands in the record"));
    }
    let expires = gate_spec.approval_expires_seconds;
    let facts = session.observe().await?;
    let progress = session.progress();
    way::judge_approval(&progress)?;
    let situation = session.movement.situation(&facts, &progress);
    // These are done once; what the cluster shows of the others decides, for they may come again.
    let is_done = [PhaseId::PRE_CHECK, PhaseId::CREATE, PhaseId::COPY].contains(&gate) && progress.reached.contains_key(&gate);
    if is_done || !session.movement.phases_ahead(&situation).contains(&gate) {
        return Ok(Approved::Behind(format!("`{gate}` is behind us: {}", situation.words)));
    }
    if matches!(situation.kind, SituationKind::Between | SituationKind::Foreign | SituationKind::Contradictory) {
        return Err(Error::ended(
            Exit::NeedsHuman,
            format!("nothing can be approved now: {} {}", situation.words, situation.contradictions.join("; ")),
            "`cutover apply --finish-only` first",
        ));
    }
    let now = session.clock.now();
    let expires_at = now.checked_add(SignedDuration::from_secs(i64::try_from(expires).unwrap_or(i64::MAX / 4))).ok();
    let forecast = forecast_digest(&session.movement, &gate, &facts, &situation);
    let what = What::Approval {
        gate: gate.clone(),
        reason: reason.to_owned(),
        intent: session.intent(),
        forecast,
        expires_at,
        end_revert_window,
    };
    // Bound to what was looked at here: another command may have edited, or turned back, meanwhile.
    let same_intent = session.intent_guard();
    session.append_if(vec![what], |progress| {
        way::judge_approval(progress)?;
        same_intent(progress)
    })?;
    let until = expires_at.map(|at| format!(", until {}", crate::words::moment(at))).unwrap_or_default();
    let before = progress.approvals.iter().find(|approval| approval.gate == gate && progress.stands(approval, now));
    let before = before.map(|before| {
        let at = crate::words::moment(before.at);
        format!("; it was approved already, by {} at {at} ({}), and this one takes its place", before.by, before.reason)
    });
    Ok(Approved::Now(format!("approved: {gate}{until}{}", before.unwrap_or_default())))
}

fn gate_named(name: &str, session: &Session) -> Option<PhaseId> {
    session.spec.gates.keys().find(|gate| gate.as_str() == name).cloned()
}

/// `held`: what is held now, for who mistyped it.
fn no_gate(name: &str, session: &Session, held: &str) -> Error {
    let phases = session.movement.phases().into_iter().map(|phase| phase.id);
    let gates: Vec<PhaseId> = phases.filter(|phase| session.spec.gates.contains_key(phase)).collect();
    let near = did_you_mean(name, gates.iter().map(PhaseId::as_str));
    let gates: Vec<&str> = gates.iter().map(PhaseId::as_str).collect();
    Error::usage(format!("there is no gate `{name}`"), format!("{near}gates stand before {}. Now: {held}", gates.join(", ")))
}

/// Where the movement is held now, and the command for it.
async fn held_now(session: &Session) -> String {
    match decision(session).await {
        Some(Decision::Hold(hold)) if hold.release.is_empty() => format!("held before {}: {}", hold.gate, hold.why),
        Some(Decision::Hold(hold)) => {
            let commands: Vec<String> = hold.release.iter().map(|command| format!("`{command}`")).collect();
            format!("held before {}; {}", hold.gate, commands.join(", then "))
        }
        Some(Decision::Done(ending)) => format!("nothing is held: {}; `cutover status`", ending::words(ending)),
        _ => "nothing is held; `cutover status` says what comes next".to_owned(),
    }
}

/// Where it is held instead, when that is not where it was approved: an approval beforehand is fine, and releases nothing now.
async fn held_elsewhere(session: &Session, approved: &str) -> Option<String> {
    match decision(session).await {
        Some(Decision::Hold(hold)) if hold.gate.as_str() != approved && hold.kind == HoldKind::Gate => {
            Some(format!("held now: before {}, and that wants an approval of its own", hold.gate))
        }
        _ => None,
    }
}

/// What a run would do; none where the cluster can't be asked just now, which is said elsewhere.
async fn decision(session: &Session) -> Option<Decision> {
    let facts = session.observe().await.ok()?;
    let progress = session.progress();
    decide(session, &progress, facts).await.ok()?.0
}
