//! One look at the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::ask::{Asking, Cause, NotRead};
use super::base;
use super::cluster::Cluster;
use super::concurrently::concurrently;
use super::generated::vtctldata::GetCellInfoNamesRequest;
use crate::cluster::error::ClusterError;
use crate::cluster::port::{Answered, Ask, Facts, Query, Reader};
use crate::model::name::KeyspaceName;
use crate::model::topology::Keyspace;
use crate::model::vschema::VSchema;

/// Asks at once. Each makes a few calls of its own.
const ASKS_AT_ONCE: usize = 8;

#[async_trait]
impl Reader for Cluster {
    async fn observe(&self, query: &Query) -> Result<Facts, ClusterError> {
        // Before the first call: what was read is at least as young as this.
        let observed_at = self.clock.now();
        let mut keyspaces = query.keyspaces.clone();
        keyspaces.extend(query.asks.iter().flat_map(Asking::keyspaces));
        let mut base = base::read(&self.vtctld, &self.sizes, keyspaces, query.workflows.clone()).await?;

        let answers = self.answers(base.keyspaces.clone(), base.vschemas.clone(), query.asks.clone()).await?;

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
            answers,
        })
    }

    async fn observe_more(&self, mut facts: Facts, known: &Query, more: &Query) -> Result<Facts, ClusterError> {
        let asked: BTreeSet<&Ask> = facts.answers.iter().map(|answered| &answered.ask).collect();
        let asks: BTreeSet<Ask> = more.asks.iter().filter(|ask| !asked.contains(ask)).cloned().collect();
        let wanted: BTreeSet<KeyspaceName> = more.keyspaces.difference(&facts.asked_keyspaces).cloned().collect();
        let workflows: BTreeSet<_> = more.workflows.difference(&known.workflows).cloned().collect();
        let mut keyspaces = wanted.clone();
        keyspaces.extend(asks.iter().flat_map(Asking::keyspaces));
        // Also one that was asked for and is not there is known.
        keyspaces.retain(|name| !facts.asked_keyspaces.contains(name));

        let parts = base::parts(&self.vtctld, &self.sizes, keyspaces, workflows).await?;
        let (mut all, mut vschemas) = (facts.keyspaces.clone(), facts.vschemas.clone());
        all.extend(parts.keyspaces.clone());
        vschemas.extend(parts.vschemas.clone());
        facts.answers.extend(self.answers(all, vschemas, asks).await?);
        facts.keyspaces.extend(parts.keyspaces.into_iter().filter(|(name, _)| wanted.contains(name)));
        facts.vschemas.extend(parts.vschemas.into_iter().filter(|(name, _)| wanted.contains(name)));
        facts.workflows.extend(parts.workflows);
        facts.asked_keyspaces.extend(wanted);
        Ok(facts)
    }
}

impl Cluster {
    async fn answers(
        &self,
        keyspaces: BTreeMap<KeyspaceName, Keyspace>,
        vschemas: BTreeMap<KeyspaceName, VSchema>,
        asks: BTreeSet<Ask>,
    ) -> Result<Vec<Answered>, ClusterError> {
        let asking = Asking {
            vtctld: self.vtctld.clone(),
            keyspaces: Arc::new(keyspaces),
            vschemas: Arc::new(vschemas),
            tablets: Arc::default(),
            sizes: Arc::clone(&self.sizes),
            sql: self.sql,
        };
        let each = asks.into_iter().map(|ask| {
            let asking = asking.clone();
            async move {
                let answer = asking.answer(&ask).await;
                (ask, answer)
            }
        });
        let answers = concurrently(ASKS_AT_ONCE, each).await;
        // An older vtctld passes on that a tablet can't be reached as if it were itself that can't. So it is asked again.
        if answers.iter().any(|(_, answer)| answer.as_ref().is_err_and(|error| error.cause == Cause::Unreachable)) {
            self.vtctld.read(GetCellInfoNamesRequest {}).await?;
        }
        let answered = |(ask, answer): (_, Result<_, NotRead>)| Answered { ask, answer: answer.map_err(|error| error.unread) };
        Ok(answers.into_iter().map(answered).collect())
    }
}
