//! Whether a write can be seen to have happened: by looking, never by its answer.

use super::MoveTables;
use super::phases::switch_primary::vdiffs as switch_primary_vdiffs;
use crate::cluster::mutation::{Direction, Mutation, StreamsWanted, SwitchTraffic};
use crate::cluster::port::Ask;
use crate::family::picture::StreamShape;
use crate::family::{Happened, Side, SituationKind, View};
use crate::model::topology::TabletType;

pub fn happened(movement: &MoveTables, mutation: &Mutation, view: &View<'_>) -> Happened {
    let kind = view.situation.kind;
    let yes = || Happened::Yes(vec![view.situation.words.clone()]);
    let partly = || {
        let against = view.situation.contradictions.join("; ");
        Happened::Partly(if against.is_empty() { view.situation.words.clone() } else { against })
    };
    match mutation {
        Mutation::CreateMoveTables(_) => match kind {
            SituationKind::Moving => yes(),
            SituationKind::NotBegun | SituationKind::Cancelled => Happened::No,
            _ => partly(),
        },
        Mutation::SetStreams(set) => {
            let shapes = movement.streams_of(view.facts, &set.keyspace, &set.workflow).by_shard;
            let stopped = shapes.values().filter(|shape| **shape == StreamShape::Stopped).count();
            let wanted = if set.wanted == StreamsWanted::Running { 0 } else { shapes.len() };
            match stopped {
                _ if shapes.is_empty() => Happened::No,
                count if count == wanted => {
                    Happened::Yes(vec![format!("streams of `{}` on {} shards", set.workflow, shapes.len())])
                }
                count if count == shapes.len() - wanted => Happened::No,
                _ => Happened::Partly("some streams stand still and some run".into()),
            }
        }
        Mutation::CreateVDiff(vdiff) => {
            let ask = Ask::VDiff {
                keyspace: vdiff.target_keyspace.clone(),
                workflow: vdiff.workflow.clone(),
                uuid: vdiff.uuid.to_string(),
            };
            match view.facts.vdiff(&ask) {
                Ok(Some(_)) => Happened::Yes(vec![format!("VDiff {} exists", vdiff.uuid)]),
                Ok(None) => Happened::No,
                Err(unread) => Happened::Partly(unread.why),
            }
        }
        Mutation::StopVDiff(stop) => match view.facts.vdiffs(&switch_primary_vdiffs(movement)) {
            Err(unread) => Happened::Partly(unread.why),
            Ok(listed) => {
                let alive = listed.iter().any(|vdiff| vdiff.uuid == stop.uuid && vdiff.state.may_run());
                if alive { Happened::No } else { Happened::Yes(vec![format!("VDiff {} no longer runs", stop.uuid)]) }
            }
        },
        Mutation::SwitchTraffic(switch) => switched(switch, view, yes, partly),
        Mutation::CompleteMoveTables(_) => match kind {
            SituationKind::Completed | SituationKind::Ended => yes(),
            SituationKind::Switched => Happened::No,
            _ => partly(),
        },
        Mutation::CancelWorkflow(_) => match kind {
            SituationKind::NotBegun | SituationKind::Cancelled => yes(),
            SituationKind::Moving => Happened::No,
            _ => partly(),
        },
        Mutation::ApplyRoutingRules(edit) => {
            let rules = &view.facts.routing_rules;
            let removed = edit.remove.iter().filter(|key| rules.get(key).is_none()).count();
            let set = edit.set.iter().filter(|rule| rules.target(&rule.from_table) == Some(rule.to_table.as_str())).count();
            let wanted = edit.remove.len() + edit.set.len();
            let unserved = movement.cells_that_serve_something_else(view.facts);
            match removed + set {
                count if count == wanted && unserved.is_empty() => {
                    Happened::Yes(vec![format!("{wanted} routing rules as wanted, in every cell")])
                }
                0 => Happened::No,
                count if count == wanted => Happened::Partly(unserved.join("; ")),
                count => Happened::Partly(format!("{count} of {wanted} routing rules are as wanted")),
            }
        }
        Mutation::RebuildVSchemaGraph(_) => {
            let unserved = movement.cells_that_serve_something_else(view.facts);
            if unserved.is_empty() { Happened::Yes(vec!["every cell serves our rules".into()]) } else { Happened::No }
        }
    }
}

fn switched(switch: &SwitchTraffic, view: &View<'_>, yes: impl Fn() -> Happened, partly: impl Fn() -> Happened) -> Happened {
    let wanted = if switch.direction == Direction::Forward { Side::Target } else { Side::Source };
    let traffic = view.situation.traffic;
    if !matches!(view.situation.kind, SituationKind::Moving | SituationKind::Switched) {
        return partly();
    }
    let sides = switch.tablet_types.iter().map(|kind| match kind {
        TabletType::Rdonly => traffic.rdonly,
        TabletType::Replica => traffic.replica,
        _ => traffic.primary,
    });
    let done = sides.filter(|side| *side == wanted).count();
    match done {
        count if count == switch.tablet_types.len() => yes(),
        0 => Happened::No,
        _ => partly(),
    }
}
