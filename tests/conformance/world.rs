//! The world in which every case begins: cells, shards, tables with their rows, VSchemas. A real cluster is brought into this
//! state, and a sandbox is made from it.

/// A keyspace of the world.
#[derive(Debug)]
pub struct Keyspace {
    pub name: &'static str,
    pub shards: &'static [Shard],
    /// As JSON of `vschema.Keyspace`.
    pub vschema: &'static str,
    pub tables: &'static [Table],
}

#[derive(Debug)]
pub struct Shard {
    pub name: &'static str,
    /// The tablets, all in zone1.
    pub primary_uid: u32,
    pub replica_uid: u32,
}

#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// What `SHOW CREATE TABLE` gives.
    pub definition: &'static str,
    pub columns: &'static [&'static str],
    /// The row number `i`, as expressions for the columns; numbers begin with 1.
    pub row: &'static str,
    pub rows: u64,
}

pub const CELLS: [&str; 2] = ["zone1", "zone2"];

pub static KEYSPACES: [Keyspace; 3] = [ARCHIVE, COMMERCE, CUSTOMER];

pub const COMMERCE: Keyspace = Keyspace {
    name: "commerce",
    shards: &[Shard { name: "0", primary_uid: 100, replica_uid: 101 }],
    vschema: r#"{"tables": {
        "customer": {}, "corder": {}, "note": {}, "plain": {},
        "customer_seq": {"type": "sequence"}, "corder_seq": {"type": "sequence"}
    }}"#,
    tables: &[
        Table {
            name: "customer",
            definition: "CREATE TABLE `customer` (\n  `customer_id` bigint NOT NULL AUTO_INCREMENT,\n  `email` varchar(64) DEFAULT NULL,\n  PRIMARY KEY (`customer_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
            columns: &["customer_id", "email"],
            row: "i, concat('customer-', i)",
            rows: 100,
        },
        Table {
            name: "corder",
            definition: "CREATE TABLE `corder` (\n  `order_id` bigint NOT NULL AUTO_INCREMENT,\n  `customer_id` bigint NOT NULL,\n  `sku` varchar(64) DEFAULT NULL,\n  PRIMARY KEY (`order_id`),\n  KEY `customer_id` (`customer_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
            columns: &["order_id", "customer_id", "sku"],
            row: "i, 1 + i % 100, concat('sku-', i % 7)",
            rows: 300,
        },
        Table { name: "customer_seq", definition: SEQUENCE_CUSTOMER, columns: SEQUENCE_COLUMNS, row: "0, 1, 1000", rows: 1 },
        Table { name: "corder_seq", definition: SEQUENCE_CORDER, columns: SEQUENCE_COLUMNS, row: "0, 1, 1000", rows: 1 },
        Table {
            name: "note",
            definition: "CREATE TABLE `note` (\n  `note_id` bigint NOT NULL,\n  `body` varchar(64) DEFAULT NULL,\n  PRIMARY KEY (`note_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
            columns: &["note_id", "body"],
            // The tenth has no body.
            row: "i, if(i = 10, null, concat('note-', i))",
            rows: 10,
        },
        Table {
            name: "plain",
            definition: "CREATE TABLE `plain` (\n  `label` varchar(64) DEFAULT NULL\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
            columns: &["label"],
            row: "concat('plain-', i)",
            rows: 5,
        },
    ],
};

const SEQUENCE_COLUMNS: &[&str] = &["id", "next_id", "cache"];
const SEQUENCE_CUSTOMER: &str = "CREATE TABLE `customer_seq` (\n  `id` int NOT NULL,\n  `next_id` bigint DEFAULT NULL,\n  `cache` bigint DEFAULT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='vitess_sequence'";
const SEQUENCE_CORDER: &str = "CREATE TABLE `corder_seq` (\n  `id` int NOT NULL,\n  `next_id` bigint DEFAULT NULL,\n  `cache` bigint DEFAULT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='vitess_sequence'";

pub const CUSTOMER: Keyspace = Keyspace {
    name: "customer",
    shards: &[
        Shard { name: "-80", primary_uid: 200, replica_uid: 201 },
        Shard { name: "80-", primary_uid: 300, replica_uid: 301 },
    ],
    vschema: r#"{"sharded": true, "vindexes": {"xxhash": {"type": "xxhash"}}, "tables": {
        "customer": {
            "column_vindexes": [{"column": "customer_id", "name": "xxhash"}],
            "auto_increment": {"column": "customer_id", "sequence": "commerce.customer_seq"}
        },
        "corder": {
            "column_vindexes": [{"column": "customer_id", "name": "xxhash"}],
            "auto_increment": {"column": "order_id", "sequence": "commerce.corder_seq"}
        }
    }}"#,
    tables: &[],
};

pub const ARCHIVE: Keyspace =
    Keyspace { name: "archive", shards: &[Shard { name: "0", primary_uid: 400, replica_uid: 401 }], vschema: "{}", tables: &[] };

impl Table {
    /// One statement that fills the empty table.
    pub fn fill(&self) -> String {
        format!(
            "insert into `{}` with recursive numbers (i) as (select 1 union all select i + 1 from numbers where i < {}) \
             select {} from numbers",
            self.name, self.rows, self.row
        )
    }
}

/// The keyspace of this name.
pub fn keyspace(name: &str) -> Option<&'static Keyspace> {
    KEYSPACES.iter().find(|keyspace| keyspace.name == name)
}
