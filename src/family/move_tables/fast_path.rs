//! Whether a movement of tables is small and plain enough to run straight through. By structure alone, and never on what was not read.

use super::{MoveTables, costs};
use crate::cluster::port::{Ask, DependentKind, Facts, Query, Question};
use crate::family::costs::Size;
use crate::family::fast_path::{Criterion, FastPath};
use crate::words::{counted, counted_rows, names, size};

/// Some minutes of copying and of VDiff at worst, at 5 MiB/s a stream.
const MOST_ROWS: i64 = 1_000_000;
const MOST_BYTES: u64 = 1 << 30;
/// A line names so many tables.
const MOST_TABLES: usize = 6;

/// What has to be read to judge it.
pub fn query(movement: &MoveTables) -> Query {
    Query {
        keyspaces: [movement.source().clone(), movement.target().clone()].into(),
        asks: [definitions(movement), dependents(movement)].into(),
        ..Query::default()
    }
}

pub fn of(movement: &MoveTables, facts: &Facts) -> FastPath {
    let criteria = vec![
        one_source_shard(movement, facts),
        small(movement, facts),
        no_foreign_keys(movement, facts),
        rows_in_order(movement, facts),
    ];
    FastPath::of(criteria, &movement.spec.fast_path)
}

fn definitions(movement: &MoveTables) -> Ask {
    Ask::Tables { keyspace: movement.source().clone(), names: Some(movement.tables.clone()) }
}

fn dependents(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::Dependents { keyspace: movement.source().clone() })
}

fn one_source_shard(movement: &MoveTables, facts: &Facts) -> Criterion {
    let shards = facts.keyspaces.get(movement.source()).map_or(0, |keyspace| keyspace.shards.len());
    Criterion::new("one source shard", shards == 1, format!("`{}` has {}", movement.source(), counted(shards, "shard")))
}

fn small(movement: &MoveTables, facts: &Facts) -> Criterion {
    const NAME: &str = "few rows";
    match costs::sizes(movement, facts) {
        Err(why) => Criterion::new(NAME, false, format!("the sizes could not be read: {why}")),
        Ok(sizes) => {
            let whole = sizes.values().fold(Size::default(), |sum, one| sum.plus(*one));
            let rows = i64::try_from(whole.rows).unwrap_or(i64::MAX);
            let most = format!("{} and {}", counted_rows(MOST_ROWS), size(MOST_BYTES));
            let seen = format!("about {}, {}; copy and VDiff are bounded by {most}", counted_rows(rows), size(whole.bytes));
            Criterion::new(NAME, rows <= MOST_ROWS && whole.bytes <= MOST_BYTES, seen)
        }
    }
}

fn no_foreign_keys(movement: &MoveTables, facts: &Facts) -> Criterion {
    const NAME: &str = "no foreign keys";
    let (tables, others) = match (facts.tables(&definitions(movement)), facts.dependents(&dependents(movement))) {
        (Ok(tables), Ok(others)) => (tables, others),
        (Err(why), _) | (_, Err(why)) => return Criterion::new(NAME, false, format!("they could not be read: {why}")),
    };
    let own = tables.values().flatten().filter(|(_, table)| !table.foreign_keys().is_empty());
    let mut with: Vec<String> = own.map(|(name, _)| format!("`{name}`")).collect();
    let is_moved = |table: &str| movement.tables.iter().any(|name| name.as_str() == table);
    let to_moved = others.iter().filter(|it| it.kind == DependentKind::ForeignKey && is_moved(&it.table));
    with.extend(to_moved.map(|it| format!("`{}`", it.owner)));
    with.sort();
    with.dedup();
    let seen = if with.is_empty() { "none".to_owned() } else { format!("of {}", names(&with, MOST_TABLES)) };
    Criterion::new(NAME, with.is_empty(), seen)
}

/// Without a primary key VDiff and the copy compare whole rows.
fn rows_in_order(movement: &MoveTables, facts: &Facts) -> Criterion {
    const NAME: &str = "each table has a primary key";
    let tables = match facts.tables(&definitions(movement)) {
        Ok(tables) => tables,
        Err(why) => return Criterion::new(NAME, false, format!("the definitions could not be read: {why}")),
    };
    let mut without: Vec<String> = tables
        .values()
        .flatten()
        .filter(|(_, table)| table.primary_key_columns.is_empty())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    without.sort();
    without.dedup();
    let seen = if without.is_empty() { "each".to_owned() } else { format!("not {}", names(&without, MOST_TABLES)) };
    Criterion::new(NAME, without.is_empty() && !tables.is_empty(), seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::port::{Answer, Dependent};
    use crate::family::Family as _;
    use crate::family::move_tables::fixtures::World;
    use crate::spec::Caveat;

    /// A world whose first moved table has these lines, with these dependents of its keyspace.
    fn with(lines: &str, others: &[(DependentKind, &str, &str)]) -> World {
        let mut world = World::at_the_start();
        let name = world.movement.tables[0].to_string();
        let table = crate::model::schema::TableDefinition {
            name: name.clone(),
            is_view: false,
            create_statement: format!("CREATE TABLE `{name}` (\n  `id` bigint NOT NULL,\n{lines}  PRIMARY KEY (`id`)\n)"),
            columns: vec!["id".into()],
            primary_key_columns: vec!["id".into()],
            data_length_bytes: 0,
            row_count: 0,
        };
        let tables = [("0".to_owned(), [(name, table)].into())].into();
        world.answer(definitions(&world.movement), Ok(Answer::Tables(tables)));
        let dependent = |(kind, owner, table): &(DependentKind, &str, &str)| Dependent {
            kind: *kind,
            owner: (*owner).to_owned(),
            name: "one".into(),
            table: (*table).to_owned(),
        };
        world.answer(dependents(&world.movement), Ok(Answer::Dependents(others.iter().map(dependent).collect())));
        world
    }

    #[test]
    fn foreign_keys_of_the_tables_and_onto_them_are_counted_and_no_others() {
        let keys = |world: &World| {
            let found = no_foreign_keys(&world.movement, &world.facts);
            (found.passes, found.seen)
        };
        let world = World::at_the_start();
        assert!(!keys(&world).0, "unread is not none");
        let moved = world.movement.tables[0].to_string();
        assert_eq!(keys(&with("", &[])), (true, "none".to_owned()));
        let own = "  CONSTRAINT `one` FOREIGN KEY (`id`) REFERENCES `elsewhere` (`id`),\n";
        assert_eq!(keys(&with(own, &[])), (false, format!("of `{moved}`")));
        let onto = [(DependentKind::ForeignKey, "audit", moved.as_str())];
        assert_eq!(keys(&with("", &onto)), (false, "of `audit`".to_owned()));
        let none = [(DependentKind::ForeignKey, "audit", "not_moved"), (DependentKind::View, "seen", moved.as_str())];
        assert_eq!(keys(&with("", &none)), (true, "none".to_owned()));
    }

    /// Offered or not to be had, the gates stand as the plan file has them, and so does the revert window.
    #[test]
    fn a_path_that_is_not_taken_changes_no_gate() {
        let mut world = World::after(&["create"]);
        for accepted in [&[][..], &[Caveat::NoHold], &Caveat::ALL] {
            world.movement.spec.fast_path.accept = accepted.iter().copied().collect();
            // The sizes and the foreign keys were not read.
            assert!(!world.movement.fast_path(&world.facts).taken);
            for (phase, spec) in &world.movement.spec.gates {
                assert_eq!(world.movement.gate(phase, &world.facts).as_ref(), Some(spec), "{phase}");
            }
            let window_seconds = world.movement.revert_window_seconds(&world.facts);
            assert_eq!(window_seconds, world.movement.spec.revert.window_seconds);
        }
    }
}
