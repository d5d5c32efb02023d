//! One call of a write, in a task of its own: it is waited for whatever comes, for vtctld stops half way when its client goes. The one
//! exception is a switch of writes that has lost its locks: see [`crate::run::forsaken`].

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{Driver, DriverError, Finish};
use crate::cluster::error::{ClusterError, Effect, ErrorKind};
use crate::cluster::mutation::Mutation;
use crate::cluster::port::Query;
use crate::report::event::{Event, Level};
use crate::run::decision::Act;
use crate::run::forsaken::{BROKEN_OFF, CallLocks};
use crate::run::watch::CallEnd;

/// A switch of writes takes some seconds. From then on its locks are looked at, so often.
const FIRST_LOOK_SECONDS: u64 = 15;
const LOOK_SECONDS: u64 = 3;

impl Driver<'_> {
    /// Sends the write and waits for its end; what it answers is remembered as a hint.
    pub(super) async fn call(&mut self, attempt: u64, act: Act) -> Result<Option<Finish>, DriverError> {
        let words = act.mutation.verb().words();
        let writer = self.ports.writer.clone();
        let mutation = act.mutation.clone();
        let takes_locks = mutation.takes_locks();
        let mut task = tokio::spawn(async move { writer.perform(&mutation).await });
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        let mut seconds = 0;
        let mut signals = self.ports.signals.clone();
        let mut told = signals.count();
        let moves_writes = matches!(&act.mutation, Mutation::SwitchTraffic(it) if it.moves_writes());
        let mut locks = CallLocks::default();
        let result = loop {
            tokio::select! {
                biased;
                result = &mut task => break result,
                _ = tick.tick() => {
                    seconds += 1;
                    self.emit(Event::Calling { phase: act.phase.clone(), words: words.clone(), seconds });
                    let looks = moves_writes && seconds >= FIRST_LOOK_SECONDS && seconds % LOOK_SECONDS == 0;
                    if looks && !task.is_finished() && self.is_forsaken(&mut locks).await {
                        task.abort();
                        break Ok(Err(broken_off(act.mutation.verb().call())));
                    }
                }
                () = signals.sleep(Duration::from_secs(3600)) => {
                    let count = signals.count();
                    if count == told {
                        continue;
                    }
                    told = count;
                    if count == 1 {
                        self.say(Level::Warning, &format!("stopping after this call, which must not be broken: {words}. Once more leaves it behind"));
                    } else {
                        let left = format!(
                            "left behind, may still happen: {words}. `cutover apply` looks what became of it and goes on from there"
                        );
                        return Ok(Some(Finish::Signalled { exit_code: signals.requested().unwrap_or(130), left: Some(left) }));
                    }
                }
            }
        };
        let mut end = CallEnd { attempt, at: self.ports.clock.now(), error: None, lost: false, not_allowed: false };
        match result {
            Ok(Ok(receipt)) => tracing::debug!(summary = receipt.summary, "answered"),
            Ok(Err(error)) => {
                end.lost = is_lost(error.kind);
                end.not_allowed = matches!(error.kind, ErrorKind::PermissionDenied | ErrorKind::Unauthenticated);
                end.error = Some(error.to_string());
            }
            Err(panicked) => {
                end.lost = true;
                end.error = Some(format!("the call broke: {panicked}"));
            }
        }
        if let Some(error) = &end.error {
            self.say(Level::Warning, &format!("{error}; looking what the cluster says"));
        }
        self.watch.call = Some(end);
        if takes_locks {
            self.watch.may_have_left_locks();
        }
        Ok(None)
    }

    /// Whether the call that is under way had its keyspaces' locks and has lost them. Locks that can't be read are held.
    async fn is_forsaken(&self, locks: &mut CallLocks) -> bool {
        let ask = self.family.lock_ask();
        let query = Query { asks: [ask.clone()].into(), ..Query::default() };
        let Ok(facts) = self.ports.reader.observe(&query).await else { return false };
        facts.locks(&ask).is_ok_and(|held| locks.see(held))
    }
}

/// Why a call that was broken off has no answer.
fn broken_off(call: &'static str) -> ClusterError {
    ClusterError {
        call,
        kind: ErrorKind::Cancelled,
        effect: Effect::Unknown,
        message: BROKEN_OFF.to_owned(),
        code: tonic::Code::Cancelled,
    }
}

/// Whether the server may still be at work on a call that ended so.
fn is_lost(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unreachable | ErrorKind::DeadlineExceeded | ErrorKind::Cancelled | ErrorKind::Garbled)
}
