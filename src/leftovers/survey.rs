//! What is looked at: keyspaces with their shards, denied tables, workflows, table names, locks, VDiffs; the rules and what each
//! cell serves. What one look finds says what the next must read: a workflow names the keyspace at its other end.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::movement::{self, Movement};
use crate::cluster::mutation::shell;
use crate::cluster::port::{Answered, Ask, Facts, HeldLock, Query, Question};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::workflow::MOVE_TABLES;
use crate::model::workflow::Workflow;

/// Workflows that Vitess makes and ends by itself, for schema changes.
const ONLINE_DDL: &str = "OnlineDDL";

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The alias of the cluster.
    pub cluster: String,
    /// None: every keyspace of the cluster.
    pub keyspaces: Option<BTreeSet<KeyspaceName>>,
}

/// What was found, put in order.
#[derive(Debug, Clone)]
pub struct Survey {
    /// With every workflow that was found.
    pub facts: Facts,
    /// Those that were looked at, with those at the other end of their workflows.
    pub keyspaces: BTreeSet<KeyspaceName>,
    pub movements: Vec<Movement>,
    /// Other workflows: Reshard, Materialize and the like.
    pub others: Vec<Workflow>,
    pub unread: Vec<NotSeen>,
    /// VDiffs that a record of ours saw stand after it had asked them to stop: one that is in an error then stays so.
    pub stopped_vdiffs: BTreeSet<String>,
    /// Primaries that give no answer, where whoever asked has looked for them.
    pub silent_primaries: Vec<SilentPrimary>,
}

/// A primary that does not say how its MySQL is, with its shard (`commerce/0`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct SilentPrimary {
    pub tablet: String,
    pub shard: String,
}

impl SilentPrimary {
    /// `zone1-0000000100, primary of `commerce/0``
    pub fn words(&self) -> String {
        format!("{}, primary of `{}`", self.tablet, self.shard)
    }

    /// Lets another tablet take its place.
    pub fn remedy(&self) -> String {
        format!("vtctldclient EmergencyReparentShard {}", shell(&self.shard))
    }
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct NotSeen {
    pub what: String,
    pub why: String,
}

impl Scope {
    /// What the next look must read, by what the last one has seen. When the last one covers it, that one was enough.
    pub fn query(&self, seen: Option<&Facts>) -> Query {
        let mut query = Query { asks: [Ask::AllVSchemas].into(), ..Query::default() };
        if self.keyspaces.is_none() {
            query.asks.insert(Ask::KeyspaceNames);
        }
        let keyspaces = self.keyspaces(seen);
        for keyspace in &keyspaces {
            query.asks.insert(Ask::Workflows(keyspace.clone()));
            query.asks.insert(Ask::TableNames(keyspace.clone()));
            query.asks.insert(Ask::AllLocks(keyspace.clone()));
        }
        for workflow in seen.map(workflows).unwrap_or_default() {
            query.asks.extend(journals(workflow));
            let name = WorkflowName::new(workflow.name.as_str());
            if let (Ok(keyspace), Ok(workflow)) = (KeyspaceName::new(workflow.keyspace.as_str()), name) {
                query.asks.insert(Ask::VDiffs { keyspace, workflow });
            }
        }
        query.keyspaces = keyspaces;
        query
    }

    /// Those that were named, or all; and those at the other end of the workflows in them.
    fn keyspaces(&self, seen: Option<&Facts>) -> BTreeSet<KeyspaceName> {
        let named = match (&self.keyspaces, seen) {
            (Some(named), _) => named.clone(),
            (None, Some(facts)) => {
                let names = facts.keyspace_names(&Ask::KeyspaceNames).cloned().unwrap_or_default();
                names.into_iter().filter_map(|name| KeyspaceName::new(name).ok()).collect()
            }
            (None, None) => BTreeSet::new(),
        };
        let workflows = seen.map(workflows).unwrap_or_default();
        let ends = workflows.iter().flat_map(|workflow| workflow.streams.iter().map(|stream| stream.source_keyspace.as_str()));
        let ends: BTreeSet<KeyspaceName> = ends.filter_map(|name| KeyspaceName::new(name).ok()).collect();
        named.into_iter().chain(ends).collect()
    }
}

/// The journals that a switch of this workflow would have written: in the keyspace that its streams read from.
fn journals(workflow: &Workflow) -> Option<Ask> {
    let keyspace = KeyspaceName::new(workflow.streams.first()?.source_keyspace.as_str()).ok()?;
    (workflow.workflow_type == MOVE_TABLES).then_some(Ask::Sql(Question::Journals { keyspace }))
}

/// Every workflow that a look has found, but for those of schema changes.
fn workflows(facts: &Facts) -> Vec<&Workflow> {
    let asks = facts.answers.iter().map(|answered| &answered.ask).filter(|ask| matches!(ask, Ask::Workflows(_)));
    let found = asks.filter_map(|ask| facts.workflows_of(ask).ok()).flatten();
    found.filter(|workflow| workflow.workflow_type != ONLINE_DDL).collect()
}

impl Survey {
    pub fn of(mut facts: Facts, scope: &Scope) -> Self {
        facts.workflows = workflows(&facts).into_iter().cloned().collect();
        let keyspaces = scope.keyspaces(Some(&facts));
        let mut unread = unread(&facts);
        let missing =
            keyspaces.iter().filter(|name| facts.asked_keyspaces.contains(*name) && !facts.keyspaces.contains_key(*name));
        unread.extend(missing.map(|name| NotSeen { what: format!("keyspace `{name}`"), why: "it does not exist".to_owned() }));
        let (movements, others) = movement::find(&facts, &scope.cluster, &mut unread);
        unread.sort();
        Self { facts, keyspaces, movements, others, unread, stopped_vdiffs: BTreeSet::new(), silent_primaries: vec![] }
    }

    /// Whether the workflows of every keyspace could be read: only then is one that is not seen not there.
    pub fn knows_every_workflow(&self) -> bool {
        let workflows = |answered: &&Answered| matches!(answered.ask, Ask::Workflows(_));
        self.facts.answers.iter().filter(workflows).all(|answered| answered.answer.is_ok())
    }

    pub fn now(&self) -> Timestamp {
        self.facts.observed_at
    }

    /// The names of the base tables of a keyspace over all its shards; none when they could not be read.
    pub fn tables(&self, keyspace: &KeyspaceName) -> Option<BTreeSet<String>> {
        let by_shard = self.facts.table_names(&Ask::TableNames(keyspace.clone())).ok()?;
        Some(by_shard.values().flatten().cloned().collect())
    }

    /// Each keyspace's tables by shard, where they could be read.
    pub fn tables_by_shard(&self) -> impl Iterator<Item = (&KeyspaceName, &str, &BTreeSet<String>)> {
        self.keyspaces.iter().flat_map(|keyspace| {
            let by_shard = self.facts.table_names(&Ask::TableNames(keyspace.clone())).ok().into_iter().flatten();
            by_shard.map(move |(shard, tables)| (keyspace, shard.as_str(), tables))
        })
    }

    /// Every lock that is held or waited for.
    pub fn locks(&self) -> impl Iterator<Item = &HeldLock> {
        let answers = self.keyspaces.iter().filter_map(|name| self.facts.locks(&Ask::AllLocks(name.clone())).ok());
        answers.flatten()
    }

    /// The movement that carries a table and has this keyspace at one end.
    pub fn movement_of(&self, keyspace: &KeyspaceName, table: &str) -> Option<&Movement> {
        self.movements.iter().find(|movement| movement.touches(keyspace) && movement.has_table(table))
    }
}

fn unread(facts: &Facts) -> Vec<NotSeen> {
    let unread = facts.answers.iter().filter_map(|Answered { ask, answer }| Some((ask, answer.as_ref().err()?)));
    unread.map(|(ask, unread)| NotSeen { what: words(ask), why: unread.why.clone() }).collect()
}

/// What an ask of a survey reads.
fn words(ask: &Ask) -> String {
    match ask {
        Ask::Workflows(keyspace) => format!("the workflows of `{keyspace}`"),
        Ask::TableNames(keyspace) => format!("the tables of `{keyspace}`"),
        Ask::AllLocks(keyspace) => format!("the locks of `{keyspace}`"),
        Ask::VDiffs { keyspace, workflow } => format!("the VDiffs of `{keyspace}.{workflow}`"),
        Ask::Sql(Question::Journals { keyspace }) => format!("the journals of switches in `{keyspace}`"),
        Ask::AllVSchemas => "the VSchemas of all keyspaces".to_owned(),
        Ask::KeyspaceNames => "the names of the keyspaces".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Case, keyspace};
    use super::*;
    use crate::cluster::port::{Answer, Unread};

    #[test]
    fn a_workflow_leads_to_the_keyspace_at_its_other_end() {
        let case = Case::after(&["create", "copy"]);
        let scope = Scope { cluster: "test".into(), keyspaces: Some([keyspace("customer")].into()) };
        assert_eq!(scope.query(None).keyspaces, [keyspace("customer")].into());
        let query = scope.query(Some(&case.survey().facts));
        assert_eq!(query.keyspaces, [keyspace("commerce"), keyspace("customer")].into());
        assert!(query.asks.iter().any(|ask| matches!(ask, Ask::VDiffs { .. })), "{query:?}");
    }

    #[test]
    fn without_names_every_keyspace_is_looked_at() {
        let mut case = Case::after(&[]);
        case.world.answer(Ask::KeyspaceNames, Ok(Answer::KeyspaceNames(["a".to_owned(), "b".to_owned()].into())));
        let scope = Scope { cluster: "test".into(), keyspaces: None };
        assert!(scope.query(None).asks.contains(&Ask::KeyspaceNames));
        let asks = scope.query(Some(&case.world.facts)).asks;
        assert!(["a", "b"].iter().all(|name| asks.contains(&Ask::AllLocks(keyspace(name)))));
    }

    #[test]
    fn a_keyspace_that_does_not_exist_is_said() {
        let mut case = Case::after(&[]);
        case.world.facts.asked_keyspaces = [keyspace("commerce"), keyspace("customer")].into();
        assert_eq!(case.survey().unread, []);
        case.world.facts.keyspaces.remove(&keyspace("customer"));
        let unread = case.survey().unread;
        assert_eq!(unread, [NotSeen { what: "keyspace `customer`".into(), why: "it does not exist".into() }]);
    }

    #[test]
    fn what_could_not_be_read_is_said() {
        let mut case = Case::after(&["create"]);
        case.world.answer(Ask::AllLocks(keyspace("customer")), Err(Unread::new("etcd is away")));
        let unread = case.survey().unread;
        assert_eq!(unread, [NotSeen { what: "the locks of `customer`".into(), why: "etcd is away".into() }]);
    }
}
