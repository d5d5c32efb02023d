//! Every keyspace's VSchema: one call for the names, then one a keyspace.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::Answer;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::vschema;
use crate::cluster::vtctld::generated::vtctldata::{GetKeyspacesRequest, GetVSchemaRequest};
use crate::model::name::KeyspaceName;

/// A keyspace without VSchema is left out.
pub(super) async fn answer(asking: &Asking) -> Result<Answer, NotRead> {
    let keyspaces = asking.vtctld.read(GetKeyspacesRequest {}).await?.keyspaces;
    let each = keyspaces.into_iter().map(|keyspace| {
        let (vtctld, known) = (asking.vtctld.clone(), Arc::clone(&asking.vschemas));
        async move {
            // Read with the keyspace itself.
            if let Some(known) = KeyspaceName::new(keyspace.name.as_str()).ok().and_then(|name| known.get(&name)) {
                return Ok(Some((keyspace.name, known.clone())));
            }
            match vtctld.read(GetVSchemaRequest { keyspace: keyspace.name.clone() }).await {
                Ok(answer) => Ok(answer.v_schema.map(|found| (keyspace.name, vschema::vschema(&found)))),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(NotRead::from(error)),
            }
        }
    });
    let found: Vec<_> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect::<Result<_, NotRead>>()?;
    Ok(Answer::AllVSchemas(found.into_iter().flatten().collect::<BTreeMap<_, _>>()))
}
