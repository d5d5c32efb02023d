//! What a case may use: our own client, and some hands for what is done past vtctld.

use async_trait::async_trait;
use cutover::cluster::vtctld::Vtctld;

/// A cluster in the world of [`super::world`]: a real one, or a sandbox.
#[async_trait]
pub trait Stage: Send + Sync {
    fn vtctld(&self) -> &Vtctld;

    /// The adapter over the same vtctld.
    fn adapter(&self) -> &cutover::cluster::vtctld::Cluster;

    /// Makes the world as it is at the beginning, whatever the case before left.
    async fn reset(&self);

    /// Lets 100 ms go by.
    async fn moment(&self);

    /// The rows of a table, exact, the sum over the shards that have it; none when no shard has it.
    async fn rows(&self, keyspace: &str, table: &str) -> Option<u64>;

    /// Puts a row of this number into the table on the keyspace's first shard, past vtgate and vttablet. The number is the first
    /// column and, where the table has one, the customer.
    async fn put_row(&self, keyspace: &str, table: &str, number: u64);

    /// Takes the row of this number away, on whichever shard it is.
    async fn take_row(&self, keyspace: &str, table: &str, number: u64);

    /// A transaction on the first shard's primary that has written to the table and stays open until it is dropped.
    async fn hold_write_lock(&self, keyspace: &str, table: &str) -> Box<dyn Held>;

    /// Writes something to each shard's primary that is of none of the tables. A source's position goes on by itself, now and then:
    /// after this it surely has, and a stream that stands still is behind.
    async fn move_positions(&self);

    /// Does this past vtctld and vttablet; it lasts until it is dropped.
    async fn by_hand(&self, deed: Deed) -> Box<dyn Held>;

    /// ``alter table `TABLE` add column `COLUMN` int`` on each primary, past vtgate and vttablet.
    async fn add_column(&self, keyspace: &str, table: &str, column: &str);
}

/// Something that somebody does at the MySQL of `commerce` itself.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// What holds on to its tables: a foreign key of `corder` to `customer`, a trigger of `note` that names no other table, a view
    /// of `corder` and `customer`.
    Dependents,
    /// Binlogs are kept for so long; 0 is for ever.
    KeepBinlogs { seconds: u64 },
    /// The account of the streams may write their own table and no other.
    StreamsMayNotWrite,
}

/// Something that lasts until it is dropped.
pub trait Held: Send + Sync {}
