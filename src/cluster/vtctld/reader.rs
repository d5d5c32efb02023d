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
        let (cells, mut ground) = tokio::try_join!(base::cells(&self.vtctld), base::ground(&self.vtctld, keyspaces))?;
        let (rest, answers) = tokio::try_join!(
            base::rest(self, &cells, query.workflows.clone()),
            self.answers(ground.keyspaces.clone(), ground.vschemas.clone(), query.asks.clone())
        )?;

        let wanted: &BTreeSet<KeyspaceName> = &query.keyspaces;
        ground.keyspaces.retain(|name, _| wanted.contains(name));
        ground.vschemas.retain(|name, _| wanted.contains(name));
        Ok(Facts {
            observed_at,
            cells,
            keyspaces: ground.keyspaces,
            vschemas: ground.vschemas,
            routing_rules: rest.routing_rules,
            served: rest.served,
            other_rules: rest.other_rules,
            workflows: rest.workflows,
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

        let ground = base::ground(&self.vtctld, keyspaces).await?;
        let (mut all, mut vschemas) = (facts.keyspaces.clone(), facts.vschemas.clone());
        all.extend(ground.keyspaces.clone());
        vschemas.extend(ground.vschemas.clone());
        let (workflows, answers) =
            tokio::try_join!(base::workflows(&self.vtctld, &self.sizes, workflows), self.answers(all, vschemas, asks))?;
        facts.answers.extend(answers);
        facts.keyspaces.extend(ground.keyspaces.into_iter().filter(|(name, _)| wanted.contains(name)));
        facts.vschemas.extend(ground.vschemas.into_iter().filter(|(name, _)| wanted.contains(name)));
        facts.workflows.extend(workflows);
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
        // What takes longest begins first.
        let mut asks: Vec<Ask> = asks.into_iter().collect();
        asks.sort_by_key(|ask| !takes_long(ask));
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
        let mut answers: Vec<Answered> = answers.into_iter().map(answered).collect();
        answers.sort_by(|one, other| one.ask.cmp(&other.ask));
        Ok(answers)
    }
}

/// It asks each tablet, or each shard several times.
fn takes_long(ask: &Ask) -> bool {
    matches!(ask, Ask::TabletStatus(_) | Ask::SchemaChanges(_) | Ask::Throttlers(_))
}
