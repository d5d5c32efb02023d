//! `cutover status`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use uuid::Uuid;

use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::cluster::port::{Facts, Reader as _};
use crate::family::Family as _;
use crate::family::picture::Picture;
use crate::record::entry::Entry;
use crate::record::progress::Progress;
use crate::record::store::RecordStore as _;
use crate::report::status::{Acting, Status, StatusInput};
use crate::report::status_human::{self, StatusView};
use crate::run::decision::Decision;
use crate::run::machine::{self, Input, Options};
use crate::run::watch::Watch;

/// Show where the movement stands, and the same by hand
///
/// Reads only. Exits 0 whenever it can read, whatever it sees.
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
    block_on(async {
        let mut session = Session::open(context, &args.file, "status", Wants::Nothing).await?;
        loop {
            let (status, now) = look(&session).await?;
            if context.is_json() {
                context.ui.json(&serde_json::json!(status))?;
            } else {
                let file = named(&args.file);
                let view =
                    StatusView { drawing: context.ui.drawing, now, file: file.as_deref(), full: context.global.verbose > 0 };
                let clear = if args.watch && context.ui.is_interactive { "\u{1b}[H\u{1b}[2J" } else { "" };
                context.ui.data(&format!("{clear}{}", status_human::draw(&status, &view)))?;
            }
            if !args.watch {
                return Ok(Exit::Done);
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
            }
            session.record = session.store.load().map_err(Error::record)?;
        }
    })
}

async fn look(session: &Session) -> Result<(Status, jiff::Timestamp), Error> {
    let facts = session.look().await?;
    let progress = session.progress();
    let (decision, facts) = decide(session, facts, &progress).await?;
    let entries: &[Entry] = session.record.as_ref().map_or(&[], |record| &record.entries);
    let now = session.clock.now();
    let acting = [" apply", ""].iter().find_map(|suffix| session.lease_holder(suffix));
    let status = Status::of(&StatusInput {
        family: &session.movement,
        cluster: session.cluster_name(),
        facts: &facts,
        progress: &progress,
        entries,
        decision: decision.as_ref(),
        acting: acting.as_ref().map(Acting::from),
        now,
    });
    Ok((status, now))
}

/// What the machine would do now, with what it would put on record on the way there; nothing is written.
async fn decide(session: &Session, mut facts: Facts, progress: &Progress) -> Result<(Option<Decision>, Facts), Error> {
    const STEPS: usize = 40;
    let mut progress = progress.clone();
    let mut watch = Watch::new(progress.serial);
    let now = session.clock.now();
    for phase in session.movement.phases() {
        // The checks are shown by `plan`; here only what holds or waits.
        watch.checked.insert(phase.id, now);
    }
    let baseline: Option<Picture> = progress
        .baseline
        .as_ref()
        .and_then(|digest| session.store.kept().fetch(digest).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    for _ in 0..STEPS {
        let decision = machine::next(&Input {
            family: &session.movement,
            progress: &progress,
            facts: &facts,
            watch: &watch,
            now: session.clock.now(),
            fresh_uuid: Uuid::nil(),
            kept_rules: None,
            baseline: baseline.as_ref(),
            options: &Options::default(),
        });
        match decision {
            Decision::Look(mut query) => {
                query.merge(session.movement.query());
                facts = session.cluster.observe(&query).await.map_err(|error| Error::cluster(&error, &session.address))?;
            }
            Decision::Checked(phase) => {
                watch.checked.insert(phase, now);
            }
            Decision::Note(whats) => {
                for what in whats {
                    let entry = Entry { serial: progress.serial + 1, at: now, by: session.actor.clone(), what };
                    progress.absorb(&entry);
                }
            }
            other => return Ok((Some(other), facts)),
        }
    }
    Ok((None, facts))
}
