//! What vtctld's words for an application error mean. There is nothing else to go by: they come without a code.

use crate::cluster::{Effect, ErrorKind};

/// The kind, and what is known of the effect of a write.
pub(super) fn meaning(call: &str, text: &str) -> (ErrorKind, Effect) {
    let kind = kind_of_text(call, text);
    let effect = match kind {
        ErrorKind::LockHeld if took_no_step_before_lock(call, text) => Effect::None,
        _ => Effect::Unknown,
    };
    (kind, effect)
}

/// What the Go text of an application error says (`go/vt/vtctl/workflow/server.go`, `go/vt/topo/errors.go`; v22 to v24).
fn kind_of_text(call: &str, text: &str) -> ErrorKind {
    // A lock that was lost has "node doesn't exist" in its text, and is anything but a thing not found.
    let lost_lock = text.contains("locks were lost") || text.contains("lock was lost");
    let waited_for_lock = text.starts_with("deadline exceeded: keyspaces/") || text.starts_with("deadline exceeded: /");
    if text.contains("failed to lock the ") || (call == "SetShardTabletControl" && waited_for_lock) {
        ErrorKind::LockHeld
    } else if !lost_lock && !text.is_empty() && text.lines().all(says_not_found) {
        ErrorKind::NotFound
    } else if text.contains("deadline exceeded") {
        ErrorKind::DeadlineExceeded
    } else {
        ErrorKind::Application
    }
}

fn says_not_found(line: &str) -> bool {
    line.contains("node doesn't exist: ")
        || line.contains("no streams found in keyspace ")
        || line.contains("no vdiff found for UUID ")
        || (line.contains("the ") && line.contains(" workflow does not exist in the ") && line.contains(" keyspace"))
}

/// These take the workflow's lock (SetShardTabletControl the keyspace's) before they change anything; of the others, and
/// of the locks that come later, it is not known.
fn took_no_step_before_lock(call: &str, text: &str) -> bool {
    match call {
        "WorkflowSwitchTraffic" | "WorkflowDelete" | "MoveTablesComplete" => text
            .strip_prefix("failed to lock the ")
            .and_then(|rest| rest.split_once(' '))
            .is_some_and(|(_, rest)| rest.starts_with("workflow: ")),
        "SetShardTabletControl" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks() {
        let text = "failed to lock the customer/commerce2customer workflow: deadline exceeded: internal/named_locks/customer/commerce2customer";
        for call in ["WorkflowSwitchTraffic", "WorkflowDelete", "MoveTablesComplete"] {
            assert_eq!(meaning(call, text), (ErrorKind::LockHeld, Effect::None), "{call}");
        }
        // Its streams are there by then.
        assert_eq!(meaning("MoveTablesCreate", text), (ErrorKind::LockHeld, Effect::Unknown));
        let text = "failed to lock the commerce keyspace: deadline exceeded: keyspaces/commerce";
        assert_eq!(meaning("WorkflowSwitchTraffic", text), (ErrorKind::LockHeld, Effect::Unknown));
        let text = "deadline exceeded: keyspaces/commerce";
        assert_eq!(meaning("SetShardTabletControl", text), (ErrorKind::LockHeld, Effect::None));
        assert_eq!(meaning("WorkflowSwitchTraffic", text), (ErrorKind::DeadlineExceeded, Effect::Unknown));
    }

    #[test]
    fn a_lost_lock_is_not_a_missing_thing() {
        let text = "locks were lost: commerce keyspace lock was lost: node doesn't exist: lease";
        assert_eq!(meaning("WorkflowSwitchTraffic", text), (ErrorKind::Application, Effect::Unknown));
    }

    #[test]
    fn missing_things() {
        for text in [
            "no streams found in keyspace customer for commerce2customer",
            "failed to get workflow state for customer.commerce2customer workflow: no streams found in keyspace customer for commerce2customer",
            "the commerce2customer workflow does not exist in the customer keyspace",
            "FindAllShardsInKeyspace(nope): List: node doesn't exist: keyspaces/nope/shards",
            "node doesn't exist: keyspaces/nope/VSchema",
            "no vdiff found for UUID 4a1f keyspace customer and workflow commerce2customer on tablet zone1-0000000200\nno vdiff found for UUID 4a1f keyspace customer and workflow commerce2customer on tablet zone1-0000000300",
        ] {
            assert_eq!(meaning("WorkflowUpdate", text).0, ErrorKind::NotFound, "{text}");
        }
        // One of the shards says something else.
        let text = "no vdiff found for UUID 4a1f on tablet zone1-0000000200\nvdiff engine is closed";
        assert_eq!(meaning("VDiffShow", text).0, ErrorKind::Application);
    }

    #[test]
    fn what_vtctld_says_itself() {
        for text in [
            "workflow commerce2customer already exists in keyspace customer on tablet zone1-0000000200",
            "cannot start a workflow when it is frozen",
            "uncaught panic: runtime error: index out of range",
            "rpc error: code = Unavailable desc = TabletManager.VDiff on zone1-0000000200: connection refused",
            "",
        ] {
            assert_eq!(meaning("WorkflowUpdate", text), (ErrorKind::Application, Effect::Unknown), "{text}");
        }
        let text = "failed to sync up replication between the source and target: context deadline exceeded";
        assert_eq!(meaning("WorkflowSwitchTraffic", text), (ErrorKind::DeadlineExceeded, Effect::Unknown));
    }
}
