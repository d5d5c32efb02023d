//! Routing rules of a movement, and what they say of where its traffic goes (go/vt/vtctl/workflow/{state,utils}.go).

use serde::{Deserialize, Serialize};

use super::topology::{Kind, Rules, Topology};

/// Source and target of a workflow and its tables. Of a `_reverse` one the two have changed places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    pub workflow: String,
    pub source: String,
    pub target: String,
    /// Sorted.
    pub tables: Vec<String>,
}

pub const REVERSE: &str = "_reverse";

impl Course {
    pub fn is_reverse(&self) -> bool {
        self.workflow.ends_with(REVERSE)
    }

    /// The name of the workflow in the other direction.
    pub fn reverse_name(&self) -> String {
        reverse_name(&self.workflow)
    }

    /// The three rules of a table, for one tablet type.
    fn keys(&self, table: &str, suffix: &str) -> [String; 3] {
        [format!("{table}{suffix}"), format!("{}.{table}{suffix}", self.target), format!("{}.{table}{suffix}", self.source)]
    }

    /// After create: everything leads to the source.
    pub fn lead_to_source(&self, rules: &mut Rules) {
        for table in &self.tables {
            for suffix in ["", "@replica", "@rdonly"] {
                for key in self.keys(table, suffix) {
                    rules.insert(key, vec![format!("{}.{table}", self.source)]);
                }
            }
        }
    }

    pub fn switch_reads(&self, rules: &mut Rules, kinds: &[Kind], backward: bool) {
        let to = if backward { &self.source } else { &self.target };
        for table in &self.tables {
            for kind in kinds {
                for key in self.keys(table, suffix(*kind)) {
                    rules.insert(key, vec![format!("{to}.{table}")]);
                }
            }
        }
    }

    pub fn switch_writes(&self, rules: &mut Rules) {
        for table in &self.tables {
            let [plain, of_target, of_source] = self.keys(table, "");
            rules.remove(&of_target);
            for key in [plain, of_source] {
                rules.insert(key, vec![format!("{}.{table}", self.target)]);
            }
        }
    }

    pub fn remove(&self, rules: &mut Rules) {
        for table in &self.tables {
            for suffix in ["", "@replica", "@rdonly"] {
                for key in self.keys(table, suffix) {
                    rules.remove(&key);
                }
            }
        }
    }

    /// The first target of a rule of ours that isn't `keyspace.table`: Vitess then can't say where the traffic goes.
    pub fn target_without_keyspace(&self, topology: &Topology) -> Option<String> {
        let keys = self.tables.iter().flat_map(|table| ["", "@replica", "@rdonly"].map(|suffix| self.keys(table, suffix)));
        let mut targets = keys.flatten().filter_map(|key| topology.rules.get(&key)).flatten();
        targets.find(|to| to.split('.').count() != 2).cloned()
    }

    /// Whether the writes of any table lead away from the source, by the global rules.
    pub fn writes_are_switched(&self, topology: &Topology) -> bool {
        self.tables.iter().any(|table| {
            let own = format!("{}.{table}", self.source);
            topology.rules.get(&own).and_then(|to| to.first()).is_some_and(|to| *to != own)
        })
    }

    /// The cells in which reads of a type lead away from the source, by what each serves.
    pub fn cells_switched(&self, topology: &Topology, kind: Kind) -> Vec<String> {
        let Some(table) = self.tables.first() else { return vec![] };
        let key = format!("{}.{table}{}", self.source, suffix(kind));
        let switched = topology.served.iter().filter(|(_, served)| {
            let to = served.rules.get(&key).and_then(|to| to.first());
            to.and_then(|to| to.split_once('.')).is_some_and(|(keyspace, _)| keyspace != self.source)
        });
        switched.map(|(cell, _)| cell.clone()).collect()
    }

    /// In the sense of the forward workflow, whichever of the two this is.
    pub fn forward(&self) -> Self {
        if !self.is_reverse() {
            return self.clone();
        }
        Self {
            workflow: self.reverse_name(),
            source: self.target.clone(),
            target: self.source.clone(),
            tables: self.tables.clone(),
        }
    }

    /// `traffic_state`
    pub fn state(&self, topology: &Topology) -> String {
        let forward = self.forward();
        let replica = forward.cells_switched(topology, Kind::Replica);
        let rdonly = forward.cells_switched(topology, Kind::Rdonly);
        let all = topology.cells.len();
        let writes = if forward.writes_are_switched(topology) { "Writes Switched" } else { "Writes Not Switched" };
        let reads = if replica.len() == all && rdonly.len() == all {
            "All Reads Switched".to_owned()
        } else if replica.is_empty() && rdonly.is_empty() {
            "Reads Not Switched".to_owned()
        } else {
            let part = |cells: &[String], name: &str| match cells.len() {
                0 => format!("{name} not switched"),
                many if many == all => format!("All {name} Reads Switched"),
                _ => format!("{name} switched in cells: {}", cells.join(",")),
            };
            format!("Reads partially switched. {}. {}", part(&replica, "Replica"), part(&rdonly, "Rdonly"))
        };
        format!("{reads}. {writes}")
    }
}

pub fn reverse_name(workflow: &str) -> String {
    workflow.strip_suffix(REVERSE).map_or_else(|| format!("{workflow}{REVERSE}"), str::to_owned)
}

fn suffix(kind: Kind) -> &'static str {
    match kind {
        Kind::Primary => "",
        Kind::Replica => "@replica",
        Kind::Rdonly => "@rdonly",
    }
}
