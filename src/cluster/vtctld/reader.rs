//! One look at the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::ask::{Asking, Cause, NotRead};
use super::base;
use super::cluster::Cluster;
use super::concurrently::concurrently;
use super::generated::vtctldata::GetCellInfoNamesRequest;
use crate::cluster::error::ClusterError;
use crate::cluster::port::{Answered, Facts, Query, Reader};
use crate::model::name::KeyspaceName;

/// Asks at once. Each makes a few calls of its own.
const ASKS_AT_ONCE: usize = 8;

#[async_trait]
impl Reader for Cluster {
    async fn observe(&self, query: &Query) -> Result<Facts, ClusterError> {
        // Before the first call: what was read is at least as young as this.
        let observed_at = self.clock.now();
        let mut keyspaces = query.keyspaces.clone();
        keyspaces.extend(query.asks.iter().flat_map(Asking::keyspaces));
        let mut base = base::read(&self.vtctld, keyspaces, query.workflows.clone()).await?;

        let asking = Asking { vtctld: self.vtctld.clone(), keyspaces: Arc::new(base.keyspaces.clone()), sql: self.sql };
        let answers = concurrently(
            ASKS_AT_ONCE,
            query.asks.iter().cloned().map(|ask| {
                let asking = asking.clone();
                async move {
                    let answer = asking.answer(&ask).await;
                    (ask, answer)
                }
            }),
        )
        .await;
        // An older vtctld passes on that a tablet can't be reached as if it were itself that can't. So it is asked again.
        if answers.iter().any(|(_, answer)| answer.as_ref().is_err_and(|error| error.cause == Cause::Unreachable)) {
            self.vtctld.read(GetCellInfoNamesRequest {}).await?;
        }
        let answered = |(ask, answer): (_, Result<_, NotRead>)| Answered { ask, answer: answer.map_err(|error| error.unread) };

        let wanted: &BTreeSet<KeyspaceName> = &query.keyspaces;
        base.keyspaces.retain(|name, _| wanted.contains(name));
        base.vschemas.retain(|name, _| wanted.contains(name));
        Ok(Facts {
            observed_at,
            cells: base.cells,
            keyspaces: base.keyspaces,
            vschemas: base.vschemas,
            routing_rules: base.routing_rules,
            served: base.served,
            other_rules: base.other_rules,
            workflows: base.workflows,
            asked_keyspaces: wanted.clone(),
            answers: answers.into_iter().map(answered).collect(),
        })
    }
}
