//! What stops a run when the cluster is not what the record says.

use crate::cluster::port::HeldLock;
use crate::family::Situation;
use crate::finding::{Finding, Severity};

pub(super) fn foreign(situation: &Situation) -> Finding {
    Finding::fail(
        "C402",
        Severity::Error,
        "workflow",
        situation.words.clone(),
        "it is not ours to touch. `cutover adopt` takes it over on evidence, if somebody made it by hand; or choose another `workflow` name, or \
         run this where its `workflow.lock` lies",
    )
}

pub(super) fn contradictory(situation: &Situation) -> Finding {
    let seen = situation.contradictions.join("; ");
    Finding::fail(
        "C403",
        Severity::Error,
        "workflow",
        format!("{}: {seen}", situation.words),
        "somebody's hands did that. `cutover doctor` shows what is left of it and `cutover history` what was done before; when the movement \
         is over, move `workflow.lock` away, for a new `apply` begins from nothing",
    )
}

pub(super) fn between(why: String) -> Finding {
    Finding::fail(
        "C404",
        Severity::Error,
        "cluster",
        why,
        "`cutover apply --finish-only` tries to make it whole; `cutover status` shows what it sees",
    )
}

pub(super) fn between_states(situation: &Situation) -> Finding {
    between(format!("the cluster is between states: {}", situation.contradictions.join("; ")))
}

/// Between states, and no write of ours stopped half way: what a run begins with is not what makes it whole.
pub(super) fn between_by_hands(situation: &Situation) -> Finding {
    Finding {
        help: "no write of ours is half done, so somebody's hands or another's death has left it: `cutover repair` shows what makes it \
               whole, and does it or says what a person must do"
            .into(),
        ..between_states(situation)
    }
}

/// How a lock that nobody gives back is taken away by hand.
fn remedy(lock: &HeldLock) -> String {
    format!(
        "take away this one key of the topology server: `etcdctl del ROOT/{}` (ROOT is the global root, /vitess/global as a rule)",
        lock.path()
    )
}

/// A name that a dead vtctld has left locked.
pub(super) fn stale_lock(lock: &HeldLock) -> Finding {
    let (HeldLock { of, host, action, time, .. }, remedy) = (lock, remedy(lock));
    Finding::fail(
        "C408",
        Severity::Error,
        of.clone(),
        format!(
            "a vtctld that is gone has left the name locked ({action}, on {host}, since {time}): for 24 hours each switch, complete and cancel \
             waits 45 s for it and fails. No keyspace is locked any more, so nobody works under it"
        ),
        format!(
            "see that its process on {host} is gone, {remedy}, and run the same command again; with `topo` in the operator's config.toml \
             cutover does that by itself where a call of its own left it"
        ),
    )
}

/// A name that a vtctld holds whose call we broke off: it lives, and hangs.
pub(super) fn hanging_lock(lock: &HeldLock) -> Finding {
    let (HeldLock { of, host, action, time, .. }, remedy) = (lock, remedy(lock));
    Finding::fail(
        "C408",
        Severity::Error,
        of.clone(),
        format!(
            "a vtctld that hangs has the name locked ({action}, on {host}, since {time}): a tablet died in the switch, and it waits for \
             that tablet. The call was broken off; traffic is served"
        ),
        format!(
            "start that tablet again, and the lock goes by itself; or restart that vtctld, and then {remedy}. Then run the same command \
             again"
        ),
    )
}
