//! Workflows and their streams, of `GetWorkflows` and `WorkflowStatus`.

use std::collections::BTreeSet;

use super::text::{owned_text, text};
use super::time::timestamp;
use super::topology::{tablet_alias, tablet_type};
use crate::cluster::printable;
use crate::cluster::vtctld::generated::binlogdata::OnDdlAction;
use crate::cluster::vtctld::generated::vtctldata as wire;
use crate::model::workflow::{
    CopyPhase, Stream, StreamOptions, StreamState, TableCopy, Throttled, Workflow, WorkflowOptions, WorkflowStatus,
};

pub(crate) fn workflow(keyspace: &str, workflow: wire::Workflow) -> Workflow {
    let options = workflow_options(&workflow);
    let location = |location: Option<wire::workflow::ReplicationLocation>| match location {
        Some(mut location) => {
            location.shards.sort();
            (location.keyspace, location.shards)
        }
        None => Default::default(),
    };
    let (source_keyspace, source_shards) = location(workflow.source);
    let (target_keyspace, target_shards) = location(workflow.target);
    // Taken apart one by one: those of a thousand tables on hundreds of shards must not be held twice.
    let mut streams: Vec<Stream> = workflow.shard_streams.into_values().flat_map(|shard| shard.streams).map(stream).collect();
    let key = |stream: &Stream| (stream.shard.clone(), stream.source_shard.clone(), stream.id);
    streams.sort_by_key(key);
    // Without a plausible time of the last update Vitess works the lag out from nothing and sends 0 (vitess-facts 2.5).
    let lag = |seconds: i64| match seconds {
        i64::MIN | i64::MAX => None,
        _ if streams.is_empty() || streams.iter().any(|stream| stream.updated_at.is_none()) => None,
        seconds => Some(u64::try_from(seconds).unwrap_or(0)),
    };
    let is_copying = streams.iter().any(|stream| stream.state == StreamState::Copying || !stream.copying_tables.is_empty());
    Workflow {
        keyspace: keyspace.to_owned(),
        name: workflow.name,
        workflow_type: workflow.workflow_type,
        workflow_sub_type: workflow.workflow_sub_type,
        source_keyspace,
        source_shards,
        target_keyspace,
        target_shards,
        transaction_lag_seconds: lag(workflow.max_v_replication_transaction_lag).filter(|_| !is_copying),
        heartbeat_lag_seconds: lag(workflow.max_v_replication_lag),
        options,
        streams,
    }
}

fn stream(mut stream: wire::workflow::Stream) -> Stream {
    let options = stream_options(&stream);
    let source = stream.binlog_source.take().unwrap_or_default();
    let rules = source.filter.map(|filter| filter.rules).unwrap_or_default();
    let copying_tables: BTreeSet<String> = stream.copy_states.into_iter().map(|copy| copy.table).collect();
    let throttled = stream.throttler_status.filter(|status| !status.component_throttled.is_empty());
    Stream {
        id: stream.id,
        shard: stream.shard,
        tablet: tablet_alias(stream.tablet.as_ref()).map(|alias| alias.to_string()).unwrap_or_default(),
        source_keyspace: source.keyspace,
        source_shard: source.shard,
        tables: rules.into_iter().map(|rule| (rule.r#match, owned_text(rule.filter))).collect(),
        position: text(&stream.position),
        state: StreamState::parse(&stream.state),
        message: printable(&stream.message),
        copying_tables: copying_tables.into_iter().collect(),
        rows_copied: stream.rows_copied,
        transaction_at: timestamp(stream.transaction_timestamp.as_ref()),
        updated_at: timestamp(stream.time_updated.as_ref()),
        throttled: throttled
            .map(|status| Throttled { at: timestamp(status.time_throttled.as_ref()), component: status.component_throttled }),
        options,
    }
}

fn workflow_options(workflow: &wire::Workflow) -> WorkflowOptions {
    let mut options = WorkflowOptions { defer_secondary_keys: workflow.defer_secondary_keys, ..WorkflowOptions::default() };
    if let Some(shown) = &workflow.options {
        let handling = wire::ShardedAutoIncrementHandling::try_from(shown.sharded_auto_increment_handling);
        options.auto_increment = handling.map(|handling| handling.as_str_name().to_owned()).unwrap_or_default();
        options.global_keyspace.clone_from(&shown.global_keyspace);
        options.tenant.clone_from(&shown.tenant_id);
    }
    options
}

/// An empty column of cells is one cell without a name (`ReadVReplicationWorkflow` splits it at commas).
fn stream_options(stream: &wire::workflow::Stream) -> StreamOptions {
    let source = stream.binlog_source.as_ref();
    let on_ddl = source.and_then(|source| OnDdlAction::try_from(source.on_ddl).ok());
    let mut cells: Vec<String> = stream.cells.iter().filter(|cell| !cell.is_empty()).cloned().collect();
    cells.sort();
    StreamOptions {
        on_ddl: on_ddl.map(|action| action.as_str_name().to_owned()).unwrap_or_default(),
        stop_after_copy: source.is_some_and(|source| source.stop_after_copy),
        source_time_zone: source.map(|source| source.source_time_zone.clone()).unwrap_or_default(),
        tablet_types: stream.tablet_types.iter().map(|number| tablet_type(*number)).collect(),
        cells,
    }
}

/// The keys of `table_copy_state` are bare names of tables (vitess-facts T6).
pub(crate) fn workflow_status(status: &wire::WorkflowStatusResponse) -> WorkflowStatus {
    let copy = |copy: &wire::workflow_status_response::TableCopyState| TableCopy {
        rows_copied: copy.rows_copied,
        rows_total: copy.rows_total,
        bytes_copied: copy.bytes_copied,
        bytes_total: copy.bytes_total,
        phase: match wire::TableCopyPhase::try_from(copy.phase) {
            Ok(wire::TableCopyPhase::NotStarted) => CopyPhase::NotStarted,
            Ok(wire::TableCopyPhase::InProgress) => CopyPhase::InProgress,
            Ok(wire::TableCopyPhase::Complete) => CopyPhase::Complete,
            Ok(wire::TableCopyPhase::Unknown) | Err(_) => CopyPhase::Unknown,
        },
    };
    WorkflowStatus {
        table_copies: status.table_copy_state.iter().map(|(table, state)| (table.clone(), copy(state))).collect(),
        traffic_state: text(status.traffic_state.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::vtctld::generated::{binlogdata, topodata, vttime};

    fn running(id: i64, shard: &str) -> wire::workflow::Stream {
        let rule = binlogdata::Rule { r#match: "customer".into(), filter: b"select * from customer".to_vec() };
        wire::workflow::Stream {
            id,
            shard: shard.into(),
            tablet: Some(topodata::TabletAlias { cell: "zone1".into(), uid: 200 }),
            binlog_source: Some(binlogdata::BinlogSource {
                keyspace: "commerce".into(),
                shard: "0".into(),
                filter: Some(binlogdata::Filter { rules: vec![rule], ..Default::default() }),
                ..Default::default()
            }),
            position: b"MySQL56/8279f2fb-e543-11f1-bcad-02fc00000001:1-43".to_vec(),
            state: "Running".into(),
            time_updated: Some(vttime::Time { seconds: 1_795_138_200, nanoseconds: 0 }),
            ..Default::default()
        }
    }

    fn with(streams: Vec<wire::workflow::Stream>) -> wire::Workflow {
        let key = |stream: &wire::workflow::Stream| format!("{}/zone1-0000000200", stream.shard);
        let mut workflow = wire::Workflow { name: "c2c".into(), max_v_replication_transaction_lag: 3, ..Default::default() };
        for stream in streams {
            workflow.shard_streams.entry(key(&stream)).or_default().streams.push(stream);
        }
        workflow
    }

    #[test]
    fn the_lag_of_a_copying_workflow_is_none() {
        let mut message = with(vec![running(1, "-80")]);
        assert_eq!(workflow("customer", message.clone()).transaction_lag_seconds, Some(3));
        for unknown in [i64::MIN, i64::MAX] {
            message.max_v_replication_transaction_lag = unknown;
            assert_eq!(workflow("customer", message.clone()).transaction_lag_seconds, None);
        }
        let mut copying = running(2, "80-");
        copying.copy_states.push(wire::workflow::stream::CopyState { table: "customer".into(), ..Default::default() });
        let copying = workflow("customer", with(vec![running(1, "-80"), copying]));
        assert_eq!(copying.transaction_lag_seconds, None);
        assert_eq!(copying.streams[1].copying_tables, ["customer"]);
    }

    #[test]
    fn a_workflow_just_created_has_no_lag_and_is_not_copied() {
        let mut new = running(1, "-80");
        new.position.clear();
        new.time_updated = Some(vttime::Time { seconds: 20_261_120_013_000, nanoseconds: 0 });
        let mut message = with(vec![new]);
        message.max_v_replication_transaction_lag = 0;
        let converted = workflow("customer", message.clone());
        assert_eq!((converted.transaction_lag_seconds, converted.heartbeat_lag_seconds), (None, None));
        assert!(!converted.streams[0].copy_is_complete());
        assert_eq!(workflow("customer", with(vec![])).transaction_lag_seconds, None);
    }

    #[test]
    fn streams_are_sorted_and_name_their_source() {
        let converted = workflow("customer", with(vec![running(9, "80-"), running(2, "-80"), running(1, "-80")]));
        assert_eq!(converted.stream_ids(), [("-80".into(), 1), ("-80".into(), 2), ("80-".into(), 9)]);
        let stream = &converted.streams[0];
        assert_eq!((stream.source_keyspace.as_str(), stream.source_shard.as_str()), ("commerce", "0"));
        assert_eq!(stream.tables["customer"], "select * from customer");
        assert_eq!(stream.tablet, "zone1-0000000200");
        assert_eq!(stream.throttled, None);
        assert!(stream.copy_is_complete());
    }

    #[test]
    fn a_message_carries_no_row_data() {
        let mut failed = running(1, "-80");
        failed.message = b"task error: Duplicate entry 'ann@example.com' for key 'x' (errno 1062) during query: insert into customer values ('ann@example.com')".to_vec();
        let message = workflow("customer", with(vec![failed])).streams.remove(0).message;
        assert!(!message.contains("ann") && message.contains("errno 1062"), "{message}");
    }

    #[test]
    fn a_throttled_stream_says_by_what() {
        let mut throttled = running(1, "-80");
        throttled.throttler_status = Some(wire::workflow::stream::ThrottlerStatus {
            component_throttled: "vcopier".into(),
            time_throttled: Some(vttime::Time { seconds: 1_795_138_200, nanoseconds: 0 }),
        });
        let stream = workflow("customer", with(vec![throttled])).streams.remove(0);
        assert_eq!(stream.throttled.unwrap().component, "vcopier");
    }

    #[test]
    fn copy_progress_is_keyed_by_table() {
        let state =
            wire::workflow_status_response::TableCopyState { rows_copied: 5, rows_total: 4, phase: 3, ..Default::default() };
        let status = wire::WorkflowStatusResponse {
            table_copy_state: [("customer".to_owned(), state)].into(),
            traffic_state: "Reads Not Switched. Writes Not Switched".into(),
            ..Default::default()
        };
        let converted = workflow_status(&status);
        assert_eq!(converted.table_copies["customer"].phase, CopyPhase::Complete);
        assert_eq!(converted.table_copies["customer"].rows_copied, 5);
    }
}
