//! Every workflow of a keyspace (`GetWorkflows` without a name).

use super::{Asking, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::convert::workflow;
use crate::cluster::vtctld::streams_in_pieces;
use crate::model::name::KeyspaceName;
use crate::model::workflow::Workflow;

/// None of a keyspace that does not exist. Vitess gives an error when one primary of the keyspace can't be asked, so what is
/// here is whole.
pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let found = streams_in_pieces::read(&asking.vtctld, &asking.sizes.streams, keyspace, "").await?;
    let mut workflows: Vec<Workflow> = found.into_iter().map(|found| workflow::workflow(keyspace.as_str(), found)).collect();
    workflows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Answer::Workflows(workflows))
}
