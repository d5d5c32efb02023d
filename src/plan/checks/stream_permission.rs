//! C228: the streams of the way back will be allowed to write on the source primaries.

use super::asks::{both_keyspaces_and, counted, nothing_more, unseen};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query, Question, Unread};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::stream_user::StreamUser;
use crate::run::phase::PhaseId;

const CODE: &str = "C228";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the streams of the way back may write on the source",
    before: &[PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A primary switch makes the reverse workflow, whose streams write on the SOURCE primaries: rows of `_vt.vreplication`, and every
change of the moved tables. vttablet does that as the MySQL account `vt_filtered`. It needs SELECT, INSERT, UPDATE and DELETE there,
and on a source that never was the target of a workflow nobody has noticed yet that it lacks them.

## Why it matters
Vitess looks at `_vt.vreplication` when the switch begins, and refuses it: in your window. At the moved tables it doesn't look. When
the account may not write these, the switch succeeds, the reverse streams fail at the first write, and the way back is lost.

## What to do
On the source primaries: `GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO 'vt_filtered'@'localhost'`, as Vitess's own `init_db.sql`
has it (or on `_vt` and the tablet's database).

## When it is inconclusive
No account is named `vt_filtered`, for vttablet was given another name (`--db-filtered-user`); or the grants come from roles, on
single tables, or with restrictions, which are not followed; or the primary did not answer; or `--no-sql` forbids to ask. It is a
warning then. Nobody but Vitess can look with the account's own eyes: the call by which it does (`ValidateVReplicationPermissions`)
goes from vtctld to vttablet, and vtctld passes it on to nobody. `vtctldclient MoveTables … switchtraffic --dry-run` makes it, once
the workflow is there, but takes the workflow's lock and writes and rolls back a row on the source.

## What it reads
One bounded SELECT on each source primary, on MySQL's grant tables: counts of accounts, no password, no name of anybody else.
";

fn ask(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::StreamUser { keyspace: movement.source().clone() })
}

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [ask(movement)])
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let source = input.movement.source();
    let what = format!("what `{}` may do in `{source}`", StreamUser::DEFAULT_NAME);
    let users = match input.facts.stream_user(&ask(input.movement)) {
        Ok(users) => users,
        Err(why) => return vec![unseen(CODE, source.as_str(), &what, &why)],
    };
    let mut findings: Vec<Finding> = users
        .iter()
        .filter_map(|(shard, user)| {
            let subject = format!("{source}/{shard}");
            match judge(user) {
                Judged::May => None,
                Judged::Unknown(why) => Some(unseen(CODE, subject, &what, &Unread::new(why))),
                Judged::MayNot(what) => Some(Finding::fail(
                    CODE,
                    Severity::Error,
                    subject.as_str(),
                    format!("`{}` may not write {what} on the primary of `{subject}`", StreamUser::DEFAULT_NAME),
                    format!("there: `GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO '{}'@'localhost'`", StreamUser::DEFAULT_NAME),
                )),
            }
        })
        .collect();
    if findings.is_empty() {
        let shards = counted(users.len(), "source primary").replace("primarys", "primaries");
        findings.push(Finding::pass(CODE, source.as_str(), format!("the way back may write on {shards}")));
    }
    findings
}

enum Judged {
    May,
    MayNot(&'static str),
    Unknown(&'static str),
}

/// Of several accounts MySQL takes the one that fits best to where vttablet comes from; all of them must do.
fn judge(user: &StreamUser) -> Judged {
    let all = user.accounts;
    match (user.may_write_streams.min(user.may_write_tables) >= all, user.unclear) {
        _ if all == 0 => Judged::Unknown("no account has that name; vttablet may have been given another one"),
        (true, 0) => Judged::May,
        (_, 1..) => Judged::Unknown("its roles, its restrictions or its grants on single tables are not followed"),
        (false, 0) if user.may_write_streams.max(user.may_write_tables) > 0 && all > 1 => {
            Judged::Unknown("there are several accounts of that name, and not all of them may")
        }
        (false, 0) if user.may_write_streams < all => Judged::MayNot("Vitess's table of streams (`_vt.vreplication`)"),
        (false, 0) => Judged::MayNot("the moved tables"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::cluster::port::Answer;
    use crate::finding::CheckResult;

    fn with(accounts: u64, may_write_streams: u64, may_write_tables: u64, unclear: u64) -> Fixture {
        let mut fixture = Fixture::new();
        let user = StreamUser { accounts, may_write_streams, may_write_tables, unclear };
        fixture.answer(ask(&fixture.movement), Answer::StreamUser([("0".to_owned(), user)].into()));
        fixture
    }

    #[test]
    fn a_grant_that_is_missing_blocks_and_says_which() {
        let finding = with(1, 0, 0, 0).only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.contains("`_vt.vreplication`"), "{}", finding.summary);
        let finding = with(1, 1, 0, 0).only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.contains("may not write the moved tables"), "{}", finding.summary);
        assert!(with(2, 2, 2, 0).amiss(&CHECK).is_empty());
    }

    #[test]
    fn what_the_grant_tables_do_not_settle_is_not_known_and_stops_nothing() {
        for (accounts, streams, tables, unclear) in [(0, 0, 0, 0), (1, 1, 1, 1), (1, 0, 0, 1), (2, 1, 1, 0)] {
            let finding = with(accounts, streams, tables, unclear).only_amiss(&CHECK);
            assert_eq!(finding.result, CheckResult::Inconclusive);
            assert!(!finding.blocks(), "{finding:?}");
        }
    }
}
