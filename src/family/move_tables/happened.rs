//! Whether a write can be seen to have happened: by looking, never by its answer.

use super::MoveTables;
use super::half_done::{self, HalfDone};
use super::half_switch;
use super::phases::finish::ALREADY_EXISTS;
use crate::cluster::mutation::{Mutation, SetDeniedTables, StopVDiff, StreamsWanted, SwitchTraffic};
use crate::cluster::port::Ask;
use crate::family::picture::StreamShape;
use crate::family::{Family as _, Happened, Side, SituationKind, View};
use crate::model::topology::{TabletType, shard_path};
use crate::model::vdiff::VDiffState;
use crate::model::workflow::FROZEN;
use crate::words::counted;

pub fn happened(movement: &MoveTables, mutation: &Mutation, view: &View<'_>) -> Happened {
    let kind = view.situation.kind;
    let yes = || Happened::Yes(vec![view.situation.words.clone()]);
    let partly = || {
        let against = view.situation.contradictions.join("; ");
        Happened::Partly(if against.is_empty() { view.situation.words.clone() } else { against })
    };
    match mutation {
        // Somebody made it between our look and our write: what is there is not our work, however alike.
        Mutation::CreateMoveTables(_) if call_error(view).is_some_and(|error| error.contains(ALREADY_EXISTS)) => Happened::No,
        Mutation::CreateMoveTables(_) => match kind {
            SituationKind::Moving => {
                Happened::Yes(vec![format!("its streams are there, `{}` serves as before", movement.source())])
            }
            SituationKind::NotBegun | SituationKind::Cancelled => Happened::No,
            _ => partly(),
        },
        Mutation::SetStreams(set) if set.message.as_deref() == Some(FROZEN) => {
            let streams = movement.streams_of(view.facts, &set.keyspace, &set.workflow);
            match streams.has(StreamShape::Frozen) {
                true if streams.all(StreamShape::Frozen) => {
                    Happened::Yes(vec![format!("streams frozen on {}", counted(streams.by_shard.len(), "shard"))])
                }
                true => Happened::Partly("some streams are frozen and some are not".into()),
                false => Happened::No,
            }
        }
        Mutation::SetStreams(set) => {
            let streams = movement.streams_of(view.facts, &set.keyspace, &set.workflow);
            let stands_still = streams.has(StreamShape::Stopped) || streams.has(StreamShape::StoppedForCutover);
            match set.wanted {
                _ if streams.is_absent() => Happened::No,
                _ if stands_still && streams.has(StreamShape::Moving) => {
                    Happened::Partly("some streams stand still and some run".into())
                }
                StreamsWanted::Running if stands_still => Happened::No,
                StreamsWanted::Stopped if !stands_still => Happened::No,
                wanted => {
                    let shards = streams.by_shard.len();
                    let state = if wanted == StreamsWanted::Running { "started" } else { "stopped" };
                    Happened::Yes(vec![format!("streams {state} on {}", counted(shards, "shard"))])
                }
            }
        }
        Mutation::CreateVDiff(vdiff) => {
            let ask = Ask::VDiff {
                keyspace: vdiff.target_keyspace.clone(),
                workflow: vdiff.workflow.clone(),
                uuid: vdiff.uuid.to_string(),
            };
            match view.facts.vdiff(&ask) {
                Ok(Some(_)) => Happened::Yes(vec![format!("VDiff {} is there", vdiff.uuid)]),
                Ok(None) => Happened::No,
                Err(unread) => Happened::Partly(unread.why),
            }
        }
        Mutation::StopVDiff(stop) => vdiff_stopped(stop, view),
        Mutation::SwitchTraffic(switch) => {
            let partly = || match partly() {
                Happened::Partly(why) => Happened::Partly(format!("{}; {why}", half_switch::sees(movement, view.facts))),
                other => other,
            };
            switched(movement, switch, view, partly)
        }
        Mutation::CompleteMoveTables(_) => match kind {
            SituationKind::Completed | SituationKind::Ended => yes(),
            SituationKind::Switched => match half_done::completion(movement, view.facts) {
                // Every name is given back, and the source's VSchema has left them out already: nothing but the same call mends that.
                Ok(HalfDone::Nothing) => {
                    movement.cells_that_serve_what_left(view.facts).into_iter().next().map_or(Happened::No, Happened::Partly)
                }
                Ok(HalfDone::Some(words)) => Happened::Partly(words),
                Err(unread) => Happened::Partly(unread.why),
            },
            _ => partly(),
        },
        Mutation::RenameTables(it) => half_done::renamed(movement, it, view.facts),
        Mutation::CancelWorkflow(_) => match kind {
            SituationKind::NotBegun | SituationKind::Cancelled => yes(),
            SituationKind::Moving => match half_done::cancellation(movement, view.facts) {
                Ok(HalfDone::Nothing) => Happened::No,
                Ok(HalfDone::Some(words)) => Happened::Partly(words),
                Err(unread) => Happened::Partly(unread.why),
            },
            _ => partly(),
        },
        // After a primary switch the serving keyspace's own names have no rule, so some of what shall go was never there.
        Mutation::ApplyRoutingRules(edit) if edit.set.is_empty() && kind == SituationKind::Completed => Happened::No,
        Mutation::ApplyRoutingRules(edit) => {
            let rules = &view.facts.routing_rules;
            let removed = edit.remove.iter().filter(|key| rules.get(key).is_none()).count();
            let set = edit.set.iter().filter(|rule| rules.target(&rule.from_table) == Some(rule.to_table.as_str())).count();
            let wanted = edit.remove.len() + edit.set.len();
            let unserved = movement.cells_that_serve_something_else(view.facts);
            match removed + set {
                count if count == wanted && unserved.is_empty() => {
                    Happened::Yes(vec![format!("{} as wanted, in every cell", counted(wanted, "routing rule"))])
                }
                0 => Happened::No,
                count if count == wanted => Happened::Partly(unserved.join("; ")),
                count => Happened::Partly(format!("{count} of {wanted} routing rules are as wanted")),
            }
        }
        Mutation::SetDeniedTables(it) => denied(it, view),
        // Nothing shows what a tablet has read: the answer is all there is, and without it, it is asked again.
        Mutation::RefreshShard(it) => match called_well(view) {
            true => Happened::Yes(vec![format!("the tablets of {} have read their record", shard_path(&it.keyspace, &it.shard))]),
            false => Happened::No,
        },
        Mutation::RemoveStaleLock(it) => {
            let name = format!("{}/{}", it.keyspace, it.workflow);
            match view.facts.locks(&movement.lock_ask()) {
                Err(unread) => Happened::Partly(unread.why),
                Ok(locks) if locks.iter().any(|lock| lock.of == name && lock.node == it.node) => Happened::No,
                Ok(_) => Happened::Yes(vec![format!("`{name}` is no longer locked")]),
            }
        }
        // Where nothing was behind, it was asked for so that vtgates take up waiting writes at once.
        Mutation::RebuildVSchemaGraph(_) if call_error(view).is_some() => Happened::No,
        Mutation::RebuildVSchemaGraph(_) => {
            let is_behind = !movement.cells_that_serve_something_else(view.facts).is_empty()
                || !movement.cells_that_serve_what_left(view.facts).is_empty();
            if is_behind { Happened::No } else { Happened::Yes(vec!["every cell serves our rules".into()]) }
        }
    }
}

fn denied(wanted: &SetDeniedTables, view: &View<'_>) -> Happened {
    let shard = view.facts.keyspaces.get(&wanted.keyspace).and_then(|keyspace| keyspace.shards.get(&wanted.shard));
    let Some(shard) = shard else {
        return Happened::Partly(format!("{} was not read", shard_path(&wanted.keyspace, &wanted.shard)));
    };
    let denied = shard.denied_tables();
    let count = wanted.tables.iter().filter(|table| denied.contains(table.as_str()) == wanted.denied).count();
    let tables = counted(wanted.tables.len(), "table");
    match count {
        count if count == wanted.tables.len() => {
            Happened::Yes(vec![format!("{} {tables}", if wanted.denied { "denies" } else { "no longer denies" },)])
        }
        0 => Happened::No,
        count => Happened::Partly(format!("{count} of {tables} are as wanted")),
    }
}

/// Whether our call of the open attempt was seen to end well.
fn called_well(view: &View<'_>) -> bool {
    let Some(open) = &view.progress.open_attempt else { return false };
    view.watch.call_of(open.attempt).is_some_and(|call| call.error.is_none())
}

/// How our call of the open attempt ended, when it was not OK and this run saw it.
fn call_error<'a>(view: &View<'a>) -> Option<&'a str> {
    let open = view.progress.open_attempt.as_ref()?;
    view.watch.call_of(open.attempt)?.error.as_deref()
}

/// Vitess leaves an errored VDiff without a worker as it is: asked to stop with an OK, it is not taken up again.
fn vdiff_stopped(stop: &StopVDiff, view: &View<'_>) -> Happened {
    let ask = Ask::VDiffs { keyspace: stop.target_keyspace.clone(), workflow: stop.workflow.clone() };
    let listed = match view.facts.vdiffs(&ask) {
        Ok(listed) => listed,
        Err(unread) => return Happened::Partly(unread.why),
    };
    let was_asked = view.progress.open_attempt.as_ref().is_some_and(|open| view.watch.call_of(open.attempt).is_some())
        && call_error(view).is_none();
    let may_run = |state: VDiffState| state.may_run() && !(state == VDiffState::Error && was_asked);
    if listed.iter().any(|vdiff| vdiff.uuid == stop.uuid && may_run(vdiff.state)) {
        return Happened::No;
    }
    Happened::Yes(vec![format!("VDiff {} no longer runs", stop.uuid)])
}

fn switched(movement: &MoveTables, switch: &SwitchTraffic, view: &View<'_>, partly: impl Fn() -> Happened) -> Happened {
    let wanted = if movement.leads_to_target(switch) { Side::Target } else { Side::Source };
    let traffic = view.situation.traffic;
    // Of reads the rules say all there is; what else stands between states is not of this write.
    let is_whole = if switch.moves_writes() {
        matches!(view.situation.kind, SituationKind::Moving | SituationKind::Switched)
    } else {
        movement.cells_that_serve_something_else(view.facts).is_empty()
    };
    if !is_whole {
        return partly();
    }
    let sides = switch.tablet_types.iter().map(|kind| match kind {
        TabletType::Rdonly => traffic.rdonly,
        TabletType::Replica => traffic.replica,
        _ => traffic.primary,
    });
    let done = sides.filter(|side| *side == wanted).count();
    match done {
        count if count == switch.tablet_types.len() => {
            Happened::Yes(vec![traffic.words(movement.source().as_str(), movement.target().as_str())])
        }
        0 => Happened::No,
        _ => partly(),
    }
}

#[cfg(test)]
#[path = "happened_tests.rs"]
mod tests;
