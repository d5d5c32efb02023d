//! Cells, keyspaces, shards, tablets.

use std::collections::BTreeMap;

use super::Malformed;
use super::text::text;
use super::time::timestamp;
use crate::cluster::vtctld::generated::{topodata, vtctldata};
use crate::model::name::{CellName, ShardName};
use crate::model::topology::{Cells, Keyspace, Shard, Tablet, TabletAlias, TabletControl, TabletType};

/// A number of `topodata.TabletType`; Vitess's second names for two of them (MASTER, BATCH) have the same numbers.
pub(crate) fn tablet_type(number: i32) -> TabletType {
    use topodata::TabletType as Wire;
    match Wire::try_from(number) {
        Ok(Wire::Primary) => TabletType::Primary,
        Ok(Wire::Replica) => TabletType::Replica,
        Ok(Wire::Rdonly) => TabletType::Rdonly,
        Ok(Wire::Spare) => TabletType::Spare,
        Ok(Wire::Experimental) => TabletType::Experimental,
        Ok(Wire::Backup) => TabletType::Backup,
        Ok(Wire::Restore) => TabletType::Restore,
        Ok(Wire::Drained) => TabletType::Drained,
        Ok(Wire::Unknown) | Err(_) => TabletType::Unknown,
    }
}

/// The numbers of `topodata.TabletType`, in the order given: the order is a preference.
pub(crate) fn tablet_type_numbers(types: &[TabletType]) -> Vec<i32> {
    use topodata::TabletType as Wire;
    let number = |kind: &TabletType| match kind {
        TabletType::Unknown => Wire::Unknown,
        TabletType::Primary => Wire::Primary,
        TabletType::Replica => Wire::Replica,
        TabletType::Rdonly => Wire::Rdonly,
        TabletType::Spare => Wire::Spare,
        TabletType::Experimental => Wire::Experimental,
        TabletType::Backup => Wire::Backup,
        TabletType::Restore => Wire::Restore,
        TabletType::Drained => Wire::Drained,
    };
    types.iter().map(|kind| number(kind).into()).collect()
}

/// Vitess also sends an alias without a cell for "none".
pub(crate) fn tablet_alias(alias: Option<&topodata::TabletAlias>) -> Option<TabletAlias> {
    alias.filter(|alias| !alias.cell.is_empty()).map(|alias| TabletAlias { cell: alias.cell.clone(), uid: alias.uid })
}

pub(crate) fn tablet_alias_message(alias: &TabletAlias) -> topodata::TabletAlias {
    topodata::TabletAlias { cell: alias.cell.clone(), uid: alias.uid }
}

/// Sorted by alias.
pub(crate) fn tablets(tablets: &[topodata::Tablet]) -> Result<Vec<Tablet>, Malformed> {
    let tablet = |tablet: &topodata::Tablet| {
        let alias = tablet_alias(tablet.alias.as_ref()).ok_or_else(|| Malformed::new("a tablet has no alias"))?;
        let database = match tablet.db_name_override.as_str() {
            "" => format!("vt_{}", tablet.keyspace),
            name => text(name.as_bytes()),
        };
        Ok(Tablet {
            alias,
            keyspace: tablet.keyspace.clone(),
            shard: tablet.shard.clone(),
            tablet_type: tablet_type(tablet.r#type),
            hostname: text(tablet.hostname.as_bytes()),
            database,
            started_at: timestamp(tablet.tablet_start_time.as_ref()),
        })
    };
    let mut tablets: Vec<Tablet> = tablets.iter().map(tablet).collect::<Result<_, _>>()?;
    tablets.sort_by(|one, other| one.alias.cmp(&other.alias));
    Ok(tablets)
}

fn shard(shard: &topodata::Shard) -> Shard {
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    let mut tablet_controls: Vec<TabletControl> = shard
        .tablet_controls
        .iter()
        .map(|control| TabletControl {
            tablet_type: tablet_type(control.tablet_type),
            cells: sorted(&control.cells),
            denied_tables: sorted(&control.denied_tables),
            frozen: control.frozen,
            allow_reads: control.allow_reads,
        })
        .collect();
    tablet_controls.sort();
    Shard {
        primary_alias: tablet_alias(shard.primary_alias.as_ref()),
        primary_term_started_at: timestamp(shard.primary_term_start_time.as_ref()),
        key_range: shard.key_range.as_ref().map(|range| (hexadecimal(&range.start), hexadecimal(&range.end))).unwrap_or_default(),
        is_primary_serving: shard.is_primary_serving,
        tablet_controls,
    }
}

/// A keyspace with its shards, of `GetKeyspace` and `FindAllShardsInKeyspace`.
pub(crate) fn keyspace(record: &topodata::Keyspace, shards: &BTreeMap<String, vtctldata::Shard>) -> Result<Keyspace, Malformed> {
    let named = |(name, record): (&String, &vtctldata::Shard)| {
        let name = ShardName::new(name.as_str()).map_err(|why| Malformed::new(format!("the shard name `{name}` {why}")))?;
        let record = record.shard.as_ref().ok_or_else(|| Malformed::new(format!("shard {name} has no record")))?;
        Ok((name, shard(record)))
    };
    Ok(Keyspace {
        is_snapshot: record.keyspace_type == i32::from(topodata::KeyspaceType::Snapshot),
        sidecar_database: match record.sidecar_db_name.as_str() {
            "" => "_vt".into(),
            name => name.into(),
        },
        shards: shards.iter().map(named).collect::<Result<_, _>>()?,
    })
}

pub(crate) fn cells(names: &[String], aliases: &BTreeMap<String, topodata::CellsAlias>) -> Result<Cells, Malformed> {
    let name =
        |name: &String| CellName::new(name.as_str()).map_err(|why| Malformed::new(format!("the cell name `{name}` {why}")));
    let mut names: Vec<CellName> = names.iter().map(name).collect::<Result<_, _>>()?;
    names.sort();
    let aliases = aliases.iter().map(|(alias, cells)| {
        let mut cells = cells.cells.clone();
        cells.sort();
        (alias.clone(), cells)
    });
    Ok(Cells { names, aliases: aliases.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::vtctld::generated::{vtorcdata, vttime};

    #[test]
    fn every_tablet_type_goes_there_and_back() {
        for number in 0..=8 {
            assert_eq!(tablet_type_numbers(&[tablet_type(number)]), [number]);
        }
        assert_eq!(tablet_type(99), TabletType::Unknown);
    }

    #[test]
    fn a_shard_keeps_its_denied_tables_and_its_bounds() {
        let control = topodata::shard::TabletControl {
            tablet_type: 1,
            cells: vec![],
            denied_tables: vec!["customer".into(), "corder".into()],
            frozen: false,
            allow_reads: true,
        };
        let record = topodata::Shard {
            primary_alias: Some(topodata::TabletAlias { cell: "zone1".into(), uid: 200 }),
            key_range: Some(topodata::KeyRange { start: vec![], end: vec![0x80] }),
            source_shards: vec![],
            tablet_controls: vec![control],
            is_primary_serving: true,
            primary_term_start_time: Some(vttime::Time { seconds: 1_795_138_200, nanoseconds: 5 }),
            vtorc_state: Some(vtorcdata::Shard { disable_emergency_reparent: true }),
        };
        let converted = shard(&record);
        assert_eq!(converted.key_range, (String::new(), "80".to_owned()));
        assert_eq!(converted.primary_alias.clone().unwrap().to_string(), "zone1-0000000200");
        assert_eq!(converted.tablet_controls[0].denied_tables, ["corder", "customer"]);
        assert!(converted.tablet_controls[0].allow_reads);
        assert_eq!(converted.denied_tables().len(), 2);
    }

    #[test]
    fn an_alias_without_a_cell_is_no_alias() {
        assert_eq!(tablet_alias(Some(&topodata::TabletAlias::default())), None);
    }

    #[test]
    fn a_tablet_serves_the_database_of_its_keyspace_unless_its_record_names_another() {
        let record = |database: &str| topodata::Tablet {
            alias: Some(topodata::TabletAlias { cell: "zone1".into(), uid: 1 }),
            keyspace: "commerce".into(),
            db_name_override: database.into(),
            ..Default::default()
        };
        assert_eq!(tablets(&[record("")]).unwrap()[0].database, "vt_commerce");
        assert_eq!(tablets(&[record("shop")]).unwrap()[0].database, "shop");
        assert_eq!(tablets(&[record("")]).unwrap()[0].started_at, None, "a vttablet before Vitess 24");
        assert!(tablets(&[topodata::Tablet::default()]).is_err(), "no alias");
    }
}
