//! What a plan of this movement rests on: our rules, the shards of both keyspaces, what is denied, the VSchema and the DDL of our tables.

use std::collections::BTreeMap;

use super::MoveTables;
use crate::cluster::port::{Facts, Reading};
use crate::family::basis::{Basis, Definition};
use crate::model::digest::Digest;
use crate::plan::checks::asks;

pub fn of(movement: &MoveTables, facts: &Facts) -> Basis {
    let (keys, ours, picture) = (movement.rule_keys(), movement.ours(), movement.picture_of_ours(facts));
    let shards: Vec<String> = [true, false].into_iter().flat_map(|on_source| movement.shard_paths(facts, on_source)).collect();
    let denied: BTreeMap<&String, Vec<&String>> =
        picture.denied_tables.iter().map(|(shard, tables)| (shard, tables.intersection(&ours.tables).collect())).collect();
    let vschema: Vec<_> = [movement.source(), movement.target()]
        .into_iter()
        .map(|keyspace| {
            let vschema = facts.vschemas.get(keyspace);
            let entries = vschema.map(|vschema| vschema.entries_of(|table| ours.tables.contains(asks::unquoted(table))));
            (keyspace, vschema.map(|vschema| vschema.sharded), entries)
        })
        .collect();
    let topology = [
        ("routing rules", Digest::of(&facts.routing_rules.of_keys(&keys))),
        ("shards", Digest::of(&shards)),
        ("denied tables", Digest::of(&denied)),
        ("VSchema", Digest::of(&vschema)),
        ("streams", Digest::of(&picture.streams)),
    ];
    Basis {
        topology: topology.into_iter().map(|(part, digest)| (part.to_owned(), digest)).collect(),
        definitions: definitions(movement, facts).ok(),
    }
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
