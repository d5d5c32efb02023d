//! The throttler of a tablet, of `GetThrottlerStatus` and `CheckThrottler`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What it says to streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttler {
    pub is_enabled: bool,
    /// Why a stream may not go on now, in words. Without a throttler each may.
    pub refuses: Option<String>,
    /// What somebody has said of single applications.
    pub rules: Vec<ThrottlerRule>,
    /// How full the disk of MySQL's data is, if it is measured: the throttler has to be on, and the tablet has to have an mysqlctld.
    pub data_directory_used_percent: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottlerRule {
    /// Such as `vreplication`, a workflow, or `all`.
    pub application: String,
    /// Which part of its requests is refused.
    pub refused_percent: u32,
    /// None: without end.
    pub expires_at: Option<Timestamp>,
    /// It is let through, whatever the throttler measures.
    pub is_exempt: bool,
}
