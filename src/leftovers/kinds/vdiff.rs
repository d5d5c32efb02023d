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
    let in_error = shards.iter().any(|vdiff| matches!(vdiff.state, VDiffState::Error | VDiffState::Unknown));
    let (weight, meaning) = if writes_into_serving(survey, workflow) {
        (
            Weight::Between,
            "the writes are led into this keyspace, so its streams are frozen: a VDiff that goes on starts them again, and forward and \
             reverse streams feed each other (seen on a real Vitess: duplicate keys). Stop it before anything else",
        )
    } else if in_error {
        (Weight::Standing, "Vitess tries it again and again; no switch may begin while it does")
    } else {
        (Weight::Note, "it compares rows now. No switch may begin before it has ended or was stopped")
    };
    let of = format!("--target-keyspace {} --workflow {}", shell(keyspace), shell(name));
    Leftover {
        code: CODE.to_owned(),
        weight,
        subject: format!("{keyspace}.{name} VDiff {uuid}"),
        summary: format!("VDiff {uuid} of `{keyspace}.{name}` has not ended"),
        evidence: shards.iter().map(|vdiff| format!("{keyspace}/{}: {}", vdiff.shard, state(vdiff.state))).collect(),
        since: None,
        meaning: meaning.into(),
        mend: Mend::Hand,
        by_hand: vec![format!("vtctldclient VDiff {of} show {uuid}"), format!("vtctldclient VDiff {of} stop {uuid}")],
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
    fn one_vdiff_on_many_shards_is_one_leftover() {
        let mut case = Case::after(&["create", "copy"]);
        case.vdiff("commerce2customer", "-80", VDiffState::Started);
        case.vdiff("commerce2customer", "80-", VDiffState::Pending);
        let found = case.only(&KIND);
        assert_eq!(found.evidence, ["customer/-80: started", "customer/80-: pending"]);
    }
}
