//! C212: MySQL writes what streams need: whole rows, in its binlog, with GTIDs.

use super::asks::{counted, mysql_of_tablets, nothing_more, tablets_and_their_mysql, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{MySqlStatus, Unread};
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::topology::{Tablet, TabletType};
use crate::run::phase::PhaseId;

const CODE: &str = "C212";

pub static CHECK: Check = Check {
    code: CODE,
    title: "MySQL writes whole rows to its binlog, with GTIDs",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query: tablets_and_their_mysql,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
On every tablet that a stream may read from, and on the primaries of both keyspaces, MySQL has to have `log_bin`,
`binlog_format=ROW`, `binlog_row_image=FULL` and `gtid_mode=ON`; on replicas also `log_replica_updates`. The target's tablets
count too, for the way back reads from them. `NOBLOB` is allowed for MoveTables, with a warning.

## Why it matters
Vitess doesn't look at these when it creates a workflow. With a minimal row image a stream stops at the first update (\"partial
row image encountered\"); without row format or GTIDs it can't begin. The way back shows it only after the switch, when it is
needed.

## What to do
Set them in the tablet's MySQL configuration and, where MySQL allows it, at run time: `SET GLOBAL binlog_row_image = 'FULL'`.
Connections that are open keep the old value until they reconnect.

## When it is inconclusive
A tablet did not tell its MySQL's settings: it is down, or vtctld can't reach it.

## What it reads
`GetFullStatus` of each tablet of both keyspaces, through vtctld: some milliseconds of MySQL a tablet.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    [input.movement.source(), input.movement.target()].into_iter().flat_map(|name| of_keyspace(input, name)).collect()
}

fn of_keyspace(input: &CheckInput<'_>, name: &KeyspaceName) -> Vec<Finding> {
    let tablets = match mysql_of_tablets(input.facts, name, CODE, &format!("the MySQL settings of `{name}`")) {
        Ok(tablets) => tablets,
        Err(finding) => return vec![*finding],
    };
    let concerned: Vec<_> = tablets.into_iter().filter(|(tablet, _)| is_concerned(input, tablet)).collect();
    let mut findings: Vec<Finding> = concerned
        .iter()
        .flat_map(|(tablet, mysql)| match mysql {
            Ok(mysql) => wrong_with(tablet, mysql),
            Err(why) => vec![unread_status(tablet, why)],
        })
        .collect();
    if findings.is_empty() {
        let tablets = counted(concerned.len(), "tablet");
        findings.push(Finding::pass(CODE, name.as_str(), format!("{tablets} of `{name}` write whole rows, with GTIDs")));
    }
    findings
}

/// Vitess reads the settings where a stream reads and where it writes: on the source tablet and on the target's primary.
fn is_concerned(input: &CheckInput<'_>, tablet: &Tablet) -> bool {
    tablet.tablet_type == TabletType::Primary || input.movement.options.tablet_types.contains(&tablet.tablet_type)
}

fn unread_status(tablet: &Tablet, why: &str) -> Finding {
    unread(CODE, tablet.alias.to_string(), &format!("the MySQL settings of {}", tablet.alias), &Unread::new(why))
}

fn wrong_with(tablet: &Tablet, mysql: &MySqlStatus) -> Vec<Finding> {
    let mut wrong: Vec<(Severity, String, &str)> = Vec::new();
    if !mysql.log_bin_enabled {
        wrong.push((Severity::Error, "writes no binlog".into(), "set log_bin in its configuration and restart its MySQL"));
    }
    if !mysql.binlog_format.eq_ignore_ascii_case("ROW") {
        wrong.push((
            Severity::Error,
            format!("has binlog_format {}", shown(&mysql.binlog_format)),
            "`SET GLOBAL binlog_format = 'ROW'`",
        ));
    }
    if mysql.binlog_row_image.eq_ignore_ascii_case("NOBLOB") {
        wrong.push((
            Severity::Warning,
            "has binlog_row_image NOBLOB, which MoveTables allows and other workflows don't".into(),
            "`SET GLOBAL binlog_row_image = 'FULL'` is the safe one",
        ));
    } else if !mysql.binlog_row_image.eq_ignore_ascii_case("FULL") {
        wrong.push((
            Severity::Error,
            format!("has binlog_row_image {}", shown(&mysql.binlog_row_image)),
            "`SET GLOBAL binlog_row_image = 'FULL'`; open connections keep the old value until they reconnect",
        ));
    }
    if !mysql.gtid_mode.eq_ignore_ascii_case("ON") {
        wrong.push((Severity::Error, format!("has gtid_mode {}", shown(&mysql.gtid_mode)), "turn gtid_mode ON"));
    }
    if !mysql.log_replica_updates && tablet.tablet_type != TabletType::Primary {
        wrong.push((
            Severity::Error,
            "has log_replica_updates off, so its binlog lacks what it replicates".into(),
            "set log_replica_updates in its configuration and restart its MySQL",
        ));
    }
    wrong
        .into_iter()
        .map(|(severity, wrong, help)| {
            let place = format!("{} ({} of `{}/{}`)", tablet.alias, tablet.tablet_type, tablet.keyspace, tablet.shard);
            Finding::fail(CODE, severity, tablet.alias.to_string(), format!("{place} {wrong}"), help)
        })
        .collect()
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "unset" } else { value }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn each_setting_that_a_stream_needs_blocks_on_its_own() {
        type Break = fn(&mut MySqlStatus);
        let breaks: [(&str, Break); 5] = [
            ("binlog_row_image MINIMAL", |mysql| mysql.binlog_row_image = "MINIMAL".into()),
            ("binlog_format STATEMENT", |mysql| mysql.binlog_format = "STATEMENT".into()),
            ("gtid_mode OFF", |mysql| mysql.gtid_mode = "OFF".into()),
            ("writes no binlog", |mysql| mysql.log_bin_enabled = false),
            ("log_replica_updates off", |mysql| mysql.log_replica_updates = false),
        ];
        for (text, break_it) in breaks {
            for (keyspace, uid) in [("commerce", 101), ("customer", 301)] {
                let mut fixture = Fixture::new();
                break_it(fixture.mysql_mut(keyspace, uid));
                let finding = fixture.only_amiss(&CHECK);
                assert!(finding.blocks() && finding.summary.contains(text), "{}", finding.summary);
            }
        }
    }

    #[test]
    fn noblob_is_a_warning_and_nothing_at_all_a_failure() {
        let mut fixture = Fixture::new();
        fixture.mysql_mut("commerce", 101).binlog_row_image = "noblob".into();
        assert_eq!(fixture.only_amiss(&CHECK).severity, Severity::Warning);
        fixture.mysql_mut("commerce", 101).binlog_row_image = String::new();
        assert!(fixture.only_amiss(&CHECK).blocks());
    }

    #[test]
    fn a_tablet_from_which_nothing_is_read_may_be_set_otherwise() {
        let mut fixture = Fixture::new();
        fixture.mysql_mut("commerce", 101).binlog_row_image = "MINIMAL".into();
        fixture.movement.options.tablet_types = vec![TabletType::Primary];
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.mysql_mut("commerce", 100).log_replica_updates = false;
        assert!(fixture.amiss(&CHECK).is_empty(), "a primary replicates nothing");
        fixture.mysql_mut("customer", 200).binlog_row_image = "MINIMAL".into();
        assert_eq!(fixture.amiss(&CHECK), ["zone1-0000000200"], "the target's primary is looked at by the stream itself");
    }

    #[test]
    fn a_tablet_that_does_not_answer_is_inconclusive() {
        let mut fixture = Fixture::new();
        *fixture.status_mut("customer", 201) = Err("no route to host".into());
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.contains("no route to host"), "{}", finding.summary);
    }
}
