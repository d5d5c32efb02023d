//! That each check fails on a real cluster for what it is about, alone, and passes again when that is mended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::clock::SystemClock;
use cutover::cluster::ClusterError;
use cutover::cluster::mutation::{AutoIncrementHandling, SourceTables};
use cutover::cluster::port::{Facts, Query};
use cutover::cluster::vtctld::{Cluster as Adapter, ConnectionSettings, Vtctld};
use cutover::family::Family as _;
use cutover::family::move_tables::MoveTables;
use cutover::finding::{CheckResult, Finding, Severity};
use cutover::model::name::TableName;
use cutover::plan::checks::{self, CheckInput};
use cutover::record::progress::Progress;
use cutover::run::phase::PhaseId;
use cutover::spec::{self, Movement as SpecMovement, TableSelection};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::support::harness::cases;
use super::support::{Case, Cluster, Movement, OnDrop, Shape, World};

pub fn tests() -> Vec<Case> {
    cases![
        a_sound_movement_passes_every_check,
        a_vtctld_that_does_not_answer,
        a_table_that_is_not_in_the_source,
        a_table_that_is_in_the_target,
        a_table_without_a_usable_vindex,
        a_null_in_the_sharding_column,
        ids_that_would_be_given_twice,
        a_sequence_that_two_tables_share,
        a_sequence_whose_name_vtgate_cannot_read,
        rules_of_somebody_else,
        rules_that_are_saved_and_not_served,
        a_name_that_leads_nowhere_at_the_end,
        a_table_without_a_key,
        what_holds_on_to_a_table,
        an_old_copy_in_the_way_of_rename,
        rules_of_the_three_other_kinds,
        a_bare_name_that_is_another_keyspaces,
    ]
}

/// How long a change may take to be seen: a replica has to follow, a cell to be rebuilt.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// A movement as the plan file says it, and the cluster as the port sees it.
pub(super) struct Bench {
    cluster: &'static Cluster,
    runtime: Runtime,
    adapter: Adapter,
    pub(super) movement: MoveTables,
    pub(super) progress: Progress,
}

impl Bench {
    pub(super) fn new(world: &World, movement: &Movement) -> Self {
        let reading = spec::read(&movement.plan("[complete]\nsource-tables = \"rename\"\n")).expect("a plan file");
        let SpecMovement::MoveTables(options) = reading.spec.movement.clone();
        let TableSelection::Named(tables) = options.tables.clone() else { panic!("{:?}", options.tables) };
        let runtime = Runtime::new().expect("a runtime");
        let adapter = adapter(&runtime, world.cluster.vtctld());
        let movement = MoveTables { spec: reading.spec, options, tables };
        Self { cluster: world.cluster, runtime, adapter, movement, progress: Progress::default() }
    }

    pub(super) fn look(&self, phases: &[PhaseId]) -> Result<Facts, ClusterError> {
        self.runtime.block_on(checks::look(&self.adapter, &self.movement, phases, Query::default(), None))
    }

    /// What the checks before a phase find; for none, those before every phase that is ahead.
    pub(super) fn run(&self, before: Option<&PhaseId>) -> Vec<Finding> {
        let begin = Instant::now();
        let phases =
            before.map_or_else(|| self.movement.phases().into_iter().map(|phase| phase.id).collect(), |one| vec![one.clone()]);
        let facts = self.look(&phases).unwrap_or_else(|error| panic!("{error}"));
        let input = CheckInput { movement: &self.movement, facts: &facts, progress: &self.progress };
        let findings = checks::run(&input, before);
        eprintln!("  {} findings of {} answers in {} ms", findings.len(), facts.answers.len(), begin.elapsed().as_millis());
        findings
    }

    /// What the checks before a phase make of a look when it is so much older than what it saw.
    pub(super) fn run_later(&self, before: &PhaseId, later: SignedDuration) -> Vec<Finding> {
        let mut facts = self.look(std::slice::from_ref(before)).unwrap_or_else(|error| panic!("{error}"));
        facts.observed_at += later;
        checks::run(&CheckInput { movement: &self.movement, facts: &facts, progress: &self.progress }, Some(before))
    }

    /// Waits until exactly these block, as `C203 commerce.corder`, and gives them.
    pub(super) fn expect_before(&self, phase: &PhaseId, expected: &[String]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let begin = Instant::now();
        loop {
            findings.clear();
            findings.extend(self.run(Some(phase)).into_iter().filter(Finding::blocks));
            let mut found: Vec<String> = findings.iter().map(|finding| format!("{} {}", finding.code, finding.subject)).collect();
            found.sort();
            if found == expected {
                return findings;
            }
            assert!(begin.elapsed() < SEEN_WITHIN, "expected {expected:?}, but these block: {findings:#?}");
        }
    }

    pub(super) fn expect(&self, expected: &[String]) -> Vec<Finding> {
        self.expect_before(&PhaseId::CREATE, expected)
    }

    /// Waits until one check alone blocks, on one subject, and says this of it.
    pub(super) fn expect_one(&self, code: &str, subject: &str, says: &str) -> Finding {
        let finding = self.expect(&[format!("{code} {subject}")]).remove(0);
        assert!(finding.summary.contains(says), "{says:?} is not in {:?}", finding.summary);
        finding
    }

    pub(super) fn expect_nothing(&self) {
        self.expect(&[]);
    }

    pub(super) fn sql(&self, keyspace: &str, sql: &str) {
        self.cluster.execute_primaries(keyspace, sql);
    }

    pub(super) fn change_vschema(&self, keyspace: &str, change: impl FnOnce(&mut Value)) {
        let vtctl = self.cluster.vtctl();
        let mut vschema = vtctl.vschema(keyspace);
        change(&mut vschema);
        vtctl.apply_vschema(keyspace, &vschema);
    }

    /// Puts these rules beside those that are there; gives back what has to be applied to have them away again.
    fn add_rules(&self, rules: &[(&str, &str)]) -> Vec<Value> {
        let vtctl = self.cluster.vtctl();
        let before = vtctl.routing_rules();
        let added = rules.iter().map(|(from, to)| json!({ "from_table": from, "to_tables": [to] }));
        let all: Vec<Value> = before.iter().cloned().chain(added).collect();
        vtctl.apply_routing_rules(&all);
        before
    }
}

fn adapter(runtime: &Runtime, address: &str) -> Adapter {
    let _inside = runtime.enter();
    let vtctld = Vtctld::connect(&ConnectionSettings::plaintext(address)).expect("settings for a local vtctld");
    Adapter::new(vtctld, Arc::new(SystemClock))
}

/// One table of ten rows from `commerce` to the sharded `customer`.
pub(super) fn one_table(world: &World) -> (Movement, Bench, String) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 10, ..Shape::default() });
    let bench = Bench::new(world, &movement);
    let table = movement.tables[0].clone();
    (movement, bench, table)
}

fn a_sound_movement_passes_every_check(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    let bench = Bench::new(world, &movement);
    let findings = bench.run(None);
    let amiss: Vec<&Finding> = findings.iter().filter(|finding| finding.result != CheckResult::Pass).collect();
    // That qualified names will not resolve at the end is true of every movement.
    assert!(amiss.iter().all(|finding| finding.code == "C213" && finding.severity == Severity::Warning), "{amiss:#?}");
    for check in checks::CHECKS {
        assert!(findings.iter().any(|finding| finding.code == check.code), "{} says nothing", check.code);
    }
}

fn a_vtctld_that_does_not_answer(world: &World) {
    let (_movement, mut bench, _) = one_table(world);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    bench.adapter = adapter(&bench.runtime, &address);
    let error = bench.look(&[PhaseId::CREATE]).expect_err("nobody listens there");
    let finding = checks::unreachable(&error.to_string(), &address);
    assert!(finding.blocks() && finding.subject == address, "{finding:#?}");
}

fn a_table_that_is_not_in_the_source(world: &World) {
    let (_movement, mut bench, table) = one_table(world);
    let view = format!("{table}_view");
    bench.sql("commerce", &format!("create view {view} as select id from {table}"));
    bench.movement.options.sharded_auto_increment_handling = AutoIncrementHandling::Remove;
    for (name, says) in [(format!("{table}_gone"), "doesn't exist"), (view.clone(), "is a view")] {
        let entry = json!({ "column_vindexes": [{ "column": "id", "name": "xxhash" }] });
        bench.change_vschema("customer", |vschema| vschema["tables"][&name] = entry);
        bench.movement.tables = vec![TableName::new(name.as_str()).expect("a name")];
        let found = bench.run(Some(&PhaseId::CREATE));
        let of_check: Vec<&Finding> = found.iter().filter(|finding| finding.code == "C203" && finding.blocks()).collect();
        assert!(of_check.len() == 1 && of_check[0].summary.contains(says), "{found:#?}");
    }
    bench.sql("commerce", &format!("drop view {view}"));
    bench.movement.tables = vec![TableName::new(table.as_str()).expect("a name")];
    bench.expect_nothing();
}

fn a_table_that_is_in_the_target(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let subject = format!("customer.{table}");
    let create: Vec<(String, String)> = world.cluster.query_primaries("commerce", &format!("show create table {table}"));
    // As create makes it: the same without AUTO_INCREMENT.
    let counting = create[0].1.clone();
    let same = counting.replace(" AUTO_INCREMENT,", ",");
    assert_ne!(same, counting);

    bench.sql("customer", &same);
    bench.expect_nothing();
    bench.sql("customer", &format!("insert into {table} (id, token) values (1, 'leftover')"));
    let finding = bench.expect_one("C204", &subject, "holds rows on `-80`, `80-`");
    assert_eq!(finding.seen, "rows on 2 shards");

    bench.sql("customer", &format!("drop table {table}"));
    bench.sql("customer", &counting);
    bench.expect_one("C204", &subject, "has AUTO_INCREMENT on shard `-80`");
    bench.sql("customer", &format!("drop table {table}"));
    bench.sql("customer", &same.replace("varchar(64)", "varchar(32)"));
    bench.expect_one("C204", &subject, "is defined otherwise");
    bench.sql("customer", &format!("drop table {table}"));
    bench.expect_nothing();
}

fn a_table_without_a_usable_vindex(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let subject = format!("customer.{table}");
    let entry = world.cluster.vtctl().vschema("customer")["tables"][&table].take();

    bench.change_vschema("customer", |vschema| {
        vschema["tables"].as_object_mut().expect("tables").remove(&table);
    });
    // Without the entry nothing names the sequence either.
    let found = bench.expect(&[format!("C205 {subject}"), format!("C207 {subject}")]);
    assert!(found[0].summary.contains("doesn't have"), "{found:#?}");

    bench.change_vschema("customer", |vschema| {
        vschema["tables"][&table] = entry.clone();
        vschema["tables"][&table]["column_vindexes"] = json!([{ "column": "user_id", "name": "xxhash" }]);
    });
    bench.expect_one("C205", &subject, "has no such column");
    bench.change_vschema("customer", |vschema| vschema["tables"][&table] = entry);
    bench.expect_nothing();
}

fn a_null_in_the_sharding_column(world: &World) {
    let (_movement, bench, table) = one_table(world);
    bench.sql("commerce", &format!("alter table {table} add column region bigint, add key (region)"));
    bench.change_vschema("customer", |vschema| {
        vschema["tables"][&table]["column_vindexes"] = json!([{ "column": "region", "name": "xxhash" }]);
    });
    bench.expect_one("C206", &format!("commerce.{table}"), "NULL in the sharding column `region`");
    bench.sql("commerce", &format!("update {table} set region = id"));
    bench.expect_nothing();
}

fn ids_that_would_be_given_twice(world: &World) {
    let (_movement, mut bench, table) = one_table(world);
    let subject = format!("customer.{table}");
    bench.expect_nothing();
    bench.movement.options.initialize_target_sequences = false;
    let finding = bench.expect_one("C207", &subject, "ids would be given twice");
    assert_eq!(finding.seen, "next 1, largest 10");
    bench.expect_before(&PhaseId::SWITCH_PRIMARY, &[format!("C207 {subject}")]);
    bench.sql("commerce", &format!("delete from {table}_seq"));
    bench.expect_one("C207", &subject, "has no row");
    bench.sql("commerce", &format!("insert into {table}_seq values (0, 11, 1000)"));
    bench.expect_nothing();

    // The VSchema names it without its keyspace, then not at all.
    bench.change_vschema("customer", |vschema| {
        vschema["tables"][&table]["auto_increment"]["sequence"] = json!(format!("{table}_seq"))
    });
    bench.expect_nothing();
    bench.change_vschema("customer", |vschema| {
        vschema["tables"][&table].as_object_mut().expect("an entry").remove("auto_increment");
    });
    bench.expect_one("C207", &subject, "create removes AUTO_INCREMENT");
    bench.movement.options.sharded_auto_increment_handling = AutoIncrementHandling::Leave;
    bench.expect_one("C207", &subject, "give the same ids");
    // `replace` names `<table>_seq`, which is there.
    bench.movement.options.sharded_auto_increment_handling = AutoIncrementHandling::Replace;
    bench.expect_nothing();
    bench.sql("commerce", &format!("drop table {table}_seq"));
    bench.expect_one("C207", &subject, "has no table in `commerce`");
}

/// Vitess sets a shared sequence by the largest id of one of its tables: what the check says, and then what Vitess does.
fn a_sequence_that_two_tables_share(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 3, rows: 10, ..Shape::default() });
    let bench = Bench::new(world, &movement);
    let [first, second, third] = &movement.tables[..] else { panic!("three tables") };
    // The sequence of the third is in no VSchema and has no table: the switch makes it.
    let shared = format!("commerce.{first}_seq");
    bench.change_vschema("customer", |vschema| {
        vschema["tables"][second]["auto_increment"]["sequence"] = json!(shared);
        vschema["tables"][third]["auto_increment"]["sequence"] = json!(format!("commerce.{third}_made"));
    });
    bench.sql("commerce", &format!("update {first} set id = 7000 where id = 10"));
    bench.expect(&[format!("C207 customer.{first}"), format!("C207 customer.{second}")]);

    let vtctl = world.cluster.vtctl();
    let tables = movement.tables.join(",");
    let workflow = &movement.workflow;
    vtctl.move_tables("customer", workflow, &["create", "--source-keyspace", "commerce", "--tables", &tables]);
    movement.wait_until_caught_up();
    vtctl.move_tables("customer", workflow, &["switchtraffic", "--initialize-target-sequences"]);
    let next = |sequence: &str| world.cluster.query_primaries::<i64>("commerce", &format!("select next_id from {sequence}"));
    assert_eq!(next(&format!("{first}_seq")), [11], "set by the second table, while the first goes up to 7000");
    assert_eq!(next(&format!("{third}_made")), [11]);
    world.cluster.query::<u64>("customer", &format!("insert into {third} (token) values ('by vtgate')"));
    assert_eq!(world.cluster.query::<u64>("customer", &format!("select id from {third} where token = 'by vtgate'")), [11]);
}

/// vtgate parses the name as SQL. Where it can't, it leaves the whole table out of its VSchema, and writes fail after the switch with
/// "does not have a primary vindex".
fn a_sequence_whose_name_vtgate_cannot_read(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let sequence = format!("{table}-ids");
    bench.sql("commerce", &format!("create table `{sequence}` like {table}_seq"));
    bench.sql("commerce", &format!("insert into `{sequence}` values (0, 1, 1000)"));
    bench.change_vschema("commerce", |vschema| vschema["tables"][&sequence] = json!({ "type": "sequence" }));
    let name_it = |name: String| {
        bench.change_vschema("customer", |vschema| vschema["tables"][&table]["auto_increment"]["sequence"] = json!(name));
    };
    name_it(format!("`commerce`.`{sequence}`"));
    bench.expect_nothing();
    name_it(format!("commerce.{sequence}"));
    bench.expect_one("C207", &format!("customer.{table}"), &sequence);
}

fn rules_of_somebody_else(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let before = bench.add_rules(&[(&format!("customer.{table}@replica"), &format!("commerce.{table}"))]);
    bench.expect_one("C208", &format!("commerce.{table}"), "1 routing rule");
    bench.cluster.vtctl().apply_routing_rules(&before);
    bench.expect_nothing();

    let other = format!("{table}_as_it_was");
    let before = bench.add_rules(&[(&other, &format!("commerce.{table}"))]);
    bench.expect_one("C208", &other, "leads to");
    bench.expect_before(&PhaseId::COMPLETE, &[format!("C208 {other}")]);
    bench.cluster.vtctl().apply_routing_rules(&before);
    bench.expect_nothing();
}

fn rules_that_are_saved_and_not_served(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let in_both_cells = ["C209 zone1".to_owned(), "C209 zone2".to_owned()];
    let before = vtctl.routing_rules();
    // Of another table, and only by its name one that the clean-up takes for this test's.
    let rule = json!({ "from_table": format!("{table}_prepared"), "to_tables": ["archive.prepared"] });
    let rules: Vec<Value> = before.iter().cloned().chain([rule]).collect();
    vtctl.run(&["ApplyRoutingRules", "--skip-rebuild", "--rules", &json!({ "rules": rules }).to_string()]);
    for phase in [PhaseId::CREATE, PhaseId::SWITCH_PRIMARY, PhaseId::REMOVE_RULES] {
        let found = bench.expect_before(&phase, &in_both_cells);
        assert!(found.iter().all(|finding| finding.summary.contains(&format!("`{table}_prepared`"))), "{found:#?}");
    }
    vtctl.run(&["RebuildVSchemaGraph", "--cells", "zone1"]);
    bench.expect_one("C209", "zone2", "1 routing rule");
    vtctl.run(&["RebuildVSchemaGraph"]);
    bench.expect_nothing();
    vtctl.apply_routing_rules(&before);

    let was = vtctl.vschema("archive");
    let mut vschema = was.clone();
    vschema["tables"][format!("{table}_prepared")] = json!({});
    vtctl.run(&["ApplyVSchema", "--skip-rebuild", "--vschema", &vschema.to_string(), "archive"]);
    let found = bench.expect(&in_both_cells);
    assert!(found[0].summary.ends_with("the VSchema of `archive`"), "{found:#?}");
    vtctl.apply_vschema("archive", &was);
    bench.expect_nothing();
}

fn a_name_that_leads_nowhere_at_the_end(world: &World) {
    let (_movement, mut bench, table) = one_table(world);
    let subject = [format!("C213 customer.{table}")];
    bench.expect_before(&PhaseId::REMOVE_RULES, &[]);
    bench.movement.spec.complete.source_tables = SourceTables::Keep;
    let found = bench.expect_before(&PhaseId::REMOVE_RULES, &subject);
    assert!(found[0].summary.ends_with("in the VSchemas of `commerce`, `customer`"), "{found:#?}");
    bench.movement.spec.complete.source_tables = SourceTables::Drop;
    bench.expect_before(&PhaseId::REMOVE_RULES, &[]);

    let was = world.cluster.vtctl().vschema("archive");
    bench.change_vschema("archive", |vschema| vschema["tables"][&table] = json!({}));
    bench.expect_before(&PhaseId::REMOVE_RULES, &subject);
    world.cluster.vtctl().apply_vschema("archive", &was);
    bench.expect_before(&PhaseId::REMOVE_RULES, &[]);
}

fn a_table_without_a_key(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let subject = format!("commerce.{table}");
    bench.sql("commerce", &format!("alter table {table} drop primary key, add key by_id (id)"));
    bench.expect_one("C216", &subject, "neither a primary key nor a unique one");
    bench.sql("commerce", &format!("alter table {table} modify token varchar(64), add unique key by_token (token)"));
    bench.expect_one("C216", &subject, "`by_token` may hold a NULL");
    bench.sql("commerce", &format!("alter table {table} add unique key only_one (id)"));
    bench.expect_nothing();
    bench.sql("commerce", &format!("alter table {table} add column f float not null default 1, add primary key (f, id)"));
    bench.expect_one("C216", &subject, "has the FLOAT `f` in its key");
    bench.sql("commerce", &format!("alter table {table} drop primary key, drop column f"));
    bench.expect_nothing();

    // A stream writes `where f = 1.1`.
    bench.sql("commerce", &format!("create table {table}_f (f float not null, primary key (f))"));
    bench.sql("commerce", &format!("insert into {table}_f values (1.1)"));
    let found = world.cluster.query_primaries::<u64>("commerce", &format!("select count(*) from {table}_f where f = 1.1"));
    assert_eq!(found, [0]);
}

fn what_holds_on_to_a_table(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let commerce = |sql: String| bench.sql("commerce", &sql);
    bench.expect_nothing();
    commerce(format!("create table {table}_child (id bigint unsigned primary key, foreign key (id) references {table} (id))"));
    bench.expect_one("C217", &format!("commerce.{table}_child"), "has the foreign key");
    commerce(format!("drop table {table}_child"));
    bench.expect_nothing();

    commerce(format!("create table {table}_parent (id bigint unsigned primary key)"));
    commerce(format!("insert into {table}_parent values (0)"));
    commerce(format!("alter table {table} add constraint {table}_fk foreign key (hits) references {table}_parent (id)"));
    bench.expect_one("C217", &format!("commerce.{table}"), "which stays");
    commerce(format!("alter table {table} drop foreign key {table}_fk"));
    bench.expect_nothing();

    commerce(format!(
        "alter table {table} add column boss bigint unsigned, add constraint {table}_boss foreign key (boss) references {table} (id) on delete cascade"
    ));
    bench.expect_one("C217", &format!("commerce.{table}"), "changes rows by itself");
    commerce(format!("alter table {table} drop foreign key {table}_boss"));
    bench.expect_nothing();

    commerce(format!("create trigger {table}_trigger before insert on {table} for each row set new.hits = 1"));
    bench.expect_one("C217", &format!("commerce.{table}_trigger"), "which is not moved");
    commerce(format!("drop trigger {table}_trigger"));
    commerce(format!("create trigger {table}_writes after insert on {table}_parent for each row update {table} set hits = 1"));
    bench.expect_one("C217", &format!("commerce.{table}_writes"), "is lost");
    commerce(format!("drop trigger {table}_writes"));
    bench.expect_nothing();

    commerce(format!("create view {table}_view as select id from {table}"));
    let found = bench.run(Some(&PhaseId::CREATE));
    let view = found.iter().find(|finding| finding.code == "C217").expect("a finding");
    assert_eq!(
        (view.severity, view.subject.as_str()),
        (Severity::Warning, format!("commerce.{table}_view").as_str()),
        "{found:#?}"
    );
    commerce(format!("drop view {table}_view"));
    bench.expect_nothing();
}

fn an_old_copy_in_the_way_of_rename(world: &World) {
    let (_movement, mut bench, table) = one_table(world);
    let subject = format!("commerce._{table}_old");
    bench.sql("commerce", &format!("create table _{table}_old (id int primary key)"));
    bench.expect_one("C219", &subject, "which is there already on `0`");
    bench.expect_before(&PhaseId::COMPLETE, &[format!("C219 {subject}")]);
    bench.movement.spec.complete.source_tables = SourceTables::Drop;
    bench.expect_nothing();
    bench.movement.spec.complete.source_tables = SourceTables::Rename;
    bench.sql("commerce", &format!("drop table _{table}_old"));
    bench.expect_nothing();

    let stem = format!("{table:x<59}");
    bench.movement.tables = ["a", "b"].map(|end| TableName::new(format!("{stem}{end}")).expect("a name")).to_vec();
    let found = bench.run(Some(&PhaseId::CREATE));
    let alike: Vec<&Finding> = found.iter().filter(|finding| finding.code == "C219" && finding.blocks()).collect();
    assert!(alike.len() == 1 && alike[0].seen == "2 tables", "{found:#?}");
}

fn rules_of_the_three_other_kinds(world: &World) {
    let (movement, mut bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let none = json!({ "rules": [] }).to_string();
    // Of reads of a keyspace that no test reads now.
    let shard = json!({ "rules": [{ "from_keyspace": "archive", "to_keyspace": "customer", "shard": "0" }] });
    let keyspace = json!({ "rules": [{ "from_keyspace": "archive@rdonly", "to_keyspace": "customer" }] });
    for (verb, rules, subject) in [
        ("ApplyShardRoutingRules", shard, "shard routing rules"),
        ("ApplyKeyspaceRoutingRules", keyspace, "keyspace routing rules"),
    ] {
        let _back = OnDrop(|| drop(vtctl.attempt(&[verb, "--rules", &none])));
        vtctl.run(&[verb, "--rules", &rules.to_string()]);
        bench.expect_one("C220", subject, "1 ");
        vtctl.run(&[verb, "--rules", &none]);
        bench.expect_nothing();
    }

    // Only a workflow mirrors.
    vtctl.move_tables("customer", &movement.workflow, &["create", "--source-keyspace", "commerce", "--tables", &table]);
    movement.wait_until_caught_up();
    let facts = bench.look(&[PhaseId::CREATE]).unwrap_or_else(|error| panic!("{error}"));
    bench.progress.streams = bench.movement.incarnation(&facts);
    bench.expect_before(&PhaseId::SWITCH_REPLICAS, &[]);
    let mirror = |percent: &str| {
        vtctl.attempt(&[
            "MoveTables",
            "--target-keyspace",
            "customer",
            "--workflow",
            &movement.workflow,
            "mirrortraffic",
            "--percent",
            percent,
        ])
    };
    let _back = OnDrop(|| drop(mirror("0")));
    mirror("1").unwrap_or_else(|error| panic!("{error}"));
    let found = bench.expect_before(&PhaseId::SWITCH_REPLICAS, &["C220 mirror rules".to_owned()]);
    assert!(found[0].summary.contains(&format!("`commerce.{table}` → `customer.{table} 1`")), "{found:#?}");
    mirror("0").unwrap_or_else(|error| panic!("{error}"));
    bench.expect_before(&PhaseId::SWITCH_REPLICAS, &[]);
}

fn a_bare_name_that_is_another_keyspaces(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let was = vtctl.vschema("archive");
    bench.change_vschema("archive", |vschema| vschema["tables"][&table] = json!({}));
    let _archive = OnDrop(|| vtctl.apply_vschema("archive", &was));
    bench.expect_nothing();
    let found = bench.run(Some(&PhaseId::CREATE));
    let ambiguous = found.iter().find(|finding| finding.code == "C221").expect("a finding");
    assert!(ambiguous.severity == Severity::Warning && ambiguous.summary.contains("ambiguous now"), "{found:#?}");

    let stand_aside = |aside: bool| {
        for keyspace in ["commerce", "customer"] {
            bench.change_vschema(keyspace, |vschema| vschema["require_explicit_routing"] = json!(aside));
        }
    };
    let _aside = OnDrop(|| stand_aside(false));
    stand_aside(true);
    bench.expect_one("C221", &format!("commerce.{table}"), "leads to `archive` now");
    stand_aside(false);
    bench.expect_nothing();
}
