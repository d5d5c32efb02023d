//! C510: streams that a primary switch has stopped and that nobody has frozen or started since.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Weight};
use super::words::{of_movement, shards, show_workflow, stream};
use crate::family::Side;
use crate::model::workflow::Stream;

const CODE: &str = "C510";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "streams that are `stopped for cutover`",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C510.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for movement in &survey.movements {
        // Of a switch back it is the reverse workflow whose streams are stopped.
        for workflow in movement.workflows() {
            let stopped: Vec<&Stream> = workflow.streams.iter().filter(|stream| stream.is_stopped_for_cutover()).collect();
            if stopped.is_empty() {
                continue;
            }
            let name = format!("{}.{}", workflow.keyspace, workflow.name);
            let shards = shards(&workflow.keyspace, stopped.iter().copied());
            let summary = format!("the streams of `{name}` on {shards} are `stopped for cutover`");
            let mut leftover = of_movement(CODE, Weight::Between, movement, name, summary);
            leftover.evidence = stopped.iter().map(|one| stream(&workflow.keyspace, one)).collect();
            leftover.since = stopped.iter().filter_map(|stream| stream.updated_at).max();
            let leads_there = match movement.writes(&survey.facts) {
                Some(Side::Source) => workflow.keyspace == movement.source().as_str(),
                Some(Side::Target) => workflow.keyspace == movement.target().as_str(),
                _ => false,
            };
            leftover.meaning = if leads_there {
                "the rules lead to this side already. Started again, these streams would write old rows over new ones: they must be marked \
                 FROZEN, never started"
                    .into()
            } else {
                "a primary switch has stopped them at the other side's last position and has not ended. Nothing is copied since, and a \
                 retry of the switch is refused for lag after 30 s"
                    .into()
            };
            leftover.by_hand = vec![show_workflow(&workflow.keyspace, &workflow.name)];
            found.push(leftover);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;
    use crate::model::workflow::{FROZEN, STOPPED_FOR_CUTOVER, StreamState};

    #[test]
    fn one_stopped_stream_is_enough_and_a_frozen_one_is_none() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        let stream = &mut case.streams("commerce2customer")[1];
        (stream.state, stream.message) = (StreamState::Stopped, STOPPED_FOR_CUTOVER.into());
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.evidence.len()), ("customer.commerce2customer", 1));
        assert!(found.evidence[0].starts_with("customer/80-, stream 2 on zone1-0000000200: Stopped"), "{:?}", found.evidence);
        case.streams("commerce2customer")[1].message = FROZEN.into();
        assert_eq!(case.find(&KIND), []);
    }

    #[test]
    fn where_the_rules_lead_already_it_says_never_to_start_them() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        case.streams("commerce2customer")[0].message = STOPPED_FOR_CUTOVER.into();
        assert!(case.only(&KIND).meaning.contains("never started"));
    }
}
