//! What no look proves of a movement that somebody else made.

use super::Judged;
use crate::family::Family as _;
use crate::family::adoption::Doubt;
use crate::model::workflow::StreamState;
use crate::words::{length, names};

const MOST_SEQUENCES: usize = 6;

pub fn of(judged: &Judged<'_>) -> Vec<Doubt> {
    let mut doubts = vec![who_made_it(judged), only_writer(judged)];
    if judged.is_switched() {
        doubts.extend([rows_compared(judged), switch_time(judged)]);
        doubts.extend(sequences_set(judged));
    } else {
        doubts.extend(switched_before(judged));
        doubts.extend(journals(judged));
        doubts.extend(streams_stopped(judged));
    }
    doubts.push(rules_before());
    doubts.extend(name_locked(judged));
    doubts
}

fn who_made_it(judged: &Judged<'_>) -> Doubt {
    let movement = judged.movement;
    Doubt::new(
        "who-made-it",
        format!(
            "who made `{}.{}`, and that nobody drives it from elsewhere: Vitess keeps no name",
            movement.target(),
            movement.workflow()
        ),
        "two would drive one movement, and each take the other's writes for somebody's hands",
    )
}

fn only_writer(judged: &Judged<'_>) -> Doubt {
    let (source, target) = (judged.movement.source(), judged.movement.target());
    if judged.is_switched() {
        return Doubt::new(
            "only-writer",
            format!(
                "that since the switch only the reverse streams wrote to these tables of `{source}`: applications are denied them, \
                 somebody at MySQL itself is not"
            ),
            "a switch back would serve such rows, and `complete` gives them up",
        );
    }
    Doubt::new(
        "only-writer",
        format!(
            "that only the streams wrote to these tables of `{target}`: applications are denied them, somebody at MySQL itself is not"
        ),
        "`verify` finds such rows before traffic is switched; a cancel drops them with the tables",
    )
}

fn rows_compared(judged: &Judged<'_>) -> Doubt {
    let (source, reverse) = (judged.movement.source(), judged.movement.workflow().reverse());
    Doubt::new(
        "rows-compared",
        "that source and target held the same rows when writes were switched: Vitess no longer compares streams that are frozen",
        format!(
            "rows that the copy lacked are gone with `complete`; until then `vtctldclient VDiff --target-keyspace {source} --workflow \
             {reverse} create` compares the other way round"
        ),
    )
}

fn switch_time(judged: &Judged<'_>) -> Doubt {
    let window = length(judged.movement.spec.revert.window_seconds);
    Doubt::new("switch-time", "when writes were switched", format!("the revert window of {window} counts from the adoption on"))
}

/// vtctldclient sets them only where it is told to; behind, they give out ids that rows have already, on two shards without an error.
fn sequences_set(judged: &Judged<'_>) -> Option<Doubt> {
    let vschema = judged.facts.vschemas.get(judged.movement.target())?;
    let of = |table: &str| vschema.tables.get(table).and_then(|entry| entry.auto_increment.as_ref());
    let sequences: Vec<&str> =
        judged.movement.tables.iter().filter_map(|table| of(table.as_str())).map(|auto| auto.sequence.as_str()).collect();
    if sequences.is_empty() {
        return None;
    }
    Some(Doubt::new(
        "sequences-set",
        format!("that the switch set {} above the largest id of the rows", names(&sequences, MOST_SEQUENCES)),
        "ids are given out twice, on two shards without an error: compare `next_id` with the largest ids at once",
    ))
}

fn rules_before() -> Doubt {
    Doubt::new(
        "rules-before",
        "which routing rules these tables had before the movement was made",
        "a cancel takes the movement's rules away, and can put no others back",
    )
}

/// The reverse workflow tells of a switch, whole or broken off.
fn switched_before(judged: &Judged<'_>) -> Option<Doubt> {
    if judged.reverse.is_empty() {
        return None;
    }
    let (source, target, name) = (judged.movement.source(), judged.movement.target(), judged.movement.workflow().reverse());
    let frozen = judged.reverse.iter().all(|stream| stream.is_frozen());
    let what = if frozen {
        format!("that `{source}` got every row back: writes were at `{target}` once, `{source}.{name}` is frozen")
    } else {
        format!("that `{target}` never took a write: `{source}.{name}` stands there, so a switch broke off or was led back")
    };
    Some(Doubt::new(
        "switched-before",
        what,
        format!("a cancel would drop rows that only `{target}` has; `verify` finds them, if it runs before"),
    ))
}

fn journals(judged: &Judged<'_>) -> Option<Doubt> {
    let unread = judged.facts.journals(&judged.movement.journals_of_source()).err()?;
    Some(Doubt::new(
        "journals",
        format!("that no switch of these streams is past its journal: the journals could not be read: {}", unread.why),
        format!("`{}` may have taken writes, and a cancel would drop them", judged.movement.target()),
    ))
}

/// Streams that have begun and stand still were stopped by somebody, for a reason. Those that never began weren't.
fn streams_stopped(judged: &Judged<'_>) -> Option<Doubt> {
    let stopped = judged
        .forward
        .iter()
        .find(|stream| stream.state == StreamState::Stopped && !stream.position.is_empty() && !stream.is_stopped_in_passing())?;
    let message = if stopped.message.is_empty() { "no message".to_owned() } else { stopped.message.clone() };
    Some(Doubt::new(
        "streams-stopped",
        format!("why stream {} on {} was stopped ({message})", stopped.id, stopped.shard),
        "`cutover apply` starts what stands still without a message, and stops at what has one",
    ))
}

/// With no keyspace locked it may be a dead vtctld's, or a VDiff's.
fn name_locked(judged: &Judged<'_>) -> Option<Doubt> {
    let locks = judged.facts.locks(&judged.movement.lock_ask()).ok()?;
    let lock = locks.iter().find(|lock| lock.is_named())?;
    Some(Doubt::new(
        "name-locked",
        format!(
            "whether a call is under way: `{}` is locked by {}@{} since {}: {}",
            lock.of, lock.user, lock.host, lock.time, lock.action
        ),
        "each switch, complete and cancel waits for it; `cutover doctor` says whether it is a dead vtctld's",
    ))
}
