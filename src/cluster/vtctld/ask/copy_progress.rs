//! Progress of the copy (`WorkflowStatus`).

use super::{Asking, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::convert::workflow;
use crate::cluster::vtctld::generated::vtctldata::WorkflowStatusRequest;
use crate::model::name::{KeyspaceName, WorkflowName};

pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName, name: &WorkflowName) -> Result<Answer, NotRead> {
    let request = WorkflowStatusRequest { keyspace: keyspace.to_string(), workflow: name.to_string(), shards: Vec::new() };
    let answer = asking.vtctld.read(request).await?;
    Ok(Answer::CopyProgress(workflow::workflow_status(&answer)))
}
