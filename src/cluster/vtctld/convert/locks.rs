//! Locks, which are nodes of the topology: below `…/locks` one for whoever holds or waits, with a JSON text of its maker's.

use serde::Deserialize;

use super::text::text;
use crate::cluster::port::HeldLock;

/// The node below which the workflows of a keyspace have their locks (`internal/named_locks`, go/vt/topo/named_lock.go).
pub(crate) fn workflow_locks_path(keyspace: &str) -> String {
    format!("/global/internal/named_locks/{keyspace}")
}

/// The node of a workflow's lock.
pub(crate) fn workflow_lock_path(keyspace: &str, workflow: &str) -> String {
    format!("{}/{workflow}/locks", workflow_locks_path(keyspace))
}

pub(crate) fn keyspace_lock_path(keyspace: &str) -> String {
    format!("/global/keyspaces/{keyspace}/locks")
}

/// What the holder wrote (`topo.Lock`, go/vt/topo/locks.go). Text that isn't its JSON is a lock all the same.
pub(crate) fn held_lock(of: &str, node: &str, version: i64, waits: bool, data: &[u8]) -> HeldLock {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Contents {
        action: String,
        host_name: String,
        user_name: String,
        time: String,
    }
    let contents: Contents = serde_json::from_slice(data)
        .unwrap_or_else(|_| Contents { action: String::from_utf8_lossy(data).into_owned(), ..Contents::default() });
    HeldLock {
        of: of.to_owned(),
        node: text(node.as_bytes()),
        version,
        waits,
        action: text(contents.action.as_bytes()),
        host: text(contents.host_name.as_bytes()),
        user: text(contents.user_name.as_bytes()),
        time: text(contents.time.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_who_holds_it() {
        let data = br#"{ "Action": "SwitchWrites", "HostName": "db1", "UserName": "ann", "Time": "2026-11-20T01:00:00Z", "Status": "Running" }"#;
        let lock = held_lock("commerce", "1", 7, false, data);
        assert_eq!((lock.action.as_str(), lock.host.as_str(), lock.user.as_str()), ("SwitchWrites", "db1", "ann"));
        assert_eq!(lock.time, "2026-11-20T01:00:00Z");
    }

    #[test]
    fn a_lock_that_is_no_json_is_a_lock() {
        assert_eq!(held_lock("commerce", "1", 7, false, b"mine\x1b").action, "mine\\u{1b}");
        assert_eq!(held_lock("commerce", "1", 7, false, b"").of, "commerce");
    }
}
