//! `[move-tables]`: which tables go from which keyspace to which, and how Vitess is to copy them.

use super::intent::{MoveTablesSpec, TableSelection};
use super::key::{Fallback, Key, Kind, NameKind, Table};
use super::problem::Problem;
use super::section::Section;
use super::value::Placed;
use crate::model::name::{CellName, KeyspaceName, TableName};

pub static TABLE: Table = Table {
    name: "move-tables",
    doc: "A MoveTables workflow: tables go from one keyspace to another.",
    required: true,
    keys: &[
        &SOURCE_KEYSPACE,
        &TARGET_KEYSPACE,
        &TABLES,
        &ALL_TABLES,
        &EXCLUDE_TABLES,
        &CELLS,
        &TABLET_TYPES,
        &ON_DDL,
        &DEFER_SECONDARY_KEYS,
        &SOURCE_TIME_ZONE,
        &GLOBAL_KEYSPACE,
        &AUTO_INCREMENT,
        &INITIALIZE_TARGET_SEQUENCES,
    ],
};

static SOURCE_KEYSPACE: Key = Key {
    name: "source-keyspace",
    doc: "The keyspace that has the tables.",
    kind: Kind::Name(NameKind::Keyspace),
    fallback: Fallback::Required,
};
static TARGET_KEYSPACE: Key = Key {
    name: "target-keyspace",
    doc: "The keyspace that is to have them.",
    kind: Kind::Name(NameKind::Keyspace),
    fallback: Fallback::Required,
};
static TABLES: Key = Key {
    name: "tables",
    doc: "The tables to move. Either this or `all-tables = true`.",
    kind: Kind::Names(NameKind::Table),
    fallback: Fallback::Nothing,
};
static ALL_TABLES: Key = Key {
    name: "all-tables",
    doc: "Move every base table of the source keyspace, but not those of `exclude-tables`. Views are not moved.",
    kind: Kind::Flag,
    fallback: Fallback::Flag(false),
};
static EXCLUDE_TABLES: Key = Key {
    name: "exclude-tables",
    doc: "With `all-tables = true`: the tables that stay.",
    kind: Kind::Names(NameKind::Table),
    fallback: Fallback::Nothing,
};
static CELLS: Key = Key {
    name: "cells",
    doc: "From which cells' tablets the streams read. Left out: the cell of each target primary. Traffic is always switched in \
          all cells.",
    kind: Kind::Names(NameKind::Cell),
    fallback: Fallback::Nothing,
};
static TABLET_TYPES: Key = Key {
    name: "tablet-types",
    doc: "From which types of tablets the streams read, in order of preference.",
    kind: Kind::Words(&["replica", "primary", "rdonly"]),
    fallback: Fallback::Words(&["replica", "primary"]),
};
static ON_DDL: Key = Key {
    name: "on-ddl",
    doc: "What a stream does when the source's schema changes: `stop` stops it, `ignore` goes on without the change, `exec` \
          applies it to the target, `exec-ignore` applies it and goes on if that fails.",
    kind: Kind::Word(&["stop", "ignore", "exec", "exec-ignore"]),
    fallback: Fallback::Text("stop"),
};
static DEFER_SECONDARY_KEYS: Key = Key {
    name: "defer-secondary-keys",
    doc: "Add secondary keys after the rows are copied, which is faster.",
    kind: Kind::Flag,
    fallback: Fallback::Flag(true),
};
static SOURCE_TIME_ZONE: Key = Key {
    name: "source-time-zone",
    doc: "The zone of the source's DATETIME values, which are then converted to UTC. Left out: they are copied as they are.",
    kind: Kind::Zone,
    fallback: Fallback::Nothing,
};
static GLOBAL_KEYSPACE: Key = Key {
    name: "global-keyspace",
    doc: "The unsharded keyspace in which Vitess makes sequence tables that are missing.",
    kind: Kind::Name(NameKind::Keyspace),
    fallback: Fallback::Nothing,
};
static AUTO_INCREMENT: Key = Key {
    name: "sharded-auto-increment-handling",
    doc: "What becomes of AUTO_INCREMENT on a sharded target: `remove` takes it away, `replace` also puts a sequence in the \
          VSchema, `leave` keeps it, with one counter per shard.",
    kind: Kind::Word(&["remove", "replace", "leave"]),
    fallback: Fallback::Text("remove"),
};
static INITIALIZE_TARGET_SEQUENCES: Key = Key {
    name: "initialize-target-sequences",
    doc: "Set the target's sequences above the highest id that was copied, during the primary switch.",
    kind: Kind::Flag,
    fallback: Fallback::Flag(true),
};

/// The keyspaces that are moved between, for checks of other tables.
pub fn decode(mut table: Section<'_>) -> Option<MoveTablesSpec> {
    let source = table.name::<KeyspaceName>(&SOURCE_KEYSPACE);
    let target = table.name::<KeyspaceName>(&TARGET_KEYSPACE);
    let tables = selection(&mut table);
    let cells = table.list_of_names::<CellName>(&CELLS).unwrap_or_default();
    let tablet_types = table.words(&TABLET_TYPES);
    let on_ddl = table.word(&ON_DDL);
    let defer_secondary_keys = table.flag(&DEFER_SECONDARY_KEYS);
    let source_time_zone = table.zone(&SOURCE_TIME_ZONE);
    let global_keyspace = table.name::<KeyspaceName>(&GLOBAL_KEYSPACE);
    let auto_increment = table.word(&AUTO_INCREMENT);
    let initialize_target_sequences = table.flag(&INITIALIZE_TARGET_SEQUENCES);

    if let (Some(source), Some(target)) = (&source, &target)
        && source.value == target.value
    {
        table.log.push(
            Problem::error("C111", target.path.clone(), Some(target.span.clone()), "source and target are the same keyspace")
                .label("the target")
                .also(source.span.clone(), "the source")
                .help("MoveTables moves between two keyspaces; to change the sharding of one, Vitess has Reshard"),
        );
    }
    if initialize_target_sequences == Some(false)
        && let Some(value) = table.find(INITIALIZE_TARGET_SEQUENCES.name)
    {
        table.log.push(
            Problem::warning("C118", value.path, Some(value.span), "the target's sequences would stay where they are")
                .label("ids may be given out twice")
                .help("leave it true unless every sequence of the target already stands above the highest id of the source"),
        );
    }
    table.finish();

    let mut cells: Vec<CellName> = cells.into_iter().map(|cell| cell.value).collect();
    cells.sort();
    Some(MoveTablesSpec {
        source_keyspace: source?.value,
        target_keyspace: target?.value,
        tables: tables?,
        cells,
        tablet_types: tablet_types?,
        on_ddl: on_ddl?.value,
        defer_secondary_keys: defer_secondary_keys?,
        source_time_zone: source_time_zone.map(|zone| zone.value),
        global_keyspace: global_keyspace.map(|keyspace| keyspace.value),
        sharded_auto_increment_handling: auto_increment?.value,
        initialize_target_sequences: initialize_target_sequences?,
    })
}

/// `tables`, or `all-tables = true` with `exclude-tables`: never both, never neither.
fn selection(table: &mut Section<'_>) -> Option<TableSelection> {
    let all = table.flag(&ALL_TABLES)?;
    let all_at = table.find(ALL_TABLES.name);
    let named_at = table.find(TABLES.name);
    let named = table.list_of_names::<TableName>(&TABLES);
    let excluded_at = table.find(EXCLUDE_TABLES.name);
    let excluded = table.list_of_names::<TableName>(&EXCLUDE_TABLES);

    match (&all_at, &named_at) {
        (Some(all_at), Some(named_at)) if all => {
            table.log.push(
                Problem::error(
                    "C111",
                    all_at.path.clone(),
                    Some(all_at.span.clone()),
                    "`tables` and `all-tables = true` exclude each other",
                )
                .label("all tables")
                .also(named_at.span.clone(), "and these by name")
                .help("name the tables, or move all of them but those of `exclude-tables`"),
            );
            return None;
        }
        (_, None) if !all => {
            if table.is_present() {
                let path = table.path_of(TABLES.name);
                let at = all_at.map(|found| found.span).or_else(|| table.span.clone());
                table.log.push(
                    Problem::error("C104", path, at, "no tables are named")
                        .help("write `tables = [\"…\"]`, or `all-tables = true` for every table of the source keyspace"),
                );
            }
            return None;
        }
        _ => {}
    }
    if let Some(excluded_at) = excluded_at.filter(|_| !all) {
        table.log.push(
            Problem::error("C111", excluded_at.path, Some(excluded_at.span), "`exclude-tables` needs `all-tables = true`")
                .label("nothing to exclude from")
                .help("with `tables`, only those that are named are moved"),
        );
    }
    if all {
        return Some(TableSelection::AllBut(sorted(excluded.unwrap_or_default())));
    }
    let named = named?;
    if let Some(value) = named_at.filter(|_| named.is_empty()) {
        let is_empty = matches!(value.value, toml::de::DeValue::Array(array) if array.is_empty());
        if is_empty {
            table.bad(&value, "C106", "is empty", "name at least one table");
        }
        return None;
    }
    Some(TableSelection::Named(sorted(named)))
}

fn sorted(names: Vec<Placed<TableName>>) -> Vec<TableName> {
    let mut names: Vec<TableName> = names.into_iter().map(|name| name.value).collect();
    names.sort();
    names.dedup();
    names
}
