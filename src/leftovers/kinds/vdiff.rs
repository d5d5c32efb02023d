//! C550: a VDiff that has no end: it runs, waits, or is in an error that Vitess retries.

use std::collections::BTreeMap;

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use crate::cluster::mutation::shell;
use crate::cluster::port::Ask;
use crate::family::Side;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::vdiff::{VDiffListed, VDiffState};
use crate::model::workflow::Workflow;

const CODE: &str = "C550";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "a VDiff has not ended",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C550.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for workflow in &survey.facts.workflows {
        let Ok(keyspace) = KeyspaceName::new(workflow.keyspace.as_str()) else { continue };
        let Ok(name) = WorkflowName::new(workflow.name.as_str()) else { continue };
        let Ok(listed) = survey.facts.vdiffs(&Ask::VDiffs { keyspace, workflow: name }) else { continue };
        let mut alive: BTreeMap<&str, Vec<&VDiffListed>> = BTreeMap::new();
        for vdiff in listed.iter().filter(|vdiff| vdiff.state.may_run()) {
            alive.entry(&vdiff.uuid).or_default().push(vdiff);
        }
        found.extend(alive.into_iter().map(|(uuid, shards)| leftover(survey, workflow, uuid, &shards)));
    }
    found
}

fn leftover(survey: &Survey, workflow: &Workflow, uuid: &str, shards: &[&VDiffListed]) -> Leftover {
    let (keyspace, name) = (&workflow.keyspace, &workflow.name);
    let is_stopped = survey.stopped_vdiffs.contains(uuid) && shards.iter().all(|vdiff| vdiff.state == VDiffState::Error);
    let in_error = shards.iter().any(|vdiff| matches!(vdiff.state, VDiffState::Error | VDiffState::Unknown));
    let what = if is_stopped {
        "is in an error, and we have asked it to stop"
    } else if in_error {
        "is in an error"
    } else if shards.iter().all(|vdiff| vdiff.state == VDiffState::Pending) {
        "waits to begin"
    } else {
        "compares rows"
    };
    let (weight, meaning) = if is_stopped {
        (
            Weight::Note,
            "it runs no more and stands in the way of nothing: Vitess keeps its error, and takes up again only what nobody has stopped",
        )
    } else if writes_into_serving(survey, workflow) {
        (
            Weight::Between,
            "the writes are led into this keyspace, so its streams are frozen: a VDiff that goes on starts them again, and forward and \
             reverse streams feed each other (seen on a real Vitess: duplicate keys). Stop it before anything else",
        )
    } else if in_error {
        (
            Weight::Standing,
            "Vitess tries it again and again, unless somebody has stopped it, which it does not show; no switch may begin while it does",
        )
    } else {
        (Weight::Note, "it compares rows now. No switch may begin before it has ended or was stopped")
    };
    let of = format!("--target-keyspace {} --workflow {}", shell(keyspace), shell(name));
    Leftover {
        code: CODE.to_owned(),
        weight,
        subject: format!("{keyspace}.{name} VDiff {uuid}"),
        summary: format!("VDiff {uuid} of `{keyspace}.{name}` {what}"),
        evidence: shards.iter().map(|vdiff| format!("{keyspace}/{}: {}", vdiff.shard, state(vdiff.state))).collect(),
        since: None,
        meaning: meaning.into(),
        mend: Mend::Hand,
        by_hand: vec![
            format!("vtctldclient VDiff {of} show {uuid}"),
            format!("vtctldclient VDiff {of} {} {uuid}", if is_stopped { "delete" } else { "stop" }),
        ],
    }
}

fn state(state: VDiffState) -> &'static str {
    match state {
        VDiffState::Unknown => "in a state that is not known",
        VDiffState::Pending => "pending",
        VDiffState::Started => "started",
        VDiffState::Stopped => "stopped",
        VDiffState::Completed => "completed",
        VDiffState::Error => "in an error",
    }
}

/// Whether the workflow's streams write into the keyspace that takes the writes.
fn writes_into_serving(survey: &Survey, workflow: &Workflow) -> bool {
    survey.movements.iter().any(|movement| {
        let serving = match movement.writes(&survey.facts) {
            Some(Side::Source) => movement.source(),
            Some(Side::Target) => movement.target(),
            _ => return false,
        };
        serving.as_str() == workflow.keyspace
            && movement.workflows().any(|it| (&it.keyspace, &it.name) == (&workflow.keyspace, &workflow.name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_vdiff_weighs_what_it_can_do() {
        let of = |phases: &[&str], state| {
            let mut case = Case::after(phases);
            case.vdiff("commerce2customer", "80-", state);
            case.find(&KIND).into_iter().map(|leftover| leftover.weight).collect::<Vec<_>>()
        };
        let switched = ["create", "copy", "switch-replicas", "switch-primary"];
        assert_eq!(of(&["create", "copy"], VDiffState::Completed), []);
        assert_eq!(of(&["create", "copy"], VDiffState::Started), [Weight::Note]);
        assert_eq!(of(&["create", "copy"], VDiffState::Error), [Weight::Standing]);
        assert_eq!(of(&switched, VDiffState::Started), [Weight::Between]);
        assert_eq!(of(&switched, VDiffState::Stopped), []);
    }

    #[test]
    fn one_in_an_error_is_not_told_as_running_and_one_that_we_stopped_as_neither() {
        let mut case = Case::after(&["create", "copy"]);
        case.vdiff("commerce2customer", "80-", VDiffState::Error);
        let found = case.only(&KIND);
        assert!(found.summary.ends_with("is in an error"), "{}", found.summary);
        let mut survey = case.survey();
        survey.stopped_vdiffs = survey.facts.vdiffs(&asked(&found)).unwrap().iter().map(|vdiff| vdiff.uuid.clone()).collect();
        let [found] = &KIND.found(&survey)[..] else { panic!() };
        assert_eq!(found.weight, Weight::Note);
        assert!(found.summary.ends_with("we have asked it to stop") && found.by_hand[1].contains(" delete "), "{found:?}");
    }

    fn asked(found: &Leftover) -> Ask {
        let name = found.subject.split(' ').next().unwrap();
        let (keyspace, workflow) = name.split_once('.').unwrap();
        Ask::VDiffs { keyspace: KeyspaceName::new(keyspace).unwrap(), workflow: WorkflowName::new(workflow).unwrap() }
    }

    #[test]
    fn one_vdiff_on_many_shards_is_one_leftover() {
        let mut case = Case::after(&["create", "copy"]);
        case.vdiff("commerce2customer", "-80", VDiffState::Started);
        case.vdiff("commerce2customer", "80-", VDiffState::Pending);
        let found = case.only(&KIND);
        assert_eq!(found.evidence, ["customer/-80: started", "customer/80-: pending"]);
    }
}
