//! A movement of tables as its streams show it: forward workflow in the target, reverse workflow in the source, or one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::survey::NotSeen;
use crate::cluster::port::Facts;
use crate::family::move_tables::MoveTables;
use crate::family::{Family as _, Side};
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::model::topology::TabletType;
use crate::model::workflow::{MOVE_TABLES, Stream, Workflow};
use crate::spec;
use crate::spec::template::{InitFacts, workflow_toml};

const REVERSE: &str = "_reverse";

#[derive(Debug, Clone)]
pub struct Movement {
    /// As a plan file with nothing but the movement in it would have it.
    pub plan: MoveTables,
    pub forward: Option<Workflow>,
    pub reverse: Option<Workflow>,
}

impl Movement {
    /// `customer.commerce2customer`
    pub fn name(&self) -> String {
        format!("{}.{}", self.plan.target(), self.plan.workflow())
    }

    /// `commerce.commerce2customer_reverse`
    pub fn reverse_name(&self) -> String {
        format!("{}.{}", self.plan.source(), self.plan.workflow().reverse())
    }

    pub fn source(&self) -> &KeyspaceName {
        self.plan.source()
    }

    pub fn target(&self) -> &KeyspaceName {
        self.plan.target()
    }

    pub fn tables(&self) -> Vec<String> {
        self.plan.tables()
    }

    pub fn touches(&self, keyspace: &KeyspaceName) -> bool {
        self.source() == keyspace || self.target() == keyspace
    }

    pub fn has_table(&self, table: &str) -> bool {
        self.plan.tables.iter().any(|name| name.as_str() == table)
    }

    /// Where the global rules lead writes; none when there are no rules of it.
    pub fn writes(&self, facts: &Facts) -> Option<Side> {
        self.plan.side(&facts.routing_rules, TabletType::Primary)
    }

    pub fn forward_streams(&self) -> &[Stream] {
        self.forward.as_ref().map(|workflow| workflow.streams.as_slice()).unwrap_or_default()
    }

    pub fn reverse_streams(&self) -> &[Stream] {
        self.reverse.as_ref().map(|workflow| workflow.streams.as_slice()).unwrap_or_default()
    }

    /// Its workflows that are there.
    pub fn workflows(&self) -> impl Iterator<Item = &Workflow> {
        self.forward.iter().chain(&self.reverse)
    }
}

/// The forward workflow and the reverse one.
type Pair<'a> = (Option<&'a Workflow>, Option<&'a Workflow>);

/// The movements among the workflows, and the workflows that are none. What can't be named is told as not seen.
pub fn find(facts: &Facts, cluster: &str, unread: &mut Vec<NotSeen>) -> (Vec<Movement>, Vec<Workflow>) {
    let (moves, others): (Vec<&Workflow>, Vec<&Workflow>) =
        facts.workflows.iter().partition(|workflow| workflow.workflow_type == MOVE_TABLES);
    // By target and name.
    let mut pairs: BTreeMap<(String, String), Pair<'_>> = BTreeMap::new();
    for workflow in moves {
        match workflow.name.strip_suffix(REVERSE) {
            None => pairs.entry((workflow.keyspace.clone(), workflow.name.clone())).or_default().0 = Some(workflow),
            // It reads from the target of the movement.
            Some(name) => pairs.entry((reads_from(workflow), name.to_owned())).or_default().1 = Some(workflow),
        }
    }
    let mut movements = Vec::new();
    for ((target, name), (forward, reverse)) in pairs {
        match plan(cluster, &target, &name, forward, reverse) {
            Ok(plan) => movements.push(Movement { plan, forward: forward.cloned(), reverse: reverse.cloned() }),
            Err(why) => unread.push(NotSeen { what: format!("the movement of the workflow `{target}.{name}`"), why }),
        }
    }
    (movements, others.into_iter().cloned().collect())
}

fn reads_from(workflow: &Workflow) -> String {
    workflow.streams.first().map(|stream| stream.source_keyspace.clone()).unwrap_or_default()
}

/// The movement as a plan file says it, from the streams of its workflows.
fn plan(
    cluster: &str,
    target: &str,
    name: &str,
    forward: Option<&Workflow>,
    reverse: Option<&Workflow>,
) -> Result<MoveTables, String> {
    let source = forward.map(reads_from).or_else(|| reverse.map(|workflow| workflow.keyspace.clone())).unwrap_or_default();
    let tables: BTreeSet<String> = forward.into_iter().chain(reverse).flat_map(Workflow::tables).collect();
    let keyspace = |text: &str| KeyspaceName::new(text).map_err(|why| format!("the keyspace name `{text}` {why}"));
    let table = |text: String| TableName::new(text.as_str()).map_err(|why| format!("the table name `{text}` {why}"));
    let tables: Vec<TableName> = tables.into_iter().map(table).collect::<Result<_, _>>()?;
    if tables.is_empty() {
        return Err("its streams name no table".to_owned());
    }
    let workflow = WorkflowName::forward(name).map_err(|why| format!("the workflow name `{name}` {why}"))?;
    as_planned(cluster, workflow, keyspace(&source)?, keyspace(target)?, tables)
}

/// Tables of one keyspace that go nowhere, for what is done to tables that no workflow carries.
///
/// # Errors
/// With what a plan file of it would be refused for.
pub fn of_keyspace(cluster: &str, keyspace: &KeyspaceName, tables: &[TableName]) -> Result<MoveTables, String> {
    let name = |text: &str| WorkflowName::forward(text).map_err(|why| format!("the workflow name `{text}` {why}"));
    let elsewhere = KeyspaceName::new("elsewhere").map_err(|why| why.to_string())?;
    let other = if *keyspace == elsewhere { KeyspaceName::new("nowhere").map_err(|why| why.to_string())? } else { elsewhere };
    let mut movement = as_planned(cluster, name("repair")?, keyspace.clone(), other, tables.to_vec())?;
    movement.options.target_keyspace = keyspace.clone();
    movement.spec.movement = spec::Movement::MoveTables(movement.options.clone());
    Ok(movement)
}

/// As a plan file with nothing but these in it would say it.
fn as_planned(
    cluster: &str,
    workflow: WorkflowName,
    source: KeyspaceName,
    target: KeyspaceName,
    tables: Vec<TableName>,
) -> Result<MoveTables, String> {
    let facts = InitFacts {
        cluster: cluster.to_owned(),
        workflow,
        source,
        target,
        tables: tables.clone(),
        cells: vec![],
        global_keyspaces: vec![],
        schema: None,
    };
    let reading = spec::read(&workflow_toml(&facts))
        .map_err(|problems| problems.first().map(|problem| problem.message.clone()).unwrap_or_default())?;
    let spec::Movement::MoveTables(options) = reading.spec.movement.clone();
    Ok(MoveTables { spec: reading.spec, options, tables })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Case;
    use super::*;

    #[test]
    fn forward_and_reverse_are_one_movement_and_each_alone_is_it_too() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        let survey = case.survey();
        assert_eq!(survey.movements.len(), 1);
        let whole = &survey.movements[0];
        assert_eq!(
            (whole.name().as_str(), whole.reverse_name().as_str()),
            ("customer.commerce2customer", "commerce.commerce2customer_reverse")
        );
        assert!(whole.forward.is_some() && whole.reverse.is_some());
        assert_eq!(whole.plan.tables(), ["corder", "customer"]);

        case.workflows.retain(|workflow| workflow.name.ends_with("_reverse"));
        let survey = case.survey();
        let reverse_alone = &survey.movements[0];
        assert_eq!(reverse_alone.name(), whole.name());
        assert_eq!(reverse_alone.plan.source(), whole.plan.source());
        assert!(reverse_alone.forward.is_none());
    }

    #[test]
    fn a_workflow_that_cannot_be_named_is_told_and_not_passed_over() {
        let mut case = Case::after(&["create"]);
        for stream in &mut case.workflows[0].streams {
            stream.tables = [("a.b".to_owned(), String::new())].into();
        }
        let survey = case.survey();
        assert!(survey.movements.is_empty());
        assert!(survey.unread[0].what.contains("customer.commerce2customer"), "{:?}", survey.unread);
    }
}
