//! A movement by calls alone, in virtual time, while the application writes.

use std::time::Duration;

use super::*;
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, topodata, vtctldata as data, vttime};
use crate::cluster::vtctld::{Vtctld, Write};

pub const WORLD: &str = r#"
version = 1
start = "2026-12-01T20:00:00Z"
cells = ["zone1", "zone2"]

[keyspaces.commerce.tables.customer]
rows = 100_000
columns = ["customer_id bigint not null auto_increment", "email varchar(64)"]
writes-per-second = 50

[keyspaces.commerce.tables.corder]
rows = 30_000
columns = ["corder_id bigint not null auto_increment", "customer_id bigint not null"]

[keyspaces.commerce.tables.customer_seq]
sequence-next-id = 1

[keyspaces.commerce.vschema.tables]
customer = {}
corder = {}
customer_seq = { type = "sequence" }

[keyspaces.customer]
shards = ["-80", "80-"]

[keyspaces.customer.vschema]
sharded = true
vindexes.xxhash.type = "xxhash"

[keyspaces.customer.vschema.tables.customer]
column_vindexes = [{ column = "customer_id", name = "xxhash" }]
auto_increment = { column = "customer_id", sequence = "commerce.customer_seq" }

[keyspaces.customer.vschema.tables.corder]
column_vindexes = [{ column = "customer_id", name = "xxhash" }]

[application]
keyspace = "commerce"
"#;

pub struct Bench {
    pub sandbox: Sandbox,
    pub vtctld: Vtctld,
}

impl Bench {
    pub fn new(more: &str) -> Self {
        let description: Description = toml::from_str(&format!("{WORLD}{more}")).unwrap();
        let sandbox = Sandbox::in_memory(&description, Timestamp::UNIX_EPOCH);
        let vtctld = Vtctld::in_process(sandbox.routes(), "the sandbox");
        Self { sandbox, vtctld }
    }

    pub async fn write<R: Write>(&self, request: R) -> Result<crate::cluster::vtctld::Answer<R>, String> {
        self.vtctld.write(request, Duration::from_secs(120)).await.map_err(|error| error.message)
    }

    pub async fn create(&self) {
        let request = data::MoveTablesCreateRequest {
            workflow: "c2c".into(),
            source_keyspace: "commerce".into(),
            target_keyspace: "customer".into(),
            include_tables: vec!["customer".into(), "corder".into()],
            auto_start: true,
            workflow_options: Some(data::WorkflowOptions { sharded_auto_increment_handling: 1, ..Default::default() }),
            ..Default::default()
        };
        self.write(request).await.unwrap();
    }

    /// Since the beginning.
    pub fn seconds(&self) -> f64 {
        let began: Timestamp = "2026-12-01T20:00:00Z".parse().unwrap();
        self.sandbox.clock().now().duration_since(began).as_secs_f64()
    }

    /// Of the streams, in seconds.
    pub async fn lag(&self) -> i64 {
        let request = data::GetWorkflowsRequest { keyspace: "customer".into(), workflow: "c2c".into(), ..Default::default() };
        self.vtctld.read(request).await.unwrap().workflows[0].max_v_replication_transaction_lag
    }

    pub async fn switch(&self, kinds: &[topodata::TabletType], direction: i32) -> Result<String, String> {
        self.write(self.switch_request(kinds, direction)).await.map(|answer| answer.current_state)
    }

    pub fn switch_request(&self, kinds: &[topodata::TabletType], direction: i32) -> data::WorkflowSwitchTrafficRequest {
        data::WorkflowSwitchTrafficRequest {
            keyspace: "customer".into(),
            workflow: "c2c".into(),
            tablet_types: kinds.iter().map(|kind| i32::from(*kind)).collect(),
            direction,
            enable_reverse_replication: true,
            initialize_target_sequences: true,
            timeout: Some(vttime::Duration { seconds: 5, nanos: 0 }),
            ..Default::default()
        }
    }

    pub async fn streams(&self, keyspace: &str, workflow: &str) -> Vec<data::workflow::Stream> {
        let request = data::GetWorkflowsRequest { keyspace: keyspace.into(), workflow: workflow.into(), ..Default::default() };
        let answer = self.vtctld.read(request).await.unwrap();
        answer.workflows.into_iter().flat_map(|it| it.shard_streams.into_values()).flat_map(|it| it.streams).collect()
    }

    pub async fn until_copied(&self) {
        loop {
            let streams = self.streams("customer", "c2c").await;
            if streams.iter().all(|stream| !stream.position.is_empty() && stream.copy_states.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub fn account(&self) -> account::TableAccount {
        let customer = self.sandbox.accounts().unwrap().into_iter().find(|account| account.table == "customer").unwrap();
        assert_eq!((customer.lost, customer.twice, customer.failed), (0, 0, 0), "{customer:?}");
        customer
    }
}

#[tokio::test(start_paused = true)]
async fn a_movement_forth_and_back_and_forth_loses_nothing_and_takes_nothing_twice() {
    use topodata::TabletType::{Primary, Rdonly, Replica};
    let bench = Bench::new("");
    bench.create().await;
    bench.until_copied().await;
    assert_eq!(bench.switch(&[Replica, Rdonly], 0).await.unwrap(), "All Reads Switched. Writes Not Switched");
    assert_eq!(bench.account().writes_go_to, Ok("commerce".to_owned()));
    assert_eq!(bench.switch(&[Primary], 0).await.unwrap(), "All Reads Switched. Writes Switched");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let account = bench.account();
    assert_eq!(account.writes_go_to, Ok("customer".to_owned()));
    assert!((2_000..3_000).contains(&account.longest_pause_milliseconds), "{account:?}");
    assert!(bench.streams("customer", "c2c").await.iter().all(|stream| stream.message == b"FROZEN"));
    assert_eq!(bench.streams("commerce", "c2c_reverse").await[0].state, "Running");

    bench.switch(&[Primary, Replica, Rdonly], 1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(bench.account().writes_go_to, Ok("commerce".to_owned()));

    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    bench.switch(&[Primary], 0).await.unwrap();
    let complete = data::MoveTablesCompleteRequest {
        workflow: "c2c".into(),
        target_keyspace: "customer".into(),
        rename_tables: true,
        ..Default::default()
    };
    bench.write(complete).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(bench.streams("customer", "c2c").await.is_empty());
    // Its rules are gone, and the application is still connected to the source: errno 1146.
    let customer = &bench.sandbox.accounts().unwrap()[0];
    assert!(customer.failed > 0 && customer.writes_go_to.is_err(), "{customer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sequence_that_is_behind_gives_an_id_out_twice_and_the_account_knows() {
    use topodata::TabletType::{Primary, Rdonly, Replica};
    let bench = Bench::new("");
    bench.create().await;
    bench.until_copied().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    let request = data::WorkflowSwitchTrafficRequest {
        keyspace: "customer".into(),
        workflow: "c2c".into(),
        tablet_types: vec![Primary.into()],
        enable_reverse_replication: true,
        initialize_target_sequences: false,
        ..Default::default()
    };
    bench.write(request).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    // 100,000 rows were there before the application began: its own ids are above them.
    let customer = &bench.sandbox.accounts().unwrap()[0];
    assert!(customer.twice > 0, "{customer:?}");
    let reverse = &bench.streams("commerce", "c2c_reverse").await[0];
    assert_eq!(reverse.state, "Error");
}

#[tokio::test(start_paused = true)]
async fn a_switch_waits_for_a_transaction_and_a_call_cut_off_there_is_rolled_back() {
    use topodata::TabletType::Primary;
    let bench = Bench::new(
        "[[goes-wrong]]\nwhat = \"long-transaction\"\nkeyspace = \"commerce\"\ntable = \"customer\"\nafter-seconds = 30\nlasts-seconds = 33\n",
    );
    bench.create().await;
    bench.until_copied().await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    let request = data::WorkflowSwitchTrafficRequest {
        keyspace: "customer".into(),
        workflow: "c2c".into(),
        tablet_types: vec![Primary.into()],
        enable_reverse_replication: true,
        ..Default::default()
    };
    assert!(bench.vtctld.write(request, Duration::from_secs(2)).await.is_err());
    // vtgate goes on when its window has passed.
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(bench.account().writes_go_to, Ok("commerce".to_owned()));
    assert_eq!(bench.account().held_back, 0);
    assert!(bench.streams("customer", "c2c").await.iter().all(|stream| stream.state == "Running"));
    assert!(bench.streams("commerce", "c2c_reverse").await.is_empty());
    let began = bench.seconds();
    assert_eq!(bench.switch(&[Primary], 0).await.unwrap(), "Reads Not Switched. Writes Switched");
    let lasted = bench.seconds() - began;
    assert!((6.0..9.0).contains(&lasted), "{lasted}");
    bench.account();
}

#[tokio::test(start_paused = true)]
async fn a_vdiff_counts_what_differs_and_stops_the_streams_while_it_prepares() {
    let bench = Bench::new("[[goes-wrong]]\nwhat = \"rows-differ\"\ntable = \"corder\"\nmismatched = 2\nextra-on-target = 1\n");
    bench.create().await;
    bench.until_copied().await;
    let uuid = "7dd5a0f8-5ed8-4d0f-9c06-1bbd5a4a8a3f";
    let create = || data::VDiffCreateRequest {
        workflow: "c2c".into(),
        target_keyspace: "customer".into(),
        uuid: uuid.into(),
        ..Default::default()
    };
    bench.write(create()).await.unwrap();
    let mut stood_still = false;
    loop {
        let streams = bench.streams("customer", "c2c").await;
        stood_still |= streams.iter().any(|stream| stream.message == b"for vdiff" && stream.state == "Stopped");
        let request = data::VDiffShowRequest { workflow: "c2c".into(), target_keyspace: "customer".into(), arg: uuid.into() };
        let shown = bench.vtctld.read(request).await.unwrap();
        let vdiff = crate::cluster::vtctld::convert::vdiff::vdiff(uuid, &shown).unwrap();
        if vdiff.shards.values().all(|shard| shard.state == crate::model::vdiff::VDiffState::Completed) {
            let of = |table: &str| -> (i64, i64, i64) {
                let reports: Vec<_> = vdiff.shards.values().filter_map(|shard| shard.tables.get(table)?.report).collect();
                let sum = |of: fn(&crate::model::vdiff::VDiffReport) -> i64| reports.iter().map(of).sum();
                (sum(|it| it.processed_rows), sum(|it| it.mismatched_rows), sum(|it| it.extra_rows_target))
            };
            assert_eq!(of("corder"), (30_001, 2, 1));
            let (rows, mismatched, extra) = of("customer");
            assert!(rows > 100_000 && (mismatched, extra) == (0, 0));
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(stood_still);
    assert!(bench.write(create()).await.unwrap_err().contains("vdiff with UUID"));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_workflow_is_not_started_and_settings_are_left_alone() {
    use topodata::TabletType::{Primary, Rdonly, Replica};
    let bench = Bench::new("");
    bench.create().await;
    bench.until_copied().await;
    bench.switch(&[Replica, Rdonly], 0).await.unwrap();
    bench.switch(&[Primary], 0).await.unwrap();
    let update = data::WorkflowUpdateRequest {
        keyspace: "customer".into(),
        tablet_request: Some(tabletmanagerdata::UpdateVReplicationWorkflowRequest {
            workflow: "c2c".into(),
            cells: vec!["NULL".into()],
            tablet_types: vec![-1],
            state: Some(binlogdata::VReplicationWorkflowState::Running.into()),
            ..Default::default()
        }),
    };
    let refused = bench.write(update).await.unwrap_err();
    assert!(refused.lines().count() == 2 && refused.ends_with("cannot start a workflow when it is frozen"), "{refused}");
    let cancel = data::WorkflowDeleteRequest { keyspace: "customer".into(), workflow: "c2c".into(), ..Default::default() };
    assert_eq!(bench.write(cancel).await.unwrap_err(), "cannot delete workflow because you have already switched write traffic");
}

#[test]
fn a_state_survives_its_process_and_another_description_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let description: Description = toml::from_str(WORLD).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let sandbox = Sandbox::open(folder.path(), &description, Timestamp::UNIX_EPOCH).unwrap();
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(sandbox.accounts().unwrap()[0].acknowledged, 5_000);
    });
    let other = Description { cells: vec!["elsewhere".to_owned()], ..description.clone() };
    assert!(matches!(Sandbox::open(folder.path(), &other, Timestamp::UNIX_EPOCH), Err(SandboxError::AnotherDescription { .. })));
    runtime.block_on(async {
        let sandbox = Sandbox::open(folder.path(), &description, Timestamp::UNIX_EPOCH).unwrap();
        // No command ran, so no time passed.
        assert_eq!(sandbox.accounts().unwrap()[0].acknowledged, 5_000);
        assert_eq!(sandbox.clock().now().to_string(), "2026-12-01T20:01:40Z");
    });
}
