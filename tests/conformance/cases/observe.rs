//! What our own reader sees of a movement that our own writer makes: every ask at each stage.

use cutover::cluster::mutation::{
    AutoIncrementHandling, CancelWorkflow, CompleteMoveTables, CreateMoveTables, CreateVDiff, Direction, Mutation, OnDdl,
    SetStreams, SourceTables, StreamsWanted, SwitchTraffic,
};
use cutover::cluster::port::{Ask, Query, Question, Reader as _, Writer as _};
use cutover::model::name::{KeyspaceName, TableName, WorkflowName};
use cutover::model::topology::TabletType;
use uuid::Uuid;

use super::super::canonical::facts;
use super::super::{Golden, Stage, quiet};

super::cases!["observe": a_movement_to_the_end, a_movement_taken_back, all_of_a_keyspace, what_is_unknown];

fn keyspace(name: &str) -> KeyspaceName {
    KeyspaceName::new(name).expect("a keyspace's name")
}

fn tables() -> Vec<TableName> {
    ["customer", "corder"].into_iter().map(|name| TableName::new(name).expect("a table's name")).collect()
}

fn flow() -> WorkflowName {
    WorkflowName::forward("c2c").expect("a workflow's name")
}

const VDIFF: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);

/// Every ask, of a movement between these keyspaces.
fn query(source: &str, target: &str) -> Query {
    let (source, target) = (keyspace(source), keyspace(target));
    let sequences =
        ["customer_seq", "corder_seq"].into_iter().map(|name| TableName::new(name).expect("a table's name")).collect();
    let asks = [
        Ask::Tablets(target.clone()),
        Ask::TabletStatus(source.clone()),
        Ask::Tables { keyspace: source.clone(), names: Some(tables()) },
        Ask::Tables { keyspace: target.clone(), names: None },
        Ask::TableNames(source.clone()),
        Ask::CopyProgress { keyspace: target.clone(), workflow: flow() },
        Ask::VDiffs { keyspace: target.clone(), workflow: flow() },
        Ask::VDiff { keyspace: target.clone(), workflow: flow(), uuid: VDIFF.to_string() },
        Ask::Locks { workflows: vec![(target.clone(), flow())], keyspaces: vec![source.clone(), target.clone()] },
        Ask::AllVSchemas,
        Ask::Sql(Question::HasRows { keyspace: target.clone(), tables: tables() }),
        Ask::Sql(Question::SequenceNext { keyspace: source.clone(), sequences }),
    ];
    Query {
        keyspaces: [source.clone(), target.clone()].into(),
        workflows: [(target, flow()), (source, flow().reverse())].into(),
        asks: asks.into(),
    }
}

async fn observe(stage: &dyn Stage, golden: &mut Golden, words: &str) {
    quiet::until_quiet(stage).await;
    let seen = stage.adapter().observe(&query("commerce", "customer")).await.expect("a look");
    let lines = facts(&seen, golden.names());
    golden.state("facts", words, lines);
}

async fn perform(stage: &dyn Stage, golden: &mut Golden, mutation: Mutation) {
    let words = mutation.verb().words();
    golden.call(&words, stage.adapter().perform(&mutation).await);
}

fn switch(direction: Direction, tablet_types: &[TabletType]) -> Mutation {
    Mutation::SwitchTraffic(SwitchTraffic {
        workflow: flow(),
        target_keyspace: keyspace("customer"),
        direction,
        tablet_types: tablet_types.to_vec(),
        timeout_seconds: 10,
        max_lag_seconds: 30,
        initialize_target_sequences: true,
    })
}

/// Creates it, starts it, compares it.
async fn copied(stage: &dyn Stage, golden: &mut Golden) {
    observe(stage, golden, "before").await;
    let create = Mutation::CreateMoveTables(CreateMoveTables {
        workflow: flow(),
        source_keyspace: keyspace("commerce"),
        target_keyspace: keyspace("customer"),
        tables: tables(),
        cells: vec![],
        tablet_types: vec![TabletType::Replica, TabletType::Primary],
        on_ddl: OnDdl::Stop,
        defer_secondary_keys: true,
        source_time_zone: None,
        global_keyspace: None,
        auto_increment: AutoIncrementHandling::Remove,
    });
    perform(stage, golden, create).await;
    observe(stage, golden, "created").await;
    let start = SetStreams { keyspace: keyspace("customer"), workflow: flow(), wanted: StreamsWanted::Running, message: None };
    perform(stage, golden, Mutation::SetStreams(start)).await;
    observe(stage, golden, "copied").await;
    let compare = Mutation::CreateVDiff(CreateVDiff {
        workflow: flow(),
        source_keyspace: Some(keyspace("commerce")),
        target_keyspace: keyspace("customer"),
        uuid: VDIFF,
        cells: vec![],
        tablet_types: vec![TabletType::Rdonly, TabletType::Replica, TabletType::Primary],
        max_duration_seconds: None,
        instead_of: None,
    });
    perform(stage, golden, compare).await;
    observe(stage, golden, "compared").await;
    perform(stage, golden, switch(Direction::Forward, &[TabletType::Replica, TabletType::Rdonly])).await;
    observe(stage, golden, "reads switched").await;
}

async fn a_movement_to_the_end(stage: &dyn Stage, golden: &mut Golden) {
    copied(stage, golden).await;
    perform(stage, golden, switch(Direction::Forward, &[TabletType::Primary])).await;
    observe(stage, golden, "writes switched").await;
    let complete = Mutation::CompleteMoveTables(CompleteMoveTables {
        workflow: flow(),
        target_keyspace: keyspace("customer"),
        source_tables: SourceTables::Rename,
        table_count: 2,
    });
    perform(stage, golden, complete).await;
    observe(stage, golden, "completed").await;
}

async fn a_movement_taken_back(stage: &dyn Stage, golden: &mut Golden) {
    copied(stage, golden).await;
    perform(stage, golden, switch(Direction::Forward, &[TabletType::Primary])).await;
    observe(stage, golden, "writes switched").await;
    perform(stage, golden, switch(Direction::Backward, &[TabletType::Primary])).await;
    observe(stage, golden, "writes back").await;
    perform(stage, golden, switch(Direction::Backward, &[TabletType::Replica, TabletType::Rdonly])).await;
    observe(stage, golden, "reads back").await;
    let cancel = CancelWorkflow { workflow: flow(), target_keyspace: keyspace("customer"), table_count: 2 };
    perform(stage, golden, Mutation::CancelWorkflow(cancel)).await;
    observe(stage, golden, "cancelled").await;
}

/// What is looked at without knowing of a movement.
async fn all_of_a_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    let of = |name: &str| [Ask::Workflows(keyspace(name)), Ask::AllLocks(keyspace(name))];
    let asks = ["commerce", "customer", "nowhere"].into_iter().flat_map(of).chain([Ask::KeyspaceNames]).collect();
    let query = Query { asks, ..Query::default() };
    let look = async |golden: &mut Golden, words: &str| {
        quiet::until_quiet(stage).await;
        let seen = stage.adapter().observe(&query).await.expect("a look");
        let lines = facts(&seen, golden.names());
        golden.state("facts", words, lines);
    };
    look(golden, "without a movement").await;
    copied(stage, golden).await;
    perform(stage, golden, switch(Direction::Forward, &[TabletType::Primary])).await;
    look(golden, "with one on its way").await;
}

async fn what_is_unknown(stage: &dyn Stage, golden: &mut Golden) {
    let seen = stage.adapter().observe(&query("commerce", "nowhere")).await.expect("a look");
    let lines = facts(&seen, golden.names());
    golden.state("facts", "of a movement to nowhere", lines);
}
