//! `cutover doctor`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::survey::{Ward, Where};
use crate::cli::take_up::{GONE, last_written_of, put_back, store_of};
use crate::cli::without_streams::look_for_silent;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::Facts;
use crate::driver::kept_picture;
use crate::family::move_tables::MoveTables;
use crate::family::{Family as _, Situation, SituationKind};
use crate::leftovers::survey::NotSeen;
use crate::leftovers::{Leftover, Survey, Weight, find, still_there};
use crate::model::name::{KeyspaceName, TableName};
use crate::record::entry::Goal;
use crate::record::file::FileStore;
use crate::record::progress::{Attempt, Progress};
use crate::record::store::Record;
use crate::report::doctor::{Asked, Diagnosis, RecordSays, Verdict};
use crate::report::doctor_human::{self, DoctorView};
use crate::report::stop;
use crate::run::decision::{Stop, StopKind};
use crate::run::drift;
use crate::run::reconcile::is_done;
use crate::spec::{Movement, Spec, TableSelection};

/// Say what is wrong in a cluster: what half-done switches, dead owners and hands have left
///
/// Reads only, and finds movements by their streams, also those that were never ours. First what the application sees now, then
/// each leftover: where, on what evidence, what it means, what to do. Exits 0 when nothing is wrong, 4 when leftovers stand and
/// traffic is whole or when something could not be read, 5 when the cluster is between states or contradicts the record.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The plan file whose keyspaces are looked at
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Look at this cluster instead, without a plan file
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    cluster: Option<String>,
    /// Only at these of its keyspaces, separated by commas [default: all]
    #[arg(long, value_name = "KEYSPACES", value_delimiter = ',', requires = "cluster")]
    keyspace: Vec<String>,
}

/// What is gone by then was somebody's step, or an error that Vitess tries again by itself.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(3);

pub fn run(args: DoctorArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let keyspaces = args.keyspace.iter().map(|name| keyspace(name)).collect::<Result<_, _>>()?;
    let place = match &args.cluster {
        Some(alias) => Where::Cluster { alias, keyspaces },
        None => Where::File(&args.file),
    };
    block_on(context, async |context| {
        let ward = Ward::open(context, place)?;
        let (mut survey, leftovers) = examine(&ward).await?;
        if !survey.knows_every_workflow() {
            let found = look_for_silent(ward.cluster.as_ref(), survey.keyspaces.clone()).await;
            survey.silent_primaries = found.map(|(_, silent)| silent).unwrap_or_default();
        }
        let diagnosis = diagnose(context, &ward, &mut survey, leftovers)?;
        show(context, &ward, &diagnosis)?;
        Ok(exit(diagnosis.verdict))
    })
}

pub fn keyspace(name: &str) -> Result<KeyspaceName, Error> {
    KeyspaceName::new(name).map_err(|why| Error::usage(format!("the keyspace name `{name}` {why}"), ""))
}

/// What stands there, and stands there still a moment later.
pub async fn examine(ward: &Ward) -> Result<(Survey, Vec<Leftover>), Error> {
    let stopped_vdiffs = stopped_vdiffs(ward);
    let survey = Survey { stopped_vdiffs: stopped_vdiffs.clone(), ..ward.survey().await? };
    let first = find(&survey);
    if first.iter().all(|leftover| leftover.weight == Weight::Note) {
        return Ok((survey, first));
    }
    tokio::time::sleep(SECOND_LOOK_AFTER).await;
    let survey = Survey { stopped_vdiffs, ..ward.survey().await? };
    let second = find(&survey);
    Ok((survey, still_there(&first, second)))
}

/// The VDiffs that the record of the plan file has seen stopped. A record that can't be read is told later, and knows of none here.
fn stopped_vdiffs(ward: &Ward) -> BTreeSet<String> {
    let Some((file, spec)) = &ward.spec else { return BTreeSet::new() };
    let folder = ward.connection.record_folder();
    let attempts = match store_of(file, folder, spec).load_newest() {
        Ok(Some(record)) => record.progress().attempts,
        _ => vec![],
    };
    let stopped = attempts.into_iter().filter(is_done).filter_map(|attempt| match attempt.mutation {
        Mutation::StopVDiff(stop) => Some(stop.uuid),
        _ => None,
    });
    stopped.collect()
}

/// With what the record says to it, where there is one.
fn diagnose(context: &mut Context, ward: &Ward, survey: &mut Survey, leftovers: Vec<Leftover>) -> Result<Diagnosis, Error> {
    let cluster = ward.cluster_name(survey);
    let Some((file, spec)) = &ward.spec else {
        return Ok(Diagnosis::of(survey, leftovers, cluster, None, Asked { file: None, movement: None }));
    };
    let record = record_says(ward, survey, file, spec, context)?;
    let Movement::MoveTables(options) = &spec.movement;
    let name = named(file).unwrap_or_else(|| "workflow.toml".to_owned());
    let asked = Asked { file: Some(&name), movement: Some((options.target_keyspace.as_str(), spec.workflow.as_str())) };
    Ok(Diagnosis::of(survey, leftovers, cluster, record, asked))
}

/// A record that can't be read is told, and the cluster is looked at all the same: that is what doctors are for.
fn record_says(
    ward: &Ward,
    survey: &mut Survey,
    file: &Path,
    spec: &Spec,
    context: &mut Context,
) -> Result<Option<RecordSays>, Error> {
    let folder = ward.connection.record_folder();
    let store = store_of(file, folder, spec);
    let record = match store.load_newest() {
        Ok(Some(record)) => record,
        Ok(None) => {
            let Movement::MoveTables(options) = &spec.movement;
            let is_there = survey.facts.workflow(&options.target_keyspace, &spec.workflow).is_some();
            if !is_there || last_written_of(&store, spec, None).is_none() {
                return Ok(None);
            }
            survey.unread.push(NotSeen { what: format!("the record `{}`", store.path().display()), why: GONE.into() });
            return Ok(Some(without_record(&store, GONE, vec![put_back(&store)])));
        }
        Err(error) => {
            context.ui.warn(&format!("{error}; {}", error.help()));
            survey.unread.push(NotSeen { what: format!("the record `{}`", store.path().display()), why: error.to_string() });
            let written = last_written_of(&store, spec, None).map(|_| put_back(&store));
            let next = written.into_iter().chain(["cutover doctor".to_owned()]).collect();
            return Ok(Some(without_record(&store, "can't be read", next)));
        }
    };
    let progress = record.progress();
    let file = store.path().display().to_string();
    if !survey.knows_every_workflow() {
        let says = without_record(&store, "not known, for the workflows could not be read", vec![]);
        return Ok(Some(RecordSays { contradictions: open_write(&progress).into_iter().collect(), ..says }));
    }
    let movement = movement_of(spec, &record);
    let situation = movement.situation(&survey.facts, &progress);
    use SituationKind::{Between, Contradictory, Foreign};
    let is_whole = !matches!(situation.kind, Between | Contradictory | Foreign);
    let mut contradictions = situation.contradictions.clone();
    let open = open_write(&progress);
    let is_open = open.is_some();
    contradictions.extend(open);
    let changed = if is_open { None } else { changed_by_hand(&movement, &survey.facts, &progress, &situation, &store) };
    let next = match (&changed, situation.kind) {
        (Some(changed), _) => stop::ways_out(changed),
        _ if is_open => vec!["cutover apply --finish-only".to_owned()],
        (None, Foreign) => vec!["cutover adopt".to_owned()],
        (None, Contradictory) => vec!["cutover history".to_owned()],
        _ => vec![],
    };
    let is_changed = changed.is_some();
    contradictions.extend(changed.iter().map(changed_words));
    Ok(Some(RecordSays {
        file,
        situation: situation.words,
        contradictions,
        is_whole: is_whole && !is_open && !is_changed,
        is_changed_by_hand: is_changed,
        next,
    }))
}

/// Nothing contradicts it, and it says nothing.
fn without_record(store: &FileStore, situation: &str, next: Vec<String>) -> RecordSays {
    RecordSays {
        file: store.path().display().to_string(),
        situation: situation.to_owned(),
        contradictions: vec![],
        is_whole: true,
        is_changed_by_hand: false,
        next,
    }
}

/// What `apply` would stop at: somebody's hands in what is ours since our last write. On the way back nobody's are in the way.
fn changed_by_hand(
    movement: &MoveTables,
    facts: &Facts,
    progress: &Progress,
    situation: &Situation,
    store: &FileStore,
) -> Option<Stop> {
    let is_settled = progress.open_attempt.is_none() && !progress.last_write().is_some_and(Attempt::is_half_done);
    if !is_settled || progress.goal() == Goal::SwitchedBack {
        return None;
    }
    let baseline = kept_picture(&store.kept(), progress.baseline.as_ref()?)?;
    // Then `apply` stops at that.
    if matches!(situation.kind, SituationKind::Foreign | SituationKind::Contradictory) {
        return None;
    }
    let findings = drift::of(movement, facts, progress, situation, &baseline);
    (!findings.is_empty()).then_some(Stop { kind: StopKind::NeedsHuman, phase: None, findings })
}

fn changed_words(stop: &Stop) -> String {
    let help = stop.findings.first().map(|finding| finding.help.as_str()).unwrap_or_default();
    format!("`cutover apply` stops at {}. What can be done: {help}", stop::reason(stop))
}

/// The write of which nobody has seen what became. What it did so far can look whole to whoever sees the topology alone.
fn open_write(progress: &Progress) -> Option<String> {
    if let Some(half) = progress.last_write().filter(|last| last.is_half_done()) {
        let words = half.mutation.verb().words();
        return Some(format!("STOPPED HALF WAY: {words}. `cutover apply --finish-only` makes it whole"));
    }
    let open = progress.open_attempt.as_ref()?;
    Some(format!(
        "to {} was sent, and nobody has seen what became of it: a run is at it, or was killed. `cutover apply --finish-only` looks, and makes it whole",
        open.mutation.verb().words()
    ))
}

/// The movement of a plan file with the tables that its record began with.
pub fn movement_of(spec: &Spec, record: &Record) -> MoveTables {
    let Movement::MoveTables(options) = spec.movement.clone();
    let recorded = record.begun().map(|begun| begun.tables.iter().filter_map(|name| TableName::new(name.clone()).ok()).collect());
    let named = match &options.tables {
        TableSelection::Named(tables) => tables.clone(),
        TableSelection::AllBut(_) => vec![],
    };
    MoveTables { spec: spec.clone(), options, tables: recorded.unwrap_or(named) }
}

fn show(context: &mut Context, ward: &Ward, diagnosis: &Diagnosis) -> Result<(), Error> {
    if context.is_json() {
        return context.ui.json(&serde_json::json!(diagnosis));
    }
    let view = DoctorView { drawing: context.ui.drawing, now: ward.clock.now(), full: context.global.verbose > 0 };
    context.ui.data(&doctor_human::draw(diagnosis, &view))
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::NothingWrong => Exit::Done,
        Verdict::Leftovers | Verdict::NotKnown => Exit::Refused,
        Verdict::BetweenStates => Exit::NeedsHuman,
    }
}
