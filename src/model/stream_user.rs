//! The MySQL account by which vttablet's streams write (`--db-filtered-user`).

use serde::{Deserialize, Serialize};

/// What it may do on a tablet, by MySQL's grant tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamUser {
    /// Accounts of that name, one a host from which it may come.
    pub accounts: u64,
    /// Those that may read and write Vitess's own table of streams.
    pub may_write_streams: u64,
    /// Those that may read and write every table of the tablet's database.
    pub may_write_tables: u64,
    /// Those whose roles, restrictions or grants on single tables may change the picture.
    pub unclear: u64,
}

impl StreamUser {
    /// The account's name unless vttablet was told another one (go/vt/dbconfigs).
    pub const DEFAULT_NAME: &str = "vt_filtered";
}
