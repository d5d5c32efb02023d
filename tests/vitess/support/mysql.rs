//! SQL, through vtgate as an application sends it, or directly to a tablet's MySQL, past all rules and denials.

use std::time::Duration;

use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, OptsBuilder};

use super::Cluster;

impl Cluster {
    /// A connection to vtgate. `database` is a target as vtgate takes it: `commerce`, `commerce@replica`,
    /// `customer/-80@primary`, or empty.
    pub fn connect(&self, database: &str) -> Result<Conn, mysql::Error> {
        let (host, port) = self.vtgate().split_once(':').expect("vtgate's address has a port");
        let database = Some(database).filter(|database| !database.is_empty());
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(host))
            .tcp_port(port.parse().expect("vtgate's port is a number"))
            .user(Some("test"))
            .db_name(database)
            .prefer_socket(false)
            .tcp_connect_timeout(Some(Duration::from_secs(5)))
            // Longer than any buffering or transaction of Vitess: an answer is better than none.
            .read_timeout(Some(Duration::from_secs(60)));
        Conn::new(options)
    }

    /// Rows of a statement through vtgate.
    pub fn query<T: FromRow>(&self, database: &str, sql: &str) -> Vec<T> {
        let rows = self.connect(database).and_then(|mut connection| connection.query(sql));
        rows.unwrap_or_else(|error| panic!("through vtgate, in {database}: {sql}: {error}"))
    }

    /// A connection to the MySQL of the shard's primary, as its administrator, in the keyspace's database.
    pub fn connect_primary(&self, keyspace: &str, shard: &str) -> Conn {
        self.connect_tablet(self.vtctl().primary_uid(keyspace, shard), keyspace)
    }

    /// A connection to the MySQL of one tablet, as its administrator, in the keyspace's database.
    pub fn connect_tablet(&self, uid: u32, keyspace: &str) -> Conn {
        let socket = self.folder().join(format!("vt_{uid:010}/mysql.sock"));
        let options = OptsBuilder::new()
            .socket(Some(socket.to_string_lossy()))
            .user(Some("vt_dba"))
            .db_name(Some(format!("vt_{keyspace}")))
            .read_timeout(Some(Duration::from_secs(120)));
        Conn::new(options).unwrap_or_else(|error| panic!("no connection to {}: {error}", socket.display()))
    }

    /// Rows of a statement from each shard's primary, one after the other, past vtgate and vttablet.
    pub fn query_primaries<T: FromRow>(&self, keyspace: &str, sql: &str) -> Vec<T> {
        let query = |shard: &String| -> Vec<T> {
            let rows = self.connect_primary(keyspace, shard).query(sql);
            rows.unwrap_or_else(|error| panic!("in {keyspace}/{shard}: {sql}: {error}"))
        };
        self.shards(keyspace).iter().flat_map(query).collect()
    }

    /// A statement on each shard's primary, past vtgate and vttablet.
    pub fn execute_primaries(&self, keyspace: &str, sql: &str) {
        for shard in self.shards(keyspace) {
            let done = self.connect_primary(keyspace, &shard).query_drop(sql);
            done.unwrap_or_else(|error| panic!("in {keyspace}/{shard}: {sql}: {error}"));
        }
    }

    /// The tables in the keyspace's database, of all shards.
    pub fn tables(&self, keyspace: &str) -> Vec<String> {
        let mut tables: Vec<String> = self.query_primaries(keyspace, "show tables");
        tables.sort();
        tables.dedup();
        tables
    }
}
