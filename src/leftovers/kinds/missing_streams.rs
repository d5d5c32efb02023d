//! C517: a part of a movement's streams is missing: a shard, the way back, or the forward workflow itself.

use std::collections::BTreeSet;

use super::super::movement::Movement;
use super::super::survey::Survey;
use super::super::{Kind, Leftover, Weight};
use super::words::{listed, of_movement};
use crate::family::Side;
use crate::model::name::KeyspaceName;
use crate::model::workflow::Workflow;

const CODE: &str = "C517";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "streams of a movement are missing",
    find,
    // What could not be read is not missing.
    wants_every_workflow: true,
    page: include_str!("../pages/C517.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    survey.movements.iter().flat_map(|movement| of(survey, movement)).collect()
}

fn of(survey: &Survey, movement: &Movement) -> Vec<Leftover> {
    let mut found = Vec::new();
    let is_switched = movement.writes(&survey.facts) == Some(Side::Target);
    if movement.forward.is_none() {
        let summary = format!("`{}` is there, and its forward workflow `{}` is not", movement.reverse_name(), movement.name());
        let mut leftover = of_movement(CODE, Weight::Between, movement, movement.name(), summary);
        leftover.evidence = vec![format!("GetWorkflows of `{}` has no `{}`", movement.target(), movement.plan.workflow())];
        leftover.meaning =
            "a switch back that failed deletes the forward workflow, and the writes go on where they were. The reverse \
                            workflow can still lead back, and makes the forward one anew; it can't be completed"
                .into();
        found.push(leftover);
    }
    if is_switched && movement.reverse.is_none() {
        let summary = format!("the writes are at `{}`, and there is no `{}`", movement.target(), movement.reverse_name());
        let mut leftover = of_movement(CODE, Weight::Standing, movement, movement.reverse_name(), summary);
        leftover.evidence =
            vec![format!("GetWorkflows of `{}` has no `{}`", movement.source(), movement.plan.workflow().reverse())];
        leftover.meaning =
            "THERE IS NO WAY BACK: the source doesn't follow the target. The switch was made without reverse replication, \
                            or somebody deleted it"
                .into();
        leftover.mend = super::super::Mend::Hand;
        found.push(leftover);
    }
    let sides = [(&movement.forward, movement.target()), (&movement.reverse, movement.source())];
    for (workflow, keyspace) in sides {
        found.extend(workflow.as_ref().and_then(|workflow| missing_shards(survey, movement, workflow, keyspace)));
    }
    found
}

fn missing_shards(survey: &Survey, movement: &Movement, workflow: &Workflow, keyspace: &KeyspaceName) -> Option<Leftover> {
    let there: BTreeSet<&str> = workflow.streams.iter().map(|stream| stream.shard.as_str()).collect();
    let shards = &survey.facts.keyspaces.get(keyspace)?.shards;
    let missing: Vec<&str> = shards.keys().map(|shard| shard.as_str()).filter(|shard| !there.contains(shard)).collect();
    if missing.is_empty() {
        return None;
    }
    let name = format!("{}.{}", workflow.keyspace, workflow.name);
    let summary = format!("`{name}` has no stream on {}", listed(missing.iter().map(|shard| format!("{keyspace}/{shard}"))));
    let mut leftover = of_movement(CODE, Weight::Between, movement, name, summary);
    leftover.evidence = vec![format!(
        "it has streams on {}; the shards of `{keyspace}` are {}",
        listed(&there),
        listed(shards.keys().map(|shard| shard.as_str()))
    )];
    leftover.meaning =
        "a creation, completion or cancel that stopped between two shards, or a keyspace that was resharded under it: rows of these shards are \
                        not carried"
            .into();
    Some(leftover)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_shard_without_its_stream_is_found() {
        let mut case = Case::after(&["create"]);
        assert_eq!(case.find(&KIND), []);
        case.streams("commerce2customer").remove(0);
        let found = case.only(&KIND);
        assert!(found.summary.ends_with("has no stream on `customer/-80`"), "{}", found.summary);
    }

    #[test]
    fn each_workflow_without_the_other_is_found_once_the_writes_are_switched() {
        let switched = ["create", "copy", "switch-replicas", "switch-primary"];
        let mut case = Case::after(&switched);
        assert_eq!(case.find(&KIND), []);
        case.workflows.retain(|workflow| workflow.name.ends_with("_reverse"));
        assert_eq!(case.subjects(&KIND), ["customer.commerce2customer"]);

        let mut case = Case::after(&switched);
        case.workflows.retain(|workflow| !workflow.name.ends_with("_reverse"));
        let found = case.only(&KIND);
        assert!(found.meaning.starts_with("THERE IS NO WAY BACK"), "{}", found.meaning);
    }
}
