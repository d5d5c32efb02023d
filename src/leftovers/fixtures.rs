//! A cluster to survey, for a test to break in one place.

use crate::cluster::port::{Answer, Ask, HeldLock, Question};
use crate::family::move_tables::fixtures::World;
use crate::model::name::KeyspaceName;
use crate::model::vdiff::{VDiffListed, VDiffState};
use crate::model::vschema::VSchema;
use crate::model::workflow::{Stream, Workflow};

use super::survey::{Scope, Survey};
use super::{Kind, Leftover};

/// `commerce/0` to `customer/-80` and `80-`, as it stands after some phases.
pub struct Case {
    pub world: World,
    pub workflows: Vec<Workflow>,
}

pub fn keyspace(name: &str) -> KeyspaceName {
    KeyspaceName::new(name).unwrap()
}

impl Case {
    pub fn after(phases: &[&str]) -> Self {
        let world = World::after(phases);
        let workflows = world.facts.workflows.clone();
        let mut case = Self { world, workflows };
        let begun = phases.contains(&"create");
        case.tables(
            "commerce",
            "0",
            if phases.contains(&"complete") { &["_corder_old", "_customer_old"] } else { &["corder", "customer"] },
        );
        for shard in ["-80", "80-"] {
            case.tables("customer", shard, if begun { &["corder", "customer"] } else { &[] });
        }
        for name in ["commerce", "customer"] {
            case.world.answer(Ask::AllLocks(keyspace(name)), Ok(Answer::Locks(vec![])));
        }
        case.vschemas();
        case
    }

    /// Every cell serves the VSchemas of the topology.
    fn vschemas(&mut self) {
        let all = [("commerce", VSchema::default()), ("customer", VSchema { sharded: true, ..VSchema::default() })];
        let all: std::collections::BTreeMap<String, VSchema> = all.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
        for served in self.world.facts.served.values_mut() {
            served.vschemas = all.clone();
        }
        self.world.answer(Ask::AllVSchemas, Ok(Answer::AllVSchemas(all)));
    }

    pub fn tables(&mut self, of: &str, shard: &str, names: &[&str]) {
        let ask = Ask::TableNames(keyspace(of));
        let mut by_shard = self.world.facts.table_names(&ask).cloned().unwrap_or_default();
        by_shard.insert(shard.to_owned(), names.iter().map(|name| (*name).to_owned()).collect());
        self.world.answer(ask, Ok(Answer::TableNames(by_shard)));
    }

    pub fn deny(&mut self, of: &str, shard: &str, tables: &[&str]) {
        self.world.deny(of, shard, tables.iter().map(|name| (*name).to_owned()).collect());
    }

    /// Sets a rule in the topology and in every cell.
    pub fn rule(&mut self, from: &str, to: &str) {
        self.world.facts.routing_rules.set(from, to);
        self.world.serve();
    }

    pub fn streams(&mut self, workflow: &str) -> &mut Vec<Stream> {
        &mut self.workflows.iter_mut().find(|it| it.name == workflow).unwrap().streams
    }

    pub fn lock(&mut self, of: &str, action: &str, time: &str) {
        let ask = Ask::AllLocks(keyspace(of.split_once('/').map_or(of, |(keyspace, _)| keyspace)));
        let mut locks = self.world.facts.locks(&ask).cloned().unwrap_or_default();
        locks.push(HeldLock {
            of: of.to_owned(),
            node: "7587870493894462747".into(),
            version: 1,
            waits: false,
            action: action.to_owned(),
            host: "ops1".into(),
            user: "vitess".into(),
            time: time.to_owned(),
        });
        self.world.answer(ask, Ok(Answer::Locks(locks)));
    }

    /// A journal on the only shard of `commerce`, or on one of `customer`.
    pub fn journal(&mut self, of: &str, id: i64) {
        let shard = if of == "commerce" { "0" } else { "-80" };
        let ask = Ask::Sql(Question::Journals { keyspace: keyspace(of) });
        self.world.answer(ask, Ok(Answer::Journals([(shard.to_owned(), [id].into())].into())));
    }

    pub fn vdiff(&mut self, workflow: &str, shard: &str, state: VDiffState) {
        let name = crate::model::name::WorkflowName::new(workflow).unwrap();
        let of = if workflow.ends_with("_reverse") { "commerce" } else { "customer" };
        let listed = VDiffListed { shard: shard.into(), uuid: "3b5a6d1c-0000-4000-8000-000000000001".into(), state };
        let ask = Ask::VDiffs { keyspace: keyspace(of), workflow: name };
        let mut all = self.world.facts.vdiffs(&ask).cloned().unwrap_or_default();
        all.push(listed);
        self.world.answer(ask, Ok(Answer::VDiffs(all)));
    }

    pub fn survey(&self) -> Survey {
        let mut facts = self.world.facts.clone();
        for name in ["commerce", "customer"] {
            let of = self.workflows.iter().filter(|workflow| workflow.keyspace == name).cloned().collect();
            let ask = Ask::Workflows(keyspace(name));
            if !facts.answers.iter().any(|answered| answered.ask == ask) {
                let answer = Ok(Answer::Workflows(of));
                facts.answers.push(crate::cluster::port::Answered { ask, answer });
            }
        }
        let scope = Scope { cluster: "test".into(), keyspaces: Some(["commerce", "customer"].map(keyspace).into()) };
        Survey::of(facts, &scope)
    }

    pub fn find(&self, kind: &Kind) -> Vec<Leftover> {
        kind.found(&self.survey())
    }

    /// The subjects of what is found.
    pub fn subjects(&self, kind: &Kind) -> Vec<String> {
        self.find(kind).into_iter().map(|leftover| leftover.subject).collect()
    }

    pub fn only(&self, kind: &Kind) -> Leftover {
        let mut found = self.find(kind);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}
