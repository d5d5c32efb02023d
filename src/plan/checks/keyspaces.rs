//! C202: both keyspaces are there, are two, and each of their shards has a serving primary.

use super::asks::{both_keyspaces_and, counted, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Facts, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::topology::{Keyspace, Shard, Tablet, TabletType, shard_path};
use crate::run::phase::PhaseId;
use crate::spec::suggest::did_you_mean;

const CODE: &str = "C202";

pub static CHECK: Check = Check {
    code: CODE,
    title: "both keyspaces are there, and each shard has a serving primary",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE],
    waivable: false,
    query,
    follow_up,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
The source and the target keyspace have to exist, to be two, to be ordinary keyspaces (no snapshot of a backup), and to have a
VSchema. Each of their shards has to have a primary, known as such by its own tablet record too, and to serve; together a
keyspace's shards have to cover the whole range of keyspace ids once. The `global-keyspace`, if the plan file names one, has to
exist and to be unsharded.

## Why it matters
Streams are written on every target primary and read from every source shard. With a shard that has no primary, create fails
half-way; with a shard that doesn't serve, or with ranges that overlap (a Reshard under way), rows would be missing or come
twice.

## What to do
Look with `vtctldclient FindAllShardsInKeyspace KEYSPACE` and `vtctldclient GetTablets --keyspace KEYSPACE`. A shard without
primary: `vtctldclient PlannedReparentShard KEYSPACE/SHARD --new-primary ALIAS`. A keyspace without VSchema:
`vtctldclient ApplyVSchema --vschema '{}' KEYSPACE`. Wait for a Reshard to be completed. This check cannot be waived.

## When it is inconclusive
The tablets' records could not be read, so it isn't known whether the primaries are what the shard records say.

## What it reads
Shard records, VSchema and tablet records of both keyspaces, all from the topology: no tablet is asked.
";

fn query(movement: &MoveTables) -> Query {
    let mut query =
        both_keyspaces_and(movement, [Ask::Tablets(movement.source().clone()), Ask::Tablets(movement.target().clone())]);
    query.keyspaces.extend(movement.options.global_keyspace.clone());
    query
}

/// Of a keyspace that is not there: what there is.
fn follow_up(movement: &MoveTables, facts: &Facts) -> Query {
    let global = movement.options.global_keyspace.as_ref();
    let is_missing = |name: &&KeyspaceName| !facts.keyspaces.contains_key(*name);
    match [movement.source(), movement.target()].into_iter().chain(global).any(|name| is_missing(&name)) {
        true => Query { asks: [Ask::KeyspaceNames].into(), ..Query::default() },
        false => Query::default(),
    }
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let mut findings = Vec::new();
    if movement.source() == movement.target() {
        findings.push(
            Finding::fail(
                CODE,
                Severity::Error,
                movement.target().as_str(),
                "source and target are one keyspace",
                "name another keyspace as target",
            )
            .at("move-tables.target-keyspace"),
        );
    }
    for (name, at) in [(movement.source(), "move-tables.source-keyspace"), (movement.target(), "move-tables.target-keyspace")] {
        findings.extend(of_keyspace(input, name).into_iter().map(|finding| finding.at(at)));
    }
    if let Some(name) = &movement.options.global_keyspace {
        findings.extend(of_global_keyspace(input, name).map(|finding| finding.at("move-tables.global-keyspace")));
    }
    findings
}

fn of_keyspace(input: &CheckInput<'_>, name: &KeyspaceName) -> Vec<Finding> {
    let fail = |subject: String, summary: String, help: String| Finding::fail(CODE, Severity::Error, subject, summary, help);
    let Some(keyspace) = input.facts.keyspaces.get(name) else {
        return vec![missing(input, name)];
    };
    if keyspace.is_snapshot {
        return vec![fail(
            name.to_string(),
            format!("keyspace `{name}` is a snapshot of a backup and can't take part in a movement"),
            "name the keyspace that it was taken from".into(),
        )];
    }
    let mut findings = Vec::new();
    if !input.facts.vschemas.contains_key(name) {
        findings.push(fail(
            name.to_string(),
            format!("keyspace `{name}` has no VSchema"),
            format!("`vtctldclient ApplyVSchema --vschema '{{}}' {name}` makes an empty one"),
        ));
    }
    if let Err(summary) = covers_all(name, keyspace) {
        findings.push(fail(
            name.to_string(),
            summary,
            format!("look at `vtctldclient FindAllShardsInKeyspace {name}`; is a Reshard under way?"),
        ));
    }
    let tablets = input.facts.tablets(&Ask::Tablets(name.clone()));
    for (shard_name, shard) in &keyspace.shards {
        let path = shard_path(name, shard_name);
        let wrong = match &tablets {
            Ok(tablets) => wrong_with(shard, Some(tablets)),
            Err(_) => wrong_with(shard, None),
        };
        if let Some(wrong) = wrong {
            findings.push(fail(
                path.clone(),
                format!("shard `{path}` {wrong}"),
                format!("`vtctldclient GetShard {path}` and `vtctldclient GetTablets --keyspace {name}` show what is there"),
            ));
        }
    }
    if let Err(why) = &tablets {
        findings.push(unread(CODE, name.as_str(), &format!("the tablets of `{name}`"), why));
    }
    if findings.is_empty() {
        let shards = counted(keyspace.shards.len(), "shard");
        findings.push(Finding::pass(CODE, name.as_str(), format!("`{name}` has {shards}, each with a serving primary")));
    }
    findings
}

fn missing(input: &CheckInput<'_>, name: &KeyspaceName) -> Finding {
    let known = input.facts.keyspace_names(&Ask::KeyspaceNames).into_iter().flatten();
    let near = did_you_mean(name.as_str(), known.map(String::as_str));
    Finding::fail(
        CODE,
        Severity::Error,
        name.as_str(),
        format!("keyspace `{name}` doesn't exist"),
        format!("{near}`vtctldclient GetKeyspaces` lists those that do; is it the right cluster?"),
    )
}

fn of_global_keyspace(input: &CheckInput<'_>, name: &KeyspaceName) -> Option<Finding> {
    let Some(keyspace) = input.facts.keyspaces.get(name) else {
        return Some(missing(input, name));
    };
    let is_sharded = keyspace.shards.len() != 1 || input.facts.vschemas.get(name).is_some_and(|vschema| vschema.sharded);
    is_sharded.then(|| {
        Finding::fail(
            CODE,
            Severity::Error,
            name.as_str(),
            format!("the global keyspace `{name}` is sharded, so it can't hold sequences"),
            "name an unsharded keyspace",
        )
    })
}

/// A fragment that fits after "shard `x` ".
fn wrong_with(shard: &Shard, tablets: Option<&Vec<Tablet>>) -> Option<String> {
    let Some(alias) = &shard.primary_alias else {
        return Some("has no primary".into());
    };
    if !shard.is_primary_serving {
        return Some("doesn't serve its primary".into());
    }
    match tablets?.iter().find(|tablet| &tablet.alias == alias) {
        None => Some(format!("has the primary {alias}, of which there is no tablet record")),
        Some(tablet) if tablet.tablet_type != TabletType::Primary => {
            Some(format!("has the primary {alias}, whose own record says {}", tablet.tablet_type))
        }
        Some(_) => None,
    }
}

/// Whether the shards' ranges lie side by side from the first keyspace id to the last.
fn covers_all(name: &KeyspaceName, keyspace: &Keyspace) -> Result<(), String> {
    if keyspace.shards.is_empty() {
        return Err(format!("keyspace `{name}` has no shards"));
    }
    let mut ranges: Vec<(&str, &str)> =
        keyspace.shards.values().map(|shard| (bound(&shard.key_range.0), bound(&shard.key_range.1))).collect();
    ranges.sort_unstable();
    let mut reached = Some("");
    for (start, end) in ranges {
        if reached != Some(start) {
            return Err(format!("the shards of `{name}` leave a gap or overlap at `{start}`"));
        }
        reached = (!end.is_empty()).then_some(end);
    }
    match reached {
        Some(end) => Err(format!("the shards of `{name}` end at `{end}`")),
        None => Ok(()),
    }
}

/// `80` and `8000` are the same bound.
fn bound(hexadecimal: &str) -> &str {
    let mut bound = hexadecimal;
    while let Some(shorter) = bound.strip_suffix("00") {
        bound = shorter;
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;

    #[test]
    fn a_shard_without_primary_or_that_does_not_serve_is_named() {
        let mut fixture = Fixture::new();
        fixture.shard_mut("customer", "80-").primary_alias = None;
        fixture.shard_mut("commerce", "0").is_primary_serving = false;
        assert_eq!(fixture.amiss(&CHECK), ["commerce/0", "customer/80-"]);
    }

    #[test]
    fn a_primary_that_its_own_record_denies_is_no_primary() {
        let mut fixture = Fixture::new();
        fixture.tablets_mut("commerce")[0].tablet_type = TabletType::Unknown;
        let finding = fixture.only_amiss(&CHECK);
        assert_eq!(finding.summary, "shard `commerce/0` has the primary zone1-0000000100, whose own record says unknown");
    }

    #[test]
    fn a_keyspace_that_is_away_a_snapshot_or_twice_the_same_blocks() {
        let mut fixture = Fixture::new();
        fixture.facts.keyspaces.remove("customer");
        assert_eq!(fixture.only_amiss(&CHECK).summary, "keyspace `customer` doesn't exist");

        let mut fixture = Fixture::new();
        fixture.facts.keyspaces.get_mut("commerce").unwrap().is_snapshot = true;
        assert!(fixture.only_amiss(&CHECK).summary.contains("snapshot"));

        let mut fixture = Fixture::new();
        fixture.movement.options.target_keyspace = keyspace("commerce");
        assert_eq!(fixture.only_amiss(&CHECK).summary, "source and target are one keyspace");

        let mut fixture = Fixture::new();
        fixture.facts.vschemas.remove("commerce");
        assert_eq!(fixture.only_amiss(&CHECK).summary, "keyspace `commerce` has no VSchema");
    }

    #[test]
    fn ranges_that_leave_a_gap_or_overlap_are_found() {
        let mut fixture = Fixture::new();
        fixture.shard_mut("customer", "80-").key_range.0 = "c0".into();
        assert!(fixture.only_amiss(&CHECK).summary.contains("gap or overlap at `c0`"));

        let mut fixture = Fixture::new();
        fixture.shard_mut("customer", "-80").key_range.1 = "8000".into();
        assert!(fixture.amiss(&CHECK).is_empty());

        fixture.shard_mut("customer", "80-").key_range.1 = "f0".into();
        assert!(fixture.only_amiss(&CHECK).summary.contains("end at `f0`"));
    }

    #[test]
    fn the_global_keyspace_has_to_be_unsharded() {
        let mut fixture = Fixture::new();
        fixture.movement.options.global_keyspace = Some(keyspace("customer"));
        assert!(fixture.only_amiss(&CHECK).summary.contains("can't hold sequences"));
        assert!((CHECK.query)(&fixture.movement).keyspaces.contains("customer"));
        fixture.movement.options.global_keyspace = Some(keyspace("commerce"));
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.facts.vschemas.get_mut("commerce").unwrap().sharded = true;
        assert!(fixture.only_amiss(&CHECK).summary.contains("can't hold sequences"), "one shard, and sharded by its VSchema");
    }
}
