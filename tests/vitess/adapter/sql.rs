//! What only SQL answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cutover::cluster::port::{Answer, Ask, Query, Question};
use cutover::cluster::vtctld::SqlReads;
use cutover::model::name::TableName;
use mysql::prelude::Queryable;

use super::super::support::{Case, Movement, Shape, World, cases, wait};
use super::{Port, keyspace, tables};

pub fn tests() -> Vec<Case> {
    cases![sql_answers_within_bounds, sql_that_takes_too_long_is_unread, a_transaction_that_writes_is_named,]
}

fn sql_answers_within_bounds(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 2, rows: 10, ..Shape::default() });
    let port = Port::new(world.cluster);
    let (with, empty) = (&movement.tables[0], &movement.tables[1]);
    let odd = format!("{} o`dd", world.name).replace('`', "-");
    world.cluster.execute_primaries("commerce", &format!("delete from {empty}"));
    world.cluster.execute_primaries("commerce", &format!("create table `{odd}` (`a``b` int, `max` bigint unsigned)"));
    world.cluster.execute_primaries("commerce", &format!("insert into `{odd}` values (null, 18446744073709551615), (1, 2)"));
    let name = |name: &str| TableName::new(name).unwrap();
    let source = keyspace("commerce");
    let absent = name("not_there");
    let has_rows = Ask::Sql(Question::HasRows {
        keyspace: source.clone(),
        tables: vec![name(with), name(empty), name(&odd), absent.clone()],
    });
    let on_target = Ask::Sql(Question::HasRows { keyspace: keyspace("customer"), tables: tables(&movement) });
    let has_null = Ask::Sql(Question::HasNull {
        keyspace: source.clone(),
        columns: vec![(name(with), "id".into()), (name(&odd), "a`b".into()), (absent.clone(), "x".into())],
    });
    let largest = Ask::Sql(Question::LargestValue {
        keyspace: source.clone(),
        columns: vec![
            (name(with), "id".into()),
            (name(empty), "id".into()),
            (name(&odd), "max".into()),
            (absent.clone(), "x".into()),
        ],
    });
    let next = Ask::Sql(Question::SequenceNext {
        keyspace: source.clone(),
        sequences: vec![name(&format!("{with}_seq")), absent.clone()],
    });
    let no_column = Ask::Sql(Question::HasNull { keyspace: source, columns: vec![(name(with), "no such".into())] });
    // What the replica lacks, it says it lacks: it has to know the new table first.
    wait::until_true(Duration::from_secs(20), "the replicas know the table", || {
        world.cluster.tablets().iter().filter(|tablet| tablet.keyspace == "commerce").all(|tablet| {
            let found: Vec<String> =
                world.cluster.connect_tablet(tablet.uid, "commerce").query(format!("show tables like '{odd}'")).unwrap();
            found.len() == 1
        })
    });
    let asks = [&has_rows, &on_target, &has_null, &largest, &next, &no_column].map(Clone::clone);
    let facts = port.observe(&Query { asks: asks.into(), ..Query::default() });
    world.cluster.execute_primaries("commerce", &format!("drop table `{odd}`"));
    assert_eq!(facts.has_rows(&has_rows).unwrap()["0"], [with.clone(), odd.clone()].into());
    assert_eq!(
        facts.has_rows(&on_target).unwrap(),
        &BTreeMap::from([("-80".to_owned(), [].into()), ("80-".to_owned(), [].into())])
    );
    assert_eq!(facts.has_null(&has_null).unwrap(), &[odd.clone()].into());
    assert_eq!(
        facts.largest_value(&largest).unwrap(),
        &BTreeMap::from([(with.clone(), Some(10)), (empty.clone(), None), (odd, Some(18_446_744_073_709_551_615))])
    );
    assert_eq!(facts.sequence_next(&next).unwrap(), &BTreeMap::from([(format!("{with}_seq"), Some(1))]));
    let why = facts.has_null(&no_column).unwrap_err().why;
    assert!(why.contains("errno 1054"), "{why}");

    let forbidden = Port::new(world.cluster).with_sql(SqlReads::Forbidden).ask(has_rows);
    assert!(forbidden.unwrap_err().contains("--no-sql"));
}

fn sql_that_takes_too_long_is_unread(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 40_000, ..Shape::default() });
    // Without an index the table is read whole, here many times over in one statement.
    let column = (tables(&movement)[0].clone(), "hits".to_owned());
    let ask = Ask::Sql(Question::LargestValue { keyspace: keyspace("commerce"), columns: vec![column; 50] });
    let limit = Duration::from_millis(5);
    let why = Port::new(world.cluster).with_sql(SqlReads::Within(limit)).ask(ask.clone()).unwrap_err();
    // Who ends it is up to how busy the machine is: MySQL at its limit, or the deadline of the call.
    assert!(why.contains("could not be read within 0.005 s") || why.contains("gave no answer within"), "{why}");
    match Port::new(world.cluster).with_sql(SqlReads::DEEP).ask(ask) {
        Ok(Answer::LargestValue(found)) => assert_eq!(found, BTreeMap::from([(movement.tables[0].clone(), Some(0))])),
        other => panic!("{other:?}"),
    }
}

fn a_transaction_that_writes_is_named(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 2, rows: 10, ..Shape::default() });
    let port = Port::new(world.cluster);
    let (ours, other) = (&movement.tables[0], &movement.tables[1]);
    let ask =
        Ask::Sql(Question::WriteLocks { keyspace: keyspace("commerce"), tables: vec![TableName::new(ours.as_str()).unwrap()] });
    let locks = |port: &Port| match port.ask(ask.clone()) {
        Ok(Answer::WriteLocks(locks)) => locks,
        other => panic!("{other:?}"),
    };
    assert!(locks(&port).is_empty());

    let mut reader = world.cluster.connect("commerce").unwrap();
    reader.query_drop("begin").unwrap();
    let _: Vec<u64> = reader.query(format!("select id from {ours}")).unwrap();
    let mut elsewhere = world.cluster.connect("commerce").unwrap();
    elsewhere.query_drop("begin").unwrap();
    elsewhere.query_drop(format!("update {other} set hits = 1 where id = 1")).unwrap();
    assert!(locks(&port).is_empty(), "a reader of ours and a writer of another table");

    let mut writer = world.cluster.connect("commerce").unwrap();
    let begin = Instant::now();
    writer.query_drop("begin").unwrap();
    writer.query_drop(format!("update {ours} set hits = 1 where id = 1")).unwrap();
    let mut administrator = world.cluster.connect_primary("commerce", "0");
    administrator.query_drop("begin").unwrap();
    let _: Vec<u64> = administrator.query(format!("select id from {ours} where id = 2 for update")).unwrap();
    // Its age grows, to the millisecond.
    let mut seen = locks(&port);
    wait::until_true(Duration::from_secs(10), "the transaction grows older than 1.2 s", || {
        seen = locks(&port);
        seen.iter().any(|lock| lock.user == "vt_app" && lock.age_milliseconds > 1200)
    });
    eprintln!("  {seen:#?}");
    let users: BTreeSet<&str> = seen.iter().map(|lock| lock.user.as_str()).collect();
    assert_eq!(users, ["vt_app", "vt_dba"].into());
    let lock = seen.iter().find(|lock| lock.user == "vt_app").unwrap();
    assert_eq!((lock.shard.as_str(), &lock.table), ("0", ours));
    assert!(u128::from(lock.age_milliseconds) <= begin.elapsed().as_millis() + 50);
    let alive: Option<u64> = administrator
        .query_first(format!("select count(*) from performance_schema.processlist where id = {}", lock.connection))
        .unwrap();
    assert_eq!(alive, Some(1));
    administrator.query_drop("rollback").unwrap();

    // Without metadata locks it can't be said on which table.
    let instrument = |enabled: &str| {
        format!("update performance_schema.setup_instruments set enabled = '{enabled}' where name = 'wait/lock/metadata/sql/mdl'")
    };
    administrator.query_drop(instrument("NO")).unwrap();
    // InnoDB makes its list of transactions anew only when nobody has read it for 0.1 s.
    let mut without = Vec::new();
    let begin = Instant::now();
    while without.len() != 2 && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(300));
        without = locks(&port);
    }
    administrator.query_drop(instrument("YES")).unwrap();
    eprintln!("  {without:#?}");
    assert!(without.len() == 2 && without.iter().all(|lock| lock.table == "?" && lock.user == "vt_app"));

    for mut connection in [writer, elsewhere, reader] {
        connection.query_drop("rollback").unwrap();
    }
    assert!(locks(&port).is_empty());
}
