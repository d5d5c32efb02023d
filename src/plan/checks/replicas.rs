//! C215: the replicas of both keyspaces replicate, and every tablet answers.

use super::asks::{counted, mysql_of_tablets, nothing_more, tablets_and_their_mysql, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{MySqlStatus, Unread};
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::topology::{Tablet, TabletType};
use crate::run::phase::PhaseId;

const CODE: &str = "C215";

/// From here on vtgate prefers other replicas (`--discovery_low_replication_lag`, 30 s as it comes).
const LAG_SECONDS: u32 = 30;

pub static CHECK: Check = Check {
    code: CODE,
    title: "replicas replicate, and every tablet answers",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query: tablets_and_their_mysql,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
On each replica and rdonly tablet of both keyspaces MySQL's replication has to run, and to be no more than 30 s behind. And every
tablet of both keyspaces, of whatever type, has to answer.

## Why it matters
A replica whose replication has stopped still serves: a stream that reads from it gets no further, and once reads are switched the
application reads old rows from it. And each switch begins by refreshing ALL tablets of both keyspaces; one that doesn't answer
makes vtctld refuse it (C313), or stop in the middle of what it had begun.

## What to do
`vtctldclient GetFullStatus ALIAS` shows what replication says. `vtctldclient StartReplication ALIAS` starts it again. Delete the
record of a tablet that is gone: `vtctldclient DeleteTablets ALIAS`. Lag above the limit is a warning: it may be over soon.

## When it is inconclusive
A tablet did not say how it replicates: it is down, its MySQL is, or vtctld can't reach it. A switch would fail at it.

## What it reads
The tablet records of both keyspaces from the topology, and `GetFullStatus` of each tablet: some milliseconds of MySQL a tablet,
shared with C212.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    [input.movement.source(), input.movement.target()].into_iter().flat_map(|name| of_keyspace(input, name)).collect()
}

fn of_keyspace(input: &CheckInput<'_>, name: &KeyspaceName) -> Vec<Finding> {
    let tablets = match mysql_of_tablets(input.facts, name, CODE, &format!("how `{name}` replicates")) {
        Ok(tablets) => tablets,
        Err(finding) => return vec![*finding],
    };
    let mut findings: Vec<Finding> = tablets
        .iter()
        .filter_map(|(tablet, mysql)| match mysql {
            Ok(mysql) => is_replica(tablet).then(|| wrong_with(tablet, mysql)).flatten(),
            Err(why) => Some(silent(tablet, why)),
        })
        .collect();
    if findings.is_empty() {
        let count = tablets.iter().filter(|(tablet, _)| is_replica(tablet)).count();
        let replicate = if count == 1 { "replicates" } else { "replicate" };
        let summary = format!("every tablet of `{name}` answers, and {} {replicate}", counted(count, "replica"));
        findings.push(Finding::pass(CODE, name.as_str(), summary));
    }
    findings
}

/// One that serves reads. Those in backup or restore stand still by right (C211), and nobody reads from the others.
fn is_replica(tablet: &Tablet) -> bool {
    matches!(tablet.tablet_type, TabletType::Replica | TabletType::Rdonly)
}

fn place(tablet: &Tablet) -> String {
    format!("{} ({} of `{}/{}`)", tablet.alias, tablet.tablet_type, tablet.keyspace, tablet.shard)
}

fn silent(tablet: &Tablet, why: &str) -> Finding {
    let mut finding = unread(CODE, tablet.alias.to_string(), &format!("how {} replicates", place(tablet)), &Unread::new(why));
    finding.help = format!(
        "bring it up, or delete its record if it is gone (`vtctldclient DeleteTablets {}`): a switch refreshes every tablet, and \
         fails at one that doesn't answer",
        tablet.alias
    );
    finding
}

fn wrong_with(tablet: &Tablet, mysql: &MySqlStatus) -> Option<Finding> {
    let (alias, place) = (tablet.alias.to_string(), place(tablet));
    let stands = match mysql.replication_is_running {
        Some(true) => None,
        Some(false) => Some("does not replicate: a thread of it has stopped"),
        None => Some("does not replicate: it has no source"),
    };
    if let Some(stands) = stands {
        let help =
            format!("`vtctldclient GetFullStatus {alias}` says why; `vtctldclient StartReplication {alias}` starts it again");
        return Some(Finding::fail(CODE, Severity::Error, alias, format!("{place} {stands}"), help));
    }
    let lag_seconds = mysql.replication_lag_seconds.filter(|seconds| *seconds > LAG_SECONDS)?;
    Some(Finding::fail(
        CODE,
        Severity::Warning,
        alias,
        format!("{place} is {lag_seconds} s behind its primary"),
        "streams that read from it are as far behind, and so are the application's reads of it",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::finding::CheckResult;

    #[test]
    fn a_replica_that_stands_still_blocks_in_either_keyspace() {
        for (keyspace, uid, place) in [
            ("commerce", 101, "zone1-0000000101 (replica of `commerce/0`)"),
            ("customer", 301, "zone1-0000000301 (replica of `customer/80-`)"),
        ] {
            let mut fixture = Fixture::new();
            fixture.mysql_mut(keyspace, uid).replication_is_running = Some(false);
            let finding = fixture.only_amiss(&CHECK);
            assert!(finding.blocks());
            assert!(finding.summary.starts_with(place), "{}", finding.summary);
            fixture.mysql_mut(keyspace, uid).replication_is_running = None;
            assert!(fixture.only_amiss(&CHECK).summary.ends_with("it has no source"));
        }
    }

    #[test]
    fn a_pass_counts_the_replicas_alone() {
        let findings = Fixture::new().run(&CHECK);
        let said: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(
            said,
            [
                "every tablet of `commerce` answers, and 1 replica replicates",
                "every tablet of `customer` answers, and 2 replicas replicate",
            ]
        );
    }

    #[test]
    fn lag_is_a_warning_and_a_primary_need_not_replicate() {
        let mut fixture = Fixture::new();
        fixture.mysql_mut("customer", 201).replication_lag_seconds = Some(LAG_SECONDS);
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.mysql_mut("customer", 201).replication_lag_seconds = Some(LAG_SECONDS + 1);
        let finding = fixture.only_amiss(&CHECK);
        assert!(!finding.blocks() && finding.summary.ends_with("is 31 s behind its primary"), "{}", finding.summary);

        let mut fixture = Fixture::new();
        fixture.tablets_mut("customer")[1].tablet_type = TabletType::Restore;
        fixture.mysql_mut("customer", 201).replication_is_running = None;
        assert!(fixture.amiss(&CHECK).is_empty(), "one in restore is told by C211");
    }

    #[test]
    fn a_tablet_of_any_type_that_does_not_answer_is_no_pass() {
        let mut fixture = Fixture::new();
        fixture.tablets_mut("commerce")[1].tablet_type = TabletType::Drained;
        *fixture.status_mut("commerce", 101) = Err("connection refused".into());
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.result == CheckResult::Inconclusive);
        assert!(finding.summary.ends_with("connection refused") && finding.help.contains("DeleteTablets zone1-0000000101"));
    }
}
