//! What vtctld passes on from tablets: definitions of tables, MySQL's settings, the throttler, rows.

use cutover::cluster::vtctld::generated::{replicationdata, tabletmanagerdata, vtctldata as data};

use super::{Canonical, Names, set, tablet_type};

impl Canonical for data::GetSchemaResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let schema = self.schema.clone().unwrap_or_default();
        let mut tables: Vec<_> = schema.table_definitions;
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        tables.iter().flat_map(table).collect()
    }
}

fn table(table: &tabletmanagerdata::TableDefinition) -> Vec<String> {
    let mut lines = vec![format!("{} {}", if table.r#type.is_empty() { "table" } else { &table.r#type }, table.name)];
    if !table.columns.is_empty() {
        lines.push(format!("  columns {}, key {:?}", table.columns.join(","), table.primary_key_columns.join(",")));
    }
    lines.extend(String::from_utf8_lossy(&table.schema).lines().map(|line| format!("  | {line}")));
    lines
}

impl Canonical for data::GetFullStatusResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let Some(status) = &self.status else { return Vec::new() };
        let mut lines = vec![
            format!(
                "{}, version {}, server {}",
                tablet_type(status.tablet_type),
                set(!status.version.is_empty()),
                set(status.server_id != 0 && !status.server_uuid.is_empty())
            ),
            format!(
                "binlog {} {}, enabled {}, replica updates {}, gtid {}",
                status.binlog_format,
                status.binlog_row_image,
                status.log_bin_enabled,
                status.log_replica_updates,
                status.gtid_mode
            ),
            format!(
                "read only {}, super read only {}, disk stalled {}",
                status.read_only, status.super_read_only, status.disk_stalled
            ),
        ];
        lines.push(match &status.replication_status {
            Some(replication) => replication_line(replication),
            None => "does not replicate".to_owned(),
        });
        let is_set = status.primary_status.as_ref().is_some_and(|primary| !primary.position.is_empty());
        lines.push(format!("position as a primary {}", set(is_set)));
        lines
    }
}

fn replication_line(status: &replicationdata::Status) -> String {
    format!(
        "replicates: io {}, sql {}, lag {} s{}, errors {:?} {:?}",
        status.io_state,
        status.sql_state,
        status.replication_lag_seconds,
        if status.replication_lag_unknown { " (unknown)" } else { "" },
        String::from_utf8_lossy(&status.last_io_error),
        String::from_utf8_lossy(&status.last_sql_error),
    )
}

impl Canonical for data::GetThrottlerStatusResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let each = self.status.iter().map(|status| {
            format!(
                "{} of {}/{}: leader {}, open {}, enabled {}",
                status.tablet_alias, status.keyspace, status.shard, status.is_leader, status.is_open, status.is_enabled
            )
        });
        each.collect()
    }
}

impl Canonical for data::CheckThrottlerResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let each = self.check.iter().map(|check| {
            let code = tabletmanagerdata::CheckThrottlerResponseCode::try_from(check.response_code)
                .map_or("?", |code| code.as_str_name());
            format!("{code} for {:?}, error {:?}", check.app_name, super::scrubbed_bytes(&check.error, names))
        });
        each.collect()
    }
}

impl Canonical for data::GetVersionResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        vec![format!("version {}", set(!self.version.is_empty()))]
    }
}

impl Canonical for data::GetSchemaMigrationsResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let line = |one: &data::SchemaMigration| format!("{}/{} {}: {}", one.keyspace, one.shard, one.table, one.status);
        self.migrations.iter().map(line).collect()
    }
}
