//! Which effects a program has had so far, and which of them is to be struck, by what.
//!
//! Every effect has a number, counted over all processes of a run, and a name: what it is, and where on the way. A run without a
//! fault writes the list; a run with one does the same again until there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rustix::io::Errno;
use tokio::sync::{Notify, watch};

use super::kinds::Kind;

/// What kind of effect, as far as faults go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    ReadCall,
    WriteCall,
    /// A call to the file system that is no write.
    Files,
    FileWrite,
    Lease,
}

/// One effect of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub of: Of,
    /// `WorkflowSwitchTraffic`, `record rename`.
    pub what: String,
    /// `switch-primary, written`.
    pub at: String,
}

impl Site {
    pub fn name(&self) -> String {
        format!("{} [{}]", self.what, self.at)
    }
}

/// What happens at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strikes {
    Nothing,
    /// The process is gone already: it has no effects any more.
    Dead,
    Before,
    After,
    Torn,
    Fails(Errno),
    /// Of a call.
    Call(Kind),
    /// Of the lease.
    Lease(Kind),
}

/// No write rests on an older look.
const OLDEST_LOOK: SignedDuration = SignedDuration::from_secs(2);

/// A run: its effects, and its faults by the number of the effect.
#[derive(Debug, Default)]
pub struct Script {
    inner: Mutex<Inner>,
    stands_still: Notify,
    goes_on: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The number of the first of `sites`.
    base: usize,
    sites: Vec<Site>,
    faults: BTreeMap<usize, Kind>,
    struck: Vec<(usize, Kind)>,
    at: String,
    /// What must never be and was.
    violations: Vec<String>,
    /// For people, when a run has failed.
    story: Vec<String>,
    /// Attempts of a record whose call has left a process.
    sent: BTreeSet<(&'static str, u64)>,
    /// When the first call of the last look left.
    look_began_at: Option<Timestamp>,
    /// Reads that were answered since the last write or the beginning of the process.
    seen: BTreeSet<String>,
    writes: usize,
    /// By record, the serial that an append has returned.
    acknowledged: BTreeMap<&'static str, u64>,
    tells: bool,
    /// What the process said last that it waits for.
    waits_for: String,
    /// A process dies with the vtctld that it talks to; so often it has died before.
    deaths_before: Option<u64>,
}

impl Script {
    /// `base` is the number of its first effect.
    pub fn new(base: usize, faults: impl IntoIterator<Item = (usize, Kind)>) -> Arc<Self> {
        let inner = Inner { base, faults: faults.into_iter().collect(), ..Inner::default() };
        Arc::new(Self { inner: Mutex::new(inner), ..Self::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process begins.
    pub fn begin(self: &Arc<Self>) -> Life {
        self.lock().seen.clear();
        Life { script: self.clone(), dead: watch::Sender::new(false) }
    }

    /// A process stands still, until it is told to go on.
    pub async fn stand_still(&self) {
        self.stands_still.notify_one();
        self.goes_on.notified().await;
    }

    /// Returns when a process stands still.
    pub async fn stands_still(&self) {
        self.stands_still.notified().await;
    }

    pub fn go_on(&self) {
        self.goes_on.notify_one();
    }

    pub fn sites(&self) -> Vec<Site> {
        self.lock().sites.clone()
    }

    /// The number of the first of them.
    pub fn base(&self) -> usize {
        self.lock().base
    }

    pub fn count(&self) -> usize {
        let inner = self.lock();
        inner.base + inner.sites.len()
    }

    /// The faults that have struck.
    pub fn struck(&self) -> Vec<(usize, Kind)> {
        self.lock().struck.clone()
    }

    /// Where on the way the effects that come now are.
    pub fn move_to(&self, at: String) {
        self.lock().at = at;
    }

    pub fn tell_all(&self) {
        self.lock().tells = true;
    }

    pub fn tell(&self, words: impl FnOnce() -> String) {
        let mut inner = self.lock();
        if inner.tells {
            let words = words();
            inner.story.push(words);
        }
    }

    /// From now on a process dies when vtctld does, which has died so often.
    pub fn die_with_vtctld(&self, deaths: u64) {
        self.lock().deaths_before = Some(deaths);
    }

    pub fn dies_with_vtctld(&self, deaths: impl FnOnce() -> u64) -> bool {
        let before = self.lock().deaths_before;
        before.is_some_and(|before| deaths() > before)
    }

    pub fn wait_for(&self, words: String) {
        self.lock().waits_for = words;
    }

    pub fn waits_for(&self) -> String {
        self.lock().waits_for.clone()
    }

    pub fn story(&self) -> String {
        self.lock().story.join("\n")
    }

    pub fn violated(&self, words: impl Into<String>) {
        let mut inner = self.lock();
        let words = words.into();
        let number = inner.base + inner.sites.len();
        if !inner.violations.iter().any(|known| known.ends_with(&words)) {
            inner.violations.push(format!("before effect {number}: {words}"));
        }
    }

    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    pub fn acknowledge(&self, record: &'static str, serial: u64) {
        self.lock().acknowledged.insert(record, serial);
    }

    /// 0 before there is one.
    pub fn acknowledged(&self, record: &str) -> u64 {
        self.lock().acknowledged.get(record).copied().unwrap_or(0)
    }

    pub fn look_begins(&self, at: Timestamp) {
        self.lock().look_began_at = Some(at);
    }

    pub fn saw(&self, read: &str) {
        self.lock().seen.insert(read.to_owned());
    }

    /// A write is about to leave for the cluster, under this attempt of the record: intent before effect, no retry without a look, and none on an old one.
    pub fn sends(&self, call: &str, attempt: Option<(&'static str, u64)>, now: Timestamp) {
        let age = self.lock().look_began_at.map(|began_at| now.duration_since(began_at));
        // A VDiff changes nothing, and tablets are made to look at their tables before it.
        if call != "VDiffCreate" && age.is_none_or(|age| age > OLDEST_LOOK) {
            self.violated(format!("I12: {call} left on a look that began {age:?} ago"));
        }
        let unseen: Vec<&str> = {
            let mut inner = self.lock();
            inner.writes += 1;
            let needed = ["GetWorkflows", "GetRoutingRules", "GetSrvVSchemas", "FindAllShardsInKeyspace"];
            let unseen = needed.into_iter().filter(|read| !inner.seen.contains(*read)).collect();
            inner.seen.clear();
            unseen
        };
        if !unseen.is_empty() {
            self.violated(format!("I6: {call} left without a look before: {}", unseen.join(", ")));
        }
        match attempt {
            None => self.violated(format!("I5: {call} left, and no intent for it stands in the file")),
            Some(attempt) if !self.lock().sent.insert(attempt) => {
                self.violated(format!("I6: {call} left a second time under attempt {}", attempt.1));
            }
            Some(_) => {}
        }
    }
}

/// No run needs so many.
const MOST_EFFECTS: usize = 40_000;

/// One process of the program.
#[derive(Debug, Clone)]
pub struct Life {
    pub script: Arc<Script>,
    dead: watch::Sender<bool>,
}

impl Life {
    pub fn arrive(&self, of: Of, what: String) -> Strikes {
        if self.is_dead() {
            return Strikes::Dead;
        }
        let mut inner = self.script.lock();
        let number = inner.base + inner.sites.len();
        if inner.sites.len() > MOST_EFFECTS {
            drop(inner);
            self.script.violated("I21: it goes round and comes to no end");
            self.die();
            return Strikes::Dead;
        }
        let site = Site { of, what, at: inner.at.clone() };
        if inner.tells {
            let words = format!("  {number} {}", site.name());
            inner.story.push(words);
        }
        inner.sites.push(site);
        let Some(kind) = inner.faults.remove(&number) else { return Strikes::Nothing };
        let kind = if let Kind::Chosen(dice) = kind { Kind::chosen(dice, &inner.sites[number - inner.base]) } else { kind };
        inner.struck.push((number, kind));
        if inner.tells {
            let words = format!("  {number} *** {kind:?}");
            inner.story.push(words);
        }
        match kind {
            Kind::KilledBefore => Strikes::Before,
            Kind::KilledAfter => Strikes::After,
            Kind::TornWrite => Strikes::Torn,
            Kind::DiskFull => Strikes::Fails(Errno::NOSPC),
            Kind::IoError => Strikes::Fails(Errno::IO),
            Kind::LeaseHeld | Kind::LeaseLost => Strikes::Lease(kind),
            _ => Strikes::Call(kind),
        }
    }

    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    pub fn die(&self) {
        self.dead.send_replace(true);
    }

    /// Returns when it is dead.
    pub async fn death(&self) {
        let mut dead = self.dead.subscribe();
        // The sender is our own.
        dead.wait_for(|dead| *dead).await.ok();
    }
}
