//! What a tablet says of its MySQL, of `GetFullStatus`.

use super::text::text;
use crate::cluster::port::MySqlStatus;
use crate::cluster::vtctld::generated::replicationdata as wire;

/// `mysql.ReplicationStateRunning`, go/mysql/replication/replication_status.go.
const RUNNING: i32 = 3;

/// An error when the tablet answers that it can't say.
pub(crate) fn mysql_status(status: Option<&wire::FullStatus>) -> Result<MySqlStatus, String> {
    let status = status.ok_or("the tablet's answer is empty")?;
    // Then everything else is left at zero.
    if status.disk_stalled {
        return Err("the tablet's disk is stalled".into());
    }
    // A primary has none; a server that never replicated may send an empty one.
    let replication = status.replication_status.as_ref().filter(|replication| !replication.source_host.is_empty());
    Ok(MySqlStatus {
        version: text(status.version.as_bytes()),
        binlog_format: text(status.binlog_format.as_bytes()),
        binlog_row_image: text(status.binlog_row_image.as_bytes()),
        gtid_mode: text(status.gtid_mode.as_bytes()),
        log_bin_enabled: status.log_bin_enabled,
        log_replica_updates: status.log_replica_updates,
        replication_lag_seconds: replication
            .filter(|replication| !replication.replication_lag_unknown)
            .map(|replication| replication.replication_lag_seconds),
        replication_is_running: replication
            .map(|replication| replication.io_state == RUNNING && replication.sql_state == RUNNING),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica() -> wire::FullStatus {
        let replication = wire::Status {
            replication_lag_seconds: 4,
            source_host: "db1".into(),
            io_state: RUNNING,
            sql_state: RUNNING,
            ..Default::default()
        };
        wire::FullStatus { replication_status: Some(replication), version: "8.0.40".into(), ..Default::default() }
    }

    #[test]
    fn an_unknown_lag_is_none() {
        let mut status = replica();
        assert_eq!(mysql_status(Some(&status)).unwrap().replication_lag_seconds, Some(4));
        status.replication_status.as_mut().unwrap().replication_lag_unknown = true;
        let converted = mysql_status(Some(&status)).unwrap();
        assert_eq!(converted.replication_lag_seconds, None);
        assert_eq!(converted.replication_is_running, Some(true));
        status.replication_status.as_mut().unwrap().sql_state = 1;
        assert_eq!(mysql_status(Some(&status)).unwrap().replication_is_running, Some(false));
    }

    #[test]
    fn a_primary_does_not_replicate() {
        let status = wire::FullStatus { version: "9.7.4".into(), ..Default::default() };
        assert_eq!(mysql_status(Some(&status)).unwrap().replication_is_running, None);
    }

    #[test]
    fn a_stalled_disk_is_no_answer() {
        let status = wire::FullStatus { disk_stalled: true, ..Default::default() };
        assert!(mysql_status(Some(&status)).is_err());
        assert!(mysql_status(None).is_err());
    }
}
