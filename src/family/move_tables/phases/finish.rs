//! Make a write whole that stopped half way: the same write again, or the undoing of a creation that never served anybody.

use super::super::MoveTables;
use super::{cancel, remove_rules};
use crate::cluster::mutation::{CompleteMoveTables, Mutation, RebuildVSchemaGraph, SourceTables, SwitchTraffic};
use crate::cluster::port::Ask;
use crate::family::{Step, View};

/// The lag of stopped streams grows while nobody switches; a finishing switch must not be refused for it (experiments.md).
const FINISHING_MAX_LAG_SECONDS: u64 = 3600;
/// After so many tries a human looks.
const TRIES: usize = 4;

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    let Some(last) =
        view.progress.attempts.iter().rev().find(|attempt| !matches!(attempt.mutation, Mutation::RebuildVSchemaGraph(_)))
    else {
        return Step::Between(why(view));
    };
    let tried = view.progress.attempts.iter().rev().take_while(|attempt| attempt.phase == last.phase).count();
    if tried > TRIES {
        return Step::Between(format!("{}; {tried} tries changed nothing", why(view)));
    }
    let forward_exists = view.facts.workflow(movement.target(), movement.workflow()).is_some();
    match &last.mutation {
        Mutation::SwitchTraffic(switch) if forward_exists => Step::Act(Mutation::SwitchTraffic(SwitchTraffic {
            max_lag_seconds: if switch.moves_writes() { FINISHING_MAX_LAG_SECONDS } else { switch.max_lag_seconds },
            ..switch.clone()
        })),
        // Nothing was ever served from it: away with it, and create begins anew.
        Mutation::CreateMoveTables(_) if forward_exists => Step::Act(cancel::mutation(movement)),
        // Renaming again would fail for the name that is taken; what is left to do is what `keep` does.
        Mutation::CompleteMoveTables(complete)
            if forward_exists && complete.source_tables == SourceTables::Rename && are_renamed(movement, view) =>
        {
            Step::Act(Mutation::CompleteMoveTables(CompleteMoveTables { source_tables: SourceTables::Keep, ..complete.clone() }))
        }
        Mutation::CompleteMoveTables(_) | Mutation::CancelWorkflow(_) if forward_exists => Step::Act(last.mutation.clone()),
        Mutation::CancelWorkflow(_) if movement.has_rules(&view.facts.routing_rules) => {
            Step::Act(remove_rules::mutation(movement, &view.facts.routing_rules))
        }
        _ if !movement.cells_that_serve_something_else(view.facts).is_empty() => {
            Step::Act(Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] }))
        }
        _ => Step::Between(why(view)),
    }
}

/// Whether every source shard has every table under its new name, and none under its old one.
fn are_renamed(movement: &MoveTables, view: &View<'_>) -> bool {
    let Ok(by_shard) = view.facts.table_names(&Ask::TableNames(movement.source().clone())) else { return false };
    !by_shard.is_empty()
        && by_shard
            .values()
            .all(|names| movement.tables.iter().all(|table| names.contains(&table.renamed()) && !names.contains(table.as_str())))
}

fn why(view: &View<'_>) -> String {
    if view.situation.contradictions.is_empty() {
        view.situation.words.clone()
    } else {
        format!("{}: {}", view.situation.words, view.situation.contradictions.join("; "))
    }
}
