//! A cluster surveyed for leftovers, by a plan file or by its alias alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::connect::{self, Reached};
use super::context::Context;
use super::error::Error;
use super::sandbox::Place;
use super::session::{by_the_record, read_plan};
use crate::clock::Clock;
use crate::cluster::port::{Facts, Query, Reader as _};
use crate::cluster::topo::Topology;
use crate::cluster::vtctld::{Cluster, SqlReads};
use crate::leftovers::survey::NotSeen;
use crate::leftovers::{Scope, Survey};
use crate::model::name::KeyspaceName;
use crate::operator::Connection;
use crate::plan::document::ClusterName;
use crate::spec::{Movement, Spec};

/// A look leads to another as long as it names new keyspaces: through a chain of movements.
const MOST_LOOKS: usize = 6;

/// A cluster that is looked at, and how far.
pub struct Ward {
    pub cluster: Arc<Cluster>,
    pub connection: Connection,
    pub address: String,
    pub clock: Arc<dyn Clock>,
    /// The topology server, where the operator's file gives it.
    pub topology: Option<Arc<dyn Topology>>,
    pub sandbox: Option<Place>,
    pub scope: Scope,
    /// The plan file with what it says, where one was named.
    pub spec: Option<(PathBuf, Spec)>,
}

/// What is to be surveyed.
#[derive(Debug, Clone)]
pub enum Where<'a> {
    /// The keyspaces of the movement of a plan file.
    File(&'a Path),
    /// These keyspaces of a cluster; none named is all.
    Cluster { alias: &'a str, keyspaces: BTreeSet<KeyspaceName> },
}

impl Ward {
    /// Reaches the cluster. Nothing is sent yet.
    pub fn open(context: &mut Context, place: Where<'_>) -> Result<Self, Error> {
        let (spec, alias, keyspaces) = match place {
            Where::File(file) => {
                // Its warnings are for other commands.
                let spec = match read_plan(file) {
                    Ok((_, reading)) => reading.spec,
                    Err(error) => by_the_record(context, file, error)?,
                };
                let Movement::MoveTables(options) = &spec.movement;
                let keyspaces = [options.source_keyspace.clone(), options.target_keyspace.clone()].into();
                (Some((file.to_owned(), spec.clone())), spec.cluster.clone(), Some(keyspaces))
            }
            Where::Cluster { alias, keyspaces } => (None, alias.to_owned(), Some(keyspaces).filter(|named| !named.is_empty())),
        };
        let connection = context.connection(&alias)?;
        let beside = spec.as_ref().map_or_else(|| PathBuf::from("workflow.toml"), |(file, _)| file.clone());
        let Reached { vtctld, topology, address, clock, sandbox } = connect::reach(context, &connection, &beside)?;
        let sql = if context.global.no_sql { SqlReads::Forbidden } else { SqlReads::BOUNDED };
        let cluster = Arc::new(Cluster::new(vtctld, clock.clone()).with_sql(sql).with_topology(topology.clone()));
        let scope = Scope { cluster: alias, keyspaces };
        Ok(Self { cluster, connection, address, clock, topology, sandbox, scope, spec })
    }

    /// Looks until a look has seen all that it names itself.
    pub async fn survey(&self) -> Result<Survey, Error> {
        let mut facts = self.look(&self.scope.query(None)).await?;
        for _ in 1..MOST_LOOKS {
            let query = self.scope.query(Some(&facts));
            if facts.covers(&query) {
                return Ok(Survey::of(facts, &self.scope));
            }
            facts = self.look(&query).await?;
        }
        let mut survey = Survey::of(facts, &self.scope);
        survey.unread.push(NotSeen {
            what: "keyspaces further along the chain of workflows".to_owned(),
            why: format!("{MOST_LOOKS} looks have each named new ones"),
        });
        Ok(survey)
    }

    async fn look(&self, query: &Query) -> Result<Facts, Error> {
        self.cluster.observe(query).await.map_err(|error| self.failed(&error))
    }

    pub fn failed(&self, error: &crate::cluster::error::ClusterError) -> Error {
        Error::cluster(error, &self.address, self.sandbox.is_some())
    }

    pub fn cluster_name(&self, survey: &Survey) -> ClusterName {
        let keyspaces: Vec<&KeyspaceName> = survey.keyspaces.iter().collect();
        let fingerprint = survey.facts.fingerprint(&keyspaces).to_string();
        ClusterName { alias: self.scope.cluster.clone(), address: self.address.clone(), fingerprint }
    }
}
