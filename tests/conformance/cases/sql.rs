//! The SELECTs that our adapter sends by `ExecuteFetchAsDBA`, and its one other statement.

use std::collections::BTreeSet;

use cutover::cluster::mutation::{Mutation, Rename, RenameTables};
use cutover::cluster::port::{Answer, Ask, Query, Question, Reader as _, Writer as _};
use cutover::cluster::vtctld::generated::vtctldata as data;
use cutover::model::journal;
use cutover::model::name::{KeyspaceName, ShardName, TableName};
use cutover::model::topology::TabletAlias;

use super::super::{Deed, Golden, Stage, quiet};
use super::calls::{PRIMARY, RDONLY, REPLICA, complete, create, running, switch, write};

super::cases!["sql":
    has_rows, has_null, journals, largest_values, next_ids, write_locks, names_given_back, dependents, binlog_retention, stream_user
];

fn keyspace(name: &str) -> KeyspaceName {
    KeyspaceName::new(name).expect("a keyspace's name")
}

fn tables(names: &[&str]) -> Vec<TableName> {
    names.iter().map(|name| TableName::new(*name).expect("a table's name")).collect()
}

fn columns(pairs: &[(&str, &str)]) -> Vec<(TableName, String)> {
    pairs.iter().map(|(table, column)| (TableName::new(*table).expect("a table's name"), (*column).to_owned())).collect()
}

/// Appends the answer to a question, or why there is none.
async fn ask(stage: &dyn Stage, golden: &mut Golden, words: &str, question: Question) {
    let ask = Ask::Sql(question);
    let facts = stage.adapter().observe(&Query { asks: [ask.clone()].into(), ..Query::default() }).await.expect("a look");
    let lines = match facts.answer(&ask) {
        Ok(Answer::HasRows(found)) => found.iter().map(|(shard, tables)| format!("{shard}: {tables:?}")).collect(),
        Ok(Answer::HasNull(found)) => vec![format!("{found:?}")],
        Ok(Answer::LargestValue(found)) => found.iter().map(|(table, value)| format!("{table}: {value:?}")).collect(),
        Ok(Answer::SequenceNext(found)) => found.iter().map(|(table, value)| format!("{table}: {value:?}")).collect(),
        Ok(Answer::WriteLocks(found)) => {
            found.iter().map(|lock| format!("{}: {} by a connection", lock.shard, lock.table)).collect()
        }
        Ok(Answer::Dependents(found)) => {
            found.iter().map(|it| format!("{:?} {} of {} holds on to {}", it.kind, it.name, it.owner, it.table)).collect()
        }
        Ok(Answer::BinlogRetention(found)) => found.iter().map(|(shard, seconds)| format!("{shard}: {seconds:?}")).collect(),
        Ok(Answer::StreamUser(found)) => found.iter().map(|(shard, user)| format!("{shard}: {user:?}")).collect(),
        Ok(other) => vec![format!("another kind of answer: {other:?}")],
        Err(unread) => super::super::canonical::text_of_error(&unread.why, golden.names()),
    };
    golden.found(words, &lines);
}

async fn has_rows(stage: &dyn Stage, golden: &mut Golden) {
    let has_rows = |name: &str, names: &[&str]| Question::HasRows { keyspace: keyspace(name), tables: tables(names) };
    ask(stage, golden, "of the source", has_rows("commerce", &["customer", "corder", "note", "absent"])).await;
    ask(stage, golden, "of no table", has_rows("commerce", &[])).await;
    ask(stage, golden, "of the target without tables", has_rows("customer", &["customer"])).await;
    golden.call("create", write(stage, create()).await);
    ask(stage, golden, "of the target with empty tables", has_rows("customer", &["customer", "corder"])).await;
    stage.put_row("customer", "customer", 5).await;
    ask(stage, golden, "of the target with a row", has_rows("customer", &["customer", "corder"])).await;
    ask(stage, golden, "of nowhere", has_rows("nowhere", &["customer"])).await;
}

async fn has_null(stage: &dyn Stage, golden: &mut Golden) {
    let has_null = |pairs: &[(&str, &str)]| Question::HasNull { keyspace: keyspace("commerce"), columns: columns(pairs) };
    let pairs = [("customer", "email"), ("note", "body"), ("plain", "label"), ("absent", "id")];
    ask(stage, golden, "of some columns", has_null(&pairs)).await;
    ask(stage, golden, "of a column that is not there", has_null(&[("customer", "absent")])).await;
}

/// An id is a hash of ids that are each cluster's own: what is said of it is whether it is the one that our own hash gives.
async fn journals(stage: &dyn Stage, golden: &mut Golden) {
    let read = async |golden: &mut Golden, words: &str, of: &str, ours: Option<i64>| {
        let ask = Ask::Sql(Question::Journals { keyspace: keyspace(of) });
        let facts = stage.adapter().observe(&Query { asks: [ask.clone()].into(), ..Query::default() }).await.expect("a look");
        let lines: Vec<String> = match facts.journals(&ask) {
            Ok(found) => {
                let is_ours = |ids: &BTreeSet<i64>| ours.is_some_and(|ours| ids.contains(&ours));
                found.iter().map(|(shard, ids)| format!("{shard}: {} journals, ours: {}", ids.len(), is_ours(ids))).collect()
            }
            Err(unread) => super::super::canonical::text_of_error(&unread.why, golden.names()),
        };
        golden.found(words, &lines);
    };
    read(golden, "of the source before", "commerce", None).await;
    running(stage).await;
    let streams = streams_of(stage, "customer").await;
    let id = journal::id("customer", streams.iter().map(|(shard, id)| (shard.as_str(), *id)));
    golden.call("switch reads", write(stage, switch(&[REPLICA, RDONLY])).await);
    golden.call("switch writes", write(stage, switch(&[PRIMARY])).await);
    read(golden, "of the source after", "commerce", Some(id)).await;
    read(golden, "of the target after", "customer", Some(id)).await;
    read(golden, "of nowhere", "nowhere", None).await;
}

async fn streams_of(stage: &dyn Stage, keyspace: &str) -> Vec<(String, i64)> {
    let workflows = super::super::picture::workflows_of(stage.vtctld(), keyspace).await;
    let shards = workflows.into_iter().flat_map(|workflow| workflow.shard_streams);
    let of_shard = |(path, found): (String, data::workflow::ShardStream)| {
        let shard = path.split('/').next().unwrap_or_default().to_owned();
        found.streams.into_iter().map(move |stream| (shard.clone(), stream.id))
    };
    shards.flat_map(of_shard).collect()
}

async fn largest_values(stage: &dyn Stage, golden: &mut Golden) {
    let largest =
        |name: &str, pairs: &[(&str, &str)]| Question::LargestValue { keyspace: keyspace(name), columns: columns(pairs) };
    let pairs = [("customer", "customer_id"), ("corder", "order_id"), ("absent", "id")];
    ask(stage, golden, "of the source", largest("commerce", &pairs)).await;
    running(stage).await;
    ask(stage, golden, "of the target", largest("customer", &pairs)).await;
    stage.put_row("commerce", "corder", 4001).await;
    quiet::until_rows(stage, "customer", "corder", 301).await;
    ask(stage, golden, "of the target after a row more", largest("customer", &pairs)).await;
}

async fn next_ids(stage: &dyn Stage, golden: &mut Golden) {
    let next = |name: &str, names: &[&str]| Question::SequenceNext { keyspace: keyspace(name), sequences: tables(names) };
    ask(stage, golden, "of the sequences", next("commerce", &["customer_seq", "corder_seq", "absent_seq"])).await;
    ask(stage, golden, "of a table that is no sequence", next("commerce", &["customer"])).await;
}

async fn write_locks(stage: &dyn Stage, golden: &mut Golden) {
    let locks = |names: &[&str]| Question::WriteLocks { keyspace: keyspace("commerce"), tables: tables(names) };
    ask(stage, golden, "with no transaction", locks(&["customer", "corder"])).await;
    let held = stage.hold_write_lock("commerce", "corder").await;
    ask(stage, golden, "with a transaction", locks(&["customer", "corder"])).await;
    ask(stage, golden, "of another table", locks(&["customer"])).await;
    ask(stage, golden, "of no table", locks(&[])).await;
    drop(held);
    // MySQL learns of the end of a connection a moment later.
    for _ in 0..100 {
        stage.moment().await;
        let ask = Ask::Sql(locks(&["corder"]));
        let facts = stage.adapter().observe(&Query { asks: [ask.clone()].into(), ..Query::default() }).await.expect("a look");
        if facts.write_locks(&ask).is_ok_and(Vec::is_empty) {
            break;
        }
    }
    ask(stage, golden, "after it", locks(&["customer", "corder"])).await;
}

async fn dependents(stage: &dyn Stage, golden: &mut Golden) {
    let of = |name: &str| Question::Dependents { keyspace: keyspace(name) };
    ask(stage, golden, "of tables alone", of("commerce")).await;
    let there = stage.by_hand(Deed::Dependents).await;
    ask(stage, golden, "of tables with a foreign key, a trigger and a view", of("commerce")).await;
    ask(stage, golden, "of another keyspace", of("customer")).await;
    ask(stage, golden, "of nowhere", of("nowhere")).await;
    drop(there);
}

/// How long they are kept as a rule is each cluster's own.
async fn binlog_retention(stage: &dyn Stage, golden: &mut Golden) {
    let of = |name: &str| Question::BinlogRetention { keyspace: keyspace(name) };
    for (words, seconds) in [("kept for 2 h", 7200), ("kept for ever", 0)] {
        let set = stage.by_hand(Deed::KeepBinlogs { seconds }).await;
        ask(stage, golden, words, of("commerce")).await;
        drop(set);
    }
    ask(stage, golden, "of nowhere", of("nowhere")).await;
}

async fn stream_user(stage: &dyn Stage, golden: &mut Golden) {
    let of = |name: &str| Question::StreamUser { keyspace: keyspace(name) };
    ask(stage, golden, "as it is made", of("commerce")).await;
    ask(stage, golden, "as it is made, on two shards", of("customer")).await;
    let taken_away = stage.by_hand(Deed::StreamsMayNotWrite).await;
    ask(stage, golden, "that may write the streams' table alone", of("commerce")).await;
    drop(taken_away);
    ask(stage, golden, "that may again", of("commerce")).await;
    ask(stage, golden, "of nowhere", of("nowhere")).await;
}

async fn names_given_back(stage: &dyn Stage, golden: &mut Golden) {
    let rename = |pairs: &[(&str, &str)]| {
        Mutation::RenameTables(RenameTables {
            keyspace: keyspace("commerce"),
            shard: ShardName::new("0").expect("a shard's name"),
            tablet: TabletAlias { cell: "zone1".into(), uid: 100 },
            renames: pairs.iter().map(|(from, to)| Rename { from: (*from).into(), to: (*to).into() }).collect(),
        })
    };
    running(stage).await;
    golden.call("switch all", write(stage, switch(&[PRIMARY, REPLICA, RDONLY])).await);
    let request = data::MoveTablesCompleteRequest { rename_tables: true, ..complete() };
    golden.call("complete, renaming", write(stage, request).await);
    golden.picture(stage, "completed").await;
    let back = rename(&[("_customer_old", "customer"), ("_corder_old", "corder")]);
    golden.call("give the names back", stage.adapter().perform(&back).await);
    golden.picture(stage, "renamed").await;
    golden.call("give the names back again", stage.adapter().perform(&back).await);
    golden.call("rename onto a name that is taken", stage.adapter().perform(&rename(&[("customer", "corder")])).await);
    golden.picture(stage, "as before").await;
}
