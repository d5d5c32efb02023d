//! The names of all keyspaces (`GetKeyspaces`).

use super::{Asking, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::generated::vtctldata::GetKeyspacesRequest;

pub(super) async fn answer(asking: &Asking) -> Result<Answer, NotRead> {
    let keyspaces = asking.vtctld.read(GetKeyspacesRequest {}).await?.keyspaces;
    Ok(Answer::KeyspaceNames(keyspaces.into_iter().map(|keyspace| keyspace.name).collect()))
}
