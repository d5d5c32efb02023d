//! Switch back: all traffic to the source, at once, in any window. Reads first: the source is up to date while the reverse streams
//! run, and a read that goes back early is never wrong about where the write went.

use super::super::MoveTables;
use super::revert_window::{LAG_LIMIT_SECONDS, way_back};
use super::{copy, switch_primary, switch_replicas};
use crate::cluster::mutation::{Direction, Mutation, StopVDiff};
use crate::cluster::port::{Ask, Query, Question};
use crate::family::{Side, SituationKind, Step, View, Waiting};
use crate::finding::{Finding, Severity};
use crate::model::journal;
use crate::model::topology::TabletType;
use crate::model::workflow::{Stream, StreamState};
use crate::words::length;

pub fn mutations(movement: &MoveTables) -> Vec<Mutation> {
    [TabletType::Rdonly, TabletType::Replica, TabletType::Primary]
        .into_iter()
        .map(|kind| switch_replicas::mutation(movement, kind, Direction::Backward))
        .collect()
}

/// Every VDiff of the reverse workflow: one that runs would corrupt the switch of writes.
pub fn vdiffs(movement: &MoveTables) -> Ask {
    Ask::VDiffs { keyspace: movement.source().clone(), workflow: movement.workflow().reverse() }
}

fn journals(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::Journals { keyspace: movement.target().clone() })
}

pub fn query(movement: &MoveTables) -> Query {
    Query { asks: [vdiffs(movement), journals(movement)].into(), ..Query::default() }
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    let traffic = view.situation.traffic;
    match view.situation.kind {
        SituationKind::Moving | SituationKind::Switched => {
            // Reads at a source that nobody keeps up to date are wrong reads: first the streams, then the reads, then the writes.
            if traffic.primary != Side::Source
                && let Some(step) = in_the_way(movement, view)
            {
                return step;
            }
            for (side, kind) in [
                (traffic.rdonly, TabletType::Rdonly),
                (traffic.replica, TabletType::Replica),
                (traffic.primary, TabletType::Primary),
            ] {
                if side != Side::Source {
                    return Step::Act(switch_replicas::mutation(movement, kind, Direction::Backward));
                }
            }
            Step::Done(vec![format!("all traffic is at `{}`", movement.source())])
        }
        SituationKind::NotBegun | SituationKind::Cancelled => Step::Done(vec!["nothing was switched".into()]),
        _ => Step::Blocked(Finding::fail(
            "C330",
            Severity::Error,
            movement.workflow().as_str(),
            format!("there is no way back from here: {}", view.situation.words),
            "after `complete` the rows live in the target alone; a way back is a new movement from there",
        )),
    }
}

/// What must be dealt with before traffic goes back while the target takes writes.
fn in_the_way(movement: &MoveTables, view: &View<'_>) -> Option<Step> {
    let way_back = way_back(movement, view.facts);
    let name = format!("{}.{}", movement.source(), movement.workflow().reverse());
    if !way_back.possible {
        if passes_by_itself(movement, view) {
            return Some(Step::Wait(Waiting::new(format!("the reverse streams are looked at again: {}", way_back.why))));
        }
        let (keyspace, workflow) = (movement.source(), movement.workflow().reverse());
        return Some(Step::Blocked(Finding::fail(
            "C333",
            Severity::Error,
            name,
            format!("the way back is not open: {}; the source lacks what was written since", way_back.why),
            format!(
                "mend the cause and `vtctldclient Workflow --keyspace {keyspace} start --workflow {workflow}`, then `cutover switch-back`; or stay at `{}`: \
                 `cutover approve complete --give-up-way-back --reason TEXT`",
                movement.target()
            ),
        )));
    }
    if let Some(finding) = journal_in_the_way(movement, view) {
        return Some(Step::Blocked(finding));
    }
    let limit_seconds = LAG_LIMIT_SECONDS.max(movement.spec.switch.max_lag_seconds);
    match way_back.lag_seconds {
        Some(lag) if lag > limit_seconds => {
            let words = format!(
                "the reverse streams of `{name}` lag {}; Vitess refuses the switch above {}",
                length(lag),
                length(limit_seconds)
            );
            return Some(Step::Wait(Waiting::new(words)));
        }
        _ => {}
    }
    stop_vdiff(movement, view)
}

/// As C232, on the way back. Journals that can't be read bar nothing: it takes a source that was made anew for there to be one.
fn journal_in_the_way(movement: &MoveTables, view: &View<'_>) -> Option<Finding> {
    let reverse = view.facts.workflow(movement.source(), &movement.workflow().reverse())?;
    let id = journal::id_of_streams(movement.source().as_str(), &reverse.streams);
    let by_shard = view.facts.journals(&journals(movement)).ok()?;
    let (shard, _) = by_shard.iter().find(|(_, ids)| ids.contains(&id))?;
    let place = format!("{}/{shard}", movement.target());
    Some(Finding::fail(
        "C336",
        Severity::Error,
        place.as_str(),
        format!(
            "`{place}` has the journal of an earlier switch whose streams had the numbers of the reverse streams: Vitess would stop no \
             write, wait for no stream, and lose what they have not copied"
        ),
        format!(
            "on the primary of each shard of `{}`: `vtctldclient ExecuteFetchAsDBA TABLET 'delete from _vt.resharding_journal where id = \
             {id}'`, then `cutover switch-back`",
            movement.target()
        ),
    ))
}

/// An error that a reparent shows for some seconds, or a lag that no stream has told yet.
fn passes_by_itself(movement: &MoveTables, view: &View<'_>) -> bool {
    let reverse = view.facts.workflow(movement.source(), &movement.workflow().reverse());
    let Some(workflow) = reverse else { return false };
    let is_dead = |stream: &&Stream| match stream.state {
        StreamState::Running | StreamState::Init | StreamState::Copying | StreamState::Lagging => false,
        StreamState::Error => copy::does_not_pass(stream, view),
        StreamState::Stopped | StreamState::Unknown => !stream.is_stopped_in_passing(),
    };
    movement.shard_names(view.facts, true).iter().all(|shard| workflow.streams.iter().any(|stream| &stream.shard == shard))
        && !workflow.streams.iter().any(|stream| is_dead(&stream))
}

/// The way back is an emergency: whoever began a VDiff there, it is stopped.
fn stop_vdiff(movement: &MoveTables, view: &View<'_>) -> Option<Step> {
    match view.facts.vdiffs(&vdiffs(movement)) {
        Err(unread) => {
            Some(Step::Wait(Waiting::new(format!("whether a VDiff runs on the way back can't be read: {}", unread.why))))
        }
        Ok(listed) => listed.iter().find(|vdiff| switch_primary::is_alive(vdiff, view.progress)).map(|vdiff| {
            Step::Act(Mutation::StopVDiff(StopVDiff {
                workflow: movement.workflow().reverse(),
                target_keyspace: movement.source().clone(),
                uuid: vdiff.uuid.clone(),
            }))
        }),
    }
}
