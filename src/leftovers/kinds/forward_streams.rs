//! C511: frozen streams where the writes still come from, or streams that are not frozen where the writes have gone to.

use super::super::movement::Movement;
use super::super::survey::Survey;
use super::super::{Kind, Leftover, Weight};
use super::words::{of_movement, shards, show_workflow, stream};
use crate::family::Side;
use crate::model::workflow::{Stream, StreamState, Workflow};

const CODE: &str = "C511";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "streams that are frozen on the wrong side, or not frozen",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C511.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    survey.movements.iter().flat_map(|movement| of(survey, movement)).collect()
}

/// The side that follows must not be frozen; the one that would write into the serving side must be.
fn of(survey: &Survey, movement: &Movement) -> Vec<Leftover> {
    let (into_serving, into_following) = match movement.writes(&survey.facts) {
        Some(Side::Source) => (&movement.reverse, &movement.forward),
        Some(Side::Target) => (&movement.forward, &movement.reverse),
        _ => return vec![],
    };
    let mut found = Vec::new();
    if let Some(workflow) = into_serving {
        let live: Vec<&Stream> =
            workflow.streams.iter().filter(|stream| !stream.is_frozen() && !stream.is_stopped_for_cutover()).collect();
        if !live.is_empty() {
            let meaning = "they write into the keyspace that takes the application's writes, or will when somebody starts them: old rows \
                           over new ones. They must be FROZEN while it serves";
            let mut told =
                leftover(movement, workflow, &live, "are not frozen, and the writes are led into their keyspace", meaning);
            // A switch that was led back leaves its reverse streams so, never started; the next one makes them anew.
            let is_reverse = movement.reverse.as_ref().is_some_and(|reverse| reverse.name == workflow.name);
            if is_reverse && live.iter().all(|stream| stream.state == StreamState::Stopped && stream.message.is_empty()) {
                told.weight = Weight::Note;
            }
            found.push(told);
        }
    }
    if let Some(workflow) = into_following {
        let frozen: Vec<&Stream> = workflow.streams.iter().filter(|stream| stream.is_frozen()).collect();
        if !frozen.is_empty() {
            let meaning = "this side does not follow the one that takes the writes: a switch, or a way back, was marked as ended here and \
                           the rules don't lead here";
            found.push(leftover(
                movement,
                workflow,
                &frozen,
                "are frozen, and the writes are not led into their keyspace",
                meaning,
            ));
        }
    }
    found
}

fn leftover(movement: &Movement, workflow: &Workflow, streams: &[&Stream], what: &str, meaning: &str) -> Leftover {
    let name = format!("{}.{}", workflow.keyspace, workflow.name);
    let shards = shards(&workflow.keyspace, streams.iter().copied());
    let mut leftover =
        of_movement(CODE, Weight::Between, movement, name.clone(), format!("the streams of `{name}` on {shards} {what}"));
    leftover.evidence = streams.iter().map(|one| stream(&workflow.keyspace, one)).collect();
    leftover.since = streams.iter().filter_map(|stream| stream.updated_at).max();
    leftover.meaning = meaning.into();
    leftover.by_hand = vec![show_workflow(&workflow.keyspace, &workflow.name)];
    leftover
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;
    use crate::model::workflow::FROZEN;

    #[test]
    fn half_of_a_freeze_is_found_on_the_shard_that_lacks_it() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        assert_eq!(case.find(&KIND), []);
        let stream = &mut case.streams("commerce2customer")[0];
        (stream.state, stream.message) = (StreamState::Running, String::new());
        let found = case.only(&KIND);
        assert!(found.summary.contains("`customer/-80` are not frozen"), "{}", found.summary);
    }

    #[test]
    fn reverse_streams_that_were_never_started_are_a_note_and_running_ones_are_not() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        let before = Case::after(&["create", "copy", "switch-replicas"]);
        case.world.facts.routing_rules = before.world.facts.routing_rules.clone();
        case.workflows.retain(|workflow| workflow.name.ends_with("_reverse"));
        case.workflows.extend(before.workflows);
        assert_eq!(case.only(&KIND).weight, Weight::Between);
        for stream in case.streams("commerce2customer_reverse") {
            stream.state = StreamState::Stopped;
        }
        assert_eq!(case.only(&KIND).weight, Weight::Note);
    }

    #[test]
    fn a_frozen_stream_that_should_follow_is_found() {
        let mut case = Case::after(&["create", "copy"]);
        let stream = &mut case.streams("commerce2customer")[1];
        (stream.state, stream.message) = (StreamState::Stopped, FROZEN.into());
        assert!(case.only(&KIND).summary.contains("`customer/80-` are frozen"));
    }
}
