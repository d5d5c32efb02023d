//! What a gRPC status of vtctld says.

use std::error::Error;

use tonic::{Code, ConnectError, Status, TimeoutExpired};

use super::error_text;
use super::rpc::Access;
use crate::cluster::{ClusterError, Effect, ErrorKind, printable};

/// The call that failed.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster) struct Failed<'a> {
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
            Some(source) => self.transport(source),
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

    /// It was not sent.
    pub fn too_large(self, bytes: usize, limit_bytes: usize) -> ClusterError {
        ClusterError {
            call: self.call,
            kind: ErrorKind::TooLarge,
            effect: Effect::None,
            message: format!("the request has {bytes} bytes, and {} takes {limit_bytes}", self.peer),
            code: Code::OutOfRange,
        }
    }

    fn effect(self, of_a_write: Effect) -> Effect {
        match self.access {
            Access::Read => Effect::None,
            Access::Write => of_a_write,
        }
    }

    /// Something went wrong on this side, or on the way.
    fn transport(self, source: &(dyn Error + 'static)) -> (ErrorKind, Effect, String) {
        let peer = self.peer;
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
        if is_about_size(code, text) {
            return (ErrorKind::TooLarge, Effect::Unknown);
        }
        if let Some(http_status) = text.strip_prefix("grpc-status header missing, mapped from HTTP status code ") {
            return missing_status(code, http_status);
        }
        match code {
            // The door, before any handler.
            Code::Unauthenticated => (ErrorKind::Unauthenticated, Effect::None),
            Code::PermissionDenied => (ErrorKind::PermissionDenied, Effect::None),
            Code::Unimplemented if is_unknown_call(text) => (ErrorKind::Unimplemented, Effect::None),
            Code::Unimplemented => (ErrorKind::Unimplemented, Effect::Unknown),
            Code::DeadlineExceeded => (ErrorKind::DeadlineExceeded, Effect::Unknown),
            // How tonic's server (the sandbox's) words a deadline.
            Code::Cancelled if text == "Timeout expired" => (ErrorKind::DeadlineExceeded, Effect::Unknown),
            Code::Cancelled => (ErrorKind::Cancelled, Effect::Unknown),
            Code::Unavailable => (ErrorKind::Unreachable, Effect::Unknown),
            Code::NotFound => (ErrorKind::NotFound, Effect::Unknown),
            Code::Internal | Code::DataLoss => (ErrorKind::Garbled, Effect::Unknown),
            _ => error_text::meaning(self.call, text),
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

/// tonic's limit for the answer, or grpc-go's for either. The request may have been carried out: v22 passes a tablet's
/// words on, so even "received" may be said in the middle of the work.
fn is_about_size(code: Code, text: &str) -> bool {
    match code {
        Code::OutOfRange => text.contains("decoded message length too large"),
        Code::ResourceExhausted => text.contains(" message larger than max "),
        _ => false,
    }
}

/// Whether vtctld itself does not know the call. v22 may pass a tablet's UNIMPLEMENTED on.
fn is_unknown_call(text: &str) -> bool {
    // grpc-go's words, and tonic's two.
    text.contains(" vtctlservice.Vtctld") || text == "Not yet implemented" || text.is_empty()
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
    fn what_a_tablet_said_is_no_refusal_of_vtctlds() {
        assert_eq!(
            of("MoveTablesCreate", Code::Unimplemented, "unknown method X for service tabletmanagerservice.TabletManager"),
            (ErrorKind::Unimplemented, Effect::Unknown)
        );
        let text = "rpc error: code = ResourceExhausted desc = TabletManager.GetSchema on zone1-0000000200: grpc: received message larger than max (2 vs. 1)";
        assert_eq!(unknown("MoveTablesCreate", text), (ErrorKind::Application, Effect::Unknown));
    }

    #[test]
    fn sizes() {
        let too_large = |code, text| of("ApplyRoutingRules", code, text);
        assert_eq!(
            too_large(Code::ResourceExhausted, "grpc: received message larger than max (20000000 vs. 16777216)"),
            (ErrorKind::TooLarge, Effect::Unknown)
        );
        assert_eq!(
            too_large(Code::ResourceExhausted, "grpc: trying to send message larger than max (20000000 vs. 16777216)"),
            (ErrorKind::TooLarge, Effect::Unknown)
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
