//! Routing rules of all kinds, VSchemas, what cells serve, and denied tables.

use std::collections::{BTreeMap, BTreeSet};

use cutover::cluster::vtctld::generated::{topodata, vschema, vtctldata as data};

use super::{Canonical, Names, of, tablet_type};

/// The tablet types of a rule's key, as Vitess writes them.
const SUFFIXES: [&str; 3] = ["", "@replica", "@rdonly"];

/// Sorted, for rules have no order; those of all tablet types of a table are one line.
pub fn routing_rules(rules: Option<&vschema::RoutingRules>) -> Vec<String> {
    let rules = rules.iter().flat_map(|rules| &rules.rules);
    let each: BTreeMap<&str, String> = rules.map(|rule| (rule.from_table.as_str(), rule.to_tables.join(","))).collect();
    let tables: BTreeSet<&str> = each.keys().map(|from| from.split('@').next().unwrap_or(from)).collect();
    let mut lines = Vec::new();
    for table in tables {
        let of_type = |suffix: &'static str| Some((suffix, each.get(format!("{table}{suffix}").as_str())?));
        let found: Vec<(&str, &String)> = SUFFIXES.into_iter().filter_map(of_type).collect();
        let targets: BTreeSet<&String> = found.iter().map(|(_, to)| *to).collect();
        let key = |suffix: &str| if suffix.is_empty() { "primary".to_owned() } else { suffix.to_owned() };
        let line = match (found.len(), targets.first()) {
            (3, Some(to)) if targets.len() == 1 => format!("all -> {to}"),
            _ => found.iter().map(|(suffix, to)| format!("{} -> {to}", key(suffix))).collect::<Vec<_>>().join(", "),
        };
        lines.push(format!("{table}: {line}"));
    }
    lines
}

fn shard_rules(rules: Option<&vschema::ShardRoutingRules>) -> Vec<String> {
    let rules = rules.iter().flat_map(|rules| &rules.rules);
    let mut lines: Vec<String> =
        rules.map(|rule| format!("{}.{} -> {}", rule.from_keyspace, rule.shard, rule.to_keyspace)).collect();
    lines.sort();
    lines
}

fn keyspace_rules(rules: Option<&vschema::KeyspaceRoutingRules>) -> Vec<String> {
    let rules = rules.iter().flat_map(|rules| &rules.rules);
    let mut lines: Vec<String> = rules.map(|rule| format!("{} -> {}", rule.from_keyspace, rule.to_keyspace)).collect();
    lines.sort();
    lines
}

fn mirror_rules(rules: Option<&vschema::MirrorRules>) -> Vec<String> {
    let rules = rules.iter().flat_map(|rules| &rules.rules);
    let mut lines: Vec<String> =
        rules.map(|rule| format!("{} -> {} {}%", rule.from_table, rule.to_table, rule.percent)).collect();
    lines.sort();
    lines
}

/// What a keyspace's VSchema says.
pub fn vschema(keyspace: &vschema::Keyspace) -> Vec<String> {
    let mut lines = Vec::new();
    if keyspace.sharded {
        lines.push("sharded".to_owned());
    }
    if keyspace.require_explicit_routing {
        lines.push("require explicit routing".to_owned());
    }
    for (name, vindex) in &keyspace.vindexes {
        let owner = if vindex.owner.is_empty() { String::new() } else { format!(" owned by {}", vindex.owner) };
        let params: String = vindex.params.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        lines.push(format!("vindex {name}: {}{params}{owner}", vindex.r#type));
    }
    let is_bare = |table: &vschema::Table| *table == vschema::Table::default();
    let bare: Vec<&str> = keyspace.tables.iter().filter(|(_, table)| is_bare(table)).map(|(name, _)| name.as_str()).collect();
    if !bare.is_empty() {
        lines.push(format!("tables {}", bare.join(", ")));
    }
    for (name, table) in keyspace.tables.iter().filter(|(_, table)| !is_bare(table)) {
        let mut line = format!("table {name}");
        if !table.r#type.is_empty() {
            line.push_str(&format!(", {}", table.r#type));
        }
        for vindex in &table.column_vindexes {
            let columns = if vindex.columns.is_empty() { vindex.column.clone() } else { vindex.columns.join(",") };
            line.push_str(&format!(", {} by {columns}", vindex.name));
        }
        if let Some(auto_increment) = &table.auto_increment {
            line.push_str(&format!(", {} from {}", auto_increment.column, auto_increment.sequence));
        }
        for (what, value) in [("pinned", &table.pinned), ("source", &table.source)] {
            if !value.is_empty() {
                line.push_str(&format!(", {what} {value}"));
            }
        }
        lines.push(line);
    }
    lines
}

/// How what a cell serves differs from the rules that are meant to be.
pub fn served_differences(global: Option<&vschema::RoutingRules>, served: &vschema::SrvVSchema) -> Vec<String> {
    let each = |rules: Option<&vschema::RoutingRules>| -> BTreeSet<String> {
        let rules = rules.iter().flat_map(|rules| &rules.rules);
        rules.map(|rule| format!("{} -> {}", rule.from_table, rule.to_tables.join(","))).collect()
    };
    let (meant, served) = (each(global), each(served.routing_rules.as_ref()));
    let missing = meant.difference(&served).map(|rule| format!("does not serve {rule}"));
    let more = served.difference(&meant).map(|rule| format!("still serves {rule}"));
    missing.chain(more).collect()
}

/// The tablet controls of a shard.
pub fn denied(controls: &[topodata::shard::TabletControl]) -> Vec<String> {
    let line = |control: &topodata::shard::TabletControl| {
        let mut tables = control.denied_tables.clone();
        tables.sort();
        let mut line = format!("denied to {}: {}", tablet_type(control.tablet_type), tables.join(","));
        if !control.cells.is_empty() {
            line.push_str(&format!(" in {}", control.cells.join(",")));
        }
        for (is, words) in [(control.frozen, ", frozen"), (control.allow_reads, ", reads allowed")] {
            if is {
                line.push_str(words);
            }
        }
        line
    };
    let mut lines: Vec<String> = controls.iter().map(line).collect();
    lines.sort();
    lines
}

impl Canonical for data::GetRoutingRulesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        routing_rules(self.routing_rules.as_ref())
    }
}

impl Canonical for data::GetShardRoutingRulesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        shard_rules(self.shard_routing_rules.as_ref())
    }
}

impl Canonical for data::GetKeyspaceRoutingRulesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        keyspace_rules(self.keyspace_routing_rules.as_ref())
    }
}

impl Canonical for data::GetMirrorRulesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        mirror_rules(self.mirror_rules.as_ref())
    }
}

impl Canonical for data::GetVSchemaResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        self.v_schema.as_ref().map(vschema).unwrap_or_default()
    }
}

impl Canonical for data::GetSrvVSchemasResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let mut lines = Vec::new();
        for (cell, served) in &self.srv_v_schemas {
            let subject = format!("cell {cell}");
            for (name, keyspace) in &served.keyspaces {
                lines.push(format!("{subject}: keyspace {name}"));
                lines.extend(of(&format!("{subject}: keyspace {name}"), vschema(keyspace)));
            }
            lines.extend(of(&subject, routing_rules(served.routing_rules.as_ref())));
            lines.extend(of(&subject, shard_rules(served.shard_routing_rules.as_ref())));
            lines.extend(of(&subject, keyspace_rules(served.keyspace_routing_rules.as_ref())));
            lines.extend(of(&subject, mirror_rules(served.mirror_rules.as_ref())));
        }
        lines
    }
}
