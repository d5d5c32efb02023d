//! Online schema changes (`GetSchemaMigrations`): those that the description has run now; of the past there are none.

use super::messages::primaries_answer;
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::cluster::vtctld::generated::vtctldata::schema_migration::Status;
use crate::sandbox::refusal::Answer;
use crate::sandbox::state::State;
use crate::sandbox::trouble;

pub fn migrations(state: &State, request: &data::GetSchemaMigrationsRequest) -> Answer<data::GetSchemaMigrationsResponse> {
    let Some(keyspace) = state.topology.keyspaces.get(&request.keyspace) else { return Ok(Default::default()) };
    primaries_answer(state, &request.keyspace)?;
    // Vitess selects by the state only when it is given one.
    if !matches!(Status::try_from(request.status), Ok(Status::Unknown | Status::Running)) {
        return Ok(Default::default());
    }
    let migrations = trouble::schema_changes(state, &request.keyspace).flat_map(|(number, table)| {
        keyspace.shards.iter().map(move |shard| data::SchemaMigration {
            uuid: format!("5a4db0c5_0000_11f0_8000_{number:012x}"),
            keyspace: request.keyspace.clone(),
            shard: shard.name.clone(),
            table: table.to_owned(),
            status: Status::Running.into(),
            ddl_action: "alter".to_owned(),
            ..data::SchemaMigration::default()
        })
    });
    Ok(data::GetSchemaMigrationsResponse { migrations: migrations.collect() })
}
