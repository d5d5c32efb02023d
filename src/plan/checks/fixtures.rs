//! Hand-made facts for the unit tests: a healthy movement of `customer` and `corder` from `commerce` to `customer`, which each
//! test breaks in the one place that it is about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::asks;
use super::{Check, CheckInput};
use crate::cluster::mutation::{CompleteMoveTables, CreateMoveTables, Mutation};
use crate::cluster::port::{Answer, Answered, Ask, Facts, MySqlStatus, OtherRules, Question, Served, TabletStatus};
use crate::family::Family as _;
use crate::family::move_tables::MoveTables;
use crate::family::move_tables::fixtures::commerce_to_customer;
use crate::finding::{CheckResult, Finding};
use crate::model::digest::Digest;
use crate::model::name::{CellName, KeyspaceName, ShardName, TableName};
use crate::model::routing::RoutingRules;
use crate::model::schema::TableDefinition;
use crate::model::stream_user::StreamUser;
use crate::model::throttler::Throttler;
use crate::model::topology::{Cells, Keyspace, Shard, Tablet, TabletAlias, TabletType};
use crate::model::vschema::{AutoIncrement, ColumnVindex, VSchema, VSchemaTable, Vindex};
use crate::model::workflow::{Stream, StreamState, Workflow};
use crate::record::entry::OutcomeResult;
use crate::record::progress::{Attempt, Progress};
use crate::run::phase::PhaseId;

pub const CUSTOMER: &str = "CREATE TABLE `customer` (\n  `customer_id` bigint NOT NULL AUTO_INCREMENT,\n  `email` varbinary(128) DEFAULT NULL,\n  PRIMARY KEY (`customer_id`)\n) ENGINE=InnoDB AUTO_INCREMENT=6";
pub const CORDER: &str = "CREATE TABLE `corder` (\n  `order_id` bigint NOT NULL AUTO_INCREMENT,\n  `customer_id` bigint NOT NULL,\n  `sku` varbinary(128) DEFAULT NULL,\n  PRIMARY KEY (`order_id`)\n) ENGINE=InnoDB";

pub struct Fixture {
    pub movement: MoveTables,
    pub facts: Facts,
    pub progress: Progress,
}

pub fn keyspace(name: &str) -> KeyspaceName {
    KeyspaceName::new(name).unwrap()
}

pub fn table_name(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

pub fn definition(create_statement: &str) -> TableDefinition {
    let quoted =
        |line: &str| line.trim().strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(name, _)| name.to_owned());
    TableDefinition {
        name: create_statement.split('`').nth(1).unwrap().to_owned(),
        is_view: false,
        create_statement: create_statement.to_owned(),
        columns: create_statement.lines().filter_map(quoted).collect(),
        primary_key_columns: vec![],
        data_length_bytes: 16_384,
        row_count: 5,
    }
}

pub fn vschema_table(column: &str, sequence: &str) -> VSchemaTable {
    VSchemaTable {
        column_vindexes: vec![ColumnVindex { columns: vec!["customer_id".into()], name: "xxhash".into() }],
        auto_increment: Some(AutoIncrement { column: column.into(), sequence: sequence.into() }),
        ..VSchemaTable::default()
    }
}

fn sequence() -> VSchemaTable {
    VSchemaTable { kind: "sequence".into(), ..VSchemaTable::default() }
}

fn shard(uid: u32, start: &str, end: &str) -> Shard {
    Shard {
        primary_alias: Some(TabletAlias { cell: "zone1".into(), uid }),
        primary_term_started_at: None,
        key_range: (start.into(), end.into()),
        is_primary_serving: true,
        tablet_controls: vec![],
    }
}

fn shards(shards: &[(&str, u32, &str, &str)]) -> Keyspace {
    Keyspace {
        is_snapshot: false,
        sidecar_database: "_vt".into(),
        shards: shards.iter().map(|(name, uid, start, end)| (ShardName::new(*name).unwrap(), shard(*uid, start, end))).collect(),
    }
}

pub fn tablet(keyspace: &str, shard: &str, uid: u32, tablet_type: TabletType) -> Tablet {
    Tablet {
        alias: TabletAlias { cell: "zone1".into(), uid },
        keyspace: keyspace.into(),
        shard: shard.into(),
        tablet_type,
        hostname: "localhost".into(),
        database: format!("vt_{keyspace}"),
        started_at: Some(Timestamp::UNIX_EPOCH),
    }
}

fn mysql() -> MySqlStatus {
    MySqlStatus {
        version: "9.7.0".into(),
        binlog_format: "ROW".into(),
        binlog_row_image: "FULL".into(),
        gtid_mode: "ON".into(),
        log_bin_enabled: true,
        log_replica_updates: true,
        replication_lag_seconds: None,
        replication_is_running: None,
    }
}

fn vschemas() -> BTreeMap<KeyspaceName, VSchema> {
    let commerce = VSchema {
        tables: ["customer", "corder", "product"]
            .map(|name| (name.to_owned(), VSchemaTable::default()))
            .into_iter()
            .chain(["customer_seq", "order_seq"].map(|name| (name.to_owned(), sequence())))
            .collect(),
        ..VSchema::default()
    };
    let customer = VSchema {
        sharded: true,
        vindexes: BTreeMap::from([("xxhash".into(), Vindex { kind: "xxhash".into(), ..Vindex::default() })]),
        tables: BTreeMap::from([
            ("customer".into(), vschema_table("customer_id", "customer_seq")),
            ("corder".into(), vschema_table("order_id", "order_seq")),
        ]),
        ..VSchema::default()
    };
    BTreeMap::from([(keyspace("commerce"), commerce), (keyspace("customer"), customer)])
}

impl Fixture {
    /// Healthy, before create. Sequences are set by the switch, so what SQL alone answers is little.
    pub fn new() -> Self {
        let facts = Facts {
            observed_at: Timestamp::UNIX_EPOCH,
            cells: Cells { names: vec![CellName::new("zone1").unwrap()], aliases: BTreeMap::new() },
            keyspaces: BTreeMap::from([
                (keyspace("commerce"), shards(&[("0", 100, "", "")])),
                (keyspace("customer"), shards(&[("-80", 200, "", "80"), ("80-", 300, "80", "")])),
            ]),
            vschemas: vschemas(),
            routing_rules: RoutingRules::default(),
            served: BTreeMap::new(),
            other_rules: OtherRules::default(),
            workflows: vec![],
            asked_keyspaces: BTreeSet::new(),
            answers: vec![],
        };
        let mut fixture = Self { movement: commerce_to_customer(), facts, progress: Progress::default() };
        fixture.answer(
            asks::source_tables(&fixture.movement),
            Answer::Tables(BTreeMap::from([("0".into(), by_name([definition(CORDER), definition(CUSTOMER)]))])),
        );
        fixture.answer(
            asks::target_tables(&fixture.movement),
            Answer::Tables(BTreeMap::from([("-80".into(), BTreeMap::new()), ("80-".into(), BTreeMap::new())])),
        );
        fixture.answer(
            Ask::Tablets(keyspace("commerce")),
            Answer::Tablets(vec![
                tablet("commerce", "0", 100, TabletType::Primary),
                tablet("commerce", "0", 101, TabletType::Replica),
            ]),
        );
        fixture.answer(
            Ask::Tablets(keyspace("customer")),
            Answer::Tablets(vec![
                tablet("customer", "-80", 200, TabletType::Primary),
                tablet("customer", "-80", 201, TabletType::Replica),
                tablet("customer", "80-", 300, TabletType::Primary),
                tablet("customer", "80-", 301, TabletType::Replica),
            ]),
        );
        let status = |uids: &[u32]| {
            let of = |uid: &u32| {
                // Primaries have round numbers.
                let replicates = !uid.is_multiple_of(100);
                let mysql = MySqlStatus {
                    replication_lag_seconds: replicates.then_some(0),
                    replication_is_running: replicates.then_some(true),
                    ..mysql()
                };
                TabletStatus { alias: TabletAlias { cell: "zone1".into(), uid: *uid }, status: Ok(mysql) }
            };
            Answer::TabletStatus(uids.iter().map(of).collect())
        };
        fixture.answer(Ask::TabletStatus(keyspace("commerce")), status(&[100, 101]));
        fixture.answer(Ask::TabletStatus(keyspace("customer")), status(&[200, 201, 300, 301]));
        fixture.quiet();
        let names = vec![table_name("customer_seq"), table_name("order_seq")];
        let sequences = ["customer_seq", "order_seq"].map(|name| {
            definition(&format!("CREATE TABLE `{name}` (\n  `id` int NOT NULL,\n  `next_id` bigint DEFAULT NULL\n)"))
        });
        fixture.answer(
            Ask::Tables { keyspace: keyspace("commerce"), names: Some(names) },
            Answer::Tables(BTreeMap::from([("0".into(), by_name(sequences))])),
        );
        fixture.sql(Question::Dependents { keyspace: keyspace("commerce") }, Answer::Dependents(BTreeSet::new()));
        for name in ["commerce", "customer"] {
            fixture.answer(Ask::Workflows(keyspace(name)), Answer::Workflows(vec![]));
        }
        let locks = fixture.movement.lock_ask();
        fixture.answer(locks, Answer::Locks(vec![]));
        let old: Vec<TableName> = fixture.movement.tables.iter().map(|table| table_name(&table.renamed())).collect();
        fixture.answer(
            Ask::Tables { keyspace: keyspace("commerce"), names: Some(old) },
            Answer::Tables(BTreeMap::from([("0".into(), BTreeMap::new())])),
        );
        fixture.vschemas_changed();
        fixture
    }

    /// Nobody else is at work, and there is room.
    fn quiet(&mut self) {
        for (name, shards) in [("commerce", &["0"][..]), ("customer", &["-80", "80-"])] {
            self.answer(Ask::SchemaChanges(keyspace(name)), Answer::SchemaChanges(vec![]));
            let off = Throttler { is_enabled: false, refuses: None, rules: vec![], data_directory_used_percent: None };
            let throttlers = shards.iter().map(|shard| ((*shard).to_owned(), off.clone())).collect();
            self.answer(Ask::Throttlers(keyspace(name)), Answer::Throttlers(throttlers));
            let kept = shards.iter().map(|shard| ((*shard).to_owned(), Some(259_200))).collect();
            self.sql(Question::BinlogRetention { keyspace: keyspace(name) }, Answer::BinlogRetention(kept));
        }
        let user = StreamUser { accounts: 1, may_write_streams: 1, may_write_tables: 1, unclear: 0 };
        self.sql(Question::StreamUser { keyspace: keyspace("commerce") }, Answer::StreamUser([("0".to_owned(), user)].into()));
        let tables = self.movement.tables.clone();
        self.sql(Question::WriteLocks { keyspace: keyspace("commerce"), tables }, Answer::WriteLocks(vec![]));
    }

    /// As `new`, but with questions about rows: a sharding column that may hold NULL, sequences that nobody sets, and
    /// target tables that are there already.
    pub fn with_questions() -> Self {
        let mut fixture = Self::new();
        fixture.movement.options.initialize_target_sequences = false;
        let nullable = definition(&CORDER.replace("`customer_id` bigint NOT NULL", "`customer_id` bigint DEFAULT NULL"));
        fixture.source_table("0", nullable.clone());
        for shard in ["-80", "80-"] {
            let mut copy = nullable.clone();
            copy.create_statement = copy.create_statement.replace(" AUTO_INCREMENT", "");
            fixture.target_table(shard, copy);
        }
        let names = vec![table_name("customer_seq"), table_name("order_seq")];
        fixture.sql(
            Question::SequenceNext { keyspace: keyspace("commerce"), sequences: names },
            Answer::SequenceNext(BTreeMap::from([("customer_seq".into(), Some(1000)), ("order_seq".into(), Some(1000))])),
        );
        fixture.sql(
            Question::LargestValue {
                keyspace: keyspace("commerce"),
                columns: vec![(table_name("corder"), "order_id".into()), (table_name("customer"), "customer_id".into())],
            },
            Answer::LargestValue(BTreeMap::from([("corder".into(), Some(9)), ("customer".into(), Some(5))])),
        );
        fixture.sql(
            Question::HasNull { keyspace: keyspace("commerce"), columns: vec![(table_name("corder"), "customer_id".into())] },
            Answer::HasNull(BTreeSet::new()),
        );
        fixture.sql(
            Question::HasRows { keyspace: keyspace("customer"), tables: vec![table_name("corder")] },
            Answer::HasRows(BTreeMap::from([("-80".into(), BTreeSet::new()), ("80-".into(), BTreeSet::new())])),
        );
        fixture
    }

    pub fn input(&self) -> CheckInput<'_> {
        CheckInput { movement: &self.movement, facts: &self.facts, progress: &self.progress }
    }

    pub fn run(&self, check: &Check) -> Vec<Finding> {
        (check.run)(&self.input())
    }

    /// Subjects of what a check found amiss: not passed, blocking or not.
    pub fn amiss(&self, check: &Check) -> Vec<String> {
        self.run(check).into_iter().filter(|finding| finding.result != CheckResult::Pass).map(|finding| finding.subject).collect()
    }

    /// The one finding of a check that didn't pass.
    pub fn only_amiss(&self, check: &Check) -> Finding {
        let mut findings = self.run(check);
        findings.retain(|finding| finding.result != CheckResult::Pass);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    /// Sets the answer of a question, in place of another one if there is.
    pub fn answer(&mut self, ask: Ask, answer: Answer) {
        self.facts.answers.retain(|answered| answered.ask != ask);
        self.facts.answers.push(Answered { ask, answer: Ok(answer) });
    }

    pub fn sql(&mut self, question: Question, answer: Answer) {
        self.answer(Ask::Sql(question), answer);
    }

    fn answer_mut(&mut self, ask: &Ask) -> &mut Answer {
        let answered = self.facts.answers.iter_mut().find(|answered| &answered.ask == ask).unwrap();
        answered.answer.as_mut().unwrap()
    }

    pub fn tables_mut(&mut self, ask: &Ask) -> &mut asks::TablesByShard {
        let Answer::Tables(tables) = self.answer_mut(ask) else { panic!("{ask:?}") };
        tables
    }

    pub fn source_table(&mut self, shard: &str, table: TableDefinition) {
        let ask = asks::source_tables(&self.movement);
        self.tables_mut(&ask).entry(shard.into()).or_default().insert(table.name.clone(), table);
    }

    pub fn target_table(&mut self, shard: &str, table: TableDefinition) {
        let ask = asks::target_tables(&self.movement);
        self.tables_mut(&ask).entry(shard.into()).or_default().insert(table.name.clone(), table);
    }

    pub fn tablets_mut(&mut self, of: &str) -> &mut Vec<Tablet> {
        let Answer::Tablets(tablets) = self.answer_mut(&Ask::Tablets(keyspace(of))) else { panic!("{of}") };
        tablets
    }

    pub fn status_mut(&mut self, of: &str, uid: u32) -> &mut Result<MySqlStatus, String> {
        let Answer::TabletStatus(statuses) = self.answer_mut(&Ask::TabletStatus(keyspace(of))) else { panic!("{of}") };
        &mut statuses.iter_mut().find(|status| status.alias.uid == uid).unwrap().status
    }

    pub fn mysql_mut(&mut self, of: &str, uid: u32) -> &mut MySqlStatus {
        self.status_mut(of, uid).as_mut().unwrap()
    }

    pub fn throttler_mut(&mut self, of: &str, shard: &str) -> &mut Throttler {
        let Answer::Throttlers(throttlers) = self.answer_mut(&Ask::Throttlers(keyspace(of))) else { panic!("{of}") };
        throttlers.get_mut(shard).unwrap()
    }

    pub fn shard_mut(&mut self, of: &str, shard: &str) -> &mut Shard {
        self.facts.keyspaces.get_mut(of).unwrap().shards.get_mut(shard).unwrap()
    }

    /// Changes a VSchema everywhere at once: in the topology and in what each cell serves.
    pub fn change_vschema(&mut self, of: &str, change: impl FnOnce(&mut VSchema)) {
        change(self.facts.vschemas.entry(keyspace(of)).or_default());
        self.vschemas_changed();
    }

    pub fn change_target_table(&mut self, table: &str, change: impl FnOnce(&mut VSchemaTable)) {
        self.change_vschema("customer", |vschema| change(vschema.tables.get_mut(table).unwrap()));
    }

    fn vschemas_changed(&mut self) {
        let all: BTreeMap<String, VSchema> =
            self.facts.vschemas.iter().map(|(name, vschema)| (name.to_string(), vschema.clone())).collect();
        self.answer(Ask::AllVSchemas, Answer::AllVSchemas(all));
        self.serve_global();
    }

    /// Every cell serves what the topology holds.
    pub fn serve_global(&mut self) {
        let vschemas = self.facts.vschemas.iter().map(|(name, vschema)| (name.to_string(), vschema.clone())).collect();
        let served = Served { routing_rules: self.facts.routing_rules.clone(), vschemas };
        self.facts.served = BTreeMap::from([("zone1".to_owned(), served)]);
    }

    pub fn add_workflow(&mut self, keyspace: &str, name: &str, streams: &[(&str, i64)]) {
        let stream = |(shard, id): &(&str, i64)| Stream {
            id: *id,
            shard: (*shard).to_owned(),
            tablet: "zone1-0000000200".into(),
            source_keyspace: "commerce".into(),
            source_shard: "0".into(),
            tables: BTreeMap::new(),
            position: String::new(),
            state: StreamState::Stopped,
            message: String::new(),
            copying_tables: vec![],
            rows_copied: 0,
            transaction_at: None,
            updated_at: None,
            throttled: None,
            options: Default::default(),
        };
        self.facts.workflows.push(Workflow {
            keyspace: keyspace.into(),
            name: name.into(),
            workflow_type: "MoveTables".into(),
            workflow_sub_type: "None".into(),
            source_keyspace: "commerce".into(),
            source_shards: vec!["0".into()],
            target_keyspace: "customer".into(),
            target_shards: vec!["-80".into(), "80-".into()],
            streams: streams.iter().map(stream).collect(),
            transaction_lag_seconds: None,
            heartbeat_lag_seconds: None,
            options: Default::default(),
        });
    }

    pub fn record_streams(&mut self, workflow: &str, streams: &[(&str, i64)]) {
        self.progress.streams = streams.iter().map(|(shard, id)| (format!("{workflow} {shard} from 0"), *id)).collect();
    }

    /// A create was sent and how it ended isn't recorded.
    pub fn open_create(&mut self) {
        let options = self.movement.options.clone();
        self.open_attempt(
            PhaseId::CREATE,
            Mutation::CreateMoveTables(CreateMoveTables {
                workflow: self.movement.workflow().clone(),
                source_keyspace: options.source_keyspace,
                target_keyspace: options.target_keyspace,
                tables: self.movement.tables.clone(),
                cells: options.cells,
                tablet_types: options.tablet_types,
                on_ddl: options.on_ddl,
                defer_secondary_keys: options.defer_secondary_keys,
                source_time_zone: None,
                global_keyspace: options.global_keyspace,
                auto_increment: options.sharded_auto_increment_handling,
            }),
        );
    }

    pub fn open_attempt(&mut self, phase: PhaseId, mutation: Mutation) {
        self.progress.open_attempt = Some(Attempt {
            attempt: 1,
            serial: 2,
            at: self.facts.observed_at,
            phase,
            mutation,
            replaced: None,
            outcome: None,
            evidence: vec![],
            ended_at_serial: 0,
        });
    }

    /// Complete was seen done: no streams, and the rules lead to the target.
    pub fn completed(&mut self) {
        self.open_attempt(
            PhaseId::COMPLETE,
            Mutation::CompleteMoveTables(CompleteMoveTables {
                workflow: self.movement.workflow().clone(),
                target_keyspace: self.movement.target().clone(),
                source_tables: self.movement.spec.complete.source_tables,
                table_count: self.movement.tables.len(),
            }),
        );
        let mut ended = self.progress.open_attempt.take().unwrap();
        ended.outcome = Some((OutcomeResult::Done, self.facts.observed_at));
        self.progress.attempts.push(ended);
        for kind in [TabletType::Replica, TabletType::Rdonly] {
            self.movement.route(&mut self.facts.routing_rules, kind, true);
        }
        self.movement.route_primary(&mut self.facts.routing_rules, true);
        self.serve_global();
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.movement)
    }
}

pub fn by_name<const N: usize>(tables: [TableDefinition; N]) -> BTreeMap<String, TableDefinition> {
    tables.into_iter().map(|table| (table.name.clone(), table)).collect()
}
