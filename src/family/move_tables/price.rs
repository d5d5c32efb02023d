//! What standing still before a gate costs, and what passing it will: what an operator weighs at a hold. Only from what was read.

use super::phases::{all, verify};
use super::{MoveTables, attempts};
use crate::cluster::mutation::SourceTables;
use crate::family::picture::StreamShape;
use crate::family::{SituationKind, View};
use crate::model::vdiff::Verdict;
use crate::run::phase::PhaseId;
use crate::words::{length, moment};

/// How long vtgate keeps an application's writes waiting before it refuses them (`--buffer-window`, its default).
const BUFFER_SECONDS: u64 = 10;

pub fn of(movement: &MoveTables, phase: &PhaseId, view: &View<'_>) -> Vec<String> {
    let mut lines: Vec<String> = held_since(phase, view).into_iter().collect();
    match phase.as_str() {
        "create" => lines.push("nothing runs and nothing is written while it holds".into()),
        "copy" | "verify" | "switch-replicas" | "switch-primary" => {
            lines.extend(streams(movement, view));
        }
        "revert-window" => lines.extend(way_back(movement, view)),
        "complete" => {
            lines.extend(way_back(movement, view));
            lines.extend(ends(movement));
        }
        "remove-rules" => lines.push(format!(
            "holding costs nothing: the rules lead both keyspaces to `{}`. Without them an application connected to `{}` gets errno 1146 \
             for the moved tables; `cutover restore-rules` puts them back",
            movement.target(),
            movement.source()
        )),
        _ => {}
    }
    if matches!(phase.as_str(), "switch-replicas" | "switch-primary") {
        lines.extend(stale(movement, view));
    }
    match phase.as_str() {
        "verify" => {
            lines.push("VDiff reads every row on both sides, from the tablet types of `[verify]`; no write pauses".into())
        }
        "switch-replicas" => {
            lines.push("no pause: reads go to the target from one query to the next, `cutover switch-back` undoes it".into());
        }
        "switch-primary" => lines.push(pause(movement)),
        _ => {}
    }
    lines
}

/// A hold that has only begun has cost nothing yet.
const WORTH_SAYING_SECONDS: i64 = 60;

/// Since when everything before this gate is done.
fn held_since(phase: &PhaseId, view: &View<'_>) -> Option<String> {
    let before = all().into_iter().map(|phase| phase.id).take_while(|id| id != phase);
    let created = attempts::created_at(view.progress);
    let (id, at) = before
        .filter_map(|id| view.progress.reached.get(&id).map(|at| (id, *at)))
        .filter(|(id, at)| *id == PhaseId::PRE_CHECK || created.is_none_or(|created| *at >= created))
        .max_by_key(|(_, at)| *at)?;
    let seconds = view.now.duration_since(at).as_secs();
    (seconds >= WORTH_SAYING_SECONDS).then(|| format!("{} so far: {id} was done {}", length(seconds), moment(at)))
}

/// A stream that runs keeps up however long it takes; one that stands lives as long as the source's binlogs.
fn streams(movement: &MoveTables, view: &View<'_>) -> Option<String> {
    let workflow = view.facts.workflow(movement.target(), movement.workflow())?;
    let streams = movement.streams_of(view.facts, movement.target(), movement.workflow());
    if !streams.has(StreamShape::Stopped) {
        let lag =
            workflow.transaction_lag_seconds.map_or_else(|| "a lag not known now".into(), |lag| format!("lag {}", length(lag)));
        return Some(format!(
            "the streams run while it holds and keep up ({lag}); they read the source's binlogs the whole time"
        ));
    }
    if workflow.streams.iter().all(|stream| stream.position.is_empty()) {
        return Some("the streams have not begun: they read from where the source is when they start, however late".into());
    }
    Some(format!(
        "streams stand still: they can catch up only as long as `{}` keeps its binlogs. `SELECT @@binlog_expire_logs_seconds` on its \
         primaries says how long that is; longer, and the copy begins anew",
        movement.source()
    ))
}

/// When the comparison of rows no longer counts.
fn stale(movement: &MoveTables, view: &View<'_>) -> Option<String> {
    let (Ok(Verdict::Pass { completed_at, .. } | Verdict::Mismatch { completed_at, .. }), _) = verify::verdict(movement, view)?
    else {
        return None;
    };
    let stale_at = verify::stale_at(movement, completed_at)?;
    let left = stale_at.duration_since(view.now).as_secs();
    Some(if left > 0 {
        format!(
            "the VDiff of {} counts until {}, for another {}; then rows are compared anew",
            moment(completed_at),
            moment(stale_at),
            length(left)
        )
    } else {
        format!("the VDiff of {} no longer counts since {}; rows are compared anew", moment(completed_at), moment(stale_at))
    })
}

fn pause(movement: &MoveTables) -> String {
    let switch = &movement.spec.switch;
    let transactions_seconds = switch.max_transaction_age_milliseconds.div_ceil(1000);
    let worst_seconds = switch.timeout_seconds + transactions_seconds;
    let buffer = if worst_seconds < BUFFER_SECONDS {
        format!("vtgate with `--enable-buffer` holds writes back for {BUFFER_SECONDS} s by default, so none is refused")
    } else {
        format!("vtgate holds writes back for {BUFFER_SECONDS} s by default, so some MAY BE REFUSED")
    };
    format!(
        "writes pause for about 2 s when calm, at worst {} of catch-up and as long as a transaction that is open then; {buffer}",
        length(switch.timeout_seconds)
    )
}

/// What the reverse streams cost while they are kept.
fn way_back(movement: &MoveTables, view: &View<'_>) -> Vec<String> {
    if view.situation.kind != SituationKind::Switched {
        return vec![];
    }
    let source = movement.source();
    vec![format!(
        "while it holds, the reverse streams read the binlogs of `{}` and write each change to `{source}` too, which keeps the disk of \
             its old tables",
        movement.target()
    )]
}

fn ends(movement: &MoveTables) -> Vec<String> {
    let (source, target) = (movement.source(), movement.target());
    let what = match movement.spec.complete.source_tables {
        SourceTables::Rename => {
            format!("the tables of `{source}` get other names: their rows stay and grow old, their disk stays taken")
        }
        SourceTables::Drop => format!("the tables of `{source}` ARE DROPPED: `{target}` then holds the only copy of their rows"),
        SourceTables::Keep => format!("the tables of `{source}` stay, denied: their rows grow old, their disk stays taken"),
    };
    vec![what, "both workflows are deleted and the way back ends: `cutover switch-back` no longer works after it".into()]
}
