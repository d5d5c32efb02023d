//! The loop: observe, decide, append the intent, act, observe, append the outcome. The only place that awaits.
//!
//! Everything that it needs from outside comes in as a port. It decides nothing: the machine does.

mod acting;
mod call;
mod clock_jumps;
mod leasing;
mod looking;
mod pace;
mod ports;
mod shown;
mod sight;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use clock_jumps::ClockJumps;
use jiff::Timestamp;
use leasing::Judge;
use pace::Pace;
use shown::Shown;

use crate::cluster::error::ClusterError;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Facts, Query};
use crate::family::Family;
use crate::family::picture::Picture;
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::record::entry::{Entry, Goal, OutcomeResult, What};
use crate::record::error::RecordError;
use crate::record::lease::{HeldLease, LeaseError};
use crate::record::progress::Progress;
use crate::record::store::{NewEntry, Record};
use crate::report::entry_words;
use crate::report::event::{Event, Level};
use crate::run::decision::{Decision, Ending, Hold, HoldKind, Stop, StopKind};
use crate::run::machine::{self, Input, Options};
use crate::run::phase::PhaseId;
use crate::run::watch::Watch;

pub use ports::{Ports, Signals};
pub use sight::{Replaced, bytes_of, kept_picture, kept_rules};

/// What a run wants.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub machine: Options,
    /// Stay at holds that may end.
    pub wait: bool,
    /// Time jumps to the next thing that this run waits for, so it must not wait for what only people or other processes bring.
    pub time_jumps: Option<TimeJumps>,
    /// How long to try for the lease. A run that waits gives it back at each wait, so an emergency command gets it soon.
    pub lease_patience: Duration,
}

/// How a run goes on while time jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeJumps {
    /// So many looks without an entry of the record, and nothing will come of the wait.
    pub most_idle_looks: u32,
}

impl Default for TimeJumps {
    fn default() -> Self {
        Self { most_idle_looks: 10_000 }
    }
}

impl RunOptions {
    /// For commands that somebody types while another run goes on.
    pub fn patient() -> Self {
        let machine = Options { never_forward: true, ..Options::default() };
        Self { machine, lease_patience: Duration::from_secs(60), ..Self::default() }
    }

    /// How long to stay at a hold until the next look; none: not at all. While time jumps nobody comes to release anything, so only
    /// an end that is known is waited for, and then at once.
    fn stay(&self, hold: &Hold, now: Timestamp) -> Option<Duration> {
        if !self.wait || !may_end(hold) {
            return None;
        }
        let left = hold.until.and_then(|until| Duration::try_from(until.duration_since(now)).ok()).filter(|left| !left.is_zero());
        if self.time_jumps.is_none() {
            return Some(left.map_or(pace::LONGEST, |left| left.min(pace::LONGEST)));
        }
        left
    }
}

/// In a hold.
const LOOK_AT_RECORD_EVERY: Duration = Duration::from_millis(200);

/// How a run ended.
#[derive(Debug)]
pub enum Finish {
    Ended(Ending),
    Held(Box<Hold>),
    Stopped(Box<Stop>),
    /// Somebody else is acting, or has given the movement another goal.
    Busy(String),
    Overtaken(String),
    /// Time jumps, and what is waited for doesn't come.
    Idle(String),
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
    lease: Option<Box<dyn HeldLease>>,
    extra: Query,
    /// The last look, when all that came of it was an entry of the record or the lease: what is decided next is decided on it as well.
    held_look: Option<HeldLook>,
    /// What the last look asked for.
    asked: Query,
    goal_serial: u64,
    /// What the plan file meant when this run began: it knows no other.
    intent: Option<Digest>,
    unreachable_since: Option<Timestamp>,
    busy_since: Option<Timestamp>,
    /// Looks, one after the other, that were too old for a write by the time it was decided.
    stale_looks: u32,
    /// The record's serial, and how many looks found it so while time jumps.
    idle_looks: (u64, u32),
    jumps: ClockJumps,
    pace: Pace,
    shown: Shown,
    baseline: Option<(Digest, Picture)>,
    told: std::collections::BTreeSet<String>,
}

/// A look that more than one thing is decided on.
struct HeldLook {
    asked: Query,
    facts: Facts,
    /// That of the record it goes with: an entry of another process may tell of a write that it has not seen.
    serial: u64,
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
            held_look: None,
            asked: Query::default(),
            goal_serial: 0,
            intent: None,
            unreachable_since: None,
            busy_since: None,
            stale_looks: 0,
            idle_looks: (0, 0),
            jumps: ClockJumps::default(),
            pace: Pace::default(),
            shown: Shown::default(),
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
            if let Some(finish) = self.idle(record.serial()) {
                return Ok(finish);
            }
            if let Some(stop) = self.edited(&progress) {
                return Ok(stop);
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
            match self.lease_of_an_open_attempt(&record, &progress)? {
                Judge::May => {}
                Judge::Waits => {
                    self.pause(Duration::from_millis(200)).await;
                    continue;
                }
                Judge::Leaves(finish) => return Ok(finish),
            }
            let Some(facts) = self.observe(&record, &progress).await? else {
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
                    self.hold_look(facts, record.serial());
                }
                Decision::Checked(phase) => {
                    self.watch.checked.insert(phase, self.ports.clock.now());
                    self.extra = Query::default();
                    self.hold_look(facts, record.serial());
                }
                Decision::CheckedAhead { waiting, passed } => {
                    let seen_at = facts.observed_at;
                    self.watch.checked.extend(passed.into_iter().map(|phase| (phase, seen_at)));
                    self.watch.checked_ahead.insert(waiting);
                    self.extra = Query::default();
                    self.hold_look(facts, record.serial());
                }
                Decision::Note(whats) => {
                    let noted = self.note(&record, whats, Some(&facts))?;
                    self.extra = Query::default();
                    self.pace = Pace::default();
                    if let Some(noted) = noted {
                        self.hold_look(facts, noted.serial());
                    }
                }
                Decision::Act(act) => {
                    self.pace = Pace::default();
                    let had_lease = self.lease.is_some();
                    if let Some(finish) = self.act(&record, &progress, *act, &facts).await? {
                        return Ok(finish);
                    }
                    if !had_lease && self.lease.is_some() {
                        self.hold_look(facts, record.serial());
                    }
                }
                Decision::Wait(phase, waiting) => {
                    self.give_lease_back(&progress);
                    let tables = self.shown.see(&phase, &facts);
                    self.emit(Event::Progress(sight::progress(self.family, &facts, &progress, &phase, &waiting, tables)));
                    self.shown.ask(&phase, self.family.shown_query(&phase), self.ports.clock.elapsed());
                    self.pause_at_pace(&phase).await;
                }
                Decision::Await(phase, conditions) => {
                    self.give_lease_back(&progress);
                    let now = self.ports.clock.now();
                    let since = *self.watch.waiting_since.entry(phase.clone()).or_insert(now);
                    self.emit(Event::Await { phase: phase.clone(), conditions, since });
                    self.pause_at_pace(&phase).await;
                }
                Decision::Hold(hold) => {
                    self.give_lease_back(&progress);
                    let Some(duration) = self.options.stay(&hold, self.ports.clock.now()) else {
                        return Ok(Finish::Held(hold));
                    };
                    self.emit(Event::Hold { hold, waiting: true });
                    self.watch.waiting_since.clear();
                    self.pause_until_news(duration, record.serial()).await?;
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

    /// While time passes somebody sees that nothing happens; while it jumps the run has to see it.
    fn idle(&mut self, serial: u64) -> Option<Finish> {
        let (before, looks) = self.idle_looks;
        self.idle_looks = if before == serial { (serial, looks + 1) } else { (serial, 0) };
        let most = self.options.time_jumps?.most_idle_looks;
        (looks >= most).then(|| Finish::Idle(format!("{most} looks, and nothing came of it; time jumps, and this run ends here")))
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

    /// Whether somebody has edited the plan file, taken up by another process or by none so far. A write under way is made whole first.
    fn edited(&mut self, progress: &Progress) -> Option<Finish> {
        if progress.intent == self.intent && !(self.goes_forward(progress) && (self.ports.is_plan_edited)()) {
            return None;
        }
        if self.unfinished(progress).is_none() {
            return Some(stale());
        }
        self.stay_to_finish();
        None
    }

    /// What an edit of the plan file must not stop are the ways out: back, cancel, pause, and what makes whole.
    fn goes_forward(&self, progress: &Progress) -> bool {
        let machine = &self.options.machine;
        let is_way_out = machine.never_forward || machine.finish_only || machine.start_streams || machine.mends;
        progress.goal() == Goal::Forward && !is_way_out
    }

    fn is_by_us(&self, entry: &Entry) -> bool {
        entry.by.process == self.ports.actor.process && entry.by.host == self.ports.actor.host
    }

    fn decide(&self, progress: &Progress, facts: &Facts) -> Decision {
        let kept_rules = sight::kept_rules(&self.ports.kept, progress);
        machine::next(&Input {
            family: self.family,
            progress,
            facts,
            watch: &self.watch,
            now: self.ports.clock.now(),
            fresh_uuid: (self.ports.new_uuid)(),
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
        let to = match goal.goal {
            Goal::Forward => return None,
            Goal::SwitchedBack => "switch back",
            Goal::Cancelled => "cancel",
            Goal::RulesRestored => "put the routing rules back",
        };
        (!self.is_by_us(entry)).then(|| format!("{} on {} has chosen to {to} at {}", entry.by.user, entry.by.host, goal.at))
    }

    /// Appends to the record. Somebody else's append in between is no harm: the loop looks and decides anew.
    fn note(&mut self, record: &Record, mut whats: Vec<What>, facts: Option<&Facts>) -> Result<Option<Record>, DriverError> {
        let mut pictured = None;
        for what in &mut whats {
            if let (What::Outcome { found, .. }, Some(facts)) = (what, facts) {
                let picture = self.family.picture(facts);
                let digest = self.ports.kept.keep(&sight::bytes_of(&picture))?;
                *found = Some(digest.clone());
                pictured = Some((digest, picture));
            }
        }
        let incarnation = facts.map(|facts| self.family.incarnation(facts));
        let ends_a_write = whats.iter().any(|what| matches!(what, What::Outcome { .. }));
        let progress = record.progress();
        let news = incarnation.and_then(|seen| {
            incarnation_after(progress.open_attempt.as_ref().map(|open| &open.mutation), &progress.streams, seen)
        });
        if let Some(streams) = news.filter(|_| ends_a_write) {
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
                // What was just kept need not be read back.
                self.baseline = pictured.or(self.baseline.take());
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

    /// Waits, or less when a signal comes; what counts down on a screen goes on.
    async fn pause(&mut self, duration: Duration) {
        self.ports.signals.sleep(duration).await;
        let at = self.ports.clock.now();
        self.ports.view.tick(at);
    }

    /// Waits, or less when the record gets an entry: whoever approves sees it acted on at once. To look at a file beside us costs the
    /// cluster nothing.
    async fn pause_until_news(&mut self, duration: Duration, serial: u64) -> Result<(), DriverError> {
        if self.options.time_jumps.is_some() {
            self.pause(duration).await;
            return Ok(());
        }
        let mut left = duration;
        while !left.is_zero() && self.ports.signals.requested().is_none() && self.load()?.serial() == serial {
            let step = left.min(LOOK_AT_RECORD_EVERY);
            self.pause(step).await;
            left -= step;
        }
        Ok(())
    }

    /// Waits until the next look at what a phase waits for.
    async fn pause_at_pace(&mut self, phase: &PhaseId) {
        let duration = self.pace.pause(phase, self.ports.clock.elapsed());
        self.pause(duration).await;
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

/// The plan file was edited, and what this run knows of it no longer counts.
fn stale() -> Finish {
    let finding = Finding::fail(
        "C406",
        Severity::Error,
        "plan file",
        "it was edited while this run went on, which knows it as it was",
        "`cutover plan` shows what it means now, `cutover apply` goes on with it",
    );
    Finish::Stopped(Box::new(Stop { kind: StopKind::Stale, phase: None, findings: vec![finding] }))
}

/// The ids of streams to put on record at the end of a write; none when there is no news. Streams that are gone are on record as gone
/// only after a write of ours that takes them away, else somebody else did: a switch takes those of one direction, never all.
fn incarnation_after(
    write: Option<&Mutation>,
    before: &BTreeMap<String, i64>,
    seen: BTreeMap<String, i64>,
) -> Option<BTreeMap<String, i64>> {
    let (some_may_be_gone, all_may_be_gone) = match write {
        Some(Mutation::CompleteMoveTables(_) | Mutation::CancelWorkflow(_)) => (true, true),
        Some(Mutation::SwitchTraffic(_)) => (true, false),
        _ => (false, false),
    };
    let mut known = if some_may_be_gone { BTreeMap::new() } else { before.clone() };
    known.extend(seen);
    (known != *before && (all_may_be_gone || !known.is_empty())).then_some(known)
}
