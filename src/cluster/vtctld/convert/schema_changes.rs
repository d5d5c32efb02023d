//! Online schema changes, of `GetSchemaMigrations`.

use super::text::text;
use crate::cluster::vtctld::generated::vtctldata::SchemaMigration;
use crate::cluster::vtctld::generated::vtctldata::schema_migration::Status;
use crate::model::schema_change::{ChangeStage, SchemaChange};

/// Those that have not ended. One that went on from one state to the next between two calls is there once.
pub(crate) fn open<'a>(migrations: impl Iterator<Item = &'a SchemaMigration>) -> Vec<SchemaChange> {
    let open = migrations.filter_map(|migration| {
        let stage = match Status::try_from(migration.status) {
            Ok(Status::Requested | Status::Queued) => ChangeStage::Queued,
            Ok(Status::Ready) => ChangeStage::Ready,
            Ok(Status::Running) => ChangeStage::Running,
            Ok(Status::Unknown | Status::Cancelled | Status::Complete | Status::Failed) | Err(_) => return None,
        };
        Some(SchemaChange {
            uuid: text(migration.uuid.as_bytes()),
            shard: text(migration.shard.as_bytes()),
            table: text(migration.table.as_bytes()),
            stage,
        })
    });
    let mut open: Vec<SchemaChange> = open.collect();
    // The furthest first.
    open.sort_by(|one, other| (&one.shard, &one.uuid, other.stage).cmp(&(&other.shard, &other.uuid, one.stage)));
    open.dedup_by(|later, first| (&later.shard, &later.uuid) == (&first.shard, &first.uuid));
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(uuid: &str, status: Status) -> SchemaMigration {
        SchemaMigration { uuid: uuid.into(), shard: "0".into(), status: status.into(), ..Default::default() }
    }

    #[test]
    fn what_has_ended_is_left_out_and_what_went_on_is_there_once() {
        let all = [
            migration("b", Status::Queued),
            migration("a", Status::Complete),
            migration("a", Status::Failed),
            migration("a", Status::Cancelled),
            migration("c", Status::Requested),
            migration("b", Status::Running),
        ];
        let found: Vec<(String, ChangeStage)> = open(all.iter()).into_iter().map(|change| (change.uuid, change.stage)).collect();
        assert_eq!(found, [("b".into(), ChangeStage::Running), ("c".into(), ChangeStage::Queued)]);
    }
}
