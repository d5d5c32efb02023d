//! Each thing that can go wrong goes wrong, when it should and no longer.

use std::time::Duration;

use super::super::fault::{StepFault, StepWhat, When};
use super::super::tests::Bench;
use super::super::topology::Kind;
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

#[tokio::test(start_paused = true)]
async fn streams_whose_error_does_not_say_error_are_in_error_and_copy_nothing_meanwhile() {
    let trouble =
        "what = \"stream-error\"\nkeyspace = \"customer\"\nmessage = \"disk full\"\nafter-seconds = 1\nlasts-seconds = 30\n";
    let bench = Bench::new(&format!("[[goes-wrong]]\n{trouble}"));
    bench.create().await;
    until_second(&bench, 2).await;
    let copied = async || bench.streams("customer", "c2c").await.iter().map(|stream| stream.rows_copied).sum::<i64>();
    let streams = bench.streams("customer", "c2c").await;
    assert!(streams.iter().all(|stream| stream.state == "Error" && stream.message == b"disk full"), "{streams:?}");
    let before = copied().await;
    until_second(&bench, 30).await;
    assert_eq!(copied().await, before);
    bench.until_copied().await;
    assert!(bench.seconds() > 31.0);
    assert_eq!(bench.sandbox.violations_seen().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn vtctld_is_killed_at_the_step_that_is_named_and_is_there_again_later() {
    let bench = running(
        "what = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nnumber = 2\nstep = \"rebuild-cell\"\nat = \"zone2\"\nwhen = \"before\"\nrestarts-after-seconds = 10\n",
    )
    .await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    let began = bench.seconds();
    let error = bench.vtctld.write(bench.switch_request(&[Primary], 0), Duration::from_secs(60)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    let error = bench.vtctld.read(data::GetKeyspacesRequest {}).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(bench.seconds() - began < 14.0);
    // zone1, where the application is, serves the new rules; zone2 the old ones.
    let served = bench.vtctld.read(data::GetSrvVSchemasRequest { cells: vec![] }).await.unwrap().srv_v_schemas;
    let to = |cell: &str| {
        let rules = &served[cell].routing_rules.as_ref().unwrap().rules;
        rules.iter().find(|rule| rule.from_table == "customer").unwrap().to_tables.join(",")
    };
    assert_eq!((to("zone1").as_str(), to("zone2").as_str()), ("customer.customer", "commerce.customer"));
    // Once.
    bench.sandbox.take_away_named_lock("customer", "c2c").unwrap();
    bench.sandbox.end_leases().unwrap();
    assert_eq!(bench.switch(&[Primary], 0).await.unwrap(), "All Reads Switched. Writes Switched");
}

#[tokio::test(start_paused = true)]
async fn a_new_primary_puts_streams_in_error_for_six_seconds_and_a_switch_at_that_moment_is_rolled_back() {
    let bench = running("what = \"reparent\"\nkeyspace = \"commerce\"\nshard = \"0\"\nafter-seconds = 60\n").await;
    let alias = async || {
        let request = data::GetShardRequest { keyspace: "commerce".into(), shard_name: "0".into() };
        bench.vtctld.read(request).await.unwrap().shard.unwrap().shard.unwrap().primary_alias.unwrap().uid
    };
    let before = alias().await;
    until_second(&bench, 62).await;
    assert_ne!(alias().await, before);
    let streams = bench.streams("customer", "c2c").await;
    assert!(streams.iter().all(|stream| stream.state == "Error"), "{streams:?}");
    until_second(&bench, 67).await;
    assert!(bench.streams("customer", "c2c").await.iter().all(|stream| stream.state == "Running" && stream.message.is_empty()));
    assert_eq!(bench.lag().await, 0);

    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    let now = bench.sandbox.log_of_steps().unwrap().len() as u64;
    // The sixteenth step of a switch of writes with its lock and its refreshed tablets: the streams have caught up.
    let what = StepWhat::ReparentPrimary { keyspace: "commerce".into(), shard: "0".into() };
    bench.sandbox.at_step(StepFault { step_number: now + 17, when: When::After, what }).unwrap();
    let refused = bench.switch(&[Primary], 0).await.unwrap_err();
    assert!(refused.starts_with("failed to create the reverse vreplication streams: rpc error: code = Unavailable"), "{refused}");
    assert_eq!(bench.sandbox.accounts().unwrap()[0].writes_go_to, Ok("commerce".to_owned()));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.switch(&[Primary], 0).await.unwrap(), "All Reads Switched. Writes Switched");
    assert_eq!(bench.sandbox.violations_seen().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_tablet_that_is_down_is_not_read_and_bars_a_switch() {
    let trouble = "what = \"tablet-down\"\nkeyspace = \"customer\"\nshard = \"80-\"\ntablet-type = \"replica\"\nafter-seconds = 60\nlasts-seconds = 60\n";
    let bench = running(trouble).await;
    until_second(&bench, 61).await;
    let refused = bench.switch(&[Primary], 0).await.unwrap_err();
    assert!(refused.contains("could not refresh all of the tablets involved in the operation"), "{refused}");
    let refresh = data::RefreshStateByShardRequest { keyspace: "customer".into(), shard: "80-".into(), cells: vec![] };
    assert!(bench.write(refresh).await.unwrap().is_partial_refresh);
    until_second(&bench, 121).await;
    assert!(bench.switch(&[Primary], 0).await.is_ok());
    // A primary: nothing of vreplication can be read, and writes wait.
    bench.sandbox.tablet_down("customer", "-80", Kind::Primary).unwrap();
    let request = data::GetWorkflowsRequest { keyspace: "customer".into(), ..Default::default() };
    assert!(bench.vtctld.read(request).await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(bench.sandbox.accounts().unwrap()[0].held_back > 50);
    bench.sandbox.tablets_up("customer", "-80").unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    bench.account();
}

#[tokio::test(start_paused = true)]
async fn throttled_streams_run_and_apply_nothing() {
    let bench = running("what = \"throttled\"\nkeyspace = \"customer\"\nafter-seconds = 60\nlasts-seconds = 30\n").await;
    until_second(&bench, 80).await;
    let streams = bench.streams("customer", "c2c").await;
    let throttled = |stream: &data::workflow::Stream| stream.throttler_status.as_ref().unwrap().time_throttled.is_some();
    assert!(streams.iter().all(|stream| stream.state == "Running" && throttled(stream)));
    assert_eq!(bench.lag().await, 20);
    let refused = bench.switch(&[Primary], 0).await.unwrap_err();
    assert!(refused.starts_with("failed to sync up replication"), "{refused}");
    until_second(&bench, 91).await;
    assert_eq!(bench.lag().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_vdiff_stands_and_another_ends_with_an_error() {
    let bench = running(
        "what = \"vdiff-stuck\"\nafter-seconds = 30\nlasts-seconds = 60\n[[goes-wrong]]\nwhat = \"vdiff-error\"\ntable = \"corder\"\nmessage = \"out of memory\"\nnumber = 2\n",
    )
    .await;
    until_second(&bench, 31).await;
    let states = async |uuid: &str| {
        let create = data::VDiffCreateRequest {
            workflow: "c2c".into(),
            target_keyspace: "customer".into(),
            uuid: uuid.into(),
            ..Default::default()
        };
        bench.write(create).await.unwrap();
        tokio::time::sleep(Duration::from_secs(20)).await;
        let request = data::VDiffShowRequest { workflow: "c2c".into(), target_keyspace: "customer".into(), arg: uuid.into() };
        let shown = bench.vtctld.read(request).await.unwrap();
        crate::cluster::vtctld::convert::vdiff::vdiff(uuid, &shown).unwrap().shards
    };
    use crate::model::vdiff::VDiffState::{Completed, Error, Started};
    let first = "7dd5a0f8-5ed8-4d0f-9c06-1bbd5a4a8a3f";
    assert!(states(first).await.values().all(|shard| shard.state == Started));
    until_second(&bench, 110).await;
    let shown = bench
        .vtctld
        .read(data::VDiffShowRequest { workflow: "c2c".into(), target_keyspace: "customer".into(), arg: first.into() })
        .await
        .unwrap();
    let shards = crate::cluster::vtctld::convert::vdiff::vdiff(first, &shown).unwrap().shards;
    assert!(shards.values().all(|shard| shard.state == Completed), "{shards:?}");
    let second = states("8dd5a0f8-5ed8-4d0f-9c06-1bbd5a4a8a3f").await;
    assert!(second.values().all(|shard| shard.state == Error && shard.last_error == "out of memory"), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn somebody_else_cancels_what_we_made() {
    let bench =
        running("what = \"somebody-acts\"\nafter-seconds = 60\ndoes = \"cancel\"\nkeyspace = \"customer\"\nworkflow = \"c2c\"\n")
            .await;
    assert_eq!(bench.streams("customer", "c2c").await.len(), 2);
    until_second(&bench, 61).await;
    assert!(bench.streams("customer", "c2c").await.is_empty());
    assert_eq!(bench.sandbox.rows("customer", "corder").unwrap(), None);
    assert_eq!(bench.account().writes_go_to, Ok("commerce".to_owned()));
}
