//! C516: a stream stands still without a word: nobody hears of it any more, or somebody has stopped it.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::{place, show_workflow, stream};
use crate::cluster::mutation::shell;
use crate::model::workflow::{Stream, StreamState, Workflow};
use crate::words::length;

const CODE: &str = "C516";
/// A live stream says so each second.
const SILENT_SECONDS: i64 = 60;

pub static KIND: Kind = Kind {
    code: CODE,
    title: "a stream stands still",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C516.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for workflow in &survey.facts.workflows {
        for one in &workflow.streams {
            if let Some(seconds) = silent_for(survey, one) {
                let summary = format!("has not been heard of for {}", length(seconds));
                let meaning = "it counts as running, and its tablet does not say that it lives: the tablet is down, or hangs";
                found.push(leftover(workflow, one, Weight::Standing, &summary, meaning));
            } else if is_stopped_by_somebody(survey, workflow, one) {
                let meaning = "somebody has stopped it (`cutover pause` does too). The copy falls behind; it can catch up as long as the \
                               source keeps its binary logs";
                found.push(leftover(workflow, one, Weight::Note, "is stopped", meaning));
            }
        }
    }
    found
}

fn silent_for(survey: &Survey, stream: &Stream) -> Option<i64> {
    let runs = matches!(stream.state, StreamState::Running | StreamState::Copying | StreamState::Lagging);
    let seconds = survey.now().duration_since(stream.updated_at?).as_secs();
    (runs && !stream.position.is_empty() && seconds > SILENT_SECONDS).then_some(seconds)
}

/// It has once run. Reverse streams are told as the way back, or as those that must be frozen.
fn is_stopped_by_somebody(survey: &Survey, workflow: &Workflow, stream: &Stream) -> bool {
    let is_way_back = survey.movements.iter().any(|movement| {
        movement
            .reverse
            .as_ref()
            .is_some_and(|reverse| (&reverse.keyspace, &reverse.name) == (&workflow.keyspace, &workflow.name))
    });
    stream.state == StreamState::Stopped && stream.message.is_empty() && !stream.position.is_empty() && !is_way_back
}

fn leftover(workflow: &Workflow, one: &Stream, weight: Weight, what: &str, meaning: &str) -> Leftover {
    let (keyspace, name) = (&workflow.keyspace, &workflow.name);
    Leftover {
        code: CODE.to_owned(),
        weight,
        subject: place(keyspace, name, one),
        summary: format!("the stream of `{keyspace}.{name}` on {keyspace}/{} {what}", one.shard),
        evidence: vec![stream(keyspace, one)],
        since: one.updated_at,
        meaning: meaning.into(),
        mend: Mend::Hand,
        by_hand: vec![
            show_workflow(keyspace, name),
            format!("vtctldclient Workflow --keyspace {} start --workflow {}", shell(keyspace), shell(name)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_running_stream_that_is_silent_for_a_minute_is_told() {
        let mut case = Case::after(&["create", "copy"]);
        let now = case.world.facts.observed_at;
        let ago = |seconds: i64| Some(now - jiff::SignedDuration::from_secs(seconds));
        case.streams("commerce2customer")[0].updated_at = ago(60);
        assert_eq!(case.find(&KIND), []);
        case.streams("commerce2customer")[0].updated_at = ago(61);
        let found = case.only(&KIND);
        assert!(
            found.weight == Weight::Standing && found.summary.ends_with("has not been heard of for 1 min 1 s"),
            "{}",
            found.summary
        );
    }

    #[test]
    fn a_stream_that_somebody_stopped_is_a_note_and_one_that_never_ran_is_none() {
        let mut case = Case::after(&["create", "copy"]);
        case.streams("commerce2customer")[0].state = StreamState::Stopped;
        assert_eq!(case.only(&KIND).weight, Weight::Note);
        case.streams("commerce2customer")[0].position.clear();
        assert_eq!(case.find(&KIND), []);
    }
}
