//! C512: after a primary switch the reverse streams don't run: the way back is not open.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::stopped_at_ddl::is_at_ddl;
use super::words::{of_movement, shards, show_workflow, stream};
use crate::cluster::mutation::shell;
use crate::family::Side;
use crate::model::workflow::{Stream, StreamState};

const CODE: &str = "C512";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "reverse streams stand still: the way back is not open",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C512.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for movement in survey.movements.iter().filter(|movement| movement.writes(&survey.facts) == Some(Side::Target)) {
        let stopped: Vec<&Stream> = movement.reverse_streams().iter().filter(|stream| stands_still(stream)).collect();
        if stopped.is_empty() {
            continue;
        }
        let (keyspace, workflow) = (movement.source().to_string(), movement.plan.workflow().reverse().to_string());
        let name = movement.reverse_name();
        let shards = shards(&keyspace, stopped.iter().copied());
        let summary = format!("THE WAY BACK IS NOT OPEN: the streams of `{name}` on {shards} don't run");
        let mut leftover = of_movement(CODE, Weight::Standing, movement, name, summary);
        leftover.evidence = stopped.iter().map(|one| stream(&keyspace, one)).collect();
        leftover.since = stopped.iter().filter_map(|stream| stream.updated_at).max();
        leftover.meaning =
            "the source doesn't follow the target: going back would lose what was written since, and once the target's \
                            binary logs are purged they can't catch up any more"
                .into();
        leftover.by_hand = vec![
            show_workflow(&keyspace, &workflow),
            format!("vtctldclient Workflow --keyspace {} start --workflow {}", shell(&keyspace), shell(&workflow)),
        ];
        // What stands in an error or at a DDL starts again only when its cause is gone, and that no repair can see.
        if !stopped.iter().any(|stream| stream.state == StreamState::Stopped && stream.message.is_empty()) {
            leftover.mend = Mend::Hand;
        }
        found.push(leftover);
    }
    found
}

/// Also one whose error or DDL is told by itself: whoever reads only the first line must know what it means. One that was frozen, or
/// stopped for a VDiff or a cutover, is in passing.
fn stands_still(stream: &Stream) -> bool {
    let is_stopped = stream.state == StreamState::Stopped && (stream.message.is_empty() || is_at_ddl(stream));
    is_stopped || stream.state == StreamState::Error
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_stopped_reverse_stream_is_said_loudly_once_the_target_serves() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        assert_eq!(case.find(&KIND), []);
        case.streams("commerce2customer_reverse")[0].state = StreamState::Stopped;
        let found = case.only(&KIND);
        assert!(found.summary.starts_with("THE WAY BACK IS NOT OPEN"));
        for (state, message, is_told) in [
            (StreamState::Error, "task error: errno 1062", true),
            (StreamState::Stopped, "Stopped at DDL alter table `corder`", true),
            (StreamState::Stopped, "for vdiff", false),
            (StreamState::Running, "", false),
        ] {
            let stream = &mut case.streams("commerce2customer_reverse")[0];
            (stream.state, stream.message) = (state, message.into());
            let found = case.find(&KIND);
            assert_eq!(found.len(), usize::from(is_told), "{message}");
            assert!(found.iter().all(|leftover| leftover.mend == Mend::Hand), "{message}");
        }
        case.streams("commerce2customer_reverse")[0].state = StreamState::Stopped;
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("commerce.commerce2customer_reverse", Weight::Standing));
    }

    #[test]
    fn forward_streams_that_stand_are_not_a_way_back() {
        let mut case = Case::after(&["create", "copy"]);
        case.streams("commerce2customer")[0].state = StreamState::Stopped;
        assert_eq!(case.find(&KIND), []);
    }
}
