//! What a completion or a cancel that stopped half way has done to the tables so far.

use super::MoveTables;
use crate::cluster::mutation::{Rename, RenameTables};
use crate::cluster::port::{Ask, Facts, Reading, Unread};
use crate::family::Happened;
use crate::model::name::KeyspaceName;
use crate::model::topology::shard_path;

/// How far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HalfDone {
    /// Every table of every source shard has its name.
    Nothing,
    /// In words.
    Some(String),
}

/// Looks at the names of the source's tables. Unread is not untouched.
pub fn completion(movement: &MoveTables, facts: &Facts) -> Reading<HalfDone> {
    missing_tables(movement, movement.source(), facts, "source tables no longer have their names")
}

/// A cancel that stopped where it drops the copy: streams and rules are there as before.
pub fn cancellation(movement: &MoveTables, facts: &Facts) -> Reading<HalfDone> {
    missing_tables(movement, movement.target(), facts, "target tables are dropped")
}

/// Moved tables that are not in a keyspace, with `what` that means.
fn missing_tables(movement: &MoveTables, keyspace: &KeyspaceName, facts: &Facts, what: &str) -> Reading<HalfDone> {
    let by_shard = facts.table_names(&Ask::TableNames(keyspace.clone()))?;
    let (mut missing, mut all) = (Vec::new(), 0);
    for (shard, names) in by_shard {
        for table in &movement.tables {
            all += 1;
            if !names.contains(table.as_str()) {
                missing.push(format!("`{table}` on {keyspace}/{shard}"));
            }
        }
    }
    Ok(match missing.as_slice() {
        [] => HalfDone::Nothing,
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            HalfDone::Some(format!("{} of {all} {what}: {first}{more}", missing.len()))
        }
    })
}

/// The renames that give the tables of one source shard their names back; none when every shard's have them.
pub fn names_back(movement: &MoveTables, facts: &Facts) -> Reading<Option<RenameTables>> {
    let by_shard = facts.table_names(&Ask::TableNames(movement.source().clone()))?;
    let Some(keyspace) = facts.keyspaces.get(movement.source()) else { return Ok(None) };
    for (shard, record) in &keyspace.shards {
        let Some(names) = by_shard.get(shard.as_str()) else {
            return Err(Unread::new(format!("the tables of {} were not read", shard_path(movement.source(), shard))));
        };
        let was_renamed = |from: &String, to: &str| names.contains(from) && !names.contains(to);
        let renames: Vec<Rename> = movement
            .tables
            .iter()
            .map(|table| Rename { from: table.renamed(), to: table.to_string() })
            .filter(|rename| was_renamed(&rename.from, &rename.to))
            .collect();
        if !renames.is_empty() {
            let no_primary = || Unread::new(format!("{} has no primary now", shard_path(movement.source(), shard)));
            let tablet = record.primary_alias.clone().ok_or_else(no_primary)?;
            return Ok(Some(RenameTables { keyspace: movement.source().clone(), shard: shard.clone(), tablet, renames }));
        }
    }
    Ok(None)
}

/// Whether a renaming can be seen to have happened.
pub fn renamed(movement: &MoveTables, wanted: &RenameTables, facts: &Facts) -> Happened {
    let by_shard = match facts.table_names(&Ask::TableNames(movement.source().clone())) {
        Ok(by_shard) => by_shard,
        Err(unread) => return Happened::Partly(unread.why),
    };
    let names = by_shard.get(wanted.shard.as_str());
    let is_done = |rename: &&Rename| names.is_some_and(|names| names.contains(&rename.to) && !names.contains(&rename.from));
    match wanted.renames.iter().filter(is_done).count() {
        count if count == wanted.renames.len() => Happened::Yes(vec![format!("{count} tables have their names back")]),
        0 => Happened::No,
        count => Happened::Partly(format!("{count} of {} tables have their names back", wanted.renames.len())),
    }
}
