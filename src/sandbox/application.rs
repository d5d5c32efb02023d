//! The application: it inserts rows through vtgate, and keeps account of each that was acknowledged.
//!
//! A write that nobody takes is held back, as vtgate's buffer does, for 10 s; after that it fails. vtgate goes on when its cell serves
//! something new or its window has passed. An id comes from MySQL's counter
//! at the source, from the sequence where the VSchema has one, else from the application itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::file::description::Description;
use super::ids::Ids;
use super::topology::Topology;

/// vtgate's `--buffer-window`
const BUFFER: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// The keyspace that it is connected to.
    pub keyspace: Option<String>,
    /// By table.
    pub writers: BTreeMap<String, Writer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    pub per_second: u32,
    pub began: Timestamp,
    /// Up to where the writes of `per_second` have been made, refused, or are held back.
    pub attempted: u64,
    /// Held back, waiting for somebody to take them.
    pub held_back: u64,
    /// Nobody takes its writes now.
    pub is_stopped: bool,
    pub buffer: Option<Buffer>,
    pub acknowledged: u64,
    pub failed: u64,
    /// Ids that were given to two rows.
    pub twice: u64,
    pub last_acknowledged_at: Timestamp,
    pub longest_pause_milliseconds: i64,
    /// The ids of acknowledged rows.
    pub ids: Ids,
    pub segments: Vec<Segment>,
}

impl Writer {
    /// How long its writes have been waiting or refused up to now; 0 while they are taken.
    pub fn pause_milliseconds(&self, now: Timestamp) -> i64 {
        let is_paused = self.is_stopped || self.held_back > 0;
        let since = now.duration_since(self.last_acknowledged_at).as_millis();
        if is_paused { i64::try_from(since).unwrap_or(i64::MAX) } else { 0 }
    }
}

/// vtgate buffers since then. It goes on when its cell serves something new, or its window has passed: not when a keyspace takes
/// writes again (experiments.md, Calm).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    pub since: Timestamp,
    /// Of what the cell served then.
    pub version: u64,
    /// Writes that it held back while a keyspace would have taken them: vtgate tries them again once more before it gives up
    /// (`MaxBufferingRetries`, go/vt/vtgate/plan_execute.go).
    pub tried_again: u64,
}

impl Buffer {
    fn holds(self, version: u64, now: Timestamp) -> bool {
        self.version == version && now < self.since + BUFFER
    }
}

/// Writes that one keyspace took in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub keyspace: String,
    /// When the first of them was acknowledged, and the last.
    pub from: Timestamp,
    pub until: Timestamp,
    pub first: u64,
    pub last: u64,
    /// How many writes had been made before the first of these.
    pub made_before: u64,
}

/// Where a write of a table goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    To(String),
    /// To a keyspace that denies it: held back.
    Denied(String),
    Nowhere(String),
}

impl Application {
    pub fn new(description: &Description, now: Timestamp) -> Self {
        let tables = description.keyspaces.values().flat_map(|keyspace| &keyspace.tables);
        let writers = tables.filter(|(_, table)| table.writes_per_second > 0).map(|(name, table)| {
            let writer = Writer {
                per_second: table.writes_per_second,
                began: now,
                attempted: 0,
                held_back: 0,
                is_stopped: false,
                buffer: None,
                acknowledged: 0,
                failed: 0,
                twice: 0,
                last_acknowledged_at: now,
                longest_pause_milliseconds: 0,
                ids: Ids::default(),
                segments: vec![],
            };
            (name.clone(), writer)
        });
        Self { keyspace: description.application.keyspace.clone(), writers: writers.collect() }
    }

    /// Writes all that is due until `now`. Nothing of the topology has changed since the last time.
    pub fn write_until(&mut self, topology: &mut Topology, now: Timestamp) {
        for (table, writer) in &mut self.writers {
            let way = way(topology, self.keyspace.as_deref(), table, "");
            writer.write_until(topology, table, &way, now);
        }
    }

    /// When a window next passes.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.writers.values().filter_map(|writer| writer.buffer).map(|buffer| buffer.since + BUFFER);
        ends.filter(|end| *end > now).min()
    }

    /// The ids that a keyspace has taken for a table until some moment of the past; those that it took later.
    pub fn taken_after(&self, keyspace: &str, table: &str, moment: Timestamp) -> Ids {
        let mut later = Ids::default();
        let Some(writer) = self.writers.get(table) else { return later };
        for segment in &writer.segments {
            if segment.keyspace == keyspace && segment.until > moment {
                later.add(&Ids::range(segment.first_after(writer.due(moment), moment), segment.last));
            }
        }
        later
    }

    /// When a keyspace last took a write for one of these tables.
    pub fn last_write<'a>(&self, keyspace: &str, tables: impl IntoIterator<Item = &'a str>) -> Option<Timestamp> {
        let writers = tables.into_iter().filter_map(|table| self.writers.get(table));
        let segments = writers.flat_map(|writer| writer.segments.iter().rfind(|segment| segment.keyspace == keyspace));
        segments.map(|segment| segment.until).max()
    }
}

impl Segment {
    /// The first id after a moment until which so many writes had been made.
    fn first_after(&self, made: u64, moment: Timestamp) -> u64 {
        if moment < self.from { self.first } else { (self.first + made.saturating_sub(self.made_before)).min(self.last + 1) }
    }

    fn count(&self) -> u64 {
        self.last + 1 - self.first
    }
}

impl Writer {
    fn due(&self, now: Timestamp) -> u64 {
        let milliseconds = u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(0);
        milliseconds * u64::from(self.per_second) / 1000
    }

    fn write_until(&mut self, topology: &mut Topology, table: &str, way: &Way, now: Timestamp) {
        let count = self.due(now) - self.attempted;
        self.attempted += count;
        self.held_back += count;
        let version = topology.cells.first().and_then(|cell| topology.served.get(cell)).map_or(0, |served| served.version);
        match way {
            Way::To(_) if self.buffer.is_some_and(|buffer| buffer.holds(version, now)) => {
                self.is_stopped = true;
                if let Some(buffer) = &mut self.buffer {
                    buffer.tried_again = self.held_back;
                }
            }
            Way::Denied(_) => {
                self.is_stopped = true;
                if self.buffer.is_none_or(|buffer| buffer.version != version) {
                    self.buffer = Some(Buffer { since: now, version, tried_again: 0 });
                }
                // vtgate lets go of those that waited for too long.
                let again = self.buffer.map_or(0, |buffer| buffer.tried_again);
                let room = u64::try_from(BUFFER.as_secs()).unwrap_or(0) * u64::from(self.per_second) + again;
                self.failed += self.held_back.saturating_sub(room);
                self.held_back = self.held_back.min(room);
            }
            Way::Nowhere(_) => {
                self.is_stopped = true;
                self.buffer = None;
                self.failed += std::mem::take(&mut self.held_back);
            }
            Way::To(keyspace) => {
                self.buffer = None;
                let count = std::mem::take(&mut self.held_back);
                if count > 0 {
                    self.acknowledge(topology, table, keyspace, count, now);
                }
            }
        }
    }

    fn acknowledge(&mut self, topology: &mut Topology, table: &str, keyspace: &str, count: u64, now: Timestamp) {
        let first = self.next_id(topology, table, keyspace, count);
        let ids = Ids::range(first, first + count - 1);
        let Some(there) = topology.keyspaces.get_mut(keyspace) else { return };
        // The id of a row that is there already: MySQL can't see it where the two are on different shards.
        let known = there.shards.iter().find_map(|shard| shard.tables.get(table)).map(|table| table.rows.both(&ids));
        self.twice += known.unwrap_or_default().count(super::ids::Share::ALL);
        for shard in &mut there.shards {
            if let Some(table) = shard.tables.get_mut(table) {
                table.rows.add(&ids);
            }
        }
        let was_stopped = std::mem::take(&mut self.is_stopped);
        if was_stopped {
            let pause = now.duration_since(self.last_acknowledged_at).as_millis();
            self.longest_pause_milliseconds = self.longest_pause_milliseconds.max(i64::try_from(pause).unwrap_or(i64::MAX));
        }
        self.ids.add(&ids);
        self.acknowledged += count;
        let made_before = self.attempted - count;
        // What was held back comes all at once, after all that a stream has applied until now.
        let from = if was_stopped { now + SignedDuration::from_nanos(1) } else { self.last_acknowledged_at };
        match self.segments.last_mut() {
            Some(segment)
                if segment.keyspace == keyspace
                    && segment.last + 1 == first
                    && segment.made_before + segment.count() == made_before
                    && !was_stopped =>
            {
                segment.last = first + count - 1;
                segment.until = now;
            }
            _ => self.segments.push(Segment {
                keyspace: keyspace.to_owned(),
                from,
                until: from.max(now),
                first,
                last: first + count - 1,
                made_before,
            }),
        }
        self.last_acknowledged_at = now;
    }

    fn next_id(&self, topology: &mut Topology, table: &str, keyspace: &str, count: u64) -> u64 {
        let Some(there) = topology.keyspaces.get(keyspace) else { return 1 };
        let of_sequence = there.vschema.tables.get(table).and_then(|entry| entry.auto_increment.clone());
        if let Some(auto_increment) = of_sequence
            && let Some(next) = sequence_mut(topology, &auto_increment.sequence)
        {
            let first = *next;
            *next += count;
            return first;
        }
        let Some(there) = topology.keyspaces.get(keyspace) else { return 1 };
        let last_there = there.shards.iter().filter_map(|shard| shard.tables.get(table)?.rows.last()).max().unwrap_or(0);
        last_there.max(self.ids.last().unwrap_or(0)) + 1
    }
}

/// `next_id` of a sequence that a VSchema names, as `keyspace.table`, in backticks or not, or by its bare name.
pub fn sequence_mut<'t>(topology: &'t mut Topology, name: &str) -> Option<&'t mut u64> {
    let plain = name.replace('`', "");
    let (keyspace, table) = match plain.split_once('.') {
        Some((keyspace, table)) => (keyspace.to_owned(), table.to_owned()),
        None => {
            let owner = topology
                .keyspaces
                .iter()
                .find(|(_, keyspace)| keyspace.vschema.tables.get(&plain).is_some_and(|entry| entry.kind == "sequence"));
            (owner?.0.clone(), plain)
        }
    };
    let shard = topology.keyspaces.get_mut(&keyspace)?.shards.first_mut()?;
    shard.tables.get_mut(&table)?.next_id.as_mut()
}

/// Where the application's vtgate, in the first cell, sends a query.
pub fn way(topology: &Topology, connected_to: Option<&str>, table: &str, suffix: &str) -> Way {
    way_in(topology, topology.cells.first().map_or("", String::as_str), connected_to, table, suffix)
}

/// Where a vtgate sends a query for a table; `suffix` is `@replica` and the like, or empty. It knows what its cell serves.
pub fn way_in(topology: &Topology, cell: &str, connected_to: Option<&str>, table: &str, suffix: &str) -> Way {
    let Some(served) = topology.served.get(cell) else {
        return Way::Nowhere("nothing is served".to_owned());
    };
    let key = connected_to.map_or_else(|| table.to_owned(), |keyspace| format!("{keyspace}.{table}"));
    let by_rule = served.rules.get(&format!("{key}{suffix}")).and_then(|to| to.first());
    let keyspace = match (by_rule, connected_to) {
        (Some(to), _) => to.split_once('.').map_or(to.as_str(), |(keyspace, _)| keyspace).to_owned(),
        (None, Some(keyspace)) => keyspace.to_owned(),
        (None, None) => {
            let mut owners = served.vschemas.iter().filter(|(_, vschema)| vschema.tables.contains_key(table));
            match (owners.next(), owners.next()) {
                (Some((keyspace, _)), None) => keyspace.clone(),
                (None, _) => return Way::Nowhere(format!("table {table} not found")),
                (Some(_), Some(_)) => return Way::Nowhere(format!("ambiguous table reference: {table}")),
            }
        }
    };
    match topology.keyspaces.get(&keyspace) {
        Some(there) if there.shards.iter().all(|shard| !shard.tables.contains_key(table)) => {
            Way::Nowhere(format!("table {table} does not exist in {keyspace} (errno 1146)"))
        }
        Some(there) if suffix.is_empty() && (there.denies(table) || topology.lacks_primary(&keyspace)) => Way::Denied(keyspace),
        Some(_) => Way::To(keyspace),
        None => Way::Nowhere(format!("there is no keyspace {keyspace}")),
    }
}
