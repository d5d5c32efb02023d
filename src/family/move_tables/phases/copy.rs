//! Copy: the streams run, rows first, then changes until they lag little.

use super::super::{MoveTables, attempts};
use super::revert_window::streams_run;
use crate::cluster::mutation::{Mutation, SetStreams, StreamsWanted};
use crate::cluster::port::{Ask, Query};
use crate::family::{SituationKind, Step, View, Waiting};
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::model::workflow::{STOPPED_FOR_VDIFF, Stream, StreamState, Workflow};
use crate::record::entry::OutcomeResult;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::words::{length, names};

/// An error counts when it stays: a reparent of the source shows one for about six seconds, and the stream goes on by itself.
const ERROR_STAYS_SECONDS: i64 = 60;

/// How far the copy is. Nothing is decided by it, and for each answer the primaries are asked for the sizes of all tables.
pub fn progress_query(movement: &MoveTables) -> Query {
    let ask = Ask::CopyProgress { keyspace: movement.target().clone(), workflow: movement.workflow().clone() };
    Query { asks: [ask].into(), ..Query::default() }
}

/// Whether these streams were seen to have copied every row.
fn was_reached(progress: &Progress) -> bool {
    let created_at = attempts::created_at(progress);
    progress.reached.get(&PhaseId::COPY).is_some_and(|at| created_at.is_none_or(|created_at| *at >= created_at))
}

pub fn mutation(movement: &MoveTables) -> Mutation {
    Mutation::SetStreams(SetStreams {
        keyspace: movement.target().clone(),
        workflow: movement.workflow().clone(),
        wanted: StreamsWanted::Running,
        message: None,
    })
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if !matches!(view.situation.kind, SituationKind::Moving) {
        return Step::Done(vec!["traffic is past it".into()]);
    }
    let Some(workflow) = view.facts.workflow(movement.target(), movement.workflow()) else {
        return Step::Between("the workflow is not there".into());
    };
    if let Some(trouble) = trouble(movement, workflow, view) {
        return Step::Blocked(trouble);
    }
    if let Some(stream) = workflow.streams.iter().find(|stream| stands_still(stream)) {
        if !was_started(view) {
            return Step::Act(mutation(movement));
        }
        return Step::Blocked(Finding::fail(
            "C302",
            Severity::Error,
            format!("{}/{}", movement.target(), stream.shard),
            format!("somebody stopped stream {} of `{}`", stream.id, movement.workflow()),
            "`cutover resume` starts the streams again",
        ));
    }
    let limit = movement.spec.copy.max_lag_seconds;
    let copied = workflow.streams.iter().all(Stream::copy_is_complete);
    // Once seen, it is undone by nothing but streams that copy again: one that a VDiff holds for a moment does not.
    if !workflow.streams.iter().any(Stream::copies_rows) && was_reached(view.progress) {
        return Step::Done(vec![]);
    }
    match workflow.transaction_lag_seconds {
        // Not a count of rows: the streams say theirs late.
        Some(lag) if copied && lag <= limit => Step::Done(vec![format!(
            "every row is copied, {}, lag {}",
            streams_run(workflow.streams.len(), "stream"),
            length(lag)
        )]),
        Some(lag) if copied => Step::Wait(Waiting::new(format!(
            "every row is copied; the streams lag {}, the limit is {}{}",
            length(lag),
            length(limit),
            held_up(workflow, view)
        ))),
        _ => {
            let all = workflow.streams.len();
            let standing = workflow.streams.iter().filter(|stream| stream.is_stopped_in_passing()).count();
            let copying = workflow.streams.iter().filter(|stream| !stream.copy_is_complete()).count() - standing;
            Step::Wait(Waiting::new(match (copying, standing) {
                (0, 0) => "every row is copied; how far the streams lag is not known yet".to_owned(),
                (0, _) => format!("{standing} of {all} streams stand still for a VDiff or a catch-up of Vitess's own"),
                _ => format!("{copying} of {all} streams still copy rows{}", held_up(workflow, view)),
            }))
        }
    }
}

/// What holds the first of the streams up, as the rest of a sentence.
pub fn held_up(workflow: &Workflow, view: &View<'_>) -> String {
    let found = workflow.streams.iter().find_map(|stream| stream.is_held_up(view.now));
    found.map(|words| format!("; {words}")).unwrap_or_default()
}

/// Created and never started, or stopped by hand.
fn stands_still(stream: &Stream) -> bool {
    stream.state == StreamState::Stopped && stream.message.is_empty()
}

/// Whether we have started these streams, since they were made or since the last `resume`.
fn was_started(view: &View<'_>) -> bool {
    let since = attempts::created_at_serial(view.progress).max(view.progress.resumed_at_serial);
    view.progress.attempts.iter().any(|attempt| {
        let started = matches!(&attempt.mutation, Mutation::SetStreams(set) if set.wanted == StreamsWanted::Running);
        started && attempt.serial > since && matches!(attempt.outcome, Some((OutcomeResult::Done, _)))
    })
}

/// Whether an error, or a stop with a message, is there to stay.
pub fn does_not_pass(stream: &Stream, view: &View<'_>) -> bool {
    let message = &stream.message;
    let stays = view.watch.errors_since.is_some_and(|since| view.now.duration_since(since).as_secs() >= ERROR_STAYS_SECONDS);
    stays || message.to_ascii_lowercase().contains("terminal error") || message.starts_with("Stopped at DDL")
}

/// At which tables it is: those that it copies, or those that its message names.
fn at_tables(movement: &MoveTables, stream: &Stream) -> String {
    if !stream.copying_tables.is_empty() {
        return format!(", copying {},", names(&stream.copying_tables, 3));
    }
    let named: Vec<String> = tables_in(&stream.message, &movement.tables).map(|table| format!("`{table}`")).collect();
    if named.is_empty() { String::new() } else { format!(", at {},", names(&named, 3)) }
}

/// The tables that a message of MySQL's or vreplication's names: `into corder(…`, `Table 'vt_commerce.corder'`, `key 'corder.PRIMARY'`.
/// A table may be called as a word of the message is, so a word counts only where a table's name stands.
fn tables_in<'a>(message: &'a str, tables: &'a [TableName]) -> impl Iterator<Item = &'a str> {
    const BEFORE: [&str; 6] = ["into", "update", "from", "table", "join", "ignore"];
    let is_of_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '-');
    let stands = move |table: &str| {
        message.match_indices(table).any(|(at, _)| {
            let (before, after) = (&message[..at], &message[at + table.len()..]);
            let is_whole = !before.ends_with(is_of_word) && !after.starts_with(is_of_word);
            let bare = before.trim_end_matches(['`', '\'', '"']);
            let word = bare.trim_end().rsplit(|letter: char| !is_of_word(letter)).next().unwrap_or_default();
            let is_qualified = bare.ends_with('.') || after.trim_start_matches('`').starts_with('.');
            is_whole && (is_qualified || BEFORE.iter().any(|known| word.eq_ignore_ascii_case(known)))
        })
    };
    tables.iter().map(TableName::as_str).filter(move |table| stands(table))
}

/// A stream that won't go on without a human.
pub fn trouble(movement: &MoveTables, workflow: &Workflow, view: &View<'_>) -> Option<Finding> {
    let name = format!("{}.{}", movement.target(), movement.workflow());
    let fail = |stream: &Stream, summary: String, help: String| {
        let subject = format!("{}/{}", movement.target(), stream.shard);
        Some(Finding::fail("C301", Severity::Error, subject, summary, help))
    };
    for stream in workflow.streams.iter().filter(|stream| stream.is_suspicious()) {
        let message = &stream.message;
        if does_not_pass(stream, view) {
            let how = if stream.state == StreamState::Error { "is in error" } else { "stands still" };
            return fail(
                stream,
                format!("stream {} of `{name}`{} {how}: {message}", stream.id, at_tables(movement, stream)),
                if message == STOPPED_FOR_VDIFF {
                    "a VDiff holds the stream and gets no further: `vtctldclient VDiff … show last` says what it \
                     waits for (often a tablet); stopped, it lets the stream go"
                        .to_owned()
                } else {
                    format!("mend the cause and `cutover resume`, or `cutover cancel --confirm {}`", movement.workflow())
                },
            );
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_table_only_where_a_table_stands() {
        let tables = ["corder", "key", "t"].map(|name| TableName::new(name).unwrap());
        let named = |message: &str| tables_in(message, &tables).map(str::to_owned).collect::<Vec<_>>();
        let duplicate = "task error: failed inserting rows: Duplicate entry '7' for key 'corder.PRIMARY' (errno 1062) during query: \
                         insert into corder(id) values (7)";
        assert_eq!(named(duplicate), ["corder"]);
        assert_eq!(named("Table 'vt_customer.corder' doesn't exist (errno 1146)"), ["corder"]);
        assert_eq!(named("Unknown column 'x' in 'field list' during query: update `t` set x=1"), ["t"]);
        assert_eq!(named("insert ignore into corders values (1)"), [""; 0], "another table");
        assert_eq!(named("the corder of the key"), [""; 0]);
    }
}
