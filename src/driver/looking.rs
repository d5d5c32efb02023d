//! Looks: the cluster is asked, and what every look shows is remembered or told.

use jiff::SignedDuration;

use super::sight;
use super::{Driver, DriverError, HeldLook};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::Facts;
use crate::family::SituationKind;
use crate::record::entry::What;
use crate::record::progress::Progress;
use crate::record::store::Record;
use crate::report::event::Level;
use crate::run::machine;
use crate::words::length;

/// How long a run goes on looking at a cluster that can't be reached before it gives up.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Longer while a write of ours may be under way: leaving then is worse.
const PATIENCE_IN_A_WRITE: SignedDuration = SignedDuration::from_secs(300);

/// How old a look may be of which more than one thing is decided. Nothing of ours is written in between.
const YOUNG: SignedDuration = SignedDuration::from_secs(1);

impl Driver<'_> {
    /// What was counted in a time that was set since is counted anew.
    pub(super) fn mind_the_clock(&mut self) {
        let now = self.ports.clock.now();
        if let Some(seconds) = self.jumps.see(now, self.ports.clock.elapsed()) {
            self.watch.clock_was_set();
            self.say(
                Level::Warning,
                &format!("this machine's clock was set by {}, or it slept; what was stable is watched anew", length(seconds)),
            );
        }
    }

    /// One look; or the last one if it is young, with what it lacks of all that is asked. None when the cluster can't be reached for now.
    pub(super) async fn observe(&mut self, record: &Record, progress: &Progress) -> Result<Option<Facts>, DriverError> {
        let mut query = machine::query(self.family, progress);
        query.merge(self.extra.clone());
        query.merge(self.shown.take_asked());
        let now = self.ports.clock.now();
        let is_young = |facts: &Facts| now.duration_since(facts.observed_at).abs() <= YOUNG;
        let is_of_now = |held: &HeldLook| held.serial == record.serial() && is_young(&held.facts);
        let looked = match self.held_look.take().filter(is_of_now) {
            Some(held) if query.is_within(&held.asked) => {
                self.asked = held.asked;
                return Ok(Some(held.facts));
            }
            Some(held) => {
                self.asked = held.asked.clone();
                self.asked.merge(query.clone());
                self.ports.reader.observe_more(held.facts, &held.asked, &query).await
            }
            None => {
                self.asked = query.clone();
                self.ports.reader.observe(&query).await
            }
        };
        match looked {
            Ok(facts) => {
                if self.unreachable_since.take().is_some() {
                    self.say(Level::Info, "the cluster answers again");
                }
                Ok(Some(facts))
            }
            // A shard without a primary, a cell that doesn't answer: in a reparent it passes. Who may not look needn't try again.
            Err(error) if !is_final(error.kind) => {
                let now = self.ports.clock.now();
                let since = *self.unreachable_since.get_or_insert(now);
                let patience = if progress.open_attempt.is_some() { PATIENCE_IN_A_WRITE } else { PATIENCE };
                if now.duration_since(since) >= patience {
                    return Err(error.into());
                }
                if since == now {
                    self.say(
                        Level::Warning,
                        &format!("{error}; nothing is decided until it answers (trying for {})", length(patience.as_secs())),
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn hold_look(&mut self, facts: Facts, serial: u64) {
        self.held_look = Some(HeldLook { asked: self.asked.clone(), facts, serial });
    }

    pub(super) fn see(&mut self, facts: &Facts, progress: &Progress) {
        let now = facts.observed_at;
        self.watch.see_between(self.family.situation(facts, progress).kind == SituationKind::Between, now);
        self.see_before(progress);
        if let Ok(locks) = facts.locks(&self.family.lock_ask()) {
            self.watch.see_locks(locks, now);
        }
        let pulse = self.family.pulse(facts);
        self.watch.see_lag(pulse.lag_seconds, self.family.spec().switch.max_lag_seconds, now);
        self.watch.see_errors(pulse.any_error, now);
        self.watch.see_rows_compared(pulse.rows_compared, now);
        let picture = self.family.picture(facts);
        self.watch.see(picture.digest_of_ours(&self.family.ours()), now);
        match &progress.baseline {
            None => self.baseline = None,
            Some(digest) if self.baseline.as_ref().is_some_and(|(known, _)| known == digest) => {}
            Some(digest) => {
                self.baseline = sight::kept_picture(&self.ports.kept, digest).map(|picture| (digest.clone(), picture));
                let lost = "what stood there after the last write is not kept here (`.cutover/` beside the record is missing or was \
                            emptied): what others changed since can't be told";
                if self.baseline.is_none() && self.told.insert(lost.to_owned()) {
                    self.say(Level::Warning, lost);
                }
            }
        }
    }

    /// What stood there before a write that an earlier run left without outcome, if it is kept here.
    fn see_before(&mut self, progress: &Progress) {
        let Some(open) = &progress.open_attempt else { return };
        if self.watch.before.as_ref().is_some_and(|(attempt, _)| *attempt == open.attempt) {
            return;
        }
        match sight::kept_replaced(&self.ports.kept, open).and_then(|replaced| replaced.picture) {
            Some(picture) => self.watch.before = Some((open.attempt, picture)),
            None => {
                let lost = format!(
                    "what stood there before write {} is not kept here (`.cutover/` beside the record): whether all is as forecast can't be told",
                    open.attempt
                );
                if self.told.insert(lost.clone()) {
                    self.say(Level::Warning, &lost);
                }
            }
        }
    }

    /// Somebody else's hands in what is not ours: told once, on record, and no reason to stop.
    pub(super) fn tell_foreign_changes(
        &mut self,
        record: &Record,
        progress: &Progress,
        facts: &Facts,
    ) -> Result<(), DriverError> {
        let Some((_, baseline)) = &self.baseline else { return Ok(()) };
        if progress.open_attempt.is_some() {
            return Ok(());
        }
        let mut whats = Vec::new();
        for difference in baseline.differences(&self.family.picture(facts), &self.family.ours()) {
            if difference.ours {
                continue;
            }
            let text = format!(
                "somebody else changed {}: it was {}, it is {}",
                difference.subject, difference.expected, difference.found
            );
            if self.told.insert(text.clone()) && !sight::is_on_record(record, &text) {
                whats.push(What::Remark { phase: None, text });
            }
        }
        if !whats.is_empty() {
            self.note(record, whats, None)?;
        }
        Ok(())
    }
}

/// Errors of a look that another look won't mend.
fn is_final(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unauthenticated | ErrorKind::PermissionDenied | ErrorKind::Unimplemented | ErrorKind::TooLarge)
}
