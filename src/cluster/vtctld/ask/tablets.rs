//! Every tablet's record of a keyspace (`GetTablets`).

use std::sync::{Arc, PoisonError};

use super::{Asking, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::convert::topology;
use crate::cluster::vtctld::generated::vtctldata::GetTabletsRequest;
use crate::model::name::KeyspaceName;
use crate::model::topology::Tablet;

pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    Ok(Answer::Tablets(tablets(asking, keyspace).await?))
}

/// Of all cells, or an error: a cell that does not answer is not a cell without tablets.
pub(in super::super) async fn tablets(asking: &Asking, keyspace: &KeyspaceName) -> Result<Vec<Tablet>, NotRead> {
    let once = {
        let mut known = asking.tablets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(keyspace.clone()).or_default())
    };
    once.get_or_try_init(|| read(asking, keyspace)).await.cloned()
}

async fn read(asking: &Asking, keyspace: &KeyspaceName) -> Result<Vec<Tablet>, NotRead> {
    let request = GetTabletsRequest {
        keyspace: keyspace.to_string(),
        shard: String::new(),
        cells: Vec::new(),
        strict: true,
        tablet_aliases: Vec::new(),
        tablet_type: 0,
    };
    let answer = asking.vtctld.read(request).await?;
    Ok(topology::tablets(&answer.tablets)?)
}
