//! The loop: observe, decide, append the intent, act, observe, append the outcome. The only place that awaits.
//!
//! Everything that it needs from outside comes in as a port. It decides nothing: the machine does.

mod call;
mod clock_jumps;
mod ports;
mod sight;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use clock_jumps::ClockJumps;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::cluster::error::{ClusterError, ErrorKind};
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Facts, Query};
use crate::family::picture::Picture;
use crate::family::{Family, SituationKind};
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::record::entry::{Entry, Goal, OutcomeResult, What};
use crate::record::error::RecordError;
use crate::record::lease::{Lease, LeaseError};
use crate::record::progress::{Attempt, Progress};
use crate::record::store::{NewEntry, Record};
use crate::report::entry_words;
use crate::report::event::{Event, Level};
use crate::run::decision::{Act, Decision, Ending, Hold, HoldKind, Stop, StopKind};
use crate::run::machine::{self, Input, Options};
use crate::run::watch::Watch;

pub use ports::{Ports, Signals};
pub use sight::{Replaced, bytes_of};

/// A write starts only on a look that is at most this old.
const FRESH: SignedDuration = SignedDuration::from_secs(2);
/// So many looks in a row that are older by the time of the write, and the run ends.
const STALE_LOOKS: u32 = 5;
/// How long a run goes on looking at a cluster that can't be reached before it gives up.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Longer while a write of ours may be under way: leaving then is worse.
const PATIENCE_IN_A_WRITE: SignedDuration = SignedDuration::from_secs(300);

/// What a run wants.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub machine: Options,
    /// Stay at holds that may end.
    pub wait: bool,
    /// How long to try for the lease. A run that waits gives it back at each wait, so an emergency command gets it soon.
    pub lease_patience: Duration,
}

impl RunOptions {
    /// For commands that somebody types while another run goes on.
    pub fn patient() -> Self {
        let machine = Options { never_forward: true, ..Options::default() };
        Self { machine, lease_patience: Duration::from_secs(60), ..Self::default() }
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Finish {
    Ended(Ending),
    Held(Box<Hold>),
    Stopped(Box<Stop>),
    /// Somebody else is acting, or has given the movement another goal.
    Busy(String),
    Overtaken(String),
    /// A signal, at a safe point; a second one while a call was under way leaves it behind.
    Signalled {
        exit_code: u8,
        left: Option<String>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("the record has no movement; run `cutover apply`")]
    NotBegun,
    #[error("{0}")]
    Confused(String),
}

/// One run over one movement.
pub struct Driver<'a> {
    pub family: &'a dyn Family,
    pub ports: Ports<'a>,
    pub options: RunOptions,
    watch: Watch,
    lease: Option<Lease>,
    extra: Query,
    goal_serial: u64,
    /// What the plan file meant when this run began: it knows no other.
    intent: Option<Digest>,
    unreachable_since: Option<Timestamp>,
    busy_since: Option<Timestamp>,
    /// Looks, one after the other, that were too old for a write by the time it was decided.
    stale_looks: u32,
    jumps: ClockJumps,
    baseline: Option<(Digest, Picture)>,
    told: std::collections::BTreeSet<String>,
}

impl<'a> Driver<'a> {
    pub fn new(family: &'a dyn Family, ports: Ports<'a>, options: RunOptions) -> Self {
        Self {
            family,
            ports,
            options,
            watch: Watch::default(),
            lease: None,
            extra: Query::default(),
            goal_serial: 0,
            intent: None,
            unreachable_since: None,
            busy_since: None,
            stale_looks: 0,
            jumps: ClockJumps::default(),
            baseline: None,
            told: Default::default(),
        }
    }

    /// Runs until something is done, held, or stands in the way.
    ///
    /// # Errors
    /// What can't be read or written: cluster, record, lease. Nothing is sent after an error.
    pub async fn run(&mut self) -> Result<Finish, DriverError> {
        let record = self.load()?;
        self.watch = Watch::new(record.serial());
        let progress = record.progress();
        self.goal_serial = progress.goal.map_or(0, |goal| goal.serial);
        self.intent = progress.intent;
        loop {
            let record = self.load()?;
            let progress = record.progress();
            self.mind_the_clock();
            if let Some(stop) = self.edited(&progress) {
                return Ok(stop);
            }
            if let Some(busy) = self.take_lease_of_an_open_attempt(&progress).await? {
                return Ok(busy);
            }
            if let Some(exit_code) = self.ports.signals.requested() {
                let left = self.unfinished(&progress);
                if left.is_none() || self.ports.signals.count() > 1 {
                    return Ok(Finish::Signalled { exit_code, left });
                }
                self.stay_to_finish();
            }
            if let Some(words) = self.overtaken(&record, &progress) {
                return Ok(Finish::Overtaken(words));
            }
            let Some(facts) = self.observe(&progress).await? else {
                self.pause(Duration::from_secs(1)).await;
                continue;
            };
            self.see(&facts, &progress);
            self.tell_foreign_changes(&record, &progress, &facts)?;
            let decision = self.decide(&progress, &facts);
            match decision {
                Decision::Look(query) => {
                    let asked = self.extra.clone();
                    self.extra.merge(query);
                    if self.extra == asked {
                        return Err(DriverError::Confused("the cluster was asked everything and gave no whole answer".into()));
                    }
                }
                Decision::Checked(phase) => {
                    self.watch.checked.insert(phase, self.ports.clock.now());
                    self.extra = Query::default();
                }
                Decision::Note(whats) => {
                    self.note(&record, whats, Some(&facts))?;
                    self.extra = Query::default();
                }
                Decision::Act(act) => {
                    if let Some(finish) = self.act(&record, &progress, *act, &facts).await? {
                        return Ok(finish);
                    }
                }
                Decision::Wait(phase, waiting) => {
                    self.give_lease_back(&progress);
                    self.emit(Event::Progress(sight::progress(self.family, &facts, &progress, &phase, &waiting, None)));
                    self.pause(Duration::from_millis(waiting.poll_milliseconds)).await;
                }
                Decision::Await(phase, conditions) => {
                    self.give_lease_back(&progress);
                    let now = self.ports.clock.now();
                    let since = *self.watch.waiting_since.entry(phase.clone()).or_insert(now);
                    self.emit(Event::Await { phase, conditions, since });
                    self.pause(Duration::from_millis(500)).await;
                }
                Decision::Hold(hold) => {
                    self.give_lease_back(&progress);
                    if !self.options.wait || !may_end(&hold) {
                        return Ok(Finish::Held(hold));
                    }
                    self.emit(Event::Hold { hold, waiting: true });
                    self.watch.waiting_since.clear();
                    self.pause(Duration::from_secs(1)).await;
                }
                Decision::Done(Ending::NothingToFinish) if progress.intent != self.intent => return Ok(stale()),
                Decision::Done(ending) => {
                    return Ok(match self.ports.signals.requested() {
                        Some(exit_code) if ending == Ending::NothingToFinish => Finish::Signalled { exit_code, left: None },
                        _ => Finish::Ended(ending),
                    });
                }
                // A cluster that another process has changed since the record was read contradicts it in appearance only.
                Decision::Stop(_) if self.load()?.serial() != record.serial() => {}
                Decision::Stop(stop) => return Ok(Finish::Stopped(stop)),
            }
        }
    }

    /// The write of this run of which it isn't known what became, or that stopped half way: whoever leaves now leaves it behind.
    fn unfinished(&self, progress: &Progress) -> Option<String> {
        let last = progress.attempts.last().filter(|attempt| attempt.serial > self.watch.began_at_serial)?;
        let words = last.mutation.verb().words();
        match last.outcome {
            None => Some(format!(
                "left behind, nobody has looked what became of it: {words}. `cutover apply` looks, and goes on from there"
            )),
            Some((OutcomeResult::HalfDone, _)) => {
                Some(format!("left behind, STOPPED HALF WAY: {words}. `cutover apply --finish-only` makes it whole"))
            }
            Some(_) => None,
        }
    }

    /// A signal between a write and the look at it: the write is made whole first, and nothing else is begun.
    fn stay_to_finish(&mut self) {
        if !std::mem::replace(&mut self.options.machine.finish_only, true) {
            self.say(Level::Warning, "stopping once the last write is seen to be whole. Once more leaves it behind");
        }
    }

    /// Whether somebody has edited the plan file and another process has taken that up. A write under way is made whole first.
    fn edited(&mut self, progress: &Progress) -> Option<Finish> {
        if progress.intent == self.intent {
            return None;
        }
        if self.unfinished(progress).is_none() {
            return Some(stale());
        }
        self.stay_to_finish();
        None
    }

    /// A write without outcome that isn't this run's own may be another process's, still alive. Who has the lease judges it.
    async fn take_lease_of_an_open_attempt(&mut self, progress: &Progress) -> Result<Option<Finish>, DriverError> {
        if self.lease.is_some() {
            return Ok(None);
        }
        let Some(open) = &progress.open_attempt else { return Ok(None) };
        if open.serial > self.watch.began_at_serial
            && self.watch.before.as_ref().is_some_and(|(attempt, _)| *attempt == open.attempt)
        {
            return Ok(None);
        }
        self.try_lease().await
    }

    /// Takes the lease, or waits a moment for it. A finish when others have had it for longer than this run is patient.
    async fn try_lease(&mut self) -> Result<Option<Finish>, DriverError> {
        loop {
            match (self.ports.take_lease)() {
                Ok(lease) => {
                    self.busy_since = None;
                    self.lease = Some(lease);
                    return Ok(None);
                }
                Err(LeaseError::Held(held)) => {
                    let now = self.ports.clock.now();
                    let since = *self.busy_since.get_or_insert(now);
                    if now.duration_since(since).unsigned_abs() >= self.options.lease_patience {
                        return Ok(Some(Finish::Busy(held.to_string())));
                    }
                    if let Some(exit_code) = self.ports.signals.requested() {
                        return Ok(Some(Finish::Signalled { exit_code, left: None }));
                    }
                    self.pause(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What was counted in a time that was set since is counted anew.
    fn mind_the_clock(&mut self) {
        let now = self.ports.clock.now();
        if let Some(seconds) = self.jumps.see(now, self.ports.clock.elapsed()) {
            self.watch.clock_was_set();
            self.say(
                Level::Warning,
                &format!("this machine's clock was set by {seconds} s, or it slept; what was stable is watched anew"),
            );
        }
    }

    fn decide(&self, progress: &Progress, facts: &Facts) -> Decision {
        let kept_rules = self.kept_rules(progress);
        machine::next(&Input {
            family: self.family,
            progress,
            facts,
            watch: &self.watch,
            now: self.ports.clock.now(),
            fresh_uuid: Uuid::new_v4(),
            kept_rules: kept_rules.as_ref(),
            baseline: self.baseline.as_ref().map(|(_, picture)| picture),
            options: &self.options.machine,
        })
    }

    fn load(&self) -> Result<Record, DriverError> {
        self.ports.store.load()?.ok_or(DriverError::NotBegun)
    }

    /// Whether another process has given the movement another goal meanwhile.
    fn overtaken(&self, record: &Record, progress: &Progress) -> Option<String> {
        let goal = progress.goal.as_ref()?;
        if goal.serial <= self.goal_serial {
            return None;
        }
        let entry = record.entries.iter().find(|entry| entry.serial == goal.serial)?;
        let ours = entry.by.process == self.ports.actor.process && entry.by.host == self.ports.actor.host;
        let to = match goal.goal {
            Goal::Forward => return None,
            Goal::SwitchedBack => "switch back",
            Goal::Cancelled => "cancel",
            Goal::RulesRestored => "put the routing rules back",
        };
        (!ours).then(|| format!("{} on {} has chosen to {to} at {}", entry.by.user, entry.by.host, goal.at))
    }

    /// One look. None when the cluster can't be reached for now.
    async fn observe(&mut self, progress: &Progress) -> Result<Option<Facts>, DriverError> {
        let mut query = machine::query(self.family, progress);
        query.merge(self.extra.clone());
        match self.ports.reader.observe(&query).await {
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
                        &format!("{error}; nothing is decided until it answers (trying for {} s)", patience.as_secs()),
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn see(&mut self, facts: &Facts, progress: &Progress) {
        let now = facts.observed_at;
        self.watch.see_between(self.family.situation(facts, progress).kind == SituationKind::Between, now);
        self.see_before(progress);
        let pulse = self.family.pulse(facts);
        self.watch.see_lag(pulse.lag_seconds, self.family.spec().switch.max_lag_seconds, now);
        self.watch.see_errors(pulse.any_error, now);
        let picture = self.family.picture(facts);
        self.watch.see(picture.digest_of_ours(&self.family.ours()), now);
        match &progress.baseline {
            None => self.baseline = None,
            Some(digest) if self.baseline.as_ref().is_some_and(|(known, _)| known == digest) => {}
            Some(digest) => {
                let kept = self.ports.kept.fetch(digest).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                self.baseline = kept.map(|picture| (digest.clone(), picture));
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
        let kept = open.replaced.as_ref().and_then(|digest| self.ports.kept.fetch(digest).ok());
        let replaced = kept.and_then(|bytes| serde_json::from_slice::<Replaced>(&bytes).ok());
        match replaced.and_then(|replaced| replaced.picture) {
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
    fn tell_foreign_changes(&mut self, record: &Record, progress: &Progress, facts: &Facts) -> Result<(), DriverError> {
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

    /// Appends to the record. Somebody else's append in between is no harm: the loop looks and decides anew.
    fn note(&mut self, record: &Record, mut whats: Vec<What>, facts: Option<&Facts>) -> Result<Option<Record>, DriverError> {
        for what in &mut whats {
            if let (What::Outcome { found, .. }, Some(facts)) = (what, facts) {
                *found = Some(self.ports.kept.keep(&sight::bytes_of(&self.family.picture(facts)))?);
            }
        }
        let incarnation = facts.map(|facts| self.family.incarnation(facts));
        let ends_a_write = whats.iter().any(|what| matches!(what, What::Outcome { .. }));
        let progress = record.progress();
        // Streams that are gone are on record as gone only after a write of ours that takes them away: else somebody else did.
        let takes_away = |open: &Attempt| matches!(open.mutation, Mutation::CompleteMoveTables(_) | Mutation::CancelWorkflow(_));
        let may_be_gone = progress.open_attempt.as_ref().is_some_and(takes_away);
        let is_news = |streams: &BTreeMap<String, i64>| *streams != progress.streams && (may_be_gone || !streams.is_empty());
        if let Some(streams) = incarnation.filter(|streams| ends_a_write && is_news(streams)) {
            whats.push(What::Incarnation { streams });
        }
        let at = self.ports.clock.now();
        let goals = whats.iter().any(|what| matches!(what, What::Goal { .. }));
        let entries = whats.into_iter().map(|what| NewEntry { at, by: self.ports.actor.clone(), what }).collect();
        match self.ports.store.append(record.serial(), entries) {
            Ok(after) => {
                for entry in after.entries.iter().filter(|entry| entry.serial > record.serial()) {
                    self.tell_entry(entry);
                }
                if goals {
                    self.goal_serial = after.serial();
                }
                Ok(Some(after))
            }
            Err(RecordError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn tell_entry(&mut self, entry: &Entry) {
        self.emit(Event::Entry { entry: entry.clone(), words: entry_words::words(&entry.what) });
    }

    async fn act(
        &mut self,
        record: &Record,
        progress: &Progress,
        act: Act,
        facts: &Facts,
    ) -> Result<Option<Finish>, DriverError> {
        let Some(lease) = &self.lease else {
            // What was decided without the lease is decided again with it.
            return self.try_lease().await;
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
        };
        let Some(record) = self.note(record, vec![intent], None)? else { return Ok(None) };
        if let Some(why) = self.overtaken_on_the_way(&act, facts).await {
            let evidence = vec![format!("it was not sent: {why}")];
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
                Ok(now) if now.routing_rules == facts.routing_rules => None,
                Ok(_) => Some("somebody changed routing rules in the moment before".to_owned()),
                Err(error) => Some(error.to_string()),
            };
        }
        (!self.is_fresh(facts)).then(|| "making the intent durable took longer than a look may be old".to_owned())
    }

    fn is_fresh(&self, facts: &Facts) -> bool {
        self.ports.clock.now().duration_since(facts.observed_at).abs() <= FRESH
    }

    /// The lease is the right to write: given back at every wait, but not while a write of ours may be under way.
    fn give_lease_back(&mut self, progress: &Progress) {
        if progress.open_attempt.is_none() {
            self.lease = None;
        }
    }

    fn kept_rules(&self, progress: &Progress) -> Option<crate::model::routing::RoutingRules> {
        let removed = progress.attempts.iter().rev().find(|attempt| attempt.phase == crate::run::phase::PhaseId::REMOVE_RULES)?;
        let bytes = self.ports.kept.fetch(removed.replaced.as_ref()?).ok()?;
        serde_json::from_slice::<Replaced>(&bytes).ok().map(|replaced| replaced.routing_rules)
    }

    /// Waits, or less when a signal comes; what counts down on a screen goes on.
    async fn pause(&mut self, duration: Duration) {
        self.ports.signals.sleep(duration).await;
        let at = self.ports.clock.now();
        self.ports.view.tick(at);
    }

    fn emit(&mut self, event: Event) {
        let at = self.ports.clock.now();
        self.ports.view.event(at, &event);
    }

    fn say(&mut self, level: Level, text: &str) {
        self.emit(Event::Say { level, text: text.to_owned() });
    }
}

/// Whether `--wait` makes sense at a hold: by an approval, by time, or by what is in the way going away.
fn may_end(hold: &Hold) -> bool {
    match hold.kind {
        HoldKind::Paused => false,
        // All windows have passed: only an edit of the plan file opens another.
        HoldKind::Window => hold.until.is_some(),
        _ => true,
    }
}

/// Errors of a look that another look won't mend.
fn is_final(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unauthenticated | ErrorKind::PermissionDenied | ErrorKind::Unimplemented | ErrorKind::TooLarge)
}

/// The plan file was edited, and what this run knows of it no longer counts.
fn stale() -> Finish {
    let finding = Finding::fail(
        "C406",
        Severity::Error,
        "plan file",
        "it was edited while this run went on, and another command has taken the edit up",
        "`cutover plan` shows what it means now, `cutover apply` goes on with it",
    );
    Finish::Stopped(Box::new(Stop { kind: StopKind::Stale, phase: None, findings: vec![finding] }))
}

/// Looks take so long that none is fresh enough to write on.
fn slow(act: &Act) -> Finish {
    let finding = Finding::fail(
        "C407",
        Severity::Error,
        "vtctld",
        format!("{STALE_LOOKS} looks in a row took longer than {} s each: too old to write on", FRESH.as_secs()),
        "find out what makes vtctld or this machine slow, then `cutover apply`",
    );
    Finish::Stopped(Box::new(Stop { kind: StopKind::Refused, phase: Some(act.phase.clone()), findings: vec![finding] }))
}
