//! Digests of the intent, and what differs between two of them.

use serde::Serialize;

use super::gates::GATES;
use super::intent::{Movement, Spec, TableSelection};
use crate::model::digest::Digest;
use crate::model::name::TableName;
use crate::run::phase::PhaseId;

/// One part of the plan file that may not change in flight, and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FrozenChange {
    /// `move-tables.tables`.
    pub path: String,
    /// As JSON, for people.
    pub was: String,
    pub is: String,
}

impl Spec {
    /// The digest of the whole meaning, with tables resolved: `all-tables` and a list of the same tables mean the same.
    pub fn intent_digest(&self, resolved_tables: &[TableName]) -> Digest {
        let mut resolved = self.clone();
        let mut tables = resolved_tables.to_vec();
        tables.sort();
        tables.dedup();
        match &mut resolved.movement {
            Movement::MoveTables(move_tables) => move_tables.tables = TableSelection::Named(tables),
        }
        Digest::of(&resolved)
    }

    /// The digest of what is frozen in flight: workflow, cluster and the family's table, as the file says them.
    pub fn frozen_digest(&self) -> Digest {
        Digest::of(&(&self.workflow, &self.cluster, &self.movement))
    }

    /// What of the frozen part differs in `newer`, in the order of the file.
    pub fn frozen_changes(&self, newer: &Spec) -> Vec<FrozenChange> {
        let (was, is) = (frozen_parts(self), frozen_parts(newer));
        was.into_iter()
            .zip(is)
            .filter(|((_, was), (_, is))| was != is)
            .map(|((path, was), (_, is))| FrozenChange { path: path.to_owned(), was, is })
            .collect()
    }

    /// The gates, in their order, whose own keys or limits differ in `other`: their approvals are void.
    pub fn gates_that_differ(&self, other: &Spec) -> Vec<PhaseId> {
        let differs = |phase: &PhaseId| {
            let limits = if *phase == PhaseId::COPY {
                self.copy != other.copy
            } else if *phase == PhaseId::VERIFY {
                self.verify != other.verify
            } else if *phase == PhaseId::SWITCH_REPLICAS {
                self.switch != other.switch || self.fast_path != other.fast_path
            } else if *phase == PhaseId::SWITCH_PRIMARY {
                self.switch != other.switch || self.fast_path != other.fast_path || self.verify != other.verify
            } else if *phase == PhaseId::COMPLETE {
                self.revert != other.revert || self.complete != other.complete
            } else {
                false
            };
            limits || self.gates.get(phase) != other.gates.get(phase)
        };
        GATES.iter().filter(|phase| differs(phase)).cloned().collect()
    }
}

fn frozen_parts(spec: &Spec) -> Vec<(&'static str, String)> {
    fn text<T: Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap_or_default()
    }
    let Movement::MoveTables(of) = &spec.movement;
    vec![
        ("workflow", text(&spec.workflow)),
        ("cluster", text(&spec.cluster)),
        ("move-tables.source-keyspace", text(&of.source_keyspace)),
        ("move-tables.target-keyspace", text(&of.target_keyspace)),
        ("move-tables.tables", text(&of.tables)),
        ("move-tables.cells", text(&of.cells)),
        ("move-tables.tablet-types", text(&of.tablet_types)),
        ("move-tables.on-ddl", text(&of.on_ddl)),
        ("move-tables.defer-secondary-keys", text(&of.defer_secondary_keys)),
        ("move-tables.source-time-zone", text(&of.source_time_zone)),
        ("move-tables.global-keyspace", text(&of.global_keyspace)),
        ("move-tables.sharded-auto-increment-handling", text(&of.sharded_auto_increment_handling)),
        ("move-tables.initialize-target-sequences", text(&of.initialize_target_sequences)),
    ]
}

#[cfg(test)]
#[path = "digests_tests.rs"]
mod tests;
