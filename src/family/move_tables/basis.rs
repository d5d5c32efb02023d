//! What a plan of this movement rests on: our rules, the shards of both keyspaces, what is denied, the VSchema and the DDL of our tables.

use std::collections::BTreeMap;

use super::MoveTables;
use crate::cluster::port::{Facts, Reading};
use crate::family::basis::{Basis, Definition};
use crate::family::picture::{Names, Picture, StreamShape};
use crate::model::digest::Digest;
use crate::plan::checks::asks;
use crate::words;

/// A shard that denies more tables has a digest for their names.
const MOST_NAMED: usize = 12;

pub fn of(movement: &MoveTables, facts: &Facts) -> Basis {
    let picture = movement.picture_of_ours(facts);
    let topology = [
        ("routing rules", rules(movement, facts)),
        ("shards", shards(movement, facts)),
        ("denied tables", denied_tables(movement, &picture)),
        ("VSchema", vschema(movement, facts)),
        ("streams", streams(&picture)),
    ];
    Basis {
        topology: topology.into_iter().map(|(part, things)| (part.to_owned(), things)).collect(),
        definitions: definitions(movement, facts).ok(),
    }
}

type Things = BTreeMap<String, String>;

fn rules(movement: &MoveTables, facts: &Facts) -> Things {
    let ours = facts.routing_rules.of_keys(&movement.rule_keys());
    ours.iter().map(|(from, to)| (format!("`{from}`"), to.join(", "))).collect()
}

fn shards(movement: &MoveTables, facts: &Facts) -> Things {
    let paths = [true, false].into_iter().flat_map(|on_source| movement.shard_paths(facts, on_source));
    paths.map(|path| (path, "there".to_owned())).collect()
}

fn denied_tables(movement: &MoveTables, picture: &Picture) -> Things {
    let ours = movement.ours();
    let of_shard = |tables: &Names| -> String {
        let denied: Vec<&String> = tables.intersection(&ours.tables).collect();
        if denied.len() <= MOST_NAMED {
            return words::names(&denied, MOST_NAMED);
        }
        format!("{}, together {}", words::names(&denied, MOST_NAMED), Digest::of(&denied).short())
    };
    let shards = picture.denied_tables.iter().map(|(shard, tables)| (shard.clone(), of_shard(tables)));
    shards.filter(|(_, denied)| !denied.is_empty()).collect()
}

fn vschema(movement: &MoveTables, facts: &Facts) -> Things {
    let ours = movement.ours();
    let mut things = Things::new();
    for keyspace in [movement.source(), movement.target()] {
        let Some(vschema) = facts.vschemas.get(keyspace) else { continue };
        things.insert(keyspace.to_string(), if vschema.sharded { "sharded" } else { "unsharded" }.to_owned());
        let entries = vschema.entries_of(|table| ours.tables.contains(asks::unquoted(table)));
        things.extend(
            entries.into_iter().map(|(table, entry)| (format!("{keyspace}.{table}"), format!("entry {}", entry.short()))),
        );
    }
    things
}

fn streams(picture: &Picture) -> Things {
    let of_workflow = |(workflow, shards): (&String, &BTreeMap<String, StreamShape>)| -> Things {
        shards.iter().map(|(shard, shape)| (format!("of {workflow} on {shard}"), shape.as_str().to_owned())).collect()
    };
    picture.streams.iter().flat_map(of_workflow).collect()
}

fn definitions(movement: &MoveTables, facts: &Facts) -> Reading<Vec<Definition>> {
    let tables = asks::tables_of_each_shard(facts, movement.source(), &asks::source_tables(movement))?;
    let mut alike: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for table in &movement.tables {
        for (shard, definition) in asks::definitions(tables, table.as_str()) {
            alike.entry((table.as_str(), definition.comparable())).or_default().push(format!("{}/{shard}", movement.source()));
        }
    }
    let definition =
        |((table, text), shards): ((&str, String), Vec<String>)| Definition { table: table.to_owned(), shards, text };
    let mut definitions: Vec<Definition> = alike.into_iter().map(definition).collect();
    definitions.sort();
    Ok(definitions)
}
