//! Online schema changes of a keyspace that have not ended (`GetSchemaMigrations`).

use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::schema_changes;
use crate::cluster::vtctld::generated::vtctldata::GetSchemaMigrationsRequest;
use crate::cluster::vtctld::generated::vtctldata::schema_migration::Status;
use crate::model::name::KeyspaceName;

/// A call for each state that is no end: a history may be long, and Vitess selects one state or all of them.
const OPEN: [Status; 4] = [Status::Requested, Status::Queued, Status::Ready, Status::Running];

/// vtctld asks the primary of each shard that it finds, and fails when one of these gives no answer.
pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    // It finds none, and says nothing of it, where the topology has none.
    asking.primaries(keyspace)?;
    let each = OPEN.map(|status| {
        let vtctld = asking.vtctld.clone();
        let request = GetSchemaMigrationsRequest { keyspace: keyspace.to_string(), status: status.into(), ..Default::default() };
        async move { Ok::<_, NotRead>(vtctld.read(request).await?.migrations) }
    });
    let found: Vec<_> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect::<Result<_, NotRead>>()?;
    Ok(Answer::SchemaChanges(schema_changes::open(found.iter().flatten())))
}
