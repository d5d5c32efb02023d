//! A workflow's VDiffs (`VDiffShow`).

use super::{Asking, NotRead};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::Answer;
use crate::cluster::vtctld::convert::vdiff;
use crate::cluster::vtctld::generated::vtctldata::{VDiffShowRequest, VDiffShowResponse};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::vdiff::VDiffListed;

pub(super) async fn all(asking: &Asking, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<Answer, NotRead> {
    Ok(Answer::VDiffs(listed(asking, keyspace, workflow).await?))
}

/// Vitess answers "no vdiff found" as soon as one shard has none. So the list is asked too: a VDiff that was made on some shards
/// is one that exists.
pub(super) async fn one(
    asking: &Asking,
    keyspace: &KeyspaceName,
    workflow: &WorkflowName,
    uuid: &str,
) -> Result<Answer, NotRead> {
    match show(asking, keyspace, workflow, uuid).await? {
        Some(shown) => Ok(Answer::VDiff(Some(vdiff::vdiff(uuid, &shown)?))),
        None => {
            let listed = listed(asking, keyspace, workflow).await?;
            Ok(Answer::VDiff(vdiff::vdiff_of_some_shards(uuid, &listed)))
        }
    }
}

/// None when the workflow does not exist.
async fn listed(asking: &Asking, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<Vec<VDiffListed>, NotRead> {
    match show(asking, keyspace, workflow, "all").await? {
        Some(shown) => Ok(vdiff::vdiffs(&shown)?),
        None => Ok(Vec::new()),
    }
}

/// None for "no vdiff found for UUID …" and "no streams found in keyspace …".
async fn show(
    asking: &Asking,
    keyspace: &KeyspaceName,
    workflow: &WorkflowName,
    what: &str,
) -> Result<Option<VDiffShowResponse>, NotRead> {
    let request =
        VDiffShowRequest { workflow: workflow.to_string(), target_keyspace: keyspace.to_string(), arg: what.to_owned() };
    match asking.vtctld.read(request).await {
        Ok(shown) => Ok(Some(shown)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
