//! C540: tables of one keyspace of which some have their new name and some don't, or one has both.

use std::collections::{BTreeMap, BTreeSet};

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::old_tables::{old_name, original};
use super::words::listed;
use crate::family::Side;
use crate::model::name::KeyspaceName;

const CODE: &str = "C540";

pub static KIND: Kind =
    Kind { code: CODE, title: "half-renamed tables", find, wants_every_workflow: true, page: include_str!("../pages/C540.md") };

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = of_movements(survey);
    found.extend(both_names(survey));
    found
}

/// A movement whose streams are there, and whose source has begun to be renamed: a complete stopped half way.
fn of_movements(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for movement in survey.movements.iter().filter(|movement| movement.writes(&survey.facts) == Some(Side::Target)) {
        let mut renamed: Vec<String> = Vec::new();
        let mut evidence = Vec::new();
        for (_, shard, tables) in survey.tables_by_shard().filter(|(keyspace, ..)| *keyspace == movement.source()) {
            let here: Vec<String> = movement
                .tables()
                .into_iter()
                .filter(|table| tables.contains(&old_name(table)) && !tables.contains(table))
                .collect();
            let there: Vec<String> = movement.tables().into_iter().filter(|table| tables.contains(table)).collect();
            if !here.is_empty() {
                let old = listed(here.iter().map(|table| old_name(table)));
                let rest = if there.is_empty() { "none".to_owned() } else { listed(&there) };
                evidence.push(format!("{}/{shard} has {old}; still under their own names: {rest}", movement.source()));
            }
            renamed.extend(here);
        }
        if renamed.is_empty() {
            continue;
        }
        let renamed: BTreeSet<String> = renamed.into_iter().collect();
        let summary =
            format!("`{}` has been renamed in part: {}, and its workflow is still there", movement.source(), listed(&renamed));
        let mut leftover = super::words::of_movement(CODE, Weight::Between, movement, movement.source().to_string(), summary);
        leftover.evidence = evidence;
        leftover.meaning =
            "`complete` stopped between two renames. Traffic is at the target and whole; Vitess can't begin the completion \
                            anew while new names are taken (errno 1050)"
                .into();
        found.push(leftover);
    }
    found
}

/// The shards that have a table's new name, and those that have its own.
type Places<'a> = (BTreeSet<&'a str>, BTreeSet<&'a str>);

/// Outside of a movement: a table and the new name that a completion would give it, side by side or on different shards.
fn both_names(survey: &Survey) -> Vec<Leftover> {
    let mut by_keyspace: BTreeMap<&KeyspaceName, BTreeMap<String, Places<'_>>> = BTreeMap::new();
    for (keyspace, shard, tables) in survey.tables_by_shard() {
        for table in tables.iter().filter_map(|name| original(name)) {
            by_keyspace.entry(keyspace).or_default().entry(table.to_owned()).or_default().0.insert(shard);
        }
    }
    for (keyspace, shard, tables) in survey.tables_by_shard() {
        for (table, (_, own)) in by_keyspace.get_mut(keyspace).into_iter().flatten() {
            if tables.contains(table) {
                own.insert(shard);
            }
        }
    }
    let mut found = Vec::new();
    for (keyspace, tables) in by_keyspace {
        for (table, (old, own)) in tables {
            let completes = survey
                .movement_of(keyspace, &table)
                .is_some_and(|movement| movement.source() == keyspace && movement.writes(&survey.facts) == Some(Side::Target));
            if !own.is_empty() && !completes {
                found.push(beside(keyspace, &table, &old, &own));
            }
        }
    }
    found
}

fn beside(keyspace: &KeyspaceName, table: &str, old: &BTreeSet<&str>, own: &BTreeSet<&str>) -> Leftover {
    let old_table = old_name(table);
    let on = |shards: &BTreeSet<&str>| listed(shards.iter().map(|shard| format!("{keyspace}/{shard}")));
    let is_split = old.is_disjoint(own);
    Leftover {
        code: CODE.to_owned(),
        weight: if is_split { Weight::Between } else { Weight::Standing },
        subject: format!("{keyspace}.{table}"),
        summary: if is_split {
            format!("`{table}` of `{keyspace}` is called `{old_table}` on {} and has its own name on {}", on(old), on(own))
        } else {
            format!("`{keyspace}` has `{old_table}` beside `{table}`")
        },
        evidence: vec![format!("`{old_table}` is on {}", on(old)), format!("`{table}` is on {}", on(own))],
        since: None,
        meaning: if is_split {
            "a renaming stopped between two shards: queries fail on some of them (errno 1146)".into()
        } else {
            "an earlier movement has left the old copy. A movement of this table that renames at its end will be refused (errno 1050)".into()
        },
        mend: if is_split { Mend::Tables { keyspace: keyspace.to_string(), tables: vec![table.to_owned()] } } else { Mend::Hand },
        by_hand: if is_split {
            vec![format!(
                "vtctldclient ExecuteFetchAsDBA PRIMARY 'rename table `{old_table}` to `{table}`'   # on each of {}",
                on(old)
            )]
        } else {
            vec![format!(
                "vtctldclient ApplySchema --sql 'drop table `{old_table}`' {keyspace}   # when nobody needs it any more"
            )]
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_completion_that_stopped_between_two_renames_is_between_states() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        assert_eq!(case.find(&KIND), []);
        case.tables("commerce", "0", &["_corder_old", "customer"]);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("commerce", Weight::Between));
        assert_eq!(found.evidence, ["commerce/0 has `_corder_old`; still under their own names: `customer`"]);
    }

    #[test]
    fn both_names_on_one_shard_stand_and_on_two_shards_stand_between() {
        let mut case = Case::after(&[]);
        case.tables("commerce", "0", &["_corder_old", "corder"]);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("commerce.corder", Weight::Standing));

        let mut case = Case::after(&[]);
        case.tables("customer", "-80", &["_corder_old"]);
        case.tables("customer", "80-", &["corder"]);
        let found = case.only(&KIND);
        assert_eq!(found.weight, Weight::Between);
        assert_eq!(found.mend, Mend::Tables { keyspace: "customer".into(), tables: vec!["corder".into()] });
    }

    #[test]
    fn old_tables_alone_are_not_half() {
        let mut case = Case::after(&[]);
        case.tables("commerce", "0", &["_corder_old"]);
        assert_eq!(case.find(&KIND), []);
    }
}
