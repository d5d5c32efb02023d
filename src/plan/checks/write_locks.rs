//! C225: no transaction has held a write lock on a moved table for longer than the switch would wait.

use super::asks::{both_keyspaces_and, counted, nothing_more, unseen};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query, Question, WriteLock};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::run::phase::PhaseId;
use crate::words::length_of_milliseconds;

const CODE: &str = "C225";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no transaction holds a write lock on a moved table for long",
    before: &[PhaseId::SWITCH_PRIMARY],
    waivable: false,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
When this was looked at, a transaction had held a write lock on a moved table for longer than `[switch] max-transaction-age`. The
oldest one is named, with its connection, its user and where it comes from. `?` instead of a table: MySQL's metadata locks are not
recorded there, and the transaction has written to some table.

## Why it matters
A primary switch locks the moved tables (`LOCK TABLES … READ`) and waits for such a transaction while writes are refused. `apply`
looks again just before it switches and waits for a quiet moment (`[switch] wait-for-quiet`), so this stops nothing. But an
application that does it now will do it in the window, too: a batch job, a session that was left open, a person.

## What to do
Find out who it is and whether it will run in the window. `KILL CONNECTION` on that primary ends it, and its transaction is lost.

## When it is inconclusive
A source primary did not answer, or `--no-sql` forbids to ask. It is a warning then: the switch asks again.

## What it reads
One or two bounded SELECTs on each source primary, on `performance_schema` or `information_schema.innodb_trx`; no table of yours.
";

fn ask(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::WriteLocks { keyspace: movement.source().clone(), tables: movement.tables.clone() })
}

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [ask(movement)])
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let source = input.movement.source();
    let locks = match input.facts.write_locks(&ask(input.movement)) {
        Ok(locks) => locks,
        Err(why) => return vec![unseen(CODE, source.as_str(), &format!("the write locks in `{source}`"), &why)],
    };
    let most = input.movement.spec.switch.max_transaction_age_milliseconds;
    let mut old: Vec<&WriteLock> = locks.iter().filter(|lock| lock.age_milliseconds > most).collect();
    old.sort_by_key(|lock| std::cmp::Reverse(lock.age_milliseconds));
    let limit = length_of_milliseconds(most);
    let Some(oldest) = old.first() else {
        let summary = format!("no transaction holds a write lock on a moved table of `{source}` for longer than {limit}");
        return vec![Finding::pass(CODE, source.as_str(), summary)];
    };
    let who = match (oldest.user.as_str(), oldest.host.as_str()) {
        ("", _) => "somebody".to_owned(),
        (user, "") => format!("`{user}`"),
        (user, host) => format!("`{user}` from `{host}`"),
    };
    let many = if old.len() == 1 { String::new() } else { format!("; {} in all", counted(old.len(), "such lock")) };
    vec![Finding::fail(
        CODE,
        Severity::Warning,
        format!("{source}/{}", oldest.shard),
        format!(
            "connection {} of {who} has held a write lock on `{}` for {}; a switch waits for what is older than {limit}{many}",
            oldest.connection,
            oldest.table,
            length_of_milliseconds(oldest.age_milliseconds)
        ),
        format!(
            "find out whether it will run in the window, too; `KILL CONNECTION {}` on that primary ends it",
            oldest.connection
        ),
    )]
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::cluster::port::Answer;

    fn lock(table: &str, connection: i64, age_milliseconds: u64) -> WriteLock {
        let (user, host) = ("vt_app".to_owned(), "10.0.0.7:5512".to_owned());
        WriteLock { shard: "0".into(), table: table.into(), connection, user, host, age_milliseconds }
    }

    fn with(locks: Vec<WriteLock>) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.answer(ask(&fixture.movement), Answer::WriteLocks(locks));
        fixture
    }

    #[test]
    fn the_oldest_is_named_with_who_it_is() {
        let finding =
            with(vec![lock("corder", 7, 4_000), lock("customer", 8, 125_000), lock("corder", 9, 900)]).only_amiss(&CHECK);
        assert_eq!((finding.severity, finding.subject.as_str(), finding.blocks()), (Severity::Warning, "commerce/0", false));
        assert_eq!(
            finding.summary,
            "connection 8 of `vt_app` from `10.0.0.7:5512` has held a write lock on `customer` for 2 min 5 s; a switch waits for what \
             is older than 1 s; 2 such locks in all"
        );
        assert!(finding.help.contains("KILL CONNECTION 8"));
    }

    #[test]
    fn a_short_one_is_every_day_life() {
        assert!(with(vec![lock("corder", 9, 1_000)]).amiss(&CHECK).is_empty());
        assert_eq!(with(vec![lock("corder", 9, 1_001)]).amiss(&CHECK), ["commerce/0"]);
    }
}
