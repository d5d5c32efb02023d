//! The smallest movement that has everything: two target shards, two cells, a table with a sequence and one without, and things of
//! others that nobody may touch. The copy takes a second, so that no run waits long.

use std::sync::LazyLock;

use cutover::family::move_tables::MoveTables;
use cutover::sandbox::file::description::Description;
use cutover::sandbox::{Sandbox, Snapshot};
use cutover::spec::{self, Movement, TableSelection};
use jiff::Timestamp;

use super::files::Files;

const CLUSTER: &str = r#"
version = 1
start = "2026-12-01T20:00:00Z"
cells = ["zone1", "zone2"]

[application]
keyspace = "commerce"

[keyspaces.commerce]
denied-tables = ["others"]

[keyspaces.commerce.tables.customer]
rows = 1_000
columns = ["customer_id bigint not null auto_increment", "email varchar(64)"]
writes-per-second = 20

[keyspaces.commerce.tables.sku]
rows = 200
columns = ["sku_id bigint not null", "words varchar(64)"]
writes-per-second = 5

[keyspaces.commerce.tables.others]
rows = 10

[keyspaces.commerce.tables.customer_seq]
rows = 1
columns = ["id int not null", "next_id bigint", "cache bigint"]
sequence-next-id = 1

[keyspaces.commerce.vschema.tables]
customer = {}
sku = {}
others = {}
customer_seq = { type = "sequence" }

[keyspaces.customer]
shards = ["-80", "80-"]

[keyspaces.customer.vschema]
sharded = true
vindexes.xxhash.type = "xxhash"

[keyspaces.customer.vschema.tables.customer]
column_vindexes = [{ column = "customer_id", name = "xxhash" }]
auto_increment = { column = "customer_id", sequence = "commerce.customer_seq" }

[keyspaces.customer.vschema.tables.sku]
column_vindexes = [{ column = "sku_id", name = "xxhash" }]

[routing-rules]
"others" = "commerce.others"
"elsewhere" = "commerce.others"
"#;

const PLAN: &str = r#"
version = 1
workflow = "c2c"
cluster = "sandbox"

[move-tables]
source-keyspace = "commerce"
target-keyspace = "customer"
tables = ["customer", "sku"]

[gates]
policy = "auto-advance"
complete = "auto-advance"
remove-rules = "auto-advance"

[switch]
stable-for = "1s"
wait-for-quiet = "10s"

[revert]
window = "1m"

[complete]
source-tables = "rename"
"#;

pub static MOVEMENT: LazyLock<MoveTables> = LazyLock::new(|| movement(PLAN));

/// One table, the one with the sequence.
static OF_ONE_TABLE: LazyLock<MoveTables> =
    LazyLock::new(|| movement(&PLAN.replace(r#"["customer", "sku"]"#, r#"["customer"]"#)));

/// Behind a gate that an operator opens, and a window.
static GUARDED: LazyLock<MoveTables> = LazyLock::new(|| {
    let guards = r#"
[gates.switch-primary]
policy = "operator-hold"
windows = ["2026-12-01 20:00/2026-12-01 20:04"]
time-zone = "UTC"
"#;
    movement(&format!("{PLAN}{guards}"))
});

/// The end of that window.
pub static WINDOW_ENDS_AT: LazyLock<Timestamp> = LazyLock::new(|| "2026-12-01T20:04:00Z".parse().unwrap());

fn movement(plan: &str) -> MoveTables {
    let spec = spec::read(plan).unwrap_or_else(|problems| panic!("{problems:?}")).spec;
    let Movement::MoveTables(options) = spec.movement.clone();
    let TableSelection::Named(tables) = options.tables.clone() else { panic!("the plan names its tables") };
    MoveTables { spec, options, tables }
}

/// Everything that outlives a process: the cluster, and the files of this host.
#[derive(Debug, Clone)]
pub struct Moment {
    pub cluster: Snapshot,
    pub files: Files,
    pub movement: &'static MoveTables,
    /// The operator has said how to reach the topology server.
    pub knows_topology: bool,
}

impl Moment {
    /// Before anybody has done anything. Needs a runtime: the sandbox's time is tokio's.
    pub fn beginning() -> Self {
        Self::with(CLUSTER, &MOVEMENT)
    }

    /// The same with one table and one cell: what has the fewest states that are all different.
    pub fn smallest() -> Self {
        let one_cell = CLUSTER.replace(r#"["zone1", "zone2"]"#, r#"["zone1"]"#);
        let one_table = one_cell.replace("writes-per-second = 5", "").replace("writes-per-second = 20", "writes-per-second = 1");
        Self::with(&one_table, &OF_ONE_TABLE)
    }

    /// Of the movement whose switch of the writes is guarded.
    pub fn guarded() -> Self {
        Self::with(CLUSTER, &GUARDED)
    }

    fn with(cluster: &str, movement: &'static MoveTables) -> Self {
        let description: Description = toml::from_str(cluster).unwrap();
        let sandbox = Sandbox::in_memory(&description, Timestamp::UNIX_EPOCH);
        Self { cluster: sandbox.snapshot().unwrap(), files: Files::with_folder(), movement, knows_topology: false }
    }
}
