//! Calls to a vtctld over the network that fails, hangs, says much or is not what it should be.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cutover::cluster::vtctld::generated::vschema::{RoutingRule, RoutingRules};
use cutover::cluster::vtctld::generated::vtctldata::{ApplyRoutingRulesRequest, GetRoutingRulesRequest, GetVersionRequest};
use cutover::cluster::vtctld::{ConnectionError, ConnectionSettings, Credentials, Vtctld};
use cutover::cluster::{Effect, ErrorKind};
use tonic::Status;

use crate::support::{FakeVtctld, Reply, Wire};

/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(30);

fn plaintext(address: impl ToString) -> Vtctld {
    Vtctld::connect(&ConnectionSettings::plaintext(address.to_string())).unwrap()
}

fn rules(count: usize, text: &str) -> RoutingRules {
    let rule = RoutingRule { from_table: text.to_owned(), to_tables: vec!["customer.corder".to_owned()] };
    RoutingRules { rules: vec![rule; count] }
}

/// A vtctld behind a wire that is cut by each call whose number is below this one, before it is answered.
fn cut_before(answered: usize) -> (FakeVtctld, Wire) {
    let wire: Arc<OnceLock<Wire>> = Arc::default();
    let server = FakeVtctld::new({
        let wire = Arc::clone(&wire);
        move |number| {
            if number < answered {
                wire.get().unwrap().cut();
                return Reply::Nothing;
            }
            Reply::Rules(rules(1, "corder"))
        }
    });
    let wire = wire.get_or_init(|| Wire::to(server.serve())).clone();
    (server, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_tried_again_when_the_connection_breaks() {
    let (server, wire) = cut_before(2);
    let answer = plaintext(wire.address()).read(GetRoutingRulesRequest {}).await.unwrap();
    assert_eq!(answer.routing_rules, Some(rules(1, "corder")));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_tried_three_times() {
    let (server, wire) = cut_before(usize::MAX);
    let error = plaintext(wire.address()).read(GetRoutingRulesRequest {}).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None), "{error}");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_sent_once() {
    let (server, wire) = cut_before(1);
    let vtctld = plaintext(wire.address());
    let error = vtctld.write(ApplyRoutingRulesRequest::default(), LONG).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown), "{error}");
    // The next call makes a new connection; had the write gone out again, it would have been before that.
    vtctld.read(GetRoutingRulesRequest {}).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said_clearly_and_had_no_effect() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let vtctld = plaintext(free);
    let write = vtctld.write(ApplyRoutingRulesRequest::default(), LONG).await.unwrap_err();
    assert_eq!((write.kind, write.effect), (ErrorKind::Unreachable, Effect::None));
    let text = write.to_string();
    let wanted = format!("ApplyRoutingRules: cannot connect to vtctld at {free} (plaintext): ");
    assert!(text.starts_with(&wanted) && text.contains("refused"), "{text}");
    let read = vtctld.read(GetRoutingRulesRequest {}).await.unwrap_err();
    assert_eq!(read.kind, ErrorKind::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_vtctld_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            std::io::Write::write_all(&mut connection.unwrap(), b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
        }
    });
    let error = plaintext(address).write(ApplyRoutingRulesRequest::default(), LONG).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_is_told_and_kept() {
    let server = FakeVtctld::new(|_| Reply::Nothing);
    let vtctld = plaintext(server.serve());
    let deadline = Duration::from_millis(300);
    let begun = Instant::now();
    let read = vtctld.read_within(GetRoutingRulesRequest {}, deadline).await.unwrap_err();
    let write = vtctld.write(ApplyRoutingRulesRequest::default(), deadline).await.unwrap_err();
    assert!(begun.elapsed() >= 2 * deadline && begun.elapsed() < LONG, "{:?}", begun.elapsed());
    assert_eq!((read.kind, read.effect), (ErrorKind::DeadlineExceeded, Effect::None), "{read}");
    assert_eq!((write.kind, write.effect), (ErrorKind::DeadlineExceeded, Effect::Unknown), "{write}");
    let told: Vec<String> =
        server.seen().iter().map(|headers| headers.get("grpc-timeout").unwrap().to_str().unwrap().to_owned()).collect();
    // What is left of a read's when the attempt begins: on a busy machine that may be little.
    let microseconds: u64 = told[0].strip_suffix('u').unwrap().parse().unwrap();
    assert!((1..=300_000).contains(&microseconds), "{told:?}");
    assert_eq!(told[1..], ["300000u"]);
}

/// Where nothing on the way ends the call: the clock is the test's, and runs on when everything waits.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_kept_in_process_too() {
    let server = FakeVtctld::new(|_| Reply::Nothing);
    let vtctld = Vtctld::in_process(server.routes(), "SANDBOX");
    let begun = tokio::time::Instant::now();
    let error = vtctld.write(ApplyRoutingRulesRequest::default(), LONG).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::DeadlineExceeded, Effect::Unknown), "{error}");
    assert!(begun.elapsed() > LONG && begun.elapsed() < LONG + Duration::from_secs(5));
    assert!(error.to_string().contains("no answer from SANDBOX"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_errors_arrive_whole() {
    // Over three times as long in the header.
    let text = "streams of -80 haben größere Lücken\n".repeat(100 * 1024 / 36);
    assert!(text.len() > 100 * 1024);
    let server = FakeVtctld::new({
        let text = text.clone();
        move |_| Reply::Error(Status::unknown(&text))
    });
    let error = plaintext(server.serve()).read(GetRoutingRulesRequest {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Application);
    assert!(error.message == text, "{} of {} bytes", error.message.len(), text.len());
    assert_eq!(server.seen().len(), 1, "what vtctld says is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_read_and_larger_ones_refused() {
    let text = "x".repeat(1024 * 1024);
    let server = FakeVtctld::new(move |number| Reply::Rules(rules(if number == 0 { 20 } else { 65 }, &text)));
    let vtctld = plaintext(server.serve());
    let answer = vtctld.read(GetRoutingRulesRequest {}).await.unwrap();
    assert_eq!(answer.routing_rules.unwrap().rules.len(), 20);
    let error = vtctld.read(GetRoutingRulesRequest {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_vtctlds_limit_is_not_sent() {
    let server = FakeVtctld::new(|_| Reply::Rules(RoutingRules::default()));
    let request = ApplyRoutingRulesRequest {
        routing_rules: Some(rules(17, &"x".repeat(1024 * 1024))),
        ..ApplyRoutingRulesRequest::default()
    };
    let error = plaintext(server.serve()).write(request, LONG).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::TooLarge, Effect::None), "{error}");
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_this_vtctld_lacks() {
    let server = FakeVtctld::new(|_| Reply::Nothing);
    for vtctld in [plaintext(server.serve()), Vtctld::in_process(server.routes(), "SANDBOX")] {
        let error = vtctld.read(GetVersionRequest::default()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unimplemented, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_sent_and_not_shown() {
    let server = FakeVtctld::new(|_| {
        Reply::Error(Status::permission_denied("auth failure: caller \"plan\" provided invalid credentials"))
    });
    let settings = ConnectionSettings {
        credentials: Some(Credentials { username: "plan".to_owned(), password: "hunter2".into() }),
        ..ConnectionSettings::plaintext(server.serve().to_string())
    };
    let vtctld = Vtctld::connect(&settings).unwrap();
    let read = vtctld.read(GetRoutingRulesRequest {}).await.unwrap_err();
    let write = vtctld.write(ApplyRoutingRulesRequest::default(), LONG).await.unwrap_err();
    assert_eq!(server.seen().len(), 2);
    for headers in server.seen() {
        assert_eq!(headers.get("username").unwrap(), "plan");
        assert_eq!(headers.get("password").unwrap(), "hunter2");
    }
    assert_eq!((write.kind, write.effect), (ErrorKind::PermissionDenied, Effect::None));
    let shown = format!("{settings:?} {vtctld:?} {read} {read:?} {write} {write:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// Not in a runtime: a connection could not even be begun.
#[test]
fn plaintext_to_another_machine_is_refused_before_anything_is_sent() {
    let settings = ConnectionSettings::plaintext("192.0.2.1:15999");
    let error = Vtctld::connect(&settings).unwrap_err();
    assert!(matches!(error, ConnectionError::Plaintext(_)), "{error}");
}
