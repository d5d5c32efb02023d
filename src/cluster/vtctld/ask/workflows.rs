//! Every workflow of a keyspace (`GetWorkflows` without a name).

use super::{Asking, NotRead};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::Answer;
use crate::cluster::vtctld::convert::workflow;
use crate::cluster::vtctld::generated::vtctldata::GetWorkflowsRequest;
use crate::model::name::KeyspaceName;
use crate::model::workflow::Workflow;

/// None of a keyspace that does not exist. Vitess gives an error when one primary of the keyspace can't be asked, so what is
/// here is whole.
pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let request = GetWorkflowsRequest {
        keyspace: keyspace.to_string(),
        active_only: false,
        workflow: String::new(),
        include_logs: false,
        shards: Vec::new(),
    };
    let found = match asking.vtctld.read(request).await {
        Ok(answer) => answer.workflows,
        Err(error) if error.kind == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut workflows: Vec<Workflow> = found.iter().map(|found| workflow::workflow(keyspace.as_str(), found)).collect();
    workflows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Answer::Workflows(workflows))
}
