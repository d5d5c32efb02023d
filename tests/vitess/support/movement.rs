//! Something to move: tables with rows in `commerce`, sequences, the VSchemas of both sides, a plan file; all of it
//! taken away after the test, whatever state the test left it in.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::{Cluster, World, vtctl, wait};

/// What is to be moved.
#[derive(Debug, Clone)]
pub struct Shape {
    /// `customer` (shards -80 and 80-, tables hashed by id, ids from sequences) or `archive` (unsharded).
    pub target: &'static str,
    pub tables: usize,
    /// In each table, with ids from 1.
    pub rows: u64,
    /// Whole names for the tables, instead of some that are the test's own.
    pub names: &'static [&'static str],
    /// Made in MySQL, past vttablet, which does not know them until it looks anew.
    pub past_vttablet: bool,
}

impl Default for Shape {
    /// Two tables of 1,000 rows to the sharded keyspace.
    fn default() -> Self {
        Self { target: "customer", tables: 2, rows: 1000, names: &[], past_vttablet: false }
    }
}

/// The tables of one test, and the workflow that is to move them from `commerce`.
pub struct Movement {
    pub source: &'static str,
    pub target: &'static str,
    /// The name of the workflow.
    pub workflow: String,
    pub tables: Vec<String>,
    pub rows: u64,
    cluster: &'static Cluster,
}

/// How long vtgate may take to learn of a table or a rule.
const LEARNING: Duration = Duration::from_secs(30);

/// How long 100,000 rows may take to be copied on a busy machine.
const COPYING: Duration = Duration::from_secs(120);

impl Movement {
    /// Creates the tables and their rows in `commerce`. For a sharded target each table has a sequence, `<table>_seq`,
    /// whose next value is 1: behind the rows, as sequences are that nobody has initialised.
    pub fn prepare(world: &World, shape: &Shape) -> Self {
        let of_its_own = (0..shape.tables).map(|index| format!("{}_{}", world.name, letter(index)));
        let given = shape.names.iter().map(|name| (*name).to_owned());
        let movement = Self {
            source: "commerce",
            target: shape.target,
            workflow: world.name.clone(),
            tables: if shape.names.is_empty() { of_its_own.collect() } else { given.collect() },
            rows: shape.rows,
            cluster: world.cluster,
        };
        let statements = movement.statements();
        if shape.past_vttablet {
            movement.cluster.execute_primaries(movement.source, &statements.join(";"));
        } else {
            movement.cluster.vtctl().run(&["ApplySchema", "--sql", &statements.join(";"), movement.source]);
        }
        movement.fill_tables();
        movement.declare();
        if !shape.past_vttablet {
            movement.let_the_schema_settle();
        }
        movement.wait_for_vtgate();
        movement
    }

    /// The plan file, up to its `[move-tables]`; `rest` are the tables after it: `[complete]` at least.
    pub fn plan(&self, rest: &str) -> String {
        let Self { source, target, workflow, tables, .. } = self;
        format!(
            "version = 1\nworkflow = \"{workflow}\"\ncluster = \"test\"\n\n[move-tables]\nsource-keyspace = \"{source}\"\n\
             target-keyspace = \"{target}\"\ntables = {tables:?}\n\n{rest}"
        )
    }

    /// `plan` with these lines under `[gates]`, this revert window, and limits so short that tests wait for the cluster and not for
    /// the clock; source tables are renamed. `policy = "auto-advance"` there is for the switches alone.
    pub fn quick_plan(&self, gates: &str, revert_window: &str) -> String {
        self.plan(&format!(
            "[switch]\nstable-for = \"1s\"\nmax-transaction-age = \"60s\"\n\n[revert]\nwindow = \"{revert_window}\"\n\n\
             [complete]\nsource-tables = \"rename\"\n\n[gates]\n{gates}\n"
        ))
    }

    /// Writes `plan` as the `workflow.toml` of the test's folder.
    pub fn write_plan(&self, world: &World, rest: &str) -> PathBuf {
        world.write("workflow.toml", &self.plan(rest))
    }

    /// `<workflow>_reverse`, which runs in the source keyspace after the primary switch.
    pub fn reverse_workflow(&self) -> String {
        format!("{}_reverse", self.workflow)
    }

    /// The routing rules that name our tables: `(from, to)`, in order.
    pub fn routing_rules(&self) -> Vec<(String, String)> {
        let rules = self.cluster.vtctl().routing_rules().into_iter().filter(|rule| self.owns_rule(rule));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut rules: Vec<_> = rules.map(|rule| (text(&rule["from_table"]), text(&rule["to_tables"][0]))).collect();
        rules.sort();
        rules
    }

    /// One column of the forward streams, as the target's shards keep it: `state`, `message`. Also of those that are stopped.
    pub fn forward_streams(&self, column: &str) -> Vec<String> {
        let sql = format!("select {column} from _vt.vreplication where workflow = '{}'", self.workflow);
        self.cluster.query_primaries(self.target, &sql)
    }

    /// Somebody creates the workflow with vtctldclient's own defaults, and it copies all rows.
    pub fn create_by_hand(&self) {
        let arguments = ["create", "--source-keyspace", self.source, "--tables", &self.tables.join(",")];
        self.cluster.vtctl().move_tables(self.target, &self.workflow, &arguments);
        self.wait_until_caught_up();
    }

    /// Waits until each stream of the workflow runs, has copied all rows, and is no more than a second behind.
    pub fn wait_until_caught_up(&self) {
        wait::until_true(COPYING, &format!("{} has copied and caught up", self.workflow), || self.has_caught_up());
    }

    /// Whether each stream of the workflow runs, has copied all rows, and is no more than a second behind.
    pub fn has_caught_up(&self) -> bool {
        let seen = self.cluster.vtctl().workflow(self.target, &self.workflow).unwrap_or_default();
        let streams = vtctl::streams(&seen);
        // The second is the one that a switch looks at.
        let lags = ["max_v_replication_lag", "max_v_replication_transaction_lag"];
        let is_small = |lag: &&str| seen[lag].as_str().and_then(|lag| lag.parse().ok()).is_some_and(|lag: i64| lag <= 1);
        streams.len() == self.cluster.shards(self.target).len()
            // Before it knows its tables a stream runs and copies none: it has no position yet.
            && streams.iter().all(|stream| stream["state"] == "Running" && !is_copying(stream) && has_position(stream))
            && lags.iter().all(is_small)
    }

    /// The workflow's name and that of its reverse, in the keyspaces where they run.
    fn workflows(&self) -> [(&'static str, String); 2] {
        [(self.target, self.workflow.clone()), (self.source, self.reverse_workflow())]
    }

    fn is_sharded(&self) -> bool {
        self.cluster.shards(self.target).len() > 1
    }

    /// Through Vitess, as an application's are, or past vttablet: a table of that kind is not in its schema, and what it does not know
    /// it does not deny. Vitess 22 and 24 then both lost writes in a switch that said it was successful.
    fn statements(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for table in &self.tables {
            statements.push(format!(
                "create table `{table}` (
                    id bigint unsigned not null auto_increment,
                    token varchar(64) not null,
                    hits bigint unsigned not null default 0,
                    note varchar(120) not null default '',
                    written_at timestamp(6) not null default current_timestamp(6),
                    primary key (id), key (token))"
            ));
            if self.is_sharded() {
                statements.push(format!(
                    "create table `{table}_seq` (id int, next_id bigint, cache bigint, primary key (id)) comment 'vitess_sequence'"
                ));
            }
        }
        statements
    }

    /// The rows come past Vitess, for its 30 s per transaction are not enough for many on a busy machine.
    fn fill_tables(&self) {
        let mut primary = self.cluster.connect_primary(self.source, "0");
        let mut execute = |sql: &str| primary.query_drop(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        execute("set cte_max_recursion_depth = 100000000");
        for table in &self.tables {
            if self.rows > 0 {
                execute(&format!(
                    "insert into `{table}` (id, token, note)
                     with recursive n (i) as (select 1 union all select i + 1 from n where i < {})
                     select i, concat('seed-', i), repeat('x', i % 100) from n",
                    self.rows
                ));
            }
            if self.is_sharded() {
                execute(&format!("insert into `{table}_seq` values (0, 1, 1000)"));
            }
        }
    }

    /// vttablet takes a table for altered when it looks again and the table was made in the second of its last look. A switch makes it
    /// look, and what vtgate is then told costs each waiting query one of its three tries: with one more change of a VSchema in those
    /// seconds the application has errors. Tables that are older than a minute have that behind them
    /// (`go/vt/vttablet/tabletserver/schema/engine.go`, `go/vt/vtgate/plan_execute.go`).
    fn let_the_schema_settle(&self) {
        let mut primary = self.cluster.connect_primary(self.source, "0");
        let young = "select count(*) from information_schema.tables where table_schema = database() and create_time >= now()";
        wait::until_true(LEARNING, "the tables are older than this second", || {
            primary.query_first::<u64, _>(young).is_ok_and(|count| count == Some(0))
        });
        self.cluster.vtctl().run(&["ReloadSchemaKeyspace", "--include-primary", self.source]);
    }

    /// Puts our tables into the VSchemas of both sides.
    fn declare(&self) {
        let vtctl = self.cluster.vtctl();
        let mut source = vtctl.vschema(self.source);
        let mut target = vtctl.vschema(self.target);
        for table in &self.tables {
            source["tables"][table] = json!({});
            if self.is_sharded() {
                source["tables"][format!("{table}_seq")] = json!({ "type": "sequence" });
                target["sharded"] = json!(true);
                target["vindexes"]["xxhash"] = json!({ "type": "xxhash" });
                target["tables"][table] = json!({
                    "column_vindexes": [{ "column": "id", "name": "xxhash" }],
                    "auto_increment": { "column": "id", "sequence": self.sequence(table) },
                });
            }
        }
        vtctl.apply_vschema(self.source, &source);
        if self.is_sharded() {
            vtctl.apply_vschema(self.target, &target);
        }
    }

    /// The sequence's name as the VSchema wants it: vtgate parses it as SQL, and drops a table whose sequence it can't parse.
    fn sequence(&self, table: &str) -> String {
        let is_plain = table.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
        if is_plain { format!("{}.{table}_seq", self.source) } else { format!("`{}`.`{table}_seq`", self.source) }
    }

    fn wait_for_vtgate(&self) {
        let expected = self.rows;
        for table in &self.tables {
            for kind in ["primary", "replica"] {
                wait::until_true(LEARNING, &format!("{table} is served by a {kind}"), || {
                    // vtgate refuses the connection itself while it knows of no healthy tablet of this type.
                    let connection = self.cluster.connect(&format!("{}@{kind}", self.source));
                    let count = connection.and_then(|mut it| it.query_first::<u64, _>(format!("select count(*) from `{table}`")));
                    matches!(count, Ok(Some(count)) if count == expected)
                });
            }
        }
    }

    fn owns_table(&self, name: &str) -> bool {
        // `_<table>_old` is what completing leaves behind.
        self.tables.iter().any(|table| name.contains(table.as_str()))
    }

    fn owns_rule(&self, rule: &Value) -> bool {
        rule["from_table"].as_str().is_some_and(|from| self.owns_table(from))
    }

    /// Takes away all that is ours, by the oracle and by hand: the test may have left it in any state.
    fn clean_up(&self) -> Vec<String> {
        let vtctl = self.cluster.vtctl();
        let mut problems = Vec::new();
        self.cluster.heal();
        if !self.cluster.locks().is_empty() {
            self.cluster.unlock();
        }
        // Rules first: nothing routes to the tables any more. Applying them rebuilds the SrvVSchemas too.
        let rules = vtctl.routing_rules();
        let foreign: Vec<_> = rules.iter().filter(|rule| !self.owns_rule(rule)).cloned().collect();
        vtctl.apply_routing_rules(&foreign);
        for (keyspace, workflow) in self.workflows() {
            if vtctl.workflow(keyspace, &workflow).is_some() {
                // Frozen or not, half switched or not: this one asks no questions.
                let arguments = ["Workflow", "--keyspace", keyspace, "delete", "--workflow", &workflow, "--keep-data"];
                problems.extend(vtctl.attempt(&arguments).err());
            }
        }
        for keyspace in [self.source, self.target] {
            problems.extend(self.clean_keyspace(keyspace).err());
        }
        problems
    }

    fn clean_keyspace(&self, keyspace: &str) -> Result<(), String> {
        let vtctl = self.cluster.vtctl();
        for shard in self.cluster.shards(keyspace) {
            let denied: Vec<_> = vtctl.denied_tables(keyspace, &shard).into_iter().filter(|name| self.owns_table(name)).collect();
            let target = format!("{keyspace}/{shard}");
            if !denied.is_empty() {
                let denied = denied.join(",");
                vtctl.attempt(&["SetShardTabletControl", "--denied-tables", &denied, "--remove", &target, "primary"])?;
                vtctl.attempt(&["RefreshStateByShard", &target])?;
            }
            let mut primary = self.cluster.connect_primary(keyspace, &shard);
            let tables: Vec<String> = primary.query("show tables").map_err(|error| error.to_string())?;
            for table in tables.iter().filter(|table| self.owns_table(table)) {
                primary.query_drop(format!("drop table `{table}`")).map_err(|error| error.to_string())?;
            }
            let workflow = &self.workflow;
            let journal = "delete from _vt.resharding_journal where val like";
            primary.query_drop(format!("{journal} '%{workflow}%'")).map_err(|error| error.to_string())?;
        }
        vtctl.attempt(&["ReloadSchemaKeyspace", "--include-primary", keyspace])?;
        let mut vschema = vtctl.vschema(keyspace);
        if let Some(tables) = vschema["tables"].as_object_mut() {
            tables.retain(|name, _| !self.owns_table(name));
            vtctl.apply_vschema(keyspace, &vschema);
        }
        Ok(())
    }
}

impl Drop for Movement {
    fn drop(&mut self) {
        // On a thread of its own: when the test has panicked, a second panic on its thread would end the program.
        let problems = thread::scope(|scope| scope.spawn(|| self.clean_up()).join());
        for problem in problems.unwrap_or_else(|_| vec!["a panic, above".to_owned()]) {
            eprintln!("cleaning up after {}: {problem}", self.workflow);
        }
    }
}

/// Whether a stream still copies. Vitess 24 lists all tables, with a phase; earlier ones only those under way.
fn is_copying(stream: &Value) -> bool {
    let mut states = stream["copy_states"].as_array().into_iter().flatten();
    states.any(|state| state.get("phase").is_none_or(|phase| phase == "IN_PROGRESS" || phase == "NOT_STARTED"))
}

fn has_position(stream: &Value) -> bool {
    stream["position"].as_str().is_some_and(|position| !position.is_empty())
}

/// `a`, `b`, … `z`, `aa`, …: the tables' last letters.
fn letter(index: usize) -> String {
    let last = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
    if index < 26 { last.to_string() } else { format!("{}{last}", letter(index / 26 - 1)) }
}
