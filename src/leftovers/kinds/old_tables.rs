//! C541: the old copies that a completed movement has renamed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::listed;
use crate::model::name::{KeyspaceName, TableName};
use crate::words::counted;

const CODE: &str = "C541";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "old copies of a completed movement",
    find,
    wants_every_workflow: true,
    page: include_str!("../pages/C541.md"),
};

/// What Vitess calls a table that it renames when it completes.
pub fn old_name(table: &str) -> String {
    TableName::new(table).map_or_else(|_| format!("_{table}_old"), |table| table.renamed())
}

/// The name that a table had before, if this is such a new name.
pub fn original(name: &str) -> Option<&str> {
    name.strip_prefix('_')?.strip_suffix("_old").filter(|table| !table.is_empty())
}

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut by_keyspace: BTreeMap<&KeyspaceName, BTreeSet<&String>> = BTreeMap::new();
    for (keyspace, _, tables) in survey.tables_by_shard() {
        let all = survey.tables(keyspace).unwrap_or_default();
        // While a movement still has the table, its completion is half done, and the copy is one of two that it needs.
        let is_left = |table: &str| !all.contains(table) && survey.movement_of(keyspace, table).is_none();
        let old = tables.iter().filter(|name| original(name).is_some_and(is_left));
        by_keyspace.entry(keyspace).or_default().extend(old);
    }
    let with_some = by_keyspace.into_iter().filter(|(_, tables)| !tables.is_empty());
    with_some.map(|(keyspace, tables)| leftover(keyspace, &tables)).collect()
}

fn leftover(keyspace: &KeyspaceName, tables: &BTreeSet<&String>) -> Leftover {
    Leftover {
        code: CODE.to_owned(),
        weight: Weight::Note,
        subject: keyspace.to_string(),
        summary: format!("`{keyspace}` has {} of a completed movement: {}", counted(tables.len(), "old table"), listed(tables)),
        evidence: vec![],
        since: None,
        meaning: "nothing reads or writes them. They are the last copy of how the rows stood when the movement was completed"
            .into(),
        mend: Mend::Hand,
        by_hand: tables
            .iter()
            .map(|table| {
                format!("vtctldclient ApplySchema --sql 'drop table `{table}`' {keyspace}   # when nobody needs it any more")
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn old_copies_are_a_note_as_long_as_their_own_name_is_free() {
        let mut case = Case::after(&[]);
        assert_eq!(case.find(&KIND), []);
        case.tables("commerce", "0", &["_corder_old", "customer", "_customer_old", "__old"]);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("commerce", Weight::Note));
        assert!(found.summary.ends_with("1 old table of a completed movement: `_corder_old`"), "{}", found.summary);
    }

    #[test]
    fn what_a_half_done_completion_has_renamed_is_nothing_to_drop() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        case.tables("commerce", "0", &["_corder_old", "customer", "_elsewhere_old"]);
        let found = case.only(&KIND);
        assert!(found.summary.ends_with("1 old table of a completed movement: `_elsewhere_old`"), "{}", found.summary);
    }
}
