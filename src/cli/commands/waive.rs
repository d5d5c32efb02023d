//! `cutover waive`

use std::path::PathBuf;

use clap::Args;

use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::family::{Family as _, View};
use crate::finding::Finding;
use crate::plan::checks;
use crate::record::entry::What;
use crate::run::pages;
use crate::run::watch::Watch;

/// Accept what blocks, by its code and with a reason
///
/// Bound to the plan file's meaning and to the counts seen: when either changes, the waiver is void.
#[derive(Debug, Args)]
pub struct WaiveArgs {
    /// The plan file, if it isn't workflow.toml, and the code of the finding as `plan` or `apply` printed it
    #[arg(value_names = ["FILE", "CODE"], num_args = 1..=2, required = true)]
    file_and_code: Vec<String>,
    /// Only the finding about this subject
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub fn run(args: WaiveArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    if args.reason.trim().is_empty() {
        return Err(Error::usage("a reason is needed", "say in a few words why it may be so; it stands in the record"));
    }
    let (file, code) = match args.file_and_code.as_slice() {
        [code] => (PathBuf::from("workflow.toml"), code.clone()),
        [file, code] => (PathBuf::from(file), code.clone()),
        _ => return Err(Error::usage("a code is missing", "`cutover waive [FILE] CODE --reason TEXT`")),
    };
    block_on(async {
        let mut session = Session::open(context, &file, "waive", Wants::Nothing).await?;
        session.refuse_foreign().await?;
        session.begin()?;
        let found: Vec<Finding> = blocking(&session)
            .await?
            .into_iter()
            .filter(|finding| finding.code.eq_ignore_ascii_case(&code))
            .filter(|finding| args.subject.as_ref().is_none_or(|subject| *subject == finding.subject))
            .collect();
        if found.is_empty() {
            return Err(Error::ended(
                Exit::Refused,
                format!("nothing with the code {code} blocks now"),
                "`cutover plan` shows what blocks",
            ));
        }
        if let Some(fixed) = found.iter().find(|finding| !checks::is_waivable(finding) && !pages::is_waivable(&finding.code)) {
            return Err(Error::ended(
                Exit::Refused,
                format!("{} can't be waived: {}", fixed.code, fixed.summary),
                fixed.help.clone(),
            ));
        }
        let intent = session.intent();
        let whats = found
            .iter()
            .map(|finding| What::Waiver {
                code: finding.code.clone(),
                subject: finding.subject.clone(),
                reason: args.reason.clone(),
                intent: intent.clone(),
                seen: finding.seen.clone(),
            })
            .collect();
        session.append(whats)?;
        let lines: String =
            found.iter().map(|finding| format!("waived: {} {}: {}\n", finding.code, finding.subject, finding.summary)).collect();
        context.ui.data(&lines)?;
        Ok(Exit::Done)
    })
}

/// What blocks now: the checks of the phases ahead, and what the next step stops at.
async fn blocking(session: &Session) -> Result<Vec<Finding>, Error> {
    let facts = session.look().await?;
    let progress = session.progress();
    let situation = session.movement.situation(&facts, &progress);
    let watch = Watch::new(0);
    let view = View {
        facts: &facts,
        progress: &progress,
        watch: &watch,
        situation: &situation,
        now: session.clock.now(),
        fresh_uuid: uuid::Uuid::nil(),
        kept_rules: None,
    };
    let mut found: Vec<Finding> = session.movement.check(&facts, &progress, None).into_iter().filter(Finding::blocks).collect();
    for phase in session.movement.phases() {
        if let crate::family::Step::Blocked(finding) = session.movement.step(&phase.id, &view) {
            found.push(finding);
        }
    }
    Ok(found)
}
