//! What the copy of a movement costs: rows, bytes, disk, time, and how long its streams may stand still. Only from what was read.

use std::collections::BTreeMap;

use super::MoveTables;
use crate::cluster::port::{Ask, Facts, Question, Reading};
use crate::family::costs::{Costs, Size};
use crate::model::name::KeyspaceName;
use crate::run::phase::PhaseId;
use crate::words::{counted, counted_rows, length, size};

/// What one stream is assumed to copy in a second, at worst and at best: a guess that a reader can correct, for a cluster tells
/// nothing of it before.
const BYTES_A_SECOND: (u64, u64) = (5 << 20, 50 << 20);

/// Below it nobody plans for the time of a copy.
const SOON_SECONDS: u64 = 60;

pub fn of(movement: &MoveTables, facts: &Facts, ahead: &[PhaseId]) -> Costs {
    let mut costs = Costs::default();
    let (source, target) = (movement.source(), movement.target());
    if ahead.contains(&PhaseId::CREATE)
        && let Ok(sizes) = sizes(movement, facts)
    {
        costs.copy = sizes;
        costs.lines.extend(copy(movement, facts, &costs.copy));
    }
    for keyspace in [source, target] {
        if let Some(seconds) = binlogs_kept_seconds(facts, keyspace) {
            costs.binlogs_kept_seconds.insert(keyspace.to_string(), seconds);
        }
        if let Ok(throttlers) = facts.throttlers(&Ask::Throttlers(keyspace.clone())) {
            let used = throttlers.iter().filter_map(|(shard, it)| Some((shard, it.data_directory_used_percent?)));
            costs.data_directory_used_percent.extend(used.map(|(shard, percent)| (format!("{keyspace}/{shard}"), percent)));
        }
    }
    if !costs.binlogs_kept_seconds.is_empty() {
        let mut kept = costs.binlogs_kept_seconds.values().map(|seconds| length(*seconds));
        let kept = match (kept.next(), kept.next()) {
            (Some(one), Some(other)) if one != other => {
                let kept = costs.binlogs_kept_seconds.iter();
                kept.map(|(keyspace, seconds)| format!("{} by `{keyspace}`", length(*seconds))).collect::<Vec<_>>().join(", ")
            }
            (one, _) => format!("for {}", one.unwrap_or_default()),
        };
        costs.lines.push(format!("binlogs are kept {kept}: a stream that stands still longer can't go on"));
    }
    if let Some((shard, percent)) = costs.data_directory_used_percent.iter().max_by_key(|(_, percent)| **percent) {
        costs.lines.push(format!("the fullest disk of a primary is that of `{shard}`, at {percent} %"));
    }
    costs
}

/// Of the moved tables, by source shard. It stands in the definitions that are read anyway.
pub fn sizes(movement: &MoveTables, facts: &Facts) -> Reading<BTreeMap<String, Size>> {
    let ask = Ask::Tables { keyspace: movement.source().clone(), names: Some(movement.tables.clone()) };
    let sum = |sum: Size, table: &crate::model::schema::TableDefinition| {
        sum.plus(Size { rows: table.row_count, bytes: table.data_length_bytes })
    };
    let by_shard = facts.tables(&ask)?.iter();
    Ok(by_shard
        .map(|(shard, tables)| (format!("{}/{shard}", movement.source()), tables.values().fold(Size::default(), sum)))
        .collect())
}

/// The shortest of a keyspace's primaries; none when they keep them for ever, or it could not be read.
pub fn binlogs_kept_seconds(facts: &Facts, keyspace: &KeyspaceName) -> Option<u64> {
    let kept = facts.binlog_retention(&Ask::Sql(Question::BinlogRetention { keyspace: keyspace.clone() })).ok()?;
    kept.values().copied().flatten().min()
}

fn copy(movement: &MoveTables, facts: &Facts, sizes: &BTreeMap<String, Size>) -> Vec<String> {
    let target = movement.target();
    let whole = sizes.values().fold(Size::default(), |sum, one| sum.plus(*one));
    let rows = counted_rows(i64::try_from(whole.rows).unwrap_or(i64::MAX));
    let copies = format!("copies about {rows}, {} without indexes", size(whole.bytes));
    let Some(shards) = facts.keyspaces.get(target).map(|found| found.shards.len()).filter(|shards| *shards > 0) else {
        return vec![copies];
    };
    let a_shard = whole.bytes / u64::try_from(shards).unwrap_or(u64::MAX);
    let (slow, fast) = BYTES_A_SECOND;
    let (at_worst, at_best) = (a_shard / slow, a_shard / fast);
    let time = if at_worst < SOON_SECONDS {
        "less than a minute".to_owned()
    } else {
        format!("{} to {}", length(at_best), length(at_worst))
    };
    let each = if shards == 1 { String::new() } else { format!(" on each of {}", counted(shards, "shard")) };
    vec![
        format!("{copies}: {time} at {} to {} MiB a second and shard", slow >> 20, fast >> 20),
        format!("disk: about {} more{each} in `{target}`, and as much in its binlogs meanwhile", size(a_shard)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::port::Unread;
    use crate::plan::checks::Fixture;

    fn lines(fixture: &Fixture, ahead: &[PhaseId]) -> Vec<String> {
        of(&fixture.movement, &fixture.facts, ahead).lines
    }

    #[test]
    fn figures_are_those_that_were_read() {
        let mut fixture = Fixture::new();
        for table in fixture.tables_mut(&crate::plan::checks::source_tables(&fixture.movement)).get_mut("0").unwrap().values_mut()
        {
            (table.row_count, table.data_length_bytes) = (1_000_000, 50 << 30);
        }
        let costs = of(&fixture.movement, &fixture.facts, &[PhaseId::CREATE]);
        assert_eq!(costs.copy["commerce/0"], Size { rows: 2_000_000, bytes: 100 << 30 });
        assert_eq!(costs.binlogs_kept_seconds["customer"], 259_200);
        let lines = [
            "copies about 2,000,000 rows, 100.0 GiB without indexes: 17 min to 2 h 50 min at 5 to 50 MiB a second and shard",
            "disk: about 50.0 GiB more on each of 2 shards in `customer`, and as much in its binlogs meanwhile",
            "binlogs are kept for 3 d: a stream that stands still longer can't go on",
        ];
        assert_eq!(costs.lines, lines);
    }

    #[test]
    fn a_copy_that_is_behind_costs_nothing_more_and_what_is_unread_is_not_nought() {
        let mut fixture = Fixture::new();
        assert!(lines(&fixture, &[PhaseId::COMPLETE]).iter().all(|line| !line.contains("copies")));
        fixture.facts.answers.iter_mut().for_each(|answered| answered.answer = Err(Unread::new("away")));
        assert_eq!(lines(&fixture, &[PhaseId::CREATE]), Vec::<String>::new());
    }
}
