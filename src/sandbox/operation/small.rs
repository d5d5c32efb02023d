//! Calls of a few steps: denied tables, routing rules, what the cells serve, streams.

use super::First;
use super::locks::LEASE;
use super::step::{Act, Change, Row};
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::sandbox::calls::update;
use crate::sandbox::refusal::Answer;
use crate::sandbox::state::State;

/// SetShardTabletControl: the topology alone; no tablet is refreshed.
pub fn control(request: &data::SetShardTabletControlRequest) -> First {
    let (keyspace, place) = (&request.keyspace, format!("{}/{}", request.keyspace, request.shard));
    let mut row = Row::of("set-denied-tables");
    let act = Act::LockKeyspace { keyspace: keyspace.clone(), action: "SetShardTabletControl".to_owned(), lease: LEASE };
    row.step("lock-keyspace", keyspace.clone(), act);
    row.step("set-denied-tables", place, Act::Control);
    row.step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    First::Steps(row.steps())
}

/// ApplyRoutingRules: they are saved, all at once and without a lock, and then published cell by cell.
pub fn apply_rules(state: &State, request: &data::ApplyRoutingRulesRequest) -> First {
    let rules = request.routing_rules.clone().unwrap_or_default().rules;
    let rules = rules.into_iter().map(|rule| (rule.from_table, rule.to_tables)).collect();
    let mut row = Row::of("apply-rules");
    row.step("save-rules", "", Act::ChangeRules(Change::Replace(rules)));
    if !request.skip_rebuild {
        let cells = &request.rebuild_cells;
        let (known, unknown): (Vec<String>, Vec<String>) = wanted(state, cells);
        row.rebuild(&known);
        if let Some(unknown) = unknown.first() {
            let words = no_cell(unknown);
            let words = format!("RebuildSrvVSchema([{}]) failed: {words}: {words}", cells.join(" "));
            row.step("rebuild-cell", unknown.clone(), Act::Refuse(words));
        }
    }
    First::Steps(row.steps())
}

/// RebuildVSchemaGraph.
pub fn rebuild(state: &State, cells: &[String]) -> First {
    let (known, unknown) = wanted(state, cells);
    let mut row = Row::of("rebuild");
    row.rebuild(&known);
    if let Some(unknown) = unknown.first() {
        row.step("rebuild-cell", unknown.clone(), Act::Refuse(no_cell(unknown)));
    }
    First::Steps(row.steps())
}

/// Of the cells that are named, those that there are and those that there aren't. None named means all.
fn wanted(state: &State, cells: &[String]) -> (Vec<String>, Vec<String>) {
    if cells.is_empty() {
        return (state.topology.cells.clone(), vec![]);
    }
    cells.iter().cloned().partition(|cell| state.topology.cells.contains(cell))
}

fn no_cell(cell: &str) -> String {
    format!("node doesn't exist: /vitess/global/cells/{cell}/CellInfo")
}

/// WorkflowUpdate: each shard's primary by itself, and what one refuses another does.
pub fn update(state: &State, request: &data::WorkflowUpdateRequest) -> Answer<First> {
    let keyspace = &request.keyspace;
    let mut row = Row::of("update-streams");
    for shard in update::shards(state, request)? {
        row.step("update-streams", format!("{keyspace}/{shard}"), Act::UpdateStreams { shard });
    }
    Ok(First::Steps(row.steps()))
}
