//! Tablets, and what each says of its MySQL.

use super::messages::{alias, key_range, kind, tablet, time};
use crate::cluster::vtctld::generated::{replicationdata, topodata, vtctldata as data};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::{Kind, Tablet};

/// MySQL's replication threads run (go/mysql/replication/replication_status.go).
const RUNNING: i32 = 3;
const STOPPED: i32 = 1;

pub fn tablets(state: &State, request: &data::GetTabletsRequest) -> Answer<data::GetTabletsResponse> {
    if !request.keyspace.is_empty() && !request.shard.is_empty() {
        let there = state.topology.keyspaces.get(&request.keyspace).is_some_and(|it| it.shard(&request.shard).is_some());
        if !there {
            let (keyspace, shard) = (&request.keyspace, &request.shard);
            return refuse!(
                "GetTabletMapForShard({keyspace}, {shard}) failed: node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{shard}/Shard"
            );
        }
    } else if let Some(unknown) = request.cells.iter().find(|cell| !state.topology.cells.contains(cell)) {
        return refuse!("GetTabletsByCell({unknown}) failed: node doesn't exist: /vitess/global/cells/{unknown}/CellInfo");
    }

    let wanted = |tablet: &&Tablet| {
        let named = request.tablet_aliases.is_empty() || request.tablet_aliases.contains(&alias(tablet));
        // With both a keyspace and a shard the cells are ignored.
        let in_cell = request.cells.is_empty() || !request.shard.is_empty() || request.cells.contains(&tablet.cell);
        named
            && in_cell
            && (request.keyspace.is_empty() || request.keyspace == tablet.keyspace)
            // A shard without its keyspace counts for nothing.
            && (request.keyspace.is_empty() || request.shard.is_empty() || request.shard == tablet.shard)
            && (request.tablet_type == 0 || request.tablet_type == i32::from(kind(tablet.kind)))
    };
    let tablets = state.topology.tablets.iter().filter(wanted).map(|tablet| message(state, tablet)).collect();
    Ok(data::GetTabletsResponse { tablets })
}

fn message(state: &State, tablet: &Tablet) -> topodata::Tablet {
    let port = |of: u32| i32::try_from(20_000 + tablet.uid * 10 + of).unwrap_or(0);
    topodata::Tablet {
        alias: Some(alias(tablet)),
        hostname: "127.0.0.1".to_owned(),
        port_map: [("vt".to_owned(), port(0)), ("grpc".to_owned(), port(1))].into(),
        keyspace: tablet.keyspace.clone(),
        shard: tablet.shard.clone(),
        key_range: key_range(&tablet.shard),
        r#type: kind(tablet.kind).into(),
        mysql_hostname: "127.0.0.1".to_owned(),
        mysql_port: port(2),
        primary_term_start_time: if tablet.kind == Kind::Primary { time(state.began) } else { None },
        tablet_start_time: time(state.began),
        ..topodata::Tablet::default()
    }
}

pub fn full_status(state: &State, request: &data::GetFullStatusRequest) -> Answer<data::GetFullStatusResponse> {
    let tablet = tablet(state, request.tablet_alias.as_ref())?;
    let Some(keyspace) = state.topology.keyspaces.get(&tablet.keyspace) else { return Ok(Default::default()) };
    let mysql = &keyspace.mysql;
    let is_primary = tablet.kind == Kind::Primary;
    let replication = replicationdata::Status {
        position: b"MySQL56/".to_vec(),
        replication_lag_seconds: 0,
        source_host: "127.0.0.1".to_owned(),
        source_port: 3306,
        io_state: if mysql.replicates { RUNNING } else { STOPPED },
        sql_state: if mysql.replicates { RUNNING } else { STOPPED },
        ..replicationdata::Status::default()
    };
    let status = replicationdata::FullStatus {
        server_id: tablet.uid,
        server_uuid: server_uuid(tablet.uid),
        replication_status: (!is_primary).then_some(replication),
        primary_status: Some(replicationdata::PrimaryStatus {
            position: format!("MySQL56/{}:1-100", server_uuid(tablet.uid)).into_bytes(),
            ..Default::default()
        }),
        version: mysql.version.clone(),
        version_comment: "a sandbox".to_owned(),
        read_only: !is_primary,
        super_read_only: !is_primary,
        gtid_mode: mysql.gtid_mode.clone(),
        binlog_format: mysql.binlog_format.clone(),
        binlog_row_image: mysql.binlog_row_image.clone(),
        log_bin_enabled: true,
        log_replica_updates: true,
        tablet_type: kind(tablet.kind).into(),
        ..replicationdata::FullStatus::default()
    };
    Ok(data::GetFullStatusResponse { status: Some(status) })
}

/// Of a tablet's MySQL.
pub fn server_uuid(uid: u32) -> String {
    format!("5a4db0c5-0000-0000-0000-{uid:012x}")
}

pub fn version(state: &State, request: &data::GetVersionRequest) -> Answer<data::GetVersionResponse> {
    tablet(state, request.tablet_alias.as_ref())?;
    Ok(data::GetVersionResponse { version: b"{   }".to_vec() })
}
