//! That the checks find in a sandbox what its `sandbox.toml` puts there, and nothing in one that is sound.

use cutover::cluster::port::Query;
use cutover::cluster::vtctld::generated::vtctldata as data;
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::family::move_tables::MoveTables;
use cutover::finding::{CheckResult, Finding};
use cutover::plan::checks::{self, CheckInput};
use cutover::record::progress::Progress;
use cutover::run::phase::PhaseId;
use cutover::sandbox::Sandbox;
use cutover::sandbox::file::description::Description;
use cutover::spec::{self, Movement, TableSelection};
use jiff::Timestamp;

/// A sound movement of `customer` and `corder`, beside `product`. Each test puts one thing wrong.
const SOUND: &str = r#"
version = 1
start = "2026-12-01T14:00:00Z"

[keyspaces.commerce.tables.customer]
rows = 100
columns = ["customer_id bigint not null", "email varchar(64)"]

[keyspaces.commerce.tables.corder]
rows = 100
columns = ["corder_id bigint not null", "customer_id bigint not null"]

[keyspaces.commerce.tables.product]
columns = ["sku bigint not null", "customer_id bigint not null"]

[keyspaces.commerce.vschema.tables]
customer = {}
corder = {}
product = {}

[keyspaces.customer]
shards = ["-80", "80-"]

[keyspaces.customer.vschema]
sharded = true
vindexes.xxhash = { type = "xxhash" }
tables.customer.column_vindexes = [{ column = "customer_id", name = "xxhash" }]
tables.corder.column_vindexes = [{ column = "customer_id", name = "xxhash" }]
"#;

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"customer\", \"corder\"]\n[complete]\nsource-tables = \"rename\"\n";

struct Bench {
    vtctld: Vtctld,
    adapter: Cluster,
    movement: MoveTables,
}

impl Bench {
    fn new(sandbox: &str) -> Self {
        let description: Description = toml::from_str(sandbox).unwrap_or_else(|error| panic!("{error}\n{sandbox}"));
        let sandbox = Sandbox::in_memory(&description, Timestamp::UNIX_EPOCH);
        let vtctld = Vtctld::in_process(sandbox.routes(), "the sandbox");
        let reading = spec::read(PLAN).unwrap();
        let Movement::MoveTables(options) = reading.spec.movement.clone();
        let TableSelection::Named(tables) = options.tables.clone() else { panic!("{:?}", options.tables) };
        let movement = MoveTables { spec: reading.spec, options, tables };
        Self { adapter: Cluster::new(vtctld.clone(), sandbox.clock()), vtctld, movement }
    }

    /// What does not pass before create.
    async fn amiss(&self) -> Vec<Finding> {
        let before = PhaseId::CREATE;
        let facts =
            checks::look(&self.adapter, &self.movement, std::slice::from_ref(&before), Query::default(), None).await.unwrap();
        let input = CheckInput { movement: &self.movement, facts: &facts, progress: &Progress::default() };
        let mut findings = checks::run(&input, Some(&before));
        findings.retain(|finding| finding.result != CheckResult::Pass);
        findings
    }
}

/// `C216 commerce.corder`, blocking first.
async fn amiss(sandbox: &str) -> (Vec<String>, Vec<String>) {
    let findings = Bench::new(sandbox).amiss().await;
    let (blocking, others): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(Finding::blocks);
    let names = |findings: &[Finding]| findings.iter().map(|finding| format!("{} {}", finding.code, finding.subject)).collect();
    (names(&blocking), names(&others))
}

/// One thing, put in place of another of the sound one, or at its end, blocks alone.
async fn blocks(replaced: &str, by: &str, finding: &str) {
    assert_eq!(amiss(&with(replaced, by)).await, (vec![finding.to_owned()], vec![]), "{by}");
}

fn with(replaced: &str, by: &str) -> String {
    if replaced.is_empty() {
        return format!("{SOUND}{by}\n");
    }
    assert!(SOUND.contains(replaced), "{replaced}");
    SOUND.replacen(replaced, by, 1)
}

const CORDER: &str = "columns = [\"corder_id bigint not null\", \"customer_id bigint not null\"]\n";
const PRODUCT: &str = "columns = [\"sku bigint not null\", \"customer_id bigint not null\"]\n";

fn behind(line: &str, more: &str) -> String {
    format!("{line}{more}\n")
}

#[tokio::test(start_paused = true)]
async fn a_sound_sandbox_has_nothing_amiss() {
    assert_eq!(amiss(SOUND).await, (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn replicas_that_stand_still() {
    let sandbox = with("[keyspaces.customer]\n", "[keyspaces.customer]\nmysql.replicates = false\n");
    let (blocking, _) = amiss(&sandbox).await;
    assert_eq!(blocking.len(), 2, "one replica of each shard: {blocking:?}");
    assert!(blocking.iter().all(|finding| finding.starts_with("C215 zone1-")), "{blocking:?}");
}

#[tokio::test(start_paused = true)]
async fn a_table_without_a_key() {
    blocks(CORDER, &behind(CORDER, "primary-key = []"), "C216 commerce.corder").await;
}

#[tokio::test(start_paused = true)]
async fn foreign_keys_triggers_and_views() {
    let key = |column: &str, table: &str, more: &str| {
        let of = if table == "product" { "sku" } else { "customer_id" };
        format!("foreign-keys = [{{ column = \"{column}\", table = \"{table}\", table-column = \"{of}\"{more} }}]")
    };
    blocks(CORDER, &behind(CORDER, &key("customer_id", "product", "")), "C217 commerce.corder").await;
    blocks(CORDER, &behind(CORDER, &key("customer_id", "customer", ", cascades = true")), "C217 commerce.corder").await;
    blocks(CORDER, &behind(CORDER, &key("corder_id", "customer", "")), "C217 commerce.corder").await;
    assert_eq!(amiss(&with(CORDER, &behind(CORDER, &key("customer_id", "customer", "")))).await, (vec![], vec![]));
    blocks(PRODUCT, &behind(PRODUCT, &key("customer_id", "customer", "")), "C217 commerce.product").await;
    blocks(CORDER, &behind(CORDER, "triggers = [\"count_them\"]"), "C217 commerce.count_them").await;
    let view = with("", "[keyspaces.commerce.views]\nsales = [\"corder\", \"product\"]");
    assert_eq!(amiss(&view).await, (vec![], vec!["C217 commerce.sales".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_key_in_another_order_than_the_columns() {
    let sandbox = with(CORDER, &behind(CORDER, "primary-key = [\"customer_id\", \"corder_id\"]"));
    let (blocking, others) = amiss(&sandbox).await;
    assert_eq!((blocking.len(), others.len()), (0, 1), "{others:?}");
    assert!(others[0].starts_with("C218 commerce (a key whose columns"), "{others:?}");
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_in_the_way_of_rename() {
    blocks("", "[keyspaces.commerce.tables._corder_old]", "C219 commerce._corder_old").await;
}

#[tokio::test(start_paused = true)]
async fn rules_of_the_three_other_kinds() {
    blocks("", "[shard-routing-rules]\n\"commerce.0\" = \"archive\"", "C220 shard routing rules").await;
    blocks("", "[keyspace-routing-rules]\n\"customer@replica\" = \"archive\"", "C220 keyspace routing rules").await;
    blocks("", "[mirror-rules]\n\"commerce.corder@replica\" = \"archive.corder 10\"", "C220 mirror rules").await;
    assert_eq!(amiss(&with("", "[mirror-rules]\n\"commerce.product\" = \"archive.product 10\"")).await, (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_keyspace_has_too() {
    let archive = "[keyspaces.archive.tables.corder]\n[keyspaces.archive.vschema.tables]\ncorder = {}\n";
    assert_eq!(amiss(&with("", archive)).await, (vec![], vec!["C221 commerce.corder".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn another_workflow_on_the_same_tables() {
    let bench = Bench::new(SOUND);
    let request = data::MoveTablesCreateRequest {
        workflow: "another".into(),
        source_keyspace: "commerce".into(),
        target_keyspace: "customer".into(),
        include_tables: vec!["corder".into()],
        workflow_options: Some(data::WorkflowOptions { sharded_auto_increment_handling: 1, ..Default::default() }),
        ..Default::default()
    };
    bench.vtctld.write(request, std::time::Duration::from_secs(60)).await.unwrap();
    let found = bench.amiss().await;
    let other: Vec<&Finding> = found.iter().filter(|finding| finding.code == "C222").collect();
    let [other] = other[..] else { panic!("{found:#?}") };
    assert!(other.blocks());
    assert_eq!(other.summary, "the workflow `customer.another` (MoveTables) writes `customer.corder`");
    assert!(!found.iter().any(|finding| finding.code == "C223"), "what it denies is explained: {found:#?}");
    assert_eq!(bench.movement.workflow().as_str(), "c2c");
}

#[tokio::test(start_paused = true)]
async fn tables_that_somebody_has_denied() {
    let sandbox = with(
        "[keyspaces.commerce.tables.customer]",
        "[keyspaces.commerce]\ndenied-tables = [\"corder\"]\n[keyspaces.commerce.tables.customer]",
    );
    assert_eq!(amiss(&sandbox).await, (vec!["C223 commerce/0".to_owned()], vec![]));
}
