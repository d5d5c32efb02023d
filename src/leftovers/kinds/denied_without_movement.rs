//! C502: denied tables that no movement explains.

use std::collections::{BTreeMap, BTreeSet};

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::{listed, verb};
use crate::cluster::mutation::shell;
use crate::model::name::KeyspaceName;
use crate::model::topology::shard_path;

const CODE: &str = "C502";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "denied tables that no movement explains",
    find,
    wants_every_workflow: true,
    page: include_str!("../pages/C502.md"),
};

/// What is known of a table that is denied without a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Denied {
    /// It is there, and no other keyspace that was looked at has one of its name: nobody can write to it.
    Only,
    /// Another keyspace has a table of this name: two would take writes, were it allowed.
    Copy,
    /// The shard has no such table.
    Absent,
    /// The rules lead its name elsewhere: the old copy that a completed movement has kept.
    Kept,
    /// The tables could not be read.
    Unknown,
}

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for keyspace in &survey.keyspaces {
        let mut by_state: BTreeMap<Denied, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for (shard, record) in survey.facts.keyspaces.get(keyspace).into_iter().flat_map(|keyspace| &keyspace.shards) {
            for table in record.denied_tables() {
                if survey.movement_of(keyspace, &table).is_none() {
                    let state = state(survey, keyspace, shard.as_str(), &table);
                    by_state.entry(state).or_default().entry(shard_path(keyspace, shard)).or_default().push(table);
                }
            }
        }
        found.extend(by_state.into_iter().map(|(state, by_shard)| leftover(keyspace, state, &by_shard)));
    }
    found
}

fn state(survey: &Survey, keyspace: &KeyspaceName, shard: &str, table: &str) -> Denied {
    let leads_elsewhere = |to: &str| to.split_once('.').is_some_and(|(end, _)| end != keyspace.as_str());
    if survey.facts.routing_rules.target(&format!("{keyspace}.{table}")).is_some_and(leads_elsewhere) {
        return Denied::Kept;
    }
    let mut here = survey.tables_by_shard().filter(|(of, name, _)| *of == keyspace && *name == shard);
    match here.next() {
        None => return Denied::Unknown,
        Some((_, _, tables)) if !tables.contains(table) => return Denied::Absent,
        Some(_) => {}
    }
    let elsewhere = survey.tables_by_shard().any(|(of, _, tables)| of != keyspace && tables.contains(table));
    if elsewhere { Denied::Copy } else { Denied::Only }
}

fn leftover(keyspace: &KeyspaceName, state: Denied, by_shard: &BTreeMap<String, Vec<String>>) -> Leftover {
    let tables: BTreeSet<&String> = by_shard.values().flatten().collect();
    let shards: Vec<&String> = by_shard.keys().collect();
    let summary = format!(
        "{} {} {}, and no workflow carries {}",
        listed(&shards),
        verb(shards.len(), "denies", "deny"),
        listed(&tables),
        verb(tables.len(), "it", "them")
    );
    let may_be_allowed = matches!(state, Denied::Only | Denied::Absent);
    let (weight, meaning) = match state {
        Denied::Only => (
            Weight::Between,
            "no other keyspace that was looked at has tables of these names, so every write to them is refused: a movement was \
             cancelled or completed half way, or somebody denied them by hand",
        ),
        Denied::Copy => (
            Weight::Standing,
            "another keyspace has tables of these names too. As long as these are denied only one of the two takes writes: before \
             you allow them, make sure which copy is the right one, or drop these",
        ),
        Denied::Absent => (
            Weight::Standing,
            "the tables are not there, so no query is refused now. A table that is made under such a name later would be refused",
        ),
        Denied::Kept => (
            Weight::Note,
            "the routing rules lead these names to another keyspace: this is the old copy of a completed movement, and it is denied so \
             that it takes no writes",
        ),
        Denied::Unknown => (Weight::Standing, "whether the tables are there could not be read"),
    };
    let mend = if may_be_allowed {
        Mend::Tables { keyspace: keyspace.to_string(), tables: tables.iter().map(|name| (*name).clone()).collect() }
    } else {
        Mend::Hand
    };
    let by_hand = match state {
        Denied::Kept => vec![],
        _ => by_shard.iter().flat_map(|(shard, tables)| allow(shard, tables)).collect(),
    };
    Leftover {
        code: CODE.to_owned(),
        weight,
        subject: keyspace.to_string(),
        summary,
        evidence: by_shard
            .iter()
            .map(|(shard, tables)| format!("{shard} has denied tables for PRIMARY: {}", listed(tables)))
            .collect(),
        since: None,
        meaning: meaning.into(),
        mend,
        by_hand,
    }
}

/// Allows tables on a shard, and makes its tablets know it. Without tables, `--remove` would take away everybody's.
fn allow(shard: &str, tables: &[String]) -> [String; 2] {
    [
        format!("vtctldclient SetShardTabletControl --denied-tables {} --remove {shard} primary", shell(&tables.join(","))),
        format!("vtctldclient RefreshStateByShard {shard}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn what_a_movement_denies_is_explained() {
        assert_eq!(Case::after(&["create", "copy"]).find(&KIND), []);
    }

    #[test]
    fn a_table_that_nobody_else_has_is_refused_and_may_be_allowed() {
        let mut case = Case::after(&[]);
        case.deny("commerce", "0", &["corder"]);
        let found = case.only(&KIND);
        assert_eq!(found.weight, Weight::Between);
        assert_eq!(found.mend, Mend::Tables { keyspace: "commerce".into(), tables: vec!["corder".into()] });
        assert_eq!(found.by_hand[0], "vtctldclient SetShardTabletControl --denied-tables corder --remove commerce/0 primary");
    }

    #[test]
    fn a_copy_beside_another_is_never_allowed_by_us() {
        let mut case = Case::after(&[]);
        case.tables("customer", "-80", &["corder"]);
        case.deny("customer", "-80", &["corder"]);
        let found = case.only(&KIND);
        assert_eq!((found.weight, found.mend), (Weight::Standing, Mend::Hand));
        case.tables("customer", "-80", &[]);
        assert!(case.only(&KIND).meaning.contains("are not there"));
    }

    #[test]
    fn the_kept_copy_of_a_completed_movement_is_a_note() {
        let mut case = Case::after(&[]);
        case.rule("commerce.corder", "customer.corder");
        case.deny("commerce", "0", &["corder"]);
        let found = case.only(&KIND);
        assert_eq!((found.weight, found.mend, found.by_hand), (Weight::Note, Mend::Hand, vec![]));
    }
}
