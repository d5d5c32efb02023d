//! What somebody has made of a movement whose streams are gone without us: where its tables stand tells a completion from a cancel.

use super::MoveTables;
use crate::cluster::port::{Ask, Facts};
use crate::family::{Side, Traffic};
use crate::model::name::KeyspaceName;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;

/// What the tables' names tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAway {
    pub words: String,
    /// The keyspace that alone has the tables. Without routing rules each name leads to the keyspace that it names, or to the one that
    /// has the table.
    pub side: Side,
}

impl TakenAway {
    pub fn traffic(&self) -> Traffic {
        Traffic { rdonly: self.side, replica: self.side, primary: self.side }
    }
}

/// None where the names of a side were not read.
pub fn of(movement: &MoveTables, facts: &Facts, progress: &Progress) -> Option<TakenAway> {
    let (source, target) = (movement.source(), movement.target());
    let (at_source, at_target) = (share(movement, source, facts)?, share(movement, target, facts)?);
    let (words, side) = match (at_source, at_target) {
        (Share::None, Share::All) => (
            format!("`{target}` has the moved tables and `{source}` has none of them: somebody completed the movement"),
            Side::Target,
        ),
        (Share::All, Share::None) => {
            let lost = if progress.reached.contains_key(&PhaseId::SWITCH_PRIMARY) {
                format!(". The writes were at `{target}`: what nothing brought back to `{source}` before is lost")
            } else {
                String::new()
            };
            let words =
                format!("`{source}` has the moved tables and `{target}` has none of them: somebody cancelled the movement");
            (words + &lost, Side::Source)
        }
        (Share::All, Share::All) => {
            let words = format!(
                "`{source}` and `{target}` both have the moved tables: somebody deleted the streams and kept both copies"
            );
            (words, Side::Mixed)
        }
        (at_source, at_target) => {
            let words = format!("of the moved tables `{source}` has {}, `{target}` has {}", at_source.words(), at_target.words());
            (words, Side::Mixed)
        }
    };
    Some(TakenAway { words, side })
}

/// How many of the tables, on all shards, stand in a keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    Some,
    All,
}

impl Share {
    fn words(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Some => "some, or some shards have them",
            Self::All => "all",
        }
    }
}

fn share(movement: &MoveTables, keyspace: &KeyspaceName, facts: &Facts) -> Option<Share> {
    let by_shard = facts.table_names(&Ask::TableNames(keyspace.clone())).ok()?;
    let shards = &facts.keyspaces.get(keyspace)?.shards;
    let (mut any, mut all) = (false, !shards.is_empty());
    for shard in shards.keys() {
        let names = by_shard.get(shard.as_str())?;
        for table in &movement.tables {
            let is_there = names.contains(table.as_str());
            any |= is_there;
            all &= is_there;
        }
    }
    Some(match (any, all) {
        (_, true) => Share::All,
        (true, false) => Share::Some,
        (false, false) => Share::None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::World;
    use super::*;
    use crate::cluster::port::Answer;

    fn world(at_source: &[&str], at_target: [&[&str]; 2]) -> World {
        let mut world = World::at_the_start();
        world.source_tables(at_source);
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let by_shard = [("-80", at_target[0]), ("80-", at_target[1])].map(|(shard, names)| (shard.to_owned(), owned(names)));
        world.answer(Ask::TableNames(world.movement.target().clone()), Ok(Answer::TableNames(by_shard.into())));
        world
    }

    #[test]
    fn where_the_tables_stand_tells_who_has_them() {
        let (all, none): (&[&str], &[&str]) = (&["corder", "customer"], &[]);
        for (at_source, at_target, side, words) in [
            (none, [all, all], Side::Target, "somebody completed the movement"),
            (all, [none, none], Side::Source, "somebody cancelled the movement"),
            (all, [all, all], Side::Mixed, "kept both copies"),
            (all, [all, none], Side::Mixed, "`customer` has some, or some shards have them"),
            (&["corder"], [all, all], Side::Mixed, "`commerce` has some, or some shards have them, `customer` has all"),
            (none, [none, none], Side::Mixed, "`commerce` has none, `customer` has none"),
        ] {
            let world = world(at_source, at_target);
            let taken = of(&world.movement, &world.facts, &world.progress).unwrap();
            assert!(taken.side == side && taken.words.contains(words), "{taken:?}");
        }
    }

    #[test]
    fn a_cancel_after_the_switch_loses_what_was_written_since() {
        let mut world = world(&["corder", "customer"], [&[], &[]]);
        let is_lost = |world: &World| of(&world.movement, &world.facts, &world.progress).unwrap().words.ends_with("is lost");
        assert!(!is_lost(&world));
        world.progress.reached.insert(PhaseId::SWITCH_PRIMARY, super::super::fixtures::now());
        assert!(is_lost(&world));
    }

    #[test]
    fn what_was_not_read_tells_nothing() {
        let mut world = World::at_the_start();
        world.source_tables(&["corder", "customer"]);
        assert_eq!(of(&world.movement, &world.facts, &world.progress), None);
    }
}
