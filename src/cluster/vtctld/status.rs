//! What a gRPC status of vtctld says.

use std::error::Error;

use tonic::{Code, ConnectError, Status, TimeoutExpired};

use super::rpc::Access;
use crate::cluster::{ClusterError, Effect, ErrorKind, printable};

/// The call that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed<'a> {
    pub call: &'static str,
    pub access: Access,
    /// Who was called, for messages.
    pub peer: &'a str,
}

impl Failed<'_> {
    /// What this status means for this call.
    pub fn with(self, status: &Status) -> ClusterError {
        let (kind, effect, message) = match status.source() {
            // Only what was made on this side has a source.
            Some(source) => self.transport(status, source),
            None => {
                let message = printable(status.message().as_bytes());
                let (kind, effect) = self.answer(status.code(), status.message());
                let message = match kind {
                    _ if message.is_empty() => {
                        format!("{} answered {:?} without a word", self.peer, status.code())
                    }
                    ErrorKind::Garbled | ErrorKind::Unreachable | ErrorKind::Unimplemented => {
                        format!("{}: {message}", self.peer)
                    }
                    _ => message,
                };
                (kind, effect, message)
            }
        };
        ClusterError { call: self.call, kind, effect: self.effect(effect), message, code: status.code() }
    }

    /// The time is over, and nothing came.
    pub fn without_answer(self, waited: std::time::Duration) -> ClusterError {
        ClusterError {
            call: self.call,
            kind: ErrorKind::DeadlineExceeded,
            effect: self.effect(Effect::Unknown),
            message: format!("no answer from {} within {waited:?}", self.peer),
            code: Code::DeadlineExceeded,
        }
    }

    fn effect(self, of_a_write: Effect) -> Effect {
        match self.access {
            Access::Read => Effect::None,
            Access::Write => of_a_write,
        }
    }

    /// Something went wrong on this side, or on the way.
    fn transport(self, status: &Status, source: &(dyn Error + 'static)) -> (ErrorKind, Effect, String) {
        let peer = self.peer;
        if let Some(answer) = size(status.message()) {
            return (ErrorKind::TooLarge, answer, printable(status.message().as_bytes()));
        }
        if in_chain::<TimeoutExpired>(source) {
            let message = format!("no answer from {peer} before the deadline");
            return (ErrorKind::DeadlineExceeded, Effect::Unknown, message);
        }
        let why = printable(chain(source).as_bytes());
        if in_chain::<ConnectError>(source) {
            let message = format!("cannot connect to {peer}: {why}");
            return (ErrorKind::Unreachable, Effect::None, message);
        }
        let message = format!("the connection to {peer} broke: {why}");
        (ErrorKind::Unreachable, Effect::Unknown, message)
    }

    /// By the code when it is a real one, else by the text: vtctld keeps the code only of what already was a gRPC
    /// status and of bare context errors, all else is UNKNOWN with the Go error as text.
    fn answer(self, code: Code, text: &str) -> (ErrorKind, Effect) {
        if let Some(effect) = size(text) {
            return (ErrorKind::TooLarge, effect);
        }
        if let Some(http_status) = text.strip_prefix("grpc-status header missing, mapped from HTTP status code ") {
            return missing_status(code, http_status);
        }
        match code {
            // The door, before any handler.
            Code::Unauthenticated => (ErrorKind::Unauthenticated, Effect::None),
            Code::PermissionDenied => (ErrorKind::PermissionDenied, Effect::None),
            Code::Unimplemented => (ErrorKind::Unimplemented, Effect::None),
            Code::DeadlineExceeded => (ErrorKind::DeadlineExceeded, Effect::Unknown),
            // How tonic's server (the sandbox's) words a deadline.
            Code::Cancelled if text == "Timeout expired" => (ErrorKind::DeadlineExceeded, Effect::Unknown),
            Code::Cancelled => (ErrorKind::Cancelled, Effect::Unknown),
            Code::Unavailable => (ErrorKind::Unreachable, Effect::Unknown),
            Code::NotFound => (ErrorKind::NotFound, Effect::Unknown),
            Code::Internal | Code::DataLoss => (ErrorKind::Garbled, Effect::Unknown),
            _ => {
                let kind = kind_of_text(self.call, text);
                let effect = match kind {
                    ErrorKind::LockHeld if took_no_step_before_lock(self.call, text) => Effect::None,
                    _ => Effect::Unknown,
                };
                (kind, effect)
            }
        }
    }
}

/// An answer that is HTTP and not gRPC: somebody else's, between us and vtctld, or a call cut off.
fn missing_status(code: Code, http_status: &str) -> (ErrorKind, Effect) {
    match code {
        Code::Unavailable => (ErrorKind::Unreachable, Effect::Unknown),
        _ if http_status.starts_with("200") => (ErrorKind::Unreachable, Effect::Unknown),
        _ => (ErrorKind::Garbled, Effect::Unknown),
    }
}

/// Whether it was a limit of size, and then whether the request may have been carried out. The first two texts are
/// tonic's, the others grpc-go's.
fn size(text: &str) -> Option<Effect> {
    if text.contains("encoded message length too large") || text.contains("received message larger than max") {
        Some(Effect::None)
    } else if text.contains("decoded message length too large") || text.contains("trying to send message larger than max") {
        Some(Effect::Unknown)
    } else {
        None
    }
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

fn in_chain<E: Error + 'static>(first: &(dyn Error + 'static)) -> bool {
    causes(first).any(|error| error.is::<E>())
}

fn causes<'a>(first: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(first), |error| (**error).source())
}

/// The error and what caused it, each said once.
pub(super) fn chain(first: &(dyn Error + 'static)) -> String {
    let mut said = String::new();
    for error in causes(first) {
        let words = error.to_string();
        // What tonic puts around everything says nothing.
        if words == "transport error" || said.contains(&words) {
            continue;
        }
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(&words);
    }
    if said.is_empty() { "transport error".to_owned() } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(call: &'static str, text: &str) -> (ErrorKind, Effect) {
        of(call, Code::Unknown, text)
    }

    fn of(call: &'static str, code: Code, text: &str) -> (ErrorKind, Effect) {
        let failed = Failed { call, access: Access::Write, peer: "vtctld at localhost:15999 (plaintext)" };
        let error = failed.with(&Status::new(code, text));
        (error.kind, error.effect)
    }

    #[test]
    fn locks() {
        let text = "failed to lock the customer/commerce2customer workflow: deadline exceeded: internal/named_locks/customer/commerce2customer";
        for call in ["WorkflowSwitchTraffic", "WorkflowDelete", "MoveTablesComplete"] {
            assert_eq!(unknown(call, text), (ErrorKind::LockHeld, Effect::None), "{call}");
        }
        // Its streams are there by then.
        assert_eq!(unknown("MoveTablesCreate", text), (ErrorKind::LockHeld, Effect::Unknown));
        let text = "failed to lock the commerce keyspace: deadline exceeded: keyspaces/commerce";
        assert_eq!(unknown("WorkflowSwitchTraffic", text), (ErrorKind::LockHeld, Effect::Unknown));
        let text = "deadline exceeded: keyspaces/commerce";
        assert_eq!(unknown("SetShardTabletControl", text), (ErrorKind::LockHeld, Effect::None));
        assert_eq!(unknown("WorkflowSwitchTraffic", text), (ErrorKind::DeadlineExceeded, Effect::Unknown));
    }

    #[test]
    fn a_lost_lock_is_not_a_missing_thing() {
        let text = "locks were lost: commerce keyspace lock was lost: node doesn't exist: lease";
        assert_eq!(unknown("WorkflowSwitchTraffic", text), (ErrorKind::Application, Effect::Unknown));
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
            assert_eq!(unknown("WorkflowUpdate", text).0, ErrorKind::NotFound, "{text}");
        }
        // One of the shards says something else.
        let text = "no vdiff found for UUID 4a1f on tablet zone1-0000000200\nvdiff engine is closed";
        assert_eq!(unknown("VDiffShow", text).0, ErrorKind::Application);
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
            assert_eq!(unknown("WorkflowUpdate", text), (ErrorKind::Application, Effect::Unknown), "{text}");
        }
        let text = "failed to sync up replication between the source and target: context deadline exceeded";
        assert_eq!(unknown("WorkflowSwitchTraffic", text), (ErrorKind::DeadlineExceeded, Effect::Unknown));
    }

    #[test]
    fn codes_that_are_real() {
        let write = |code, text| of("WorkflowDelete", code, text);
        assert_eq!(
            write(Code::Unauthenticated, "username and password must be provided"),
            (ErrorKind::Unauthenticated, Effect::None)
        );
        assert_eq!(
            write(Code::PermissionDenied, "auth failure: caller \"u\" provided invalid credentials"),
            (ErrorKind::PermissionDenied, Effect::None)
        );
        assert_eq!(
            write(Code::Unimplemented, "unknown method WorkflowAddTables for service vtctlservice.Vtctld"),
            (ErrorKind::Unimplemented, Effect::None)
        );
        assert_eq!(write(Code::DeadlineExceeded, "context deadline exceeded"), (ErrorKind::DeadlineExceeded, Effect::Unknown));
        assert_eq!(write(Code::Cancelled, "context canceled"), (ErrorKind::Cancelled, Effect::Unknown));
        assert_eq!(write(Code::Unavailable, "error reading from server: EOF"), (ErrorKind::Unreachable, Effect::Unknown));
        assert_eq!(write(Code::Internal, "failed to decode Protobuf message"), (ErrorKind::Garbled, Effect::Unknown));
    }

    #[test]
    fn sizes() {
        let too_large = |code, text| of("ApplyRoutingRules", code, text);
        assert_eq!(
            too_large(Code::ResourceExhausted, "grpc: received message larger than max (20000000 vs. 16777216)"),
            (ErrorKind::TooLarge, Effect::None)
        );
        assert_eq!(
            too_large(Code::ResourceExhausted, "grpc: trying to send message larger than max (20000000 vs. 16777216)"),
            (ErrorKind::TooLarge, Effect::Unknown)
        );
        assert_eq!(
            too_large(Code::OutOfRange, "Error, encoded message length too large: found 9 bytes, the limit is: 8 bytes"),
            (ErrorKind::TooLarge, Effect::None)
        );
        assert_eq!(
            too_large(Code::OutOfRange, "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes"),
            (ErrorKind::TooLarge, Effect::Unknown)
        );
    }

    #[test]
    fn somebody_elses_answer() {
        let text = |status| format!("grpc-status header missing, mapped from HTTP status code {status}");
        assert_eq!(of("WorkflowDelete", Code::Unavailable, &text(502)), (ErrorKind::Unreachable, Effect::Unknown));
        assert_eq!(of("WorkflowDelete", Code::Unimplemented, &text(404)), (ErrorKind::Garbled, Effect::Unknown));
        assert_eq!(of("WorkflowDelete", Code::Unknown, &text(200)), (ErrorKind::Unreachable, Effect::Unknown));
    }

    #[test]
    fn reads_have_no_effect() {
        let failed = Failed { call: "GetWorkflows", access: Access::Read, peer: "vtctld" };
        assert_eq!(failed.with(&Status::unknown("anything")).effect, Effect::None);
        assert_eq!(failed.without_answer(std::time::Duration::from_secs(15)).effect, Effect::None);
    }

    #[test]
    fn messages_are_fit_to_print() {
        let failed = Failed { call: "WorkflowUpdate", access: Access::Write, peer: "vtctld" };
        let error = failed.with(&Status::unknown("\u{1b}[31mDuplicate entry 'alice' for key 'a' during query: insert …"));
        assert_eq!(error.to_string(), "WorkflowUpdate: \\u{1b}[31mDuplicate entry '…' for key 'a' during query: …");
    }
}
