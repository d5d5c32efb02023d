//! Each thing that can go wrong goes wrong, when it should and no longer.

use std::time::Duration;

use super::super::tests::Bench;
use crate::cluster::vtctld::generated::topodata::TabletType::{Primary, Rdonly, Replica};
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::cluster::{Effect, ErrorKind};

async fn running(trouble: &str) -> Bench {
    let bench = Bench::new(&format!("[[goes-wrong]]\n{trouble}"));
    bench.create().await;
    bench.until_copied().await;
    bench
}

/// Virtual seconds since the beginning.
async fn until_second(bench: &Bench, second: u64) {
    let passed = bench.seconds();
    assert!(passed < second as f64, "it is late: {passed}");
    tokio::time::sleep(Duration::from_secs_f64(second as f64 - passed)).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_refused_with_the_words_and_the_next_one_is_not() {
    let bench =
        running("what = \"refuse\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 2\nmessage = \"the moon is full\"\n").await;
    assert!(bench.switch(&[Rdonly], 0).await.is_ok());
    assert_eq!(bench.switch(&[Replica], 0).await.unwrap_err(), "the moon is full");
    assert!(bench.switch(&[Replica], 0).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_is_lost_is_done() {
    let bench = running("what = \"lose-answer\"\ncall = \"WorkflowSwitchTraffic\"\n").await;
    let request = bench.switch_request(&[Replica, Rdonly, Primary], 0);
    let error = bench.vtctld.write(request, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    assert_eq!(bench.account().writes_go_to, Ok("customer".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn streams_lag_for_as_long_as_it_lasts_and_a_switch_does_not_wait_longer_than_its_time() {
    let bench = running("what = \"lag\"\nkeyspace = \"customer\"\nafter-seconds = 60\nlasts-seconds = 60\nseconds = 20\n").await;
    until_second(&bench, 90).await;
    assert_eq!(bench.lag().await, 20);
    let refused = bench.switch(&[Primary], 0).await.unwrap_err();
    assert!(refused.starts_with("failed to sync up replication between the source and target"), "{refused}");
    assert_eq!(bench.account().writes_go_to, Ok("commerce".to_owned()));
    until_second(&bench, 130).await;
    assert_eq!(bench.lag().await, 0);
    assert!(bench.switch(&[Primary], 0).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn streams_have_an_error_and_go_on_after_it() {
    let trouble = "what = \"stream-error\"\nkeyspace = \"customer\"\nmessage = \"error: disk full\"\nafter-seconds = 60\nlasts-seconds = 30\n";
    let bench = running(trouble).await;
    until_second(&bench, 70).await;
    assert!(bench.streams("customer", "c2c").await.iter().all(|stream| stream.state == "Error"));
    assert!(bench.switch(&[Primary], 0).await.unwrap_err().ends_with("workflow has errors"));
    until_second(&bench, 100).await;
    assert!(bench.streams("customer", "c2c").await.iter().all(|stream| stream.state == "Running" && stream.message.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn vtctld_is_down_for_a_while() {
    let bench = running("what = \"vtctld-down\"\nafter-seconds = 60\nlasts-seconds = 30\n").await;
    until_second(&bench, 70).await;
    let error = bench.vtctld.read(data::GetKeyspacesRequest {}).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None));
    until_second(&bench, 100).await;
    assert!(bench.vtctld.read(data::GetKeyspacesRequest {}).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn somebody_changes_rules_once_and_they_are_served() {
    let trouble =
        "what = \"somebody-changes-rules\"\nafter-seconds = 60\nrules = { customer = \"customer.customer\", corder = \"\" }\n";
    let bench = running(trouble).await;
    until_second(&bench, 70).await;
    let rules = bench.vtctld.read(data::GetRoutingRulesRequest {}).await.unwrap().routing_rules.unwrap().rules;
    let to = |from: &str| rules.iter().find(|rule| rule.from_table == from).map(|rule| rule.to_tables.join(","));
    assert_eq!((to("customer").as_deref(), to("corder")), (Some("customer.customer"), None));
    let served = bench.vtctld.read(data::GetSrvVSchemasRequest { cells: vec![] }).await.unwrap().srv_v_schemas;
    assert!(served.values().all(|cell| cell.routing_rules.as_ref().unwrap().rules.len() == rules.len()));
    // Once: what is put right stays right.
    bench.write(data::ApplyRoutingRulesRequest::default()).await.unwrap();
    until_second(&bench, 80).await;
    let rules = bench.vtctld.read(data::GetRoutingRulesRequest {}).await.unwrap().routing_rules.unwrap().rules;
    assert!(rules.is_empty(), "{rules:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_transaction_is_seen_by_its_age_until_it_ends() {
    use crate::cluster::port::{Ask, Query, Question, Reader as _};
    use crate::model::name::{KeyspaceName, TableName};
    let bench = running(
        "what = \"long-transaction\"\nkeyspace = \"commerce\"\ntable = \"customer\"\nafter-seconds = 60\nlasts-seconds = 30\n",
    )
    .await;
    let keyspace = KeyspaceName::new("commerce").unwrap();
    let ask = Ask::Sql(Question::WriteLocks { keyspace, tables: vec![TableName::new("customer").unwrap()] });
    let cluster = crate::cluster::vtctld::Cluster::new(bench.vtctld.clone(), bench.sandbox.clock());
    let query = Query { asks: [ask.clone()].into(), ..Query::default() };
    let age = async || {
        let facts = cluster.observe(&query).await.unwrap();
        facts.write_locks(&ask).unwrap().first().map(|lock| lock.age_milliseconds)
    };
    assert_eq!(age().await, None);
    until_second(&bench, 75).await;
    assert_eq!(age().await, Some(15_000));
    until_second(&bench, 91).await;
    assert_eq!(age().await, None);
}
