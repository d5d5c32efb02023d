//! A cluster of any size, generated: an unsharded keyspace with many tables, some of which move to a sharded one, and the rules of
//! earlier movements.

use std::collections::BTreeMap;

use cutover::sandbox::file::description::{
    ApplicationDescription, Description, KeyspaceDescription, MySqlDescription, Speed, TableDescription,
};
use cutover::sandbox::file::vschema::{AutoIncrementFile, ColumnVindexFile, TableFile, VSchemaFile, VindexFile};

/// How large.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Of the source, those that move among them.
    pub tables: usize,
    pub moved: usize,
    /// Of the target: a power of two, up to 256. Each has four tablets.
    pub shards: usize,
    pub rules: usize,
}

pub const FULL: Size = Size { tables: 10_000, moved: 1_000, shards: 256, rules: 100_000 };
pub const CELLS: [&str; 3] = ["zone1", "zone2", "zone3"];

/// One moved table in so many has its ids from a sequence.
const WITH_SEQUENCE: usize = 10;

impl Size {
    /// So small a part of the full size.
    pub fn part(of: usize) -> Self {
        Self { tables: FULL.tables / of, moved: FULL.moved / of, shards: FULL.shards / of, rules: FULL.rules / of }
    }

    pub fn tablets(self) -> usize {
        (self.shards + 1) * 4
    }

    /// Names of the tables that move, in order.
    pub fn moved_tables(self) -> Vec<String> {
        (0..self.moved).map(|number| format!("moved_{number:05}")).collect()
    }

    pub fn plan_file(self) -> String {
        let tables: Vec<String> = self.moved_tables().iter().map(|table| format!("  \"{table}\",\n")).collect();
        format!(
            "version = 1\nworkflow = \"commerce2customer\"\ncluster = \"test\"\n\n[move-tables]\nsource-keyspace = \"commerce\"\n\
             target-keyspace = \"customer\"\ntables = [\n{}]\n\n[complete]\nsource-tables = \"rename\"\n",
            tables.concat()
        )
    }

    pub fn description(self) -> Description {
        Description {
            version: 1,
            start: None,
            cells: CELLS.map(str::to_owned).to_vec(),
            keyspaces: [("commerce".to_owned(), self.source()), ("customer".to_owned(), self.target())].into(),
            application: ApplicationDescription::default(),
            speed: Speed { copy_rows_per_second: 1_000_000_000, vdiff_rows_per_second: 1_000_000_000 },
            routing_rules: self.routing_rules(),
            shard_routing_rules: BTreeMap::new(),
            keyspace_routing_rules: BTreeMap::new(),
            mirror_rules: BTreeMap::new(),
            goes_wrong: vec![],
        }
    }

    fn staying_tables(self) -> impl Iterator<Item = String> {
        (0..self.tables - self.moved).map(|number| format!("staying_{number:05}"))
    }

    fn sequences(self) -> impl Iterator<Item = (String, String)> {
        self.moved_tables().into_iter().step_by(WITH_SEQUENCE).map(|table| (format!("{table}_seq"), table))
    }

    fn source(self) -> KeyspaceDescription {
        let sequences = self.sequences().map(|(sequence, _)| (sequence, sequence_table()));
        let tables: BTreeMap<String, TableDescription> =
            self.moved_tables().into_iter().chain(self.staying_tables()).map(|name| (name, table())).chain(sequences).collect();
        let sequences =
            self.sequences().map(|(sequence, _)| (sequence, TableFile { kind: "sequence".to_owned(), ..TableFile::default() }));
        let entries = self.staying_tables().map(|name| (name, TableFile::default())).chain(sequences);
        let vschema = VSchemaFile { tables: entries.collect(), ..VSchemaFile::default() };
        KeyspaceDescription { tables, vschema, shards: vec!["0".to_owned()], ..keyspace() }
    }

    fn target(self) -> KeyspaceDescription {
        let vindexes = [("xxhash".to_owned(), VindexFile { kind: "xxhash".to_owned(), ..VindexFile::default() })];
        let sequences: BTreeMap<String, String> = self.sequences().map(|(sequence, table)| (table, sequence)).collect();
        let entry = |name: String| {
            let by = ColumnVindexFile { column: "id".to_owned(), columns: vec![], name: "xxhash".to_owned() };
            let auto_increment = sequences
                .get(&name)
                .map(|sequence| AutoIncrementFile { column: "id".to_owned(), sequence: format!("commerce.{sequence}") });
            (name, TableFile { column_vindexes: vec![by], auto_increment, ..TableFile::default() })
        };
        let tables = self.moved_tables().into_iter().map(entry).collect();
        let vschema = VSchemaFile { sharded: true, vindexes: vindexes.into(), tables, require_explicit_routing: false };
        let bound = |number: usize| match number * 256 / self.shards {
            0 | 256 => String::new(),
            bound => format!("{bound:02x}"),
        };
        let shards = (0..self.shards).map(|number| format!("{}-{}", bound(number), bound(number + 1)));
        KeyspaceDescription { vschema, shards: shards.collect(), ..keyspace() }
    }

    /// All that a table can be called by, table after table, until there are enough.
    fn routing_rules(self) -> BTreeMap<String, String> {
        let keys = |table: String| {
            let of_keyspaces = ["", "commerce.", "customer.", "archive."].into_iter();
            of_keyspaces
                .flat_map(|keyspace| ["", "@replica", "@rdonly"].map(|kind| (keyspace, kind)))
                .map(move |(keyspace, kind)| (format!("{keyspace}{table}{kind}"), format!("commerce.{table}")))
        };
        self.staying_tables().flat_map(keys).take(self.rules).collect()
    }
}

fn keyspace() -> KeyspaceDescription {
    KeyspaceDescription {
        shards: vec![],
        replicas: 2,
        rdonly: 1,
        first_tablet_uid: None,
        mysql: MySqlDescription::default(),
        vschema: VSchemaFile::default(),
        tables: BTreeMap::new(),
        denied_tables: vec![],
        views: BTreeMap::new(),
    }
}

/// As wide as tables of applications are.
fn table() -> TableDescription {
    let names = (0..16).map(|number| format!("an_attribute_{number:02} varchar(64) not null"));
    TableDescription {
        rows: 1_000,
        bytes_per_row: 500,
        columns: ["id bigint not null".to_owned()].into_iter().chain(names).collect(),
        primary_key: Some(vec!["id".to_owned()]),
        keys: vec!["an_attribute_00".to_owned()],
        foreign_keys: vec![],
        triggers: vec![],
        sequence_next_id: None,
        nulls_in: vec![],
        writes_per_second: 0,
    }
}

fn sequence_table() -> TableDescription {
    TableDescription { rows: 0, sequence_next_id: Some(1_000_001), keys: vec![], ..table() }
}
