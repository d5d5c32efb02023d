//! The account of what was acknowledged to the application, and its comparison with what stands in MySQL.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Cluster;

/// With this begins the token of a row whose writer keeps no account of it.
pub const WITHOUT_ACCOUNT: &str = "beside-";
/// So many things that are wrong are told of.
const MOST_SHOWN: usize = 30;

/// A row that vtgate said was written: the index of its table, its id, its token.
pub type Row = (usize, u64, String);

/// Kept while the application runs.
#[derive(Default)]
pub struct Account {
    pub rows: Vec<Row>,
    /// Inserts without an id that failed: such a row may be there or not, once.
    pub unknown_tokens: Vec<String>,
    /// Seed id → increments acknowledged, increments that may have happened.
    pub hits: BTreeMap<u64, (u64, u64)>,
    pub acknowledged_at: Vec<Instant>,
    pub read_at: Vec<Instant>,
    pub errors: Vec<Failure>,
    pub failed_writes: usize,
    pub failed_reads: usize,
}

/// An error that the application was given.
#[derive(Debug, Clone)]
pub struct Failure {
    pub at: Instant,
    pub what: &'static str,
    pub error: String,
}

/// What the application saw.
pub struct Report {
    pub acknowledged: usize,
    /// Writes that gave the application an error, each try counted.
    pub failed: usize,
    /// Writes of which it never learnt whether they happened.
    pub unknown: usize,
    /// The longest time without any acknowledged write, over all writers.
    pub longest_write_pause: Duration,
    /// Acknowledged writes a second, from the first to the last one, pauses left out: a pause is a second or more without any.
    pub writes_per_second: f64,
    pub reads: usize,
    pub failed_reads: usize,
    pub errors: Vec<Failure>,
    tables: Vec<String>,
    cluster: &'static Cluster,
    account: Account,
}

impl Report {
    pub fn new(account: Account, tables: Vec<String>, cluster: &'static Cluster) -> Self {
        let unknown_hits: u64 = account.hits.values().map(|(_, unknown)| unknown).sum();
        Self {
            acknowledged: account.acknowledged_at.len(),
            failed: account.failed_writes,
            unknown: account.unknown_tokens.len() + usize::try_from(unknown_hits).expect("a count"),
            longest_write_pause: gaps(&account.acknowledged_at).into_iter().max().unwrap_or_default(),
            writes_per_second: rate(&account.acknowledged_at),
            failed_reads: account.failed_reads,
            reads: account.read_at.len(),
            errors: account.errors.clone(),
            tables,
            cluster,
            account,
        }
    }

    /// Compares the account with what stands in MySQL on all shards of the keyspace that serves the tables now; gives
    /// what is wrong, in words. Nothing wrong: each acknowledged row is there exactly once and as it was written, no id
    /// stands twice, each counter is as high as what was acknowledged and no higher than what was tried, and no row is
    /// there that nobody wrote.
    pub fn differences(&self, keyspace: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for (index, table) in self.tables.iter().enumerate() {
            let rows: Vec<(u64, String, u64)> =
                self.cluster.query_primaries(keyspace, &format!("select id, token, hits from `{table}`"));
            let mut standing: BTreeMap<u64, Vec<(&str, u64)>> = BTreeMap::new();
            for (id, token, hits) in &rows {
                standing.entry(*id).or_default().push((token, *hits));
            }
            for (id, tokens) in standing.iter().filter(|(_, tokens)| tokens.len() > 1) {
                wrong.push(format!("{table}: the id {id} stands {} times: {tokens:?}", tokens.len()));
            }
            let acknowledged: Vec<_> = self.account.rows.iter().filter(|(of, ..)| *of == index).collect();
            for (_, id, token) in &acknowledged {
                match standing.get(id).and_then(|rows| rows.first()) {
                    None => wrong.push(format!("{table}: the acknowledged row {id} ({token}) is lost")),
                    Some((found, _)) if found != token => {
                        wrong.push(format!("{table}: the acknowledged row {id} ({token}) is now {found}"));
                    }
                    Some(_) => {}
                }
            }
            let mut known: BTreeSet<&str> = acknowledged.iter().map(|(_, _, token)| token.as_str()).collect();
            known.extend(self.account.unknown_tokens.iter().map(String::as_str));
            let mut seen = BTreeSet::new();
            for (id, token, _) in rows.iter().filter(|(_, token, _)| !token.starts_with(WITHOUT_ACCOUNT)) {
                if !seen.insert(token) {
                    wrong.push(format!("{table}: the row {token} was written twice, the second time as {id}"));
                } else if !token.starts_with("seed-") && !known.contains(token.as_str()) {
                    wrong.push(format!("{table}: nobody wrote the row {id} ({token})"));
                }
            }
            if index == 0 {
                wrong.extend(self.wrong_counters(table, &standing));
            }
        }
        wrong
    }

    fn wrong_counters(&self, table: &str, standing: &BTreeMap<u64, Vec<(&str, u64)>>) -> Vec<String> {
        let wrong = |(id, (least, unknown)): (&u64, &(u64, u64))| {
            let found = standing.get(id).and_then(|rows| rows.first()).map(|(_, hits)| *hits);
            let right = found.is_some_and(|found| (*least..=least + unknown).contains(&found));
            (!right).then(|| {
                format!("{table}: {least} updates of row {id} were acknowledged and {unknown} are unknown, it has {found:?}")
            })
        };
        self.account.hits.iter().filter_map(wrong).collect()
    }

    /// Panics with all `differences`.
    pub fn assert_nothing_lost(&self, keyspace: &str) {
        assert!(self.acknowledged > 0, "the application wrote nothing: {self}");
        let wrong = self.differences(keyspace);
        let first = wrong.iter().take(MOST_SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(wrong.is_empty(), "{} things are wrong in {keyspace}, {self}:\n{first}", wrong.len());
    }

    /// The longest time without any acknowledged write that began or ended between these two moments.
    pub fn longest_write_pause_between(&self, from: Instant, to: Instant) -> Duration {
        let mut times = self.account.acknowledged_at.clone();
        times.sort();
        let pauses = times.windows(2).filter(|pair| pair[1] >= from && pair[0] <= to).map(|pair| pair[1] - pair[0]);
        pauses.max().unwrap_or_default()
    }

    /// The longest time without any acknowledged write between these two moments; what was before the first one is not counted.
    pub fn longest_write_pause_within(&self, from: Instant, to: Instant) -> Duration {
        let mut times: Vec<Instant> =
            self.account.acknowledged_at.iter().copied().filter(|at| *at >= from && *at <= to).collect();
        times.extend([from, to]);
        gaps(&times).into_iter().max().unwrap_or_default()
    }

    /// Panics unless the application wrote as much as the tests promise: 100 rows a second or more.
    pub fn assert_it_wrote_steadily(&self) {
        assert!(self.writes_per_second >= 100.0, "{self}");
    }

    /// Panics unless no write gave an error. The pause is in the message: vtgate holds a write back for 10 s at most.
    pub fn assert_no_write_failed(&self) {
        assert_eq!(self.failed, 0, "{self}: {:#?}", self.error_texts());
    }

    /// The errors of writes or reads, each text once: for the message of a failing assertion.
    pub fn error_texts(&self) -> BTreeSet<String> {
        self.errors.iter().map(|failure| format!("{}: {}", failure.what, failure.error)).collect()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} writes acknowledged, {:.0} a second, {} errors, {} unknown, longest pause {:.1} s, {} reads, {} errors",
            self.acknowledged,
            self.writes_per_second,
            self.failed,
            self.unknown,
            self.longest_write_pause.as_secs_f64(),
            self.reads,
            self.failed_reads
        )
    }
}

/// A time without writes that counts as a pause of the application and not as its pace.
const PAUSE: Duration = Duration::from_secs(1);

fn rate(acknowledged_at: &[Instant]) -> f64 {
    let writing: Duration = gaps(acknowledged_at).into_iter().filter(|gap| *gap < PAUSE).sum();
    if writing.is_zero() {
        return 0.0;
    }
    f64::from(u32::try_from(acknowledged_at.len()).unwrap_or(u32::MAX)) / writing.as_secs_f64()
}

/// The times between one acknowledged write and the next.
fn gaps(acknowledged_at: &[Instant]) -> Vec<Duration> {
    let mut times = acknowledged_at.to_vec();
    times.sort();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}
