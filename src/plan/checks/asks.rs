//! Questions that several checks share, so that the cluster answers each once, and small readings of their answers.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::port::{Ask, Facts, MySqlStatus, Query, Reading, Unread};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::schema::TableDefinition;
use crate::model::topology::Tablet;
use crate::model::vschema::{VSchema, VSchemaTable};

/// Shards and VSchema of source and target: part of each look, so nothing more to pay for.
pub fn both_keyspaces(movement: &MoveTables) -> Query {
    Query { keyspaces: BTreeSet::from([movement.source().clone(), movement.target().clone()]), ..Query::default() }
}

/// `both_keyspaces` and these.
pub fn both_keyspaces_and(movement: &MoveTables, asks: impl IntoIterator<Item = Ask>) -> Query {
    Query { asks: asks.into_iter().collect(), ..both_keyspaces(movement) }
}

/// For a check that needs no second look.
pub fn nothing_more(_: &MoveTables, _: &Facts) -> Query {
    Query::default()
}

pub fn source_tables(movement: &MoveTables) -> Ask {
    Ask::Tables { keyspace: movement.source().clone(), names: Some(movement.tables.clone()) }
}

pub fn target_tables(movement: &MoveTables) -> Ask {
    Ask::Tables { keyspace: movement.target().clone(), names: Some(movement.tables.clone()) }
}

/// The tablets of both keyspaces, and how the MySQL of each is.
pub fn tablets_and_their_mysql(movement: &MoveTables) -> Query {
    let keyspaces = [movement.source(), movement.target()];
    both_keyspaces_and(
        movement,
        keyspaces.into_iter().flat_map(|keyspace| [Ask::Tablets(keyspace.clone()), Ask::TabletStatus(keyspace.clone())]),
    )
}

/// A tablet with what its MySQL said, or why it said nothing.
pub type TabletAndMySql<'a> = (&'a Tablet, Result<&'a MySqlStatus, &'a str>);

/// Each tablet of a keyspace with what its MySQL said, or why it said nothing. `what` is what is looked for in it. Error: a finding,
/// when the tablets themselves are not known.
pub fn mysql_of_tablets<'a>(
    facts: &'a Facts,
    keyspace: &KeyspaceName,
    code: &str,
    what: &str,
) -> Result<Vec<TabletAndMySql<'a>>, Box<Finding>> {
    let cannot = |what: &str, why: &Unread| Box::new(unread(code, keyspace.as_str(), what, why));
    let tablets =
        facts.tablets(&Ask::Tablets(keyspace.clone())).map_err(|why| cannot(&format!("the tablets of `{keyspace}`"), &why))?;
    let statuses = facts.tablet_status(&Ask::TabletStatus(keyspace.clone())).map_err(|why| cannot(what, &why))?;
    let statuses: BTreeMap<_, _> = statuses.iter().map(|tablet| (&tablet.alias, &tablet.status)).collect();
    let of = |tablet: &Tablet| match statuses.get(&tablet.alias) {
        Some(Ok(mysql)) => Ok(mysql),
        Some(Err(why)) => Err(why.as_str()),
        None => Err("it gave no answer"),
    };
    Ok(tablets.iter().map(|tablet| (tablet, of(tablet))).collect())
}

/// Definitions by shard, then by table.
pub type TablesByShard = BTreeMap<String, BTreeMap<String, TableDefinition>>;

/// The definitions that `ask` brought, from each shard that the keyspace has.
pub fn tables_of_each_shard<'a>(facts: &'a Facts, keyspace: &KeyspaceName, ask: &Ask) -> Reading<&'a TablesByShard> {
    let tables = facts.tables(ask)?;
    let Some(known) = facts.keyspaces.get(keyspace) else {
        return Err(Unread::new(format!("keyspace `{keyspace}` doesn't exist")));
    };
    match known.shards.keys().find(|shard| !tables.contains_key(shard.as_str())) {
        Some(shard) => Err(Unread::new(format!("shard `{keyspace}/{shard}` gave no answer"))),
        None => Ok(tables),
    }
}

/// A table's definition on each shard where it is.
pub fn definitions<'a>(tables: &'a TablesByShard, table: &'a str) -> impl Iterator<Item = (&'a str, &'a TableDefinition)> {
    tables.iter().filter_map(move |(shard, tables)| Some((shard.as_str(), tables.get(table)?)))
}

/// A table's entry in a VSchema, where names may stand in backquotes.
pub fn vschema_table<'a>(vschema: &'a VSchema, table: &str) -> Option<&'a VSchemaTable> {
    vschema.tables.get(table).or_else(|| vschema.tables.get(&format!("`{table}`")))
}

/// A name without the backquotes that a VSchema may put around it.
pub fn unquoted(name: &str) -> &str {
    name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).unwrap_or(name)
}

/// The target's VSchema, or why there is none.
pub fn target_vschema<'a>(movement: &MoveTables, facts: &'a Facts) -> Reading<&'a VSchema> {
    vschema_of(facts, movement.target())
}

pub fn vschema_of<'a>(facts: &'a Facts, keyspace: &KeyspaceName) -> Reading<&'a VSchema> {
    facts.vschemas.get(keyspace).ok_or_else(|| Unread::new(format!("keyspace `{keyspace}` has no VSchema")))
}

/// The finding of a check that could not see what it needs.
pub fn unread(code: &str, subject: impl Into<String>, what: &str, why: &Unread) -> Finding {
    Finding::inconclusive(
        code,
        subject,
        format!("{what} could not be read: {why}"),
        format!("see to it that it can be read and run the same command again; `cutover explain {code}` says what it reads"),
    )
}

/// The same of a check that only warns: not to know is no more than a warning either.
pub fn unseen(code: &str, subject: impl Into<String>, what: &str, why: &Unread) -> Finding {
    Finding { severity: Severity::Warning, ..unread(code, subject, what, why) }
}

/// `1 table`, `2 tables`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Names in backquotes, the first few of them.
pub fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() <= SHOWN {
        return names.join(", ");
    }
    format!("{} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN)
}
