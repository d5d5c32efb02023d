//! C211: streams find tablets to read from, and no tablet is in a state that makes a switch fail.

use std::collections::BTreeSet;

use super::asks::{both_keyspaces_and, listed, nothing_more, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::topology::{Tablet, TabletType, shard_path};
use crate::run::phase::PhaseId;

const CODE: &str = "C211";

pub static CHECK: Check = Check {
    code: CODE,
    title: "streams find tablets to read from, and none is in backup or restore",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Each source shard needs a tablet of one of the wanted types (`tablet-types`) in a cell that the streams may read from: the cells
of the plan file, the reading primary's own cell, and those that share an alias with it. Each target shard needs the same for
the way back. And no tablet of either keyspace may be in BACKUP or RESTORE.

## Why it matters
A stream without a tablet waits for ever without saying so in its state (`Error picking tablet`). And a switch begins by
refreshing ALL tablets of both keyspaces: one that is in backup or restore doesn't answer, and vtctld then refuses, or stops in
the middle of what it had begun.

## What to do
`vtctldclient GetTablets --keyspace KEYSPACE` shows types and cells. Wait until the backup or restore has ended, or delete the
record of a tablet that is gone (`vtctldclient DeleteTablets ALIAS`). Name other `tablet-types` or `cells`, or bring up a tablet.

## When it is inconclusive
The tablets' records could not be read.

## What it reads
The tablet records of both keyspaces from the topology. They say nothing about a tablet's health.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [Ask::Tablets(movement.source().clone()), Ask::Tablets(movement.target().clone())])
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let (source, target) = (input.movement.source(), input.movement.target());
    let mut findings = of_keyspace(input, source, target);
    findings.extend(of_keyspace(input, target, source));
    findings
}

/// The tablets of `read`, from which the primaries of `reading` stream.
fn of_keyspace(input: &CheckInput<'_>, read: &KeyspaceName, reading: &KeyspaceName) -> Vec<Finding> {
    let tablets = match input.facts.tablets(&Ask::Tablets(read.clone())) {
        Ok(tablets) => tablets,
        Err(why) => return vec![unread(CODE, read.as_str(), &format!("the tablets of `{read}`"), &why)],
    };
    let mut findings: Vec<Finding> = tablets.iter().filter(|tablet| is_busy(tablet)).map(busy).collect();
    if let Some(keyspace) = input.facts.keyspaces.get(read) {
        for shard in keyspace.shards.keys() {
            let of_shard: Vec<&Tablet> = tablets.iter().filter(|tablet| tablet.shard == shard.as_str()).collect();
            findings.extend(nothing_to_read(input, &shard_path(read, shard), &of_shard, reading));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::pass(
            CODE,
            read.as_str(),
            format!("each shard of `{read}` has a tablet to stream from, and none is in backup or restore"),
        ));
    }
    findings
}

fn is_busy(tablet: &Tablet) -> bool {
    matches!(tablet.tablet_type, TabletType::Backup | TabletType::Restore)
}

fn busy(tablet: &Tablet) -> Finding {
    let alias = tablet.alias.to_string();
    Finding::fail(
        CODE,
        Severity::Error,
        alias.as_str(),
        format!(
            "tablet {alias} of `{}/{}` is in {}",
            tablet.keyspace,
            tablet.shard,
            tablet.tablet_type.as_str().to_ascii_uppercase()
        ),
        format!("wait until it has ended; if the tablet is gone, `vtctldclient DeleteTablets {alias}`"),
    )
}

/// A shard from which some primary of `reading` finds nothing to stream.
fn nothing_to_read(input: &CheckInput<'_>, shard: &str, tablets: &[&Tablet], reading: &KeyspaceName) -> Option<Finding> {
    let wanted = &input.movement.options.tablet_types;
    // Vitess takes the primary from wherever it is when nothing else is wanted (`GetMatchingTablets`, go/vt/discovery).
    let anywhere = wanted.iter().all(|wanted| *wanted == TabletType::Primary);
    let readers = input.facts.keyspaces.get(reading)?.shards.values().filter_map(|shard| shard.primary_alias.as_ref());
    let local_cells: BTreeSet<&str> = readers.map(|alias| alias.cell.as_str()).collect();
    let lonely: Vec<&str> = local_cells
        .into_iter()
        .filter(|local| {
            let cells = cells_to_read(input, local);
            !tablets
                .iter()
                .any(|tablet| wanted.contains(&tablet.tablet_type) && (anywhere || cells.contains(tablet.alias.cell.as_str())))
        })
        .collect();
    if lonely.is_empty() {
        return None;
    }
    let types: Vec<&str> = wanted.iter().map(|wanted| wanted.as_str()).collect();
    Some(
        Finding::fail(
            CODE,
            Severity::Error,
            shard,
            format!(
                "shard `{shard}` has no {} tablet for the primaries of `{reading}` in {}",
                types.join(" or "),
                listed(lonely)
            ),
            "name other `tablet-types` or `cells`, or bring up a tablet there",
        )
        .at("move-tables.tablet-types"),
    )
}

/// The cells of the plan file with aliases opened, the reader's own, and those that share an alias with it.
fn cells_to_read<'a>(input: &'a CheckInput<'_>, local: &'a str) -> BTreeSet<&'a str> {
    let aliases = &input.facts.cells.aliases;
    let mut cells = BTreeSet::from([local]);
    for cell in &input.movement.options.cells {
        match aliases.get(cell.as_str()) {
            Some(members) => cells.extend(members.iter().map(String::as_str)),
            None => {
                cells.insert(cell.as_str());
            }
        }
    }
    for members in aliases.values().filter(|members| members.iter().any(|member| member == local)) {
        cells.extend(members.iter().map(String::as_str));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::model::name::CellName;

    #[test]
    fn a_tablet_in_backup_or_restore_of_either_keyspace_blocks() {
        for (kind, text) in [(TabletType::Backup, "BACKUP"), (TabletType::Restore, "RESTORE")] {
            let mut fixture = Fixture::new();
            fixture.tablets_mut("customer")[3].tablet_type = kind;
            let finding = fixture.only_amiss(&CHECK);
            assert!(finding.blocks());
            assert_eq!(finding.summary, format!("tablet zone1-0000000301 of `customer/80-` is in {text}"));
        }
        let mut fixture = Fixture::new();
        fixture.tablets_mut("commerce")[1].tablet_type = TabletType::Drained;
        assert!(fixture.amiss(&CHECK).is_empty(), "drained answers, and the primary is wanted too");
    }

    #[test]
    fn a_shard_without_a_wanted_tablet_is_named_in_both_directions() {
        let mut fixture = Fixture::new();
        fixture.movement.options.tablet_types = vec![TabletType::Rdonly];
        assert_eq!(fixture.amiss(&CHECK), ["commerce/0", "customer/-80", "customer/80-"]);
        fixture.tablets_mut("commerce")[1].tablet_type = TabletType::Rdonly;
        assert_eq!(fixture.amiss(&CHECK), ["customer/-80", "customer/80-"]);
    }

    #[test]
    fn a_tablet_counts_only_in_a_cell_that_the_reader_looks_into() {
        let mut fixture = Fixture::new();
        for tablet in fixture.tablets_mut("commerce") {
            tablet.alias.cell = "zone2".into();
        }
        assert_eq!(fixture.amiss(&CHECK), ["commerce/0"]);

        fixture.movement.options.cells = vec![CellName::new("zone2").unwrap()];
        assert!(fixture.amiss(&CHECK).is_empty(), "a cell of the plan file");
        fixture.movement.options.cells.clear();
        fixture.facts.cells.aliases.insert("region".into(), vec!["zone1".into(), "zone2".into()]);
        assert!(fixture.amiss(&CHECK).is_empty(), "a cell of the same alias");
        fixture.facts.cells.aliases.insert("region".into(), vec!["zone2".into(), "zone3".into()]);
        assert_eq!(fixture.amiss(&CHECK), ["commerce/0"], "an alias without the reader's own cell");
        fixture.facts.cells.aliases.clear();
        fixture.movement.options.tablet_types = vec![TabletType::Primary];
        assert!(fixture.amiss(&CHECK).is_empty(), "a primary that alone is wanted is taken from any cell");
    }
}
