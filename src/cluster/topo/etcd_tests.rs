use super::*;
use crate::cluster::port::HeldLock;

fn lock() -> LockKey {
    let holder = HeldLock {
        of: String::new(),
        node: String::new(),
        version: 0,
        waits: false,
        action: String::new(),
        host: String::new(),
        user: String::new(),
        time: String::new(),
    };
    LockKey {
        keyspace: KeyspaceName::new("customer").unwrap(),
        workflow: WorkflowName::new("c2c").unwrap(),
        key: "/vitess/global/internal/named_locks/customer/c2c/locks/7".to_owned(),
        mod_revision: 42,
        lease: 7,
        holder,
    }
}

#[test]
fn a_lock_is_read_whole_and_alone() {
    let range = range_of("/v/internal/named_locks/customer/c2c/locks/");
    assert_eq!(range.key, b"/v/internal/named_locks/customer/c2c/locks/");
    assert_eq!(range.range_end, b"/v/internal/named_locks/customer/c2c/locks0");
}

#[test]
fn what_is_sent_deletes_one_key_at_one_revision() {
    let sent = removal(&lock());
    let [compare] = sent.compare.as_slice() else { panic!("{sent:?}") };
    assert_eq!((compare.key.as_slice(), compare.result()), (lock().key.as_bytes(), pb::compare::CompareResult::Equal));
    assert_eq!(compare.target(), pb::compare::CompareTarget::Mod);
    assert_eq!(compare.target_union, Some(pb::compare::TargetUnion::ModRevision(42)));
    let [pb::RequestOp { request: Some(pb::request_op::Request::RequestDeleteRange(delete)) }] = sent.success.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(delete.key, lock().key.as_bytes());
    assert!(matches!(sent.failure.as_slice(), [pb::RequestOp { request: Some(pb::request_op::Request::RequestRange(_)) }]));
}

#[test]
fn an_answer_that_does_not_fit_is_not_believed() {
    use pb::response_op::Response::{ResponseDeleteRange, ResponseRange};
    let answer = |succeeded, responses: Vec<pb::response_op::Response>| {
        let responses = responses.into_iter().map(|response| pb::ResponseOp { response: Some(response) }).collect();
        removed(&pb::TxnResponse { header: None, succeeded, responses })
    };
    let deleted = |deleted| ResponseDeleteRange(pb::DeleteRangeResponse { header: None, deleted });
    let found = |keys: usize| {
        ResponseRange(pb::RangeResponse { kvs: vec![pb::KeyValue::default(); keys], ..pb::RangeResponse::default() })
    };
    assert_eq!(answer(true, vec![deleted(1)]), Ok(Removed::Done));
    assert_eq!(answer(false, vec![found(0)]), Ok(Removed::Gone));
    assert_eq!(answer(false, vec![found(1)]), Ok(Removed::Changed));
    let others = [
        answer(true, vec![deleted(0)]),
        answer(true, vec![deleted(2)]),
        answer(true, vec![found(0)]),
        answer(false, vec![deleted(1)]),
        answer(true, Vec::new()),
        answer(true, vec![deleted(1), deleted(1)]),
        removed(&pb::TxnResponse { header: None, succeeded: true, responses: vec![pb::ResponseOp { response: None }] }),
    ];
    for other in others {
        let error = other.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Garbled, Effect::Unknown), "{error}");
    }
}
