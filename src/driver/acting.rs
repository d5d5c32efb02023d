//! From a decision to a write: the lease, a look that is fresh, the intent on record, and only then the call.

use std::time::Duration;

use jiff::SignedDuration;

use super::sight::{self, Replaced};
use super::{Driver, DriverError, Finish};
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Facts, Query};
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::record::entry::{NOT_SENT, OutcomeResult, What};
use crate::record::lease::LeaseError;
use crate::record::progress::Progress;
use crate::record::store::Record;
use crate::report::event::Level;
use crate::run::decision::{Act, Stop, StopKind};
use crate::words::length;

/// A write starts only on a look that is at most this old.
const FRESH: SignedDuration = SignedDuration::from_secs(2);
/// So many looks in a row that are older by the time of the write, and the run ends.
const STALE_LOOKS: u32 = 5;

impl Driver<'_> {
    pub(super) async fn act(
        &mut self,
        record: &Record,
        progress: &Progress,
        act: Act,
        facts: &Facts,
    ) -> Result<Option<Finish>, DriverError> {
        let Some(lease) = &self.lease else {
            // What was decided without the lease is decided again with it.
            let busy = self.try_lease()?;
            if busy.is_none() && self.lease.is_none() {
                self.pause(Duration::from_millis(100)).await;
            }
            return Ok(busy);
        };
        match lease.check() {
            Ok(()) => {}
            Err(LeaseError::Lost(path)) => {
                self.lease = None;
                return Ok(Some(Finish::Busy(format!("the lease at `{}` was taken away; nothing was sent", path.display()))));
            }
            Err(error) => return Err(error.into()),
        }
        if !self.is_fresh(facts) {
            self.stale_looks += 1;
            if self.stale_looks >= STALE_LOOKS {
                return Ok(Some(slow(&act)));
            }
            self.say(Level::Warning, "the look took too long to write on; looking again");
            return Ok(None);
        }
        self.stale_looks = 0;
        let replaced = self.ports.kept.keep(&sight::bytes_of(&Replaced::of(facts, &act.before)))?;
        let attempt = progress.next_attempt();
        let intent = What::Intent {
            attempt,
            phase: act.phase.clone(),
            mutation: act.mutation.clone(),
            forecast: act.forecast.clone(),
            replaced: Some(replaced),
            lag_seconds: lag_at_a_switch(&act.mutation, self.family.pulse(facts).lag_seconds),
        };
        let Some(record) = self.note(record, vec![intent], None)? else { return Ok(None) };
        if let Some(why) = self.overtaken_on_the_way(&act, facts).await {
            let evidence = vec![format!("{NOT_SENT}: {why}")];
            let result = OutcomeResult::NotDone;
            self.note(&record, vec![What::Outcome { attempt, result, evidence, took_milliseconds: 0, found: None }], None)?;
            return Ok(None);
        }
        self.extra = Query::default();
        self.watch.before = Some((attempt, act.before.clone()));
        *self.watch.retries.entry(act.phase.clone()).or_default() += 1;
        self.call(attempt, act).await
    }

    /// The last look before a write leaves: why it must not, after all. Making the intent durable took its time, and an edit of the
    /// routing rules replaces all of them, with nothing in Vitess to compare and set.
    async fn overtaken_on_the_way(&self, act: &Act, facts: &Facts) -> Option<String> {
        if matches!(act.mutation, Mutation::ApplyRoutingRules(_)) {
            return match self.ports.reader.observe(&self.family.query()).await {
                Ok(now) if now.routing_rules != facts.routing_rules => {
                    Some("somebody changed routing rules in the moment before".to_owned())
                }
                Ok(now) if self.of_ours(&now) != self.of_ours(facts) => {
                    Some("somebody changed the movement in the moment before".to_owned())
                }
                Ok(now) if !self.is_fresh(&now) => Some("the last look before it took too long to write on".to_owned()),
                Ok(_) => None,
                Err(error) => Some(error.to_string()),
            };
        }
        (!self.is_fresh(facts)).then(|| "making the intent durable took longer than a look may be old".to_owned())
    }

    fn of_ours(&self, facts: &Facts) -> Digest {
        self.family.picture(facts).digest_of_ours(&self.family.ours())
    }

    fn is_fresh(&self, facts: &Facts) -> bool {
        self.ports.clock.now().duration_since(facts.observed_at).abs() <= FRESH
    }
}

/// What the history of a switch says of the streams that it ends.
fn lag_at_a_switch(mutation: &Mutation, lag_seconds: Option<u64>) -> Option<u64> {
    lag_seconds.filter(|_| matches!(mutation, Mutation::SwitchTraffic(_)))
}

/// Looks take so long that none is fresh enough to write on.
fn slow(act: &Act) -> Finish {
    let finding = Finding::fail(
        "C407",
        Severity::Error,
        "vtctld",
        format!("{STALE_LOOKS} looks in a row took longer than {} each: too old to write on", length(FRESH.as_secs())),
        "find out what makes vtctld or this machine slow, then `cutover apply`",
    );
    Finish::Stopped(Box::new(Stop { kind: StopKind::Refused, phase: Some(act.phase.clone()), findings: vec![finding] }))
}
