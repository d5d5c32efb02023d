//! What the application sees now: by what each cell serves, where the writes and reads of each table go, and whether they are taken.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::movement::Movement;
use super::survey::Survey;
use crate::model::name::KeyspaceName;
use crate::model::routing::RoutingRules;
use crate::model::topology::{TabletType, shard_path};
use crate::words::names;

/// A line names so many tables.
const MOST_TABLES: usize = 6;

/// What happens to the queries of some tables that are treated alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableTraffic {
    /// Source and target of their movement.
    pub keyspaces: Vec<String>,
    pub tables: Vec<String>,
    pub writes: Flow,
    pub replica: Flow,
    pub rdonly: Flow,
}

/// Where queries of one tablet type go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "flow")]
pub enum Flow {
    To {
        keyspace: String,
    },
    /// These shards deny them, and the rules lead there.
    Refused {
        keyspace: String,
        shards: Vec<String>,
    },
    /// The rules lead there, and no shard of it has the table.
    Missing {
        keyspace: String,
    },
    /// It depends on the cell, or on the name by which a table is called.
    Split {
        keyspaces: Vec<String>,
    },
    /// No rule is there: each keyspace's own name leads to itself.
    Unrouted,
    Unknown,
}

impl Flow {
    /// Whether the queries are taken, and at one place.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::To { .. } | Self::Unrouted)
    }

    fn words(&self) -> String {
        match self {
            Self::To { keyspace } => format!("go to `{keyspace}`"),
            Self::Refused { keyspace, shards } => {
                let deny = if shards.len() == 1 { "denies" } else { "deny" };
                let shards: Vec<String> = shards.iter().map(|shard| format!("`{shard}`")).collect();
                format!("are REFUSED: {} {deny} them, and the rules lead to `{keyspace}`", names(&shards, MOST_TABLES))
            }
            Self::Missing { keyspace } => format!("FAIL: the rules lead to `{keyspace}`, which has no such table (errno 1146)"),
            Self::Split { keyspaces } => {
                let at: Vec<String> = keyspaces.iter().map(|name| format!("`{name}`")).collect();
                format!("are SPLIT between {}, by cell or by the name that is used", at.join(" and "))
            }
            Self::Unrouted => "go to the keyspace that is named: there is no routing rule".to_owned(),
            Self::Unknown => "go to where no cell shows: there is no SrvVSchema".to_owned(),
        }
    }
}

impl TableTraffic {
    /// "writes of `corder` are REFUSED: `commerce/0` denies them, …; reads go to `commerce`".
    pub fn words(&self) -> String {
        let tables: Vec<String> = self.tables.iter().map(|name| format!("`{name}`")).collect();
        let tables = names(&tables, MOST_TABLES);
        if self.writes == self.replica && self.replica == self.rdonly {
            return format!("writes and reads of {tables} {}", self.writes.words());
        }
        let writes = format!("writes of {tables} {}", self.writes.words());
        if self.replica == self.rdonly {
            return format!("{writes}; reads {}", self.replica.words());
        }
        format!("{writes}; replica reads {}; rdonly reads {}", self.replica.words(), self.rdonly.words())
    }

    pub fn is_whole(&self) -> bool {
        [&self.writes, &self.replica, &self.rdonly].into_iter().all(Flow::is_whole)
    }
}

/// The tables of each movement, those that fare alike together, the worst first.
pub fn of(survey: &Survey) -> Vec<TableTraffic> {
    let mut lines: Vec<TableTraffic> = survey.movements.iter().flat_map(|movement| of_movement(survey, movement)).collect();
    lines.sort_by_key(TableTraffic::is_whole);
    lines
}

pub fn of_movement(survey: &Survey, movement: &Movement) -> Vec<TableTraffic> {
    let mut lines: Vec<TableTraffic> = Vec::new();
    for table in movement.tables() {
        let flow = |tablet_type| flow(survey, movement, &table, tablet_type);
        let (writes, replica, rdonly) = (flow(TabletType::Primary), flow(TabletType::Replica), flow(TabletType::Rdonly));
        let alike = lines.iter_mut().find(|line| line.writes == writes && line.replica == replica && line.rdonly == rdonly);
        match alike {
            Some(line) => line.tables.push(table),
            None => lines.push(TableTraffic {
                keyspaces: vec![movement.source().to_string(), movement.target().to_string()],
                tables: vec![table],
                writes,
                replica,
                rdonly,
            }),
        }
    }
    lines
}

fn flow(survey: &Survey, movement: &Movement, table: &str, tablet_type: TabletType) -> Flow {
    let served = &survey.facts.served;
    if served.is_empty() {
        return Flow::Unknown;
    }
    let mut ends = BTreeSet::new();
    let mut is_routed = false;
    for cell in served.values() {
        let (found, routed) = destinations(&cell.routing_rules, movement, table, tablet_type);
        ends.extend(found);
        is_routed |= routed;
    }
    if !is_routed {
        return Flow::Unrouted;
    }
    let mut ends = ends.into_iter();
    let (Some(end), None) = (ends.next(), ends.next()) else {
        let all = served.values().flat_map(|cell| destinations(&cell.routing_rules, movement, table, tablet_type).0);
        let all: BTreeSet<String> = all.collect();
        return Flow::Split { keyspaces: all.into_iter().collect() };
    };
    let Ok(keyspace) = KeyspaceName::new(end.as_str()) else { return Flow::Missing { keyspace: end } };
    if survey.tables(&keyspace).is_some_and(|tables| !tables.contains(table)) {
        return Flow::Missing { keyspace: end };
    }
    // Only primaries deny in a movement: reads of the others are turned away by rules alone.
    let shards = if tablet_type == TabletType::Primary { denying(survey, &keyspace, table) } else { vec![] };
    if shards.is_empty() { Flow::To { keyspace: end } } else { Flow::Refused { keyspace: end, shards } }
}

/// The keyspaces to which a table's three names lead, and whether any rule says so. A keyspace's own name without a rule leads to
/// itself.
fn destinations(rules: &RoutingRules, movement: &Movement, table: &str, tablet_type: TabletType) -> (BTreeSet<String>, bool) {
    let suffix = tablet_type.rule_suffix();
    let mut ends = BTreeSet::new();
    let mut is_routed = false;
    let keyspaces = [None, Some(movement.source()), Some(movement.target())];
    for keyspace in keyspaces {
        let key = match keyspace {
            None => format!("{table}{suffix}"),
            Some(keyspace) => format!("{keyspace}.{table}{suffix}"),
        };
        match (rules.get(&key), keyspace) {
            (Some(to), _) => {
                is_routed = true;
                ends.extend(to.iter().filter_map(|to| to.split_once('.')).map(|(keyspace, _)| keyspace.to_owned()));
            }
            // The name alone then leads to the one VSchema that has it, which the others' rules tell.
            (None, None) => {}
            (None, Some(keyspace)) => {
                ends.insert(keyspace.to_string());
            }
        }
    }
    (ends, is_routed)
}

/// The shards of a keyspace whose primaries deny a table: `commerce/0`.
pub fn denying(survey: &Survey, keyspace: &KeyspaceName, table: &str) -> Vec<String> {
    let shards = survey.facts.keyspaces.get(keyspace).into_iter().flat_map(|keyspace| &keyspace.shards);
    shards.filter(|(_, shard)| shard.denied_tables().contains(table)).map(|(name, _)| shard_path(keyspace, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Case;
    use super::*;

    fn words(case: &Case) -> Vec<String> {
        of(&case.survey()).iter().map(TableTraffic::words).collect()
    }

    #[test]
    fn a_whole_movement_says_where_writes_and_reads_go() {
        for (phases, expected) in [
            (&["create"][..], "writes and reads of `corder`, `customer` go to `commerce`"),
            (&["create", "switch-replicas"], "writes of `corder`, `customer` go to `commerce`; reads go to `customer`"),
            (&["create", "switch-replicas", "switch-primary"], "writes and reads of `corder`, `customer` go to `customer`"),
        ] {
            assert_eq!(words(&Case::after(phases)), [expected]);
        }
    }

    #[test]
    fn writes_that_the_serving_side_denies_are_refused() {
        let mut case = Case::after(&["create", "switch-replicas"]);
        case.deny("commerce", "0", &["corder"]);
        assert_eq!(
            words(&case),
            [
                "writes of `corder` are REFUSED: `commerce/0` denies them, and the rules lead to `commerce`; reads go to `customer`",
                "writes of `customer` go to `commerce`; reads go to `customer`",
            ]
        );
    }

    #[test]
    fn what_one_cell_serves_otherwise_splits() {
        let mut case = Case::after(&["create"]);
        let mut other = case.world.facts.served["zone1"].clone();
        other.routing_rules.set("corder@replica", "customer.corder");
        case.world.facts.served.insert("zone2".into(), other);
        assert!(words(&case)[0].contains("replica reads are SPLIT between `commerce` and `customer`"), "{:?}", words(&case));
    }

    #[test]
    fn rules_that_lead_to_no_table_fail() {
        let mut case = Case::after(&["create", "switch-replicas"]);
        for shard in ["-80", "80-"] {
            case.tables("customer", shard, &["corder"]);
        }
        assert!(
            words(&case)[0].contains("reads FAIL: the rules lead to `customer`, which has no such table"),
            "{:?}",
            words(&case)
        );
        case.world.facts.served.clear();
        assert!(words(&case)[0].contains("there is no SrvVSchema"));
    }
}
