//! Each planned fault befalls where it was planned, and ends.

use std::time::Duration;

use super::super::operation::STEPS;
use super::super::tests::Bench;
use super::*;
use crate::cluster::vtctld::generated::topodata::TabletType::{Primary, Rdonly, Replica};
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata as data};
use crate::cluster::{Effect, ErrorKind};

async fn running() -> Bench {
    let bench = Bench::new("");
    bench.create().await;
    bench.until_copied().await;
    bench
}

fn names(bench: &Bench) -> Vec<String> {
    bench.sandbox.log_of_steps().unwrap().iter().map(ToString::to_string).collect()
}

impl Bench {
    /// Kills vtctld at the first step of that name that is still to come.
    fn kill_at(&self, name: &str, when: When, restart_after: Duration, undisturbed: &[StepDone]) {
        let done = self.sandbox.log_of_steps().unwrap().len();
        let place = undisturbed.iter().skip(done).position(|step| step.to_string().starts_with(name));
        let step_number = (done + 1 + place.unwrap_or_else(|| panic!("no step {name}"))) as u64;
        self.sandbox.at_step(StepFault { step_number, when, what: StepWhat::KillVtctld { restart_after } }).unwrap();
    }

    /// Keys of the locks that stand below a path.
    async fn locks_of(&self, path: &str) -> usize {
        let request = data::GetTopologyPathRequest { path: format!("/global/{path}/locks"), version: 0, as_json: false };
        self.vtctld.read(request).await.map_or(0, |answer| answer.cell.unwrap_or_default().children.len())
    }

    async fn denied(&self, keyspace: &str, shard: &str) -> bool {
        let request = data::GetShardRequest { keyspace: keyspace.into(), shard_name: shard.into() };
        let answer = self.vtctld.read(request).await.unwrap();
        !answer.shard.unwrap().shard.unwrap().tablet_controls.is_empty()
    }

    async fn status(&self) -> String {
        let request = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: "c2c".into(), ..Default::default() };
        self.vtctld.read(request).await.unwrap().traffic_state
    }

    fn writes_go_to(&self) -> Result<String, String> {
        self.sandbox.accounts().unwrap()[0].writes_go_to.clone()
    }
}

fn complete(rename_tables: bool) -> data::MoveTablesCompleteRequest {
    data::MoveTablesCompleteRequest {
        workflow: "c2c".into(),
        target_keyspace: "customer".into(),
        rename_tables,
        ..Default::default()
    }
}

fn control(shard: &str, remove: bool) -> data::SetShardTabletControlRequest {
    data::SetShardTabletControlRequest {
        keyspace: "commerce".into(),
        shard: shard.into(),
        tablet_type: Primary.into(),
        denied_tables: vec!["customer".into(), "corder".into()],
        remove,
        ..Default::default()
    }
}

/// The steps of reads, then writes switched, on a bench that nothing befalls.
async fn undisturbed() -> Vec<StepDone> {
    let bench = running().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    bench.switch(&[Primary], 0).await.unwrap();
    bench.sandbox.log_of_steps().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_calm_switch_is_these_steps() {
    let steps: Vec<String> = undisturbed().await.iter().map(ToString::to_string).collect();
    let of = |operation: &str| -> Vec<&str> {
        steps.iter().filter_map(|step| step.strip_prefix(operation)?.strip_prefix('/')).collect()
    };
    assert_eq!(
        of("switch-reads"),
        [
            "lock-source/commerce",
            "lock-target/customer",
            "save-read-rules",
            "rebuild-cell/zone1",
            "rebuild-cell/zone2",
            "unlock-keyspaces"
        ]
    );
    assert_eq!(
        of("switch-writes"),
        [
            "lock-source/commerce",
            "lock-target/customer",
            "stop-source-writes/commerce/0",
            "stop-source-writes-refresh/commerce/0",
            "stop-source-writes-allow-target/customer/-80",
            "stop-source-writes-refresh-target/customer/-80",
            "stop-source-writes-allow-target/customer/80-",
            "stop-source-writes-refresh-target/customer/80-",
            "lock-tables/commerce/0",
            "lock-tables-again/commerce/0",
            "gather-positions/commerce/0",
            "stop-stream/customer/-80",
            "stop-stream/customer/80-",
            "delete-old-reverse/commerce/0",
            "create-reverse/commerce/0",
            "create-reverse/commerce/0",
            "initialize-sequences",
            "create-journal/commerce/0",
            "allow-target-writes-deny-source/commerce/0",
            "allow-target-writes-refresh-source/commerce/0",
            "allow-target-writes/customer/-80",
            "allow-target-writes-refresh/customer/-80",
            "allow-target-writes/customer/80-",
            "allow-target-writes-refresh/customer/80-",
            "save-rules",
            "rebuild-cell/zone1",
            "rebuild-cell/zone2",
            "start-reverse/commerce/0",
            "freeze/customer/-80",
            "freeze/customer/80-",
            "unlock-keyspaces",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_step_that_is_done_has_a_name_in_the_list_and_every_name_is_a_step() {
    let mut seen = std::collections::BTreeSet::new();
    let mut note = |bench: &Bench| {
        for step in bench.sandbox.log_of_steps().unwrap() {
            let call = match step.operation.as_str() {
                "create" => "MoveTablesCreate",
                "switch" | "switch-reads" | "switch-writes" => "WorkflowSwitchTraffic",
                "complete" => "MoveTablesComplete",
                "cancel" => "WorkflowDelete",
                "set-denied-tables" => "SetShardTabletControl",
                "apply-rules" => "ApplyRoutingRules",
                "rebuild" => "RebuildVSchemaGraph",
                "update-streams" => "WorkflowUpdate",
                "vdiff" => "VDiffCreate",
                other => panic!("{other}"),
            };
            let known = STEPS.iter().find(|(name, _)| *name == call).unwrap().1;
            assert!(known.contains(&step.step.as_str()), "{call} {step}");
            seen.insert((call, step.step));
        }
    };
    // Forth, with a rollback and a VDiff, and completed.
    let bench = running().await;
    let uuid = "7dd5a0f8-5ed8-4d0f-9c06-1bbd5a4a8a3f".to_owned();
    bench
        .write(data::VDiffCreateRequest {
            workflow: "c2c".into(),
            target_keyspace: "customer".into(),
            uuid,
            ..Default::default()
        })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut impatient = bench.switch_request(&[Primary], 0);
    impatient.timeout.as_mut().unwrap().seconds = 1;
    assert!(bench.write(impatient).await.unwrap_err().starts_with("failed to sync up replication"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    bench.switch(&[Replica, Rdonly, Primary], 0).await.unwrap();
    bench.write(control("0", false)).await.unwrap();
    let rules = bench.vtctld.read(data::GetRoutingRulesRequest {}).await.unwrap().routing_rules;
    bench.write(data::ApplyRoutingRulesRequest { routing_rules: rules, ..Default::default() }).await.unwrap();
    bench.write(data::RebuildVSchemaGraphRequest::default()).await.unwrap();
    bench.write(complete(true)).await.unwrap();
    note(&bench);
    let bench = running().await;
    bench.switch(&[Replica, Rdonly, Primary], 0).await.unwrap();
    bench.write(complete(false)).await.unwrap();
    note(&bench);
    // To an unsharded target: refused at its last check, then made, stopped and cancelled.
    let bench = Bench::new("[keyspaces.other]\n");
    let mut create = data::MoveTablesCreateRequest {
        workflow: "c2o".into(),
        source_keyspace: "commerce".into(),
        target_keyspace: "other".into(),
        include_tables: vec!["corder".into()],
        auto_start: true,
        source_time_zone: "Nowhere/Land".into(),
        ..Default::default()
    };
    assert!(bench.write(create.clone()).await.unwrap_err().starts_with("unable to perform time_zone conversions"));
    create.source_time_zone.clear();
    bench.write(create).await.unwrap();
    let tablet_request = tabletmanagerdata::UpdateVReplicationWorkflowRequest {
        workflow: "c2o".into(),
        cells: vec!["NULL".into()],
        tablet_types: vec![-1],
        state: Some(binlogdata::VReplicationWorkflowState::Stopped.into()),
        ..Default::default()
    };
    bench.write(data::WorkflowUpdateRequest { keyspace: "other".into(), tablet_request: Some(tablet_request) }).await.unwrap();
    bench
        .write(data::WorkflowDeleteRequest { keyspace: "other".into(), workflow: "c2o".into(), ..Default::default() })
        .await
        .unwrap();
    note(&bench);
    // With sequences that are named by the create.
    let bench = Bench::new(
        "[keyspaces.third]\nvschema = { sharded = true, vindexes = { xxhash = { type = \"xxhash\" } }, tables = { corder = { column_vindexes = [{ column = \"corder_id\", name = \"xxhash\" }] } } }\nshards = [\"-\"]\n",
    );
    let create = data::MoveTablesCreateRequest {
        workflow: "c23".into(),
        source_keyspace: "commerce".into(),
        target_keyspace: "third".into(),
        include_tables: vec!["corder".into()],
        workflow_options: Some(data::WorkflowOptions { sharded_auto_increment_handling: 2, ..Default::default() }),
        ..Default::default()
    };
    bench.write(create).await.unwrap();
    note(&bench);
    let missing: Vec<(&str, &str)> = STEPS
        .iter()
        .flat_map(|(call, steps)| steps.iter().map(|step| (*call, *step)))
        .filter(|(call, step)| !seen.contains(&(*call, (*step).to_owned())))
        .collect();
    assert_eq!(missing, [] as [(&str, &str); 0]);
}

/// experiments.md, "vtctld killed (-9) inside the primary switch": after which step, where writes go, what the status says, whether
/// the source and the target deny, the streams' message, the streams of the way back, and whether there is a journal.
#[tokio::test(start_paused = true)]
async fn a_death_in_a_switch_leaves_what_a_real_one_left() {
    let undisturbed = undisturbed().await;
    let cases = [
        ("switch-writes/lock-target", "flow", "Writes Not Switched", false, true, "", 0),
        ("switch-writes/stop-source-writes-refresh", "refused", "Writes Not Switched", true, true, "", 0),
        ("switch-writes/lock-tables-again", "refused", "Writes Not Switched", true, false, "", 0),
        ("switch-writes/create-reverse", "refused", "Writes Not Switched", true, false, "stopped for cutover", 1),
        ("switch-writes/initialize-sequences", "refused", "Writes Not Switched", true, false, "stopped for cutover", 2),
        ("switch-writes/create-journal", "refused", "Writes Not Switched", true, false, "stopped for cutover", 2),
        ("switch-writes/save-rules", "refused", "Writes Switched", true, false, "stopped for cutover", 2),
        ("switch-writes/start-reverse", "flow", "Writes Switched", true, false, "stopped for cutover", 2),
        ("switch-writes/freeze/customer/80-", "flow", "Writes Switched", true, false, "FROZEN", 2),
    ];
    for (step, writes, status, source, target, message, reverse) in cases {
        let bench = running().await;
        bench.switch(&[Replica, Rdonly], 0).await.unwrap();
        bench.kill_at(step, When::After, Duration::ZERO, &undisturbed);
        let error = bench.vtctld.write(bench.switch_request(&[Primary], 0), Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown), "{step}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(if bench.writes_go_to().is_ok() { "flow" } else { "refused" }, writes, "{step}");
        assert!(bench.status().await.ends_with(status), "{step}: {}", bench.status().await);
        assert_eq!((bench.denied("commerce", "0").await, bench.denied("customer", "80-").await), (source, target), "{step}");
        let streams = bench.streams("customer", "c2c").await;
        assert!(streams.iter().all(|stream| stream.message == message.as_bytes()), "{step}: {streams:?}");
        assert_eq!(bench.streams("commerce", "c2c_reverse").await.len(), reverse, "{step}");
        // The locks outlive their owner: the workflow's for a day, the keyspaces' for 3 x 5 s + 30 s.
        let locks = async || {
            let keyspaces = bench.locks_of("keyspaces/commerce").await + bench.locks_of("keyspaces/customer").await;
            (bench.locks_of("internal/named_locks/customer/c2c").await, keyspaces)
        };
        assert_eq!(locks().await, (1, 2), "{step}");
        tokio::time::sleep(Duration::from_secs(46)).await;
        assert_eq!(locks().await, (1, 0), "{step}");
        let refused = bench.switch(&[Primary], 0).await.unwrap_err();
        assert!(refused.starts_with("failed to lock the customer/c2c workflow: deadline exceeded"), "{step}: {refused}");
        assert_eq!(bench.sandbox.violations_seen().unwrap(), [], "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_lock_gone_a_second_switch_finishes_what_a_journal_began() {
    let undisturbed = undisturbed().await;
    for step in ["create-journal", "allow-target-writes/customer/-80", "save-rules", "rebuild-cell/zone1", "start-reverse"] {
        let bench = running().await;
        bench.switch(&[Replica, Rdonly], 0).await.unwrap();
        bench.kill_at(&format!("switch-writes/{step}"), When::After, Duration::ZERO, &undisturbed);
        bench.write(bench.switch_request(&[Primary], 0)).await.unwrap_err();
        assert!(bench.sandbox.take_away_named_lock("customer", "c2c").unwrap());
        bench.sandbox.end_leases().unwrap();
        let state = bench.switch(&[Primary], 0).await.unwrap();
        assert_eq!(state, "All Reads Switched. Writes Switched", "{step}");
        assert!(bench.streams("customer", "c2c").await.iter().all(|stream| stream.message == b"FROZEN"), "{step}");
        assert_eq!(bench.writes_go_to(), Ok("customer".to_owned()), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_frozen_streams_stay_so_whoever_switches_again() {
    let undisturbed = undisturbed().await;
    let bench = running().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    bench.kill_at("switch-writes/freeze", When::After, Duration::ZERO, &undisturbed);
    bench.write(bench.switch_request(&[Primary], 0)).await.unwrap_err();
    bench.sandbox.take_away_named_lock("customer", "c2c").unwrap();
    bench.sandbox.end_leases().unwrap();
    bench.switch(&[Primary], 0).await.unwrap();
    let frozen = bench.streams("customer", "c2c").await.iter().filter(|stream| stream.message == b"FROZEN").count();
    assert_eq!(frozen, 1);
    assert!(bench.write(complete(true)).await.unwrap_err().starts_with("vreplication streams are not frozen on tablet"));
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_dies_after_the_streams_has_lost_its_way() {
    let bench = running().await;
    bench.switch(&[Replica, Rdonly, Primary], 0).await.unwrap();
    let before = bench.sandbox.log_of_steps().unwrap().len() as u64;
    // lock x 3, 2 tables, the VSchema, 3 shards allowed and refreshed, the way back, two shards' streams
    let what = StepWhat::KillVtctld { restart_after: Duration::ZERO };
    bench.sandbox.at_step(StepFault { step_number: before + 15, when: When::After, what }).unwrap();
    bench.write(complete(true)).await.unwrap_err();
    assert_eq!(names(&bench).last().unwrap(), "complete/delete-streams/customer/80-");
    bench.sandbox.take_away_named_lock("customer", "c2c").unwrap();
    assert_eq!(bench.write(complete(true)).await.unwrap_err(), "no streams found in keyspace customer for c2c");
    let rules = bench.vtctld.read(data::GetRoutingRulesRequest {}).await.unwrap().routing_rules.unwrap().rules;
    assert_eq!(rules.len(), 16);
}

#[tokio::test(start_paused = true)]
async fn denied_tables_are_known_to_tablets_when_they_are_refreshed_and_vtgate_goes_on_when_its_cell_is_rebuilt() {
    let bench = running().await;
    bench.write(control("0", false)).await.unwrap();
    assert!(bench.denied("commerce", "0").await);
    assert_eq!(bench.writes_go_to(), Ok("commerce".to_owned()));
    let refresh = || data::RefreshStateByShardRequest { keyspace: "commerce".into(), shard: "0".into(), cells: vec![] };
    bench.write(refresh()).await.unwrap();
    assert_eq!(bench.writes_go_to(), Err("commerce denies them".to_owned()));
    bench.write(control("0", true)).await.unwrap();
    bench.write(refresh()).await.unwrap();
    assert_eq!(bench.writes_go_to(), Ok("commerce".to_owned()));
    // vtgate has not noticed.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let held_back = || bench.sandbox.accounts().unwrap()[0].held_back;
    assert_eq!(held_back(), 100);
    assert!(bench.account().longest_pause_milliseconds >= 2_000, "a pause counts while it lasts");
    bench.write(data::RebuildVSchemaGraphRequest::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(held_back(), 0);
    // Without a rebuild it goes on when its window has passed.
    bench.write(control("0", false)).await.unwrap();
    bench.write(refresh()).await.unwrap();
    bench.write(control("0", true)).await.unwrap();
    bench.write(refresh()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(held_back(), 450);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(held_back(), 0);
    assert!((10_000..11_000).contains(&bench.account().longest_pause_milliseconds));
}

#[tokio::test(start_paused = true)]
async fn a_control_waits_for_a_dead_owners_lease_and_the_streams_go_back_by_hand() {
    let undisturbed = undisturbed().await;
    let bench = running().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    bench.kill_at("switch-writes/stop-stream/customer/80-", When::After, Duration::ZERO, &undisturbed);
    bench.write(bench.switch_request(&[Primary], 0)).await.unwrap_err();
    let died = bench.seconds();
    // 3 x 5 s + 30 s since the locks were looked after last, before the wait for the streams.
    bench.write(control("0", true)).await.unwrap();
    let waited = bench.seconds() - died;
    assert!((42.0..44.0).contains(&waited), "{waited}");
    bench
        .write(data::RefreshStateByShardRequest { keyspace: "commerce".into(), shard: "0".into(), cells: vec![] })
        .await
        .unwrap();
    bench.write(data::RebuildVSchemaGraphRequest::default()).await.unwrap();
    assert_eq!(bench.writes_go_to(), Ok("commerce".to_owned()));
    // One that comes earlier gives up after 45 s; it has stood in the queue until then.
    bench.sandbox.take_away_named_lock("customer", "c2c").unwrap();
    let mut request = bench.switch_request(&[Primary], 0);
    request.timeout.as_mut().unwrap().seconds = 30;
    request.max_replication_lag_allowed = Some(crate::cluster::vtctld::generated::vttime::Duration { seconds: 3600, nanos: 0 });
    let number = bench.sandbox.log_of_steps().unwrap().len() as u64 + 8;
    let what = StepWhat::KillVtctld { restart_after: Duration::ZERO };
    bench.sandbox.at_step(StepFault { step_number: number, when: When::After, what }).unwrap();
    bench.write(request).await.unwrap_err();
    let refused = bench.write(control("0", true)).await.unwrap_err();
    assert_eq!(refused, "deadline exceeded: /vitess/global/keyspaces/commerce/locks");
}

#[tokio::test(start_paused = true)]
async fn a_step_is_refused_with_its_words_and_rolled_back_where_vitess_does_that() {
    let undisturbed = undisturbed().await;
    for (step, within, is_rolled_back) in [
        ("gather-positions", "failed to gather replication positions on migration sources", false),
        ("create-reverse", "failed to create the reverse vreplication streams", true),
        ("allow-target-writes/customer/-80", "failed to allow writes in the customer keyspace", false),
    ] {
        let bench = running().await;
        bench.switch(&[Replica, Rdonly], 0).await.unwrap();
        let place = undisturbed.iter().position(|it| it.to_string().starts_with(&format!("switch-writes/{step}"))).unwrap();
        let what = StepWhat::Refuse("the moon is full".to_owned());
        bench.sandbox.at_step(StepFault { step_number: place as u64 + 1, when: When::Before, what }).unwrap();
        assert_eq!(bench.switch(&[Primary], 0).await.unwrap_err(), format!("{within}: the moon is full"));
        assert_eq!(bench.denied("commerce", "0").await, !is_rolled_back, "{step}");
        assert_eq!(bench.locks_of("keyspaces/commerce").await, 0, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_gone_and_an_answer_that_is_lost() {
    let undisturbed = undisturbed().await;
    let number = |step: &str| {
        1 + undisturbed.iter().position(|it| it.to_string().starts_with(&format!("switch-writes/{step}"))).unwrap() as u64
    };
    for (step, what, goes_to) in [
        ("lock-tables", StepWhat::CallerGone, Ok("commerce")),
        ("gather-positions", StepWhat::CallerGone, Err("commerce denies them")),
        ("save-rules", StepWhat::CallerGone, Ok("customer")),
        ("stop-stream", StepWhat::LoseAnswer, Ok("customer")),
    ] {
        let bench = running().await;
        bench.switch(&[Replica, Rdonly], 0).await.unwrap();
        bench.sandbox.at_step(StepFault { step_number: number(step), when: When::Before, what }).unwrap();
        let error = bench.vtctld.write(bench.switch_request(&[Primary], 0), Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{step}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(bench.writes_go_to(), goes_to.map(str::to_owned).map_err(str::to_owned), "{step}");
        assert_eq!(bench.locks_of("internal/named_locks/customer/c2c").await, 0, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn leases_that_end_in_the_middle_lose_the_locks_and_nothing_is_rolled_back() {
    let undisturbed = undisturbed().await;
    let bench = running().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    let place = undisturbed.iter().position(|it| it.to_string().starts_with("switch-writes/lock-tables")).unwrap();
    bench.sandbox.at_step(StepFault { step_number: place as u64 + 1, when: When::Before, what: StepWhat::LeasesEnd }).unwrap();
    let refused = bench.switch(&[Primary], 0).await.unwrap_err();
    assert_eq!(refused, "locks were lost: commerce keyspace lock was lost: node doesn't exist: lease");
    assert_eq!(bench.writes_go_to(), Err("commerce denies them".to_owned()));
    assert_eq!(bench.switch(&[Primary], 0).await.unwrap(), "All Reads Switched. Writes Switched");
}

#[tokio::test(start_paused = true)]
async fn a_lag_and_a_primary_that_is_gone_bar_a_switch_until_they_pass() {
    let undisturbed = undisturbed().await;
    let place = undisturbed.iter().position(|it| it.to_string().starts_with("switch-writes/stop-source-writes")).unwrap();
    let (keyspace, lasts) = (|| "customer".to_owned(), Duration::from_secs(60));
    for what in [
        StepWhat::Lag { keyspace: keyspace(), lag: Duration::from_secs(40), lasts },
        StepWhat::TabletGone { keyspace: keyspace(), shard: "-80".into(), kind: Kind::Primary, lasts },
    ] {
        let bench = running().await;
        bench.switch(&[Replica, Rdonly], 0).await.unwrap();
        bench.sandbox.at_step(StepFault { step_number: place as u64 + 1, when: When::Before, what: what.clone() }).unwrap();
        bench.switch(&[Primary], 0).await.expect_err(&format!("{what:?}"));
        tokio::time::sleep(lasts).await;
        assert_eq!(bench.switch(&[Primary], 0).await.unwrap(), "All Reads Switched. Writes Switched", "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_find_no_primary_are_not_told_as_denied() {
    let undisturbed = undisturbed().await;
    let place = undisturbed.iter().position(|it| it.to_string().starts_with("switch-writes/stop-source-writes")).unwrap();
    let bench = running().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    let (keyspace, lasts) = ("commerce".to_owned(), Duration::from_secs(60));
    let what = StepWhat::TabletGone { keyspace, shard: "0".into(), kind: Kind::Primary, lasts };
    bench.sandbox.at_step(StepFault { step_number: place as u64 + 1, when: When::Before, what }).unwrap();
    bench.switch(&[Primary], 0).await.unwrap_err();
    assert_eq!(bench.account().writes_go_to, Err("commerce has no primary that answers".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn calls_are_lost_late_twice_and_held_up() {
    let bench = running().await;
    let next = |bench: &Bench, what: CallWhat| {
        let number = bench.sandbox.log_of_calls().unwrap().len() as u64 + 1;
        bench.sandbox.at_call(CallFault { number, what }).unwrap();
    };
    let reads = || bench.switch_request(&[Replica, Rdonly], 0);
    let switched = async || bench.status().await.starts_with("All Reads Switched");
    next(&bench, CallWhat::LostBefore);
    assert!(bench.vtctld.write(reads(), Duration::from_secs(60)).await.is_err_and(|it| it.kind == ErrorKind::Unreachable));
    assert!(!switched().await);
    next(&bench, CallWhat::AnswerLost);
    assert!(bench.vtctld.write(reads(), Duration::from_secs(60)).await.is_err_and(|it| it.kind == ErrorKind::Unreachable));
    assert!(switched().await);
    next(&bench, CallWhat::AnswerLate(Duration::from_secs(30)));
    let back = bench.switch_request(&[Replica, Rdonly], 1);
    let late = bench.vtctld.write(back, Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(late.kind, ErrorKind::DeadlineExceeded);
    assert!(!switched().await);
    let began = bench.seconds();
    next(&bench, CallWhat::Hang(Duration::from_secs(7)));
    bench.write(reads()).await.unwrap();
    assert!((7.0..8.0).contains(&(bench.seconds() - began)));
    next(&bench, CallWhat::Twice);
    bench.switch(&[Primary], 0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let locks = names(&bench).iter().filter(|name| name.starts_with("switch/lock-workflow")).count();
    assert_eq!(locks, 5);
    assert_eq!(bench.account().writes_go_to, Ok("customer".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_started_past_its_journal_is_ruined() {
    let undisturbed = undisturbed().await;
    let bench = running().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    bench.kill_at("switch-writes/create-journal", When::After, Duration::ZERO, &undisturbed);
    bench.write(bench.switch_request(&[Primary], 0)).await.unwrap_err();
    let tablet_request = tabletmanagerdata::UpdateVReplicationWorkflowRequest {
        workflow: "c2c".into(),
        cells: vec!["NULL".into()],
        tablet_types: vec![-1],
        state: Some(binlogdata::VReplicationWorkflowState::Running.into()),
        ..Default::default()
    };
    bench.write(data::WorkflowUpdateRequest { keyspace: "customer".into(), tablet_request: Some(tablet_request) }).await.unwrap();
    let streams = bench.streams("customer", "c2c").await;
    assert!(
        streams.iter().all(|stream| stream.state == "Error" && stream.binlog_source.as_ref().unwrap().keyspace == "customer")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_planned_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let description = toml::from_str(super::super::tests::WORLD).unwrap();
    let fault = StepFault { step_number: 7, when: When::Before, what: StepWhat::LeasesEnd };
    {
        let sandbox = super::super::Sandbox::open(folder.path(), &description, Timestamp::UNIX_EPOCH).unwrap();
        sandbox.at_step(fault.clone()).unwrap();
        sandbox.kill_vtctld(Duration::from_secs(9)).unwrap();
    }
    let state = super::super::store::read(folder.path()).unwrap();
    assert_eq!(state.plan.steps, [fault]);
    assert!(state.vtctld.is_dead(state.now));
}
