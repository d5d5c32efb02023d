//! `cutover adopt`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::cluster::port::{Facts, Reader as _};
use crate::driver::bytes_of;
use crate::family::adoption::{Adoption, Doubt};
use crate::family::move_tables::adoption::DOUBTS;
use crate::family::{Family as _, Situation, SituationKind};
use crate::record::entry::{Accepted, What};
use crate::record::progress::Progress;
use crate::report::adoption::{AdoptionReport, AdoptionVerdict, DoubtReport};
use crate::report::adoption_human;
use crate::report::command::for_file;
use crate::spec::suggest;

/// Take over a movement that somebody made by hand
///
/// At any phase, on evidence: its streams, tables, options, rules and denied tables must be those of the plan file, and whole. What
/// no look proves it asks, and each is accepted by name with a reason. It writes a record here, and nothing to the cluster; then
/// `apply`, `switch-back` and `cancel` go on with it, and prove what they always prove.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Accept what can't be proven, by the names that it shows, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    accept: Vec<String>,
    /// Why it may be so; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Answer the question before the record is written; accepts nothing
    #[arg(long)]
    yes: bool,
}

pub fn run(args: AdoptArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    refuse_unknown_names(&args.accept)?;
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "adopt", Wants::Nothing).await?;
        // Nobody here runs the movement meanwhile, whatever record they have of it.
        let _running = session.take_lease(" apply").map_err(Error::lease)?;
        let _acting = session.take_lease("").map_err(Error::lease)?;
        let seen = Seen::look(&session).await?;
        if let Some(exit) = seen.is_settled(context, &session)? {
            return Ok(exit);
        }
        let accepted = match seen.accepted(&args, context, &session)? {
            Ok(accepted) => accepted,
            Err(exit) => return Ok(exit),
        };
        let Some(reason) = consent(&args, context, &session, &seen)? else { return Ok(Exit::Done) };
        // Questions take their time.
        let again = Seen::look(&session).await?;
        if !again.is_still(&seen) {
            return Err(Error::ended(
                Exit::Refused,
                "it has changed meanwhile; nothing was put on record",
                format!("look again: `{}`", for_file("cutover adopt", session.file.to_str())),
            ));
        }
        write(&mut session, &again, accepted, reason)?;
        let report = again.report(&session, AdoptionVerdict::Adopted, &again.names());
        show(context, &report, false)?;
        Ok(Exit::Done)
    })
}

fn refuse_unknown_names(accept: &[String]) -> Result<(), Error> {
    let Some(unknown) = accept.iter().find(|name| !DOUBTS.contains(&name.as_str())) else { return Ok(()) };
    let nearest = suggest::nearest(unknown, DOUBTS).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let help = format!("{nearest}`cutover adopt` without `--accept` names what can't be proven here");
    Err(Error::usage(format!("nothing that could be accepted is named `{unknown}`"), help))
}

/// One look, and what it says.
struct Seen {
    facts: Facts,
    situation: Situation,
    adoption: Adoption,
}

impl Seen {
    async fn look(session: &Session) -> Result<Self, Error> {
        let movement = &session.movement;
        let facts = session.cluster.observe(&movement.adoption_query()).await.map_err(|error| session.failed(&error))?;
        let situation = movement.situation(&facts, &movement.as_adopted(&facts));
        let adoption = movement.adoption(&facts);
        Ok(Self { facts, situation, adoption })
    }

    /// Whether what a person has agreed to is still what is there.
    fn is_still(&self, before: &Self) -> bool {
        let of = |seen: &Self| (seen.adoption.reached.clone(), seen.names(), seen.adoption.blocking.clone());
        let ids = |seen: &Self| -> BTreeSet<i64> {
            seen.facts.workflows.iter().flat_map(|workflow| workflow.stream_ids()).map(|(_, id)| id).collect()
        };
        of(self) == of(before) && ids(self) == ids(before)
    }

    fn names(&self) -> Vec<String> {
        self.adoption.doubts.iter().map(|doubt| doubt.name.clone()).collect()
    }

    /// The end of the command where nothing is to be taken over from here.
    fn is_settled(&self, context: &mut Context, session: &Session) -> Result<Option<Exit>, Error> {
        let movement = &session.movement;
        let progress = session.progress();
        if progress.is_bound() {
            let situation = movement.situation(&self.facts, &progress);
            if !matches!(situation.kind, SituationKind::Foreign | SituationKind::Cancelled) {
                show(context, &self.report(session, AdoptionVerdict::OursAlready, &[]), false)?;
                return Ok(Some(Exit::Done));
            }
            return Err(Error::ended(
                Exit::Refused,
                format!("the record here is of another movement: {}; nothing was put on record", situation.words),
                format!("put it aside, and adopt with a new one: `{}`", session.put_aside_and("cutover adopt")),
            ));
        }
        if !movement.has_streams(&self.facts) {
            show(context, &self.report(session, AdoptionVerdict::NothingToAdopt, &[]), false)?;
            return Ok(Some(Exit::Refused));
        }
        let is_ours = |progress: Progress| progress.streams == movement.incarnation(&self.facts);
        if session.record.is_none()
            && session.copy_of_the_record().is_some_and(|record| is_ours(record.progress()))
            && let Some(put_back) = session.put_back_the_copy()
        {
            let message = "it is ours, and its record is gone from here; nothing was put on record";
            return Err(Error::ended(Exit::Refused, message, put_back));
        }
        if self.adoption.blocking.is_empty() {
            return Ok(None);
        }
        show(context, &self.report(session, AdoptionVerdict::Blocked, &[]), false)?;
        Ok(Some(if self.situation.kind == SituationKind::Between { Exit::NeedsHuman } else { Exit::Refused }))
    }

    /// What somebody takes upon themselves, or the exit code where it is not all of it.
    fn accepted(&self, args: &AdoptArgs, context: &mut Context, session: &Session) -> Result<Result<Vec<Accepted>, Exit>, Error> {
        let report = self.report(session, AdoptionVerdict::Adoptable, &args.accept);
        let missing: Vec<&Doubt> = self.adoption.doubts.iter().filter(|doubt| !args.accept.contains(&doubt.name)).collect();
        let may_ask = context.ui.is_interactive && !context.is_json();
        if !missing.is_empty() && !may_ask {
            show(context, &report, false)?;
            if !args.accept.is_empty() {
                let names: Vec<&str> = missing.iter().map(|doubt| doubt.name.as_str()).collect();
                context.ui.warn(&format!("not accepted yet: {}; nothing was put on record", names.join(", ")));
            }
            return Ok(Err(Exit::Refused));
        }
        if !context.is_json() {
            show(context, &report, true)?;
        }
        for (place, doubt) in missing.iter().enumerate() {
            let drawn = adoption_human::question(doubt, place + 1, missing.len(), context.ui.drawing);
            context.ui.message(&drawn);
            if !context.ui.ask(&format!("Accept `{}`?", doubt.name))? {
                return Err(Error::ended(
                    Exit::Refused,
                    format!("`{}` was not accepted; nothing was put on record", doubt.name),
                    format!("find out, and ask again: `{}`", for_file("cutover adopt", named(&session.file).as_deref())),
                ));
            }
        }
        let accepted = |doubt: &Doubt| Accepted { name: doubt.name.clone(), doubt: doubt.what.clone() };
        Ok(Ok(self.adoption.doubts.iter().map(accepted).collect()))
    }

    fn report(&self, session: &Session, verdict: AdoptionVerdict, accepted: &[String]) -> AdoptionReport {
        let file = named(&session.file);
        let of_file = |command: &str| for_file(command, file.as_deref());
        let next = match verdict {
            AdoptionVerdict::Adopted | AdoptionVerdict::OursAlready => vec![of_file("cutover status"), of_file("cutover apply")],
            AdoptionVerdict::Adoptable => vec![adopt_command(&self.names(), file.as_deref())],
            AdoptionVerdict::Blocked => vec![of_file("cutover adopt")],
            AdoptionVerdict::NothingToAdopt => vec![of_file("cutover plan")],
        };
        let (source_keyspace, target_keyspace) = session.movement.keyspaces();
        let doubt = |doubt: &Doubt| DoubtReport { doubt: doubt.clone(), accepted: accepted.contains(&doubt.name) };
        let is_about_it = matches!(verdict, AdoptionVerdict::Adopted | AdoptionVerdict::Adoptable | AdoptionVerdict::Blocked);
        let situation = match verdict {
            AdoptionVerdict::NothingToAdopt => {
                format!("there is no stream of `{target_keyspace}.{}`, nor of its reverse workflow", session.spec.workflow)
            }
            _ => self.situation.words.clone(),
        };
        AdoptionReport {
            format_version: 1,
            observed_at: self.facts.observed_at,
            workflow: session.spec.workflow.to_string(),
            cluster: session.cluster_name(),
            source_keyspace,
            target_keyspace,
            tables: session.movement.tables(),
            verdict,
            situation,
            traffic: self.situation.traffic,
            reached: self.adoption.reached.iter().map(ToString::to_string).collect(),
            evidence: if is_about_it { self.adoption.evidence.clone() } else { vec![] },
            doubts: if is_about_it { self.adoption.doubts.iter().map(doubt).collect() } else { vec![] },
            blocking: self.adoption.blocking.iter().filter(|_| is_about_it).cloned().collect(),
            next,
        }
    }
}

fn adopt_command(names: &[String], file: Option<&str>) -> String {
    for_file(&format!("cutover adopt --accept {} --reason TEXT --yes", names.join(",")), file)
}

/// The reason, once the person has agreed; none for a no.
fn consent(args: &AdoptArgs, context: &mut Context, session: &Session, seen: &Seen) -> Result<Option<String>, Error> {
    let may_ask = context.ui.is_interactive && !context.is_json();
    let command = adopt_command(&seen.names(), named(&session.file).as_deref());
    let reason = match args.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => reason.to_owned(),
        None if may_ask => context.ui.answer("Why may that be so? It stands in the record:")?,
        None => String::new(),
    };
    if reason.trim().is_empty() {
        return Err(Error::usage("a reason is needed: what can't be proven is accepted with one", format!("`{command}`")));
    }
    // In the sandbox nothing is at stake.
    if args.yes || session.is_sandbox {
        return Ok(Some(reason));
    }
    if !may_ask {
        return Err(Error::usage("nobody is here to be asked whether to adopt", format!("`{command}`")));
    }
    let question = format!("Take over `{}` on {} ({})?", session.spec.workflow, session.spec.cluster, session.address);
    Ok(context.ui.ask(&question)?.then_some(reason))
}

/// Puts it on record. Until the last entry stands the movement is as foreign as before.
fn write(session: &mut Session, seen: &Seen, accepted: Vec<Accepted>, reason: String) -> Result<(), Error> {
    let found = session.store.kept().keep(&bytes_of(&session.movement.picture(&seen.facts))).map_err(Error::record)?;
    session.begin()?;
    let adopted = What::Adopted {
        reached: seen.adoption.reached.clone(),
        streams: session.movement.incarnation(&seen.facts),
        evidence: seen.adoption.evidence.clone(),
        accepted,
        reason,
        found,
    };
    let same_intent = session.intent_guard();
    session.append_if(vec![adopted], |progress| {
        if progress.is_bound() {
            let message = "another command has begun or adopted it meanwhile; nothing was put on record";
            return Err(Error::ended(Exit::Busy, message, "`cutover history` says who"));
        }
        same_intent(progress)
    })
}

fn show(context: &mut Context, report: &AdoptionReport, begins: bool) -> Result<(), Error> {
    if context.is_json() {
        return context.ui.json(&json!(report));
    }
    context.ui.data(&adoption_human::draw(report, context.ui.drawing, begins))
}
