//! `cutover waive`

use std::path::PathBuf;

use clap::Args;

use super::status::decide;
use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::cluster::port::Facts;
use crate::family::{Condition, Family as _, Situation, SituationKind, Step, View};
use crate::finding::{Finding, Severity};
use crate::plan::checks;
use crate::record::entry::What;
use crate::record::progress::Progress;
use crate::report::command::for_file;
use crate::run::decision::Decision;
use crate::run::watch::Watch;
use crate::run::{drift, pages, reconcile};

/// Accept what blocks, by its code and with a reason
///
/// Bound to the plan file's meaning and to the counts seen: when either changes, the waiver is void.
#[derive(Debug, Args)]
#[command(override_usage = "cutover waive [OPTIONS] [FILE] CODE --reason <TEXT>")]
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
        [code, file] if is_code(code) && !is_code(file) => (PathBuf::from(file), code.clone()),
        [file, code] => (PathBuf::from(file), code.clone()),
        _ => return Err(Error::usage("a code is missing", "`cutover waive [FILE] CODE --reason TEXT`")),
    };
    block_on(context, async |context| {
        let mut session = Session::open(context, &file, "waive", Wants::Nothing).await?;
        session.refuse_foreign(&session.observe().await?)?;
        let found: Vec<Blocking> = blocking(&mut session)
            .await?
            .into_iter()
            .filter(|blocking| blocking.finding.code.eq_ignore_ascii_case(&code))
            .filter(|blocking| args.subject.as_ref().is_none_or(|subject| *subject == blocking.finding.subject))
            .collect();
        if found.is_empty() {
            return Err(Error::ended(
                Exit::Refused,
                format!("nothing with the code {code} blocks now"),
                "`cutover plan` shows what blocks",
            ));
        }
        if let Some(Blocking { finding: fixed, .. }) = found.iter().find(|blocking| !blocking.is_waivable) {
            return Err(Error::ended(
                Exit::Refused,
                format!("{} can't be waived: {}", fixed.code, fixed.summary),
                fixed.help.clone(),
            ));
        }
        session.put_on_record()?;
        let intent = session.intent();
        let whats = found
            .iter()
            .map(|Blocking { finding, .. }| What::Waiver {
                code: finding.code.clone(),
                subject: finding.subject.clone(),
                reason: args.reason.clone(),
                intent: intent.clone(),
                seen: finding.seen.clone(),
            })
            .collect();
        let same_intent = session.intent_guard();
        session.append_if(whats, same_intent)?;
        let lines: String = found
            .iter()
            .map(|Blocking { finding, .. }| format!("waived: {} {}: {}\n", finding.code, finding.subject, finding.summary))
            .collect();
        let next = for_file("cutover apply", named(&file).as_deref());
        context.ui.data(&format!("{lines}next: {next}\n"))?;
        Ok(Exit::Done)
    })
}

/// `C213`.
fn is_code(text: &str) -> bool {
    text.strip_prefix(['C', 'c']).is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Something that blocks.
#[derive(Debug, PartialEq, Eq)]
struct Blocking {
    finding: Finding,
    is_waivable: bool,
}

impl Blocking {
    fn of(finding: Finding) -> Self {
        let is_waivable = checks::is_waivable(&finding) || pages::is_waivable(&finding.code);
        Self { finding, is_waivable }
    }

    /// A condition that does not pass; one without a code can't be named, and not waived. The waiver binds to its counts.
    fn of_condition(condition: Condition) -> Option<Self> {
        if condition.passes() {
            return None;
        }
        let finding = Finding::fail(
            condition.code.as_deref()?,
            Severity::Error,
            condition.name,
            condition.seen,
            "`cutover status` shows what is waited for",
        );
        Some(Self { finding: finding.seen(condition.counts), is_waivable: true })
    }
}

/// What blocks now: the checks of the phases ahead, what their next step stops at, and the conditions of their writes.
async fn blocking(session: &mut Session) -> Result<Vec<Blocking>, Error> {
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
    let checked = session.movement.check(&facts, &progress, None).into_iter().filter(Finding::blocks);
    let mut found: Vec<Blocking> = checked.chain(reconcile::unexplained_differences(&progress)).map(Blocking::of).collect();
    found.extend(changed_by_hand(session, &progress, &situation, facts.clone()).await?);
    for phase in session.movement.phases() {
        if let Step::Blocked(finding) = session.movement.step(&phase.id, &view) {
            found.push(Blocking::of(finding));
        }
    }
    for phase in session.movement.phases_ahead(&situation) {
        for condition in session.movement.conditions(&phase, &view) {
            // The same may stand before several phases.
            found.extend(Blocking::of_condition(condition).filter(|blocking| !found.contains(blocking)));
        }
    }
    Ok(found)
}

/// What somebody has changed of ours. Between states nothing of it can be accepted: that is mended.
async fn changed_by_hand(
    session: &Session,
    progress: &Progress,
    situation: &Situation,
    facts: Facts,
) -> Result<Vec<Blocking>, Error> {
    let is_waivable = situation.kind != SituationKind::Between;
    let (decision, _) = decide(session, progress, facts).await?;
    let findings = match decision {
        Some(Decision::Stop(stop)) => stop.findings,
        _ => vec![],
    };
    let changed = findings.into_iter().filter(|finding| finding.code == drift::CHANGED);
    Ok(changed.map(|finding| Blocking { finding, is_waivable }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_waived_by_its_code_for_the_counts_that_were_seen() {
        let name = "no old transaction";
        let old = Condition::new(name, false, "connection 7 of app@web1 on 0 has held `t` for 9.0 s").waivable("C342", "0/7");
        let found = Blocking::of_condition(old.clone()).unwrap();
        assert!(found.is_waivable);
        assert_eq!((found.finding.code.as_str(), found.finding.subject.as_str()), ("C342", name));
        assert_eq!((found.finding.seen.as_str(), found.finding.summary.as_str()), ("0/7", old.seen.as_str()));

        let unread = Condition::inconclusive(name, "no replica answered").waivable("C341", "");
        assert_eq!(Blocking::of_condition(unread).unwrap().finding.seen, "");
        assert_eq!(Blocking::of_condition(Condition::new(name, true, "none").waivable("C342", "")), None);
        assert_eq!(Blocking::of_condition(Condition::new("no VDiff runs", false, "one runs")), None);
        let waived = Condition { waived: Some("the nightly report".into()), ..old };
        assert_eq!(Blocking::of_condition(waived), None);
    }
}
