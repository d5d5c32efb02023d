//! Create: tables, streams that stand still, routing rules back to the source.

use super::super::MoveTables;
use crate::cluster::mutation::{CreateMoveTables, Mutation};
use crate::family::{SituationKind, Step, View};
use crate::record::entry::Goal;
use crate::words::counted;

pub fn mutation(movement: &MoveTables) -> Mutation {
    let options = &movement.options;
    Mutation::CreateMoveTables(CreateMoveTables {
        workflow: movement.workflow().clone(),
        source_keyspace: options.source_keyspace.clone(),
        target_keyspace: options.target_keyspace.clone(),
        tables: movement.tables.clone(),
        cells: options.cells.clone(),
        tablet_types: options.tablet_types.clone(),
        on_ddl: options.on_ddl,
        defer_secondary_keys: options.defer_secondary_keys,
        source_time_zone: options.source_time_zone.clone(),
        global_keyspace: options.global_keyspace.clone(),
        auto_increment: options.sharded_auto_increment_handling,
    })
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        // A half-made creation that was taken back, or a cancel that was taken back: forward begins anew.
        SituationKind::Cancelled if view.progress.goal() == Goal::Cancelled => Step::Done(vec!["cancelled".into()]),
        SituationKind::NotBegun | SituationKind::Cancelled => Step::Act(mutation(movement)),
        _ => {
            let shards = movement.target_shards(view.facts).len();
            Step::Done(vec![format!(
                "streams on {} of `{}`, {}",
                counted(shards, "shard"),
                movement.target(),
                counted(movement.rule_keys().len(), "routing rule")
            )])
        }
    }
}
