//! Cells, keyspaces, shards, tablets, rules, and what each cell serves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::description::{Description, KeyspaceDescription, MySqlDescription};
use super::ids::Share;
use super::reparent::Reparented;
use super::table::Table;
use crate::model::vschema::VSchema;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyspace {
    /// In the order of their key ranges.
    pub shards: Vec<Shard>,
    pub vschema: VSchema,
    pub mysql: MySqlDescription,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    pub name: String,
    /// The uid of its primary.
    pub primary: u32,
    /// What its tablets refuse, a record for each type: as the topology has it.
    pub controls: Vec<Control>,
    /// What its primary refuses: as it read it last.
    pub denied: BTreeSet<String>,
    pub reparented: Option<Reparented>,
    pub tables: BTreeMap<String, Table>,
}

/// A `TabletControl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub kind: Kind,
    /// None means all.
    pub cells: BTreeSet<String>,
    pub tables: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tablet {
    pub cell: String,
    pub uid: u32,
    pub keyspace: String,
    pub shard: String,
    pub kind: Kind,
    /// It answers nobody.
    pub is_down: bool,
    pub down_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Primary,
    Replica,
    Rdonly,
}

/// A copy of rules and VSchemas, made by a rebuild.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// How often it was made.
    pub version: u64,
    pub rules: Rules,
    pub vschemas: BTreeMap<String, VSchema>,
}

/// From a table to tables.
pub type Rules = BTreeMap<String, Vec<String>>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    pub cells: Vec<String>,
    pub keyspaces: BTreeMap<String, Keyspace>,
    pub tablets: Vec<Tablet>,
    pub rules: Rules,
    /// By cell.
    pub served: BTreeMap<String, Served>,
}

impl Tablet {
    /// `topoproto.TabletAliasString`
    pub fn alias(&self) -> String {
        format!("{}-{:010}", self.cell, self.uid)
    }
}

impl Keyspace {
    pub fn is_sharded(&self) -> bool {
        self.vschema.sharded
    }

    pub fn share(&self, shard: &str) -> Share {
        let index = self.shards.iter().position(|it| it.name == shard).unwrap_or(0);
        Share { index: index as u64, of: self.shards.len().max(1) as u64 }
    }

    pub fn shard(&self, name: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.name == name)
    }

    pub fn shard_mut(&mut self, name: &str) -> Option<&mut Shard> {
        self.shards.iter_mut().find(|shard| shard.name == name)
    }

    /// Rows of all shards; none when no shard has the table.
    pub fn count(&self, table: &str) -> Option<u64> {
        let counts = self.shards.iter().filter_map(|shard| Some(shard.tables.get(table)?.count(self.share(&shard.name))));
        let counts: Vec<u64> = counts.collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }

    /// Whether any of its primaries denies a table, as they know it.
    pub fn denies(&self, table: &str) -> bool {
        self.shards.iter().any(|shard| shard.denied.contains(table))
    }
}

impl Shard {
    /// To applications, by its primary.
    pub fn deny(&mut self, tables: &[String]) {
        self.deny_by(Kind::Primary, &[], tables);
    }

    /// Its tablets read the topology.
    pub fn refresh(&mut self) {
        let controls = self.controls.iter().filter(|control| control.kind == Kind::Primary);
        self.denied = controls.flat_map(|control| control.tables.iter().cloned()).collect();
    }

    pub fn deny_by(&mut self, kind: Kind, cells: &[String], tables: &[String]) {
        let place = self.controls.iter().position(|control| control.kind == kind).unwrap_or_else(|| {
            self.controls.push(Control { kind, cells: BTreeSet::new(), tables: BTreeSet::new() });
            self.controls.len() - 1
        });
        self.controls[place].tables.extend(tables.iter().cloned());
        self.controls[place].cells.extend(cells.iter().cloned());
    }

    /// The record disappears when nothing is left in it.
    pub fn allow(&mut self, tables: &[String]) {
        self.allow_by(Kind::Primary, tables);
    }

    pub fn allow_by(&mut self, kind: Kind, tables: &[String]) {
        for control in self.controls.iter_mut().filter(|control| control.kind == kind) {
            control.tables.retain(|table| !tables.contains(table));
        }
        self.controls.retain(|control| !control.tables.is_empty());
    }
}

impl Topology {
    pub fn new(description: &Description) -> Self {
        let cell = description.cells.first().cloned().unwrap_or_else(|| "zone1".to_owned());
        let mut tablets = Vec::new();
        let mut keyspaces = BTreeMap::new();
        let mut next_uid = 100;
        for (name, it) in &description.keyspaces {
            next_uid = it.first_tablet_uid.unwrap_or(next_uid);
            let shards = it.shards.iter().map(|shard| {
                let kinds = (0..it.replicas).map(|_| Kind::Replica).chain((0..it.rdonly).map(|_| Kind::Rdonly));
                for (offset, kind) in [Kind::Primary].into_iter().chain(kinds).enumerate() {
                    let uid = next_uid + u32::try_from(offset).unwrap_or(0);
                    tablets.push(Tablet {
                        cell: cell.clone(),
                        uid,
                        keyspace: name.clone(),
                        shard: shard.clone(),
                        kind,
                        is_down: false,
                        down_until: None,
                    });
                }
                let made = make_shard(it, shard, next_uid);
                next_uid += 100;
                made
            });
            let shards = shards.collect();
            keyspaces.insert(name.clone(), Keyspace { shards, vschema: VSchema::from(&it.vschema), mysql: it.mysql.clone() });
        }
        let rules = description.routing_rules.iter().map(|(from, to)| (from.clone(), vec![to.clone()])).collect();
        let mut topology = Self { cells: description.cells.clone(), keyspaces, tablets, rules, served: BTreeMap::new() };
        topology.rebuild(&[]);
        topology
    }

    /// Publishes rules and VSchemas to these cells, or to all.
    pub fn rebuild(&mut self, cells: &[String]) {
        let vschemas = self.keyspaces.iter().map(|(name, keyspace)| (name.clone(), keyspace.vschema.clone())).collect();
        let served = Served { version: 0, rules: self.rules.clone(), vschemas };
        for cell in &self.cells {
            if cells.is_empty() || cells.contains(cell) {
                let version = self.served.get(cell).map_or(0, |served| served.version) + 1;
                self.served.insert(cell.clone(), Served { version, ..served.clone() });
            }
        }
    }

    pub fn tablet(&self, uid: u32) -> Option<&Tablet> {
        self.tablets.iter().find(|tablet| tablet.uid == uid)
    }

    pub fn primary_of(&self, keyspace: &str, shard: &str) -> Option<&Tablet> {
        let uid = self.keyspaces.get(keyspace)?.shard(shard)?.primary;
        self.tablet(uid)
    }

    /// Whether any shard of a keyspace has a primary that answers nobody.
    pub fn lacks_primary(&self, keyspace: &str) -> bool {
        let is_down = |tablet: &Tablet| tablet.is_down && tablet.kind == Kind::Primary && tablet.keyspace == keyspace;
        self.tablets.iter().any(is_down)
    }

    /// The primary's alias, for messages.
    pub fn primary_alias(&self, keyspace: &str, shard: &str) -> String {
        self.primary_of(keyspace, shard).map(Tablet::alias).unwrap_or_default()
    }
}

fn make_shard(description: &KeyspaceDescription, name: &str, primary: u32) -> Shard {
    let mut shard = Shard {
        name: name.to_owned(),
        primary,
        controls: vec![],
        denied: BTreeSet::new(),
        reparented: None,
        tables: description.tables.iter().map(|(name, table)| (name.clone(), Table::from(table))).collect(),
    };
    if !description.denied_tables.is_empty() {
        shard.deny(&description.denied_tables);
        shard.refresh();
    }
    shard
}
