//! C226: what will be copied is known, and binlogs and disks last for it.

use super::asks::{both_keyspaces_and, nothing_more, source_tables, unseen};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query, Question};
use crate::family::costs::Size;
use crate::family::move_tables::{MoveTables, costs};
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::run::phase::PhaseId;
use crate::spec::{GatePolicy, Spec, Window};
use crate::words::{counted_rows, length, size};

const CODE: &str = "C226";

/// A disk that is fuller than this may not take a copy whose size is only estimated.
const FULL_PERCENT: u32 = 80;

const DAY_SECONDS: u64 = 86_400;

pub static CHECK: Check = Check {
    code: CODE,
    title: "binlogs and disks last for the copy and its holds",
    before: &[PhaseId::CREATE],
    waivable: false,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
The primaries of source or target keep their binlogs for a shorter time than a hold of this plan file may last, or the disk of a
target primary is more than 80 % full.

How long a hold may last: as long as an approval counts (`approval-expires`), the revert window, and where a gate has weekly
windows a week.

## Why it matters
A stream that runs keeps up, however long a hold lasts. One that stands still (paused, or stopped by an error that nobody saw over
a weekend) goes on only from where it stopped: when the binlogs of that moment are purged, the copy begins anew, or after the
switch the way back is lost. And a copy takes as much disk again on the target, its indexes on top and as much in the target's
binlogs while it runs; a full disk stops a MySQL with everything on it.

## What to do
`SET PERSIST binlog_expire_logs_seconds = SECONDS` on the primaries, if their disk has the room; or let holds be shorter. Make room
on the disk, or move fewer tables at once.

## When it is inconclusive
The tables' sizes, the binlog settings or the throttlers could not be read; `--no-sql` forbids the settings. It is a warning then.
A disk whose throttler is off, or whose tablet has no mysqlctld, is not measured: that is no finding.

## What it reads
Rows and bytes stand in the definitions that another check reads anyway: MySQL's estimates, up to a day old, without indexes. One
bounded SELECT on `performance_schema.global_variables` of each primary. `GetThrottlerStatus` of the target's primaries, which
another check reads anyway. How old the oldest binlog is no statement tells; replicas may be set otherwise than primaries.
";

fn retention(keyspace: &KeyspaceName) -> Ask {
    Ask::Sql(Question::BinlogRetention { keyspace: keyspace.clone() })
}

fn query(movement: &MoveTables) -> Query {
    let (source, target) = (movement.source(), movement.target());
    both_keyspaces_and(movement, [source_tables(movement), retention(source), retention(target), Ask::Throttlers(target.clone())])
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let (source, target) = (input.movement.source(), input.movement.target());
    let mut findings = Vec::new();
    findings.extend(binlogs(input, source));
    findings.extend(binlogs(input, target));
    findings.extend(disks(input));
    match costs::sizes(input.movement, input.facts) {
        Err(why) => findings.push(unseen(CODE, source.as_str(), &format!("the sizes of the tables of `{source}`"), &why)),
        Ok(sizes) if findings.is_empty() => {
            let whole = sizes.values().fold(Size::default(), |sum, one| sum.plus(*one));
            let rows = counted_rows(i64::try_from(whole.rows).unwrap_or(i64::MAX));
            let size = size(whole.bytes);
            let summary = format!("about {rows}, {size} to copy; binlogs are kept for longer than a hold may last");
            findings.push(Finding::pass(CODE, source.as_str(), summary));
        }
        Ok(_) => {}
    }
    findings
}

fn binlogs(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> Option<Finding> {
    if let Err(why) = input.facts.binlog_retention(&retention(keyspace)) {
        return Some(unseen(CODE, keyspace.as_str(), &format!("how long `{keyspace}` keeps its binlogs"), &why));
    }
    let kept = costs::binlogs_kept_seconds(input.facts, keyspace)?;
    let longest = longest_hold_seconds(&input.movement.spec);
    (kept < longest).then(|| {
        Finding::fail(
            CODE,
            Severity::Warning,
            keyspace.as_str(),
            format!(
                "`{keyspace}` keeps its binlogs for {}, and a hold may last for {}: a stream that stops in it and stands still longer \
                 can't go on",
                length(kept),
                length(longest)
            ),
            format!("`SET PERSIST binlog_expire_logs_seconds = {longest}` on its primaries, or shorter holds"),
        )
    })
}

fn disks(input: &CheckInput<'_>) -> Vec<Finding> {
    let target = input.movement.target();
    let throttlers = match input.facts.throttlers(&Ask::Throttlers(target.clone())) {
        Ok(throttlers) => throttlers,
        Err(why) => return vec![unseen(CODE, target.as_str(), &format!("how full the disks of `{target}` are"), &why)],
    };
    let used = throttlers.iter().filter_map(|(shard, throttler)| Some((shard, throttler.data_directory_used_percent?)));
    used.filter(|(_, percent)| *percent > FULL_PERCENT)
        .map(|(shard, percent)| {
            Finding::fail(
                CODE,
                Severity::Warning,
                format!("{target}/{shard}"),
                format!("the disk of `{target}/{shard}` is {percent} % full before the copy"),
                "see to it that the copy, its indexes and its binlogs have room there",
            )
        })
        .collect()
}

/// The longest that somebody may let a movement stand before a gate, by its plan file.
fn longest_hold_seconds(spec: &Spec) -> u64 {
    let gates = spec.gates.values().map(|gate| {
        let approval = if gate.policy == GatePolicy::OperatorHold { gate.approval_expires_seconds } else { 0 };
        let is_weekly = gate.windows.iter().any(|window| matches!(window, Window::Weekly { .. }));
        approval.max(if is_weekly { 7 * DAY_SECONDS } else { 0 })
    });
    gates.max().unwrap_or(0).max(spec.revert.window_seconds)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;
    use crate::cluster::port::Answer;

    fn kept(of: &str, seconds: Option<u64>) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.answer(retention(&keyspace(of)), Answer::BinlogRetention([("0".to_owned(), seconds)].into()));
        fixture
    }

    #[test]
    fn binlogs_that_end_before_a_hold_are_a_warning_on_either_side() {
        for of in ["commerce", "customer"] {
            let finding = kept(of, Some(7_200)).only_amiss(&CHECK);
            assert_eq!((finding.subject.as_str(), finding.severity), (of, Severity::Warning));
            assert!(finding.summary.contains("keeps its binlogs for 2 h, and a hold may last for 1 d"), "{}", finding.summary);
            assert!(kept(of, Some(86_400)).amiss(&CHECK).is_empty());
            assert!(kept(of, None).amiss(&CHECK).is_empty(), "never purged");
        }
    }

    #[test]
    fn a_weekly_window_may_be_a_week_away_and_a_long_revert_window_counts() {
        let mut fixture = kept("customer", None);
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.movement.spec.revert.window_seconds = 4 * 86_400;
        assert!(fixture.only_amiss(&CHECK).summary.contains("keeps its binlogs for 3 d, and a hold may last for 4 d"));
        fixture.movement.spec.gates.get_mut(&PhaseId::COPY).unwrap().windows = vec!["Tue 02:00-04:00".parse().unwrap()];
        assert!(fixture.only_amiss(&CHECK).summary.contains("a hold may last for 7 d"));
    }

    #[test]
    fn nobody_is_waited_for_where_every_gate_advances_by_itself() {
        let mut fixture = kept("customer", Some(7_200));
        assert!(!fixture.amiss(&CHECK).is_empty());
        for gate in fixture.movement.spec.gates.values_mut() {
            gate.policy = GatePolicy::AutoAdvance;
        }
        fixture.movement.spec.revert.window_seconds = 7_200;
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn a_full_disk_of_the_target_is_a_warning() {
        let mut fixture = Fixture::new();
        fixture.throttler_mut("customer", "80-").data_directory_used_percent = Some(80);
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.throttler_mut("customer", "80-").data_directory_used_percent = Some(93);
        assert_eq!(fixture.only_amiss(&CHECK).summary, "the disk of `customer/80-` is 93 % full before the copy");
    }
}
