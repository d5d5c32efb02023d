//! C232: no journal says that these very streams were switched already.

use super::asks::unseen;
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Facts, Query, Question};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::journal;
use crate::model::workflow::Stream;
use crate::run::phase::PhaseId;

const CODE: &str = "C232";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no journal of an earlier switch is taken for this one",
    before: &[PhaseId::SWITCH_PRIMARY],
    waivable: false,
    query,
    follow_up,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A primary switch writes a journal on each source shard, a row of `_vt.resharding_journal`, and from then on there is only forward.
Its id is a hash of the target keyspace and of its streams: shard and number. Nothing takes it away after a cancel. The streams of this
movement have the numbers of an earlier one, and its journal still stands. That happens when the target was made anew, or restored
from an older backup, between two movements: then its streams are counted from the beginning again.

## Why it matters
Vitess takes the journal for its own, of a switch that broke off, and goes on behind it: it doesn't stop the writes on the source, and
doesn't wait until the streams have caught up (`switchWrites`, go/vt/vtctl/workflow/server.go). What the streams have not copied by
then is lost. On a real Vitess 24 a switch lost every row that was written while its streams lagged, and said that all went well.

## What to do
Delete the row on each source primary that has it; the finding gives its id: `vtctldclient ExecuteFetchAsDBA TABLET
'delete from _vt.resharding_journal where id = ID'`. The journals of other switches are none of this movement's business.

## When it is inconclusive
The journals could not be read: a primary did not answer, or `--no-sql` forbids to ask. It is a warning then.

## What it reads
One bounded SELECT on each source primary: the ids of journals (shared with the recovery from a switch that broke off).
";

fn ask(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::Journals { keyspace: movement.source().clone() })
}

fn query(movement: &MoveTables) -> Query {
    Query {
        keyspaces: [movement.source().clone(), movement.target().clone()].into(),
        workflows: [(movement.target().clone(), movement.workflow().clone())].into(),
        ..Query::default()
    }
}

/// Only of streams that are there can there be one.
fn follow_up(movement: &MoveTables, facts: &Facts) -> Query {
    let asks = if streams(movement, facts).is_empty() { [].into() } else { [ask(movement)].into() };
    Query { asks, ..Query::default() }
}

fn streams<'a>(movement: &MoveTables, facts: &'a Facts) -> &'a [Stream] {
    facts.workflow(movement.target(), movement.workflow()).map(|found| found.streams.as_slice()).unwrap_or_default()
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let (movement, source) = (input.movement, input.movement.source());
    let streams = streams(movement, input.facts);
    if streams.is_empty() {
        let summary = "there are no streams yet, so no journal can be theirs; looked at again before the switch";
        return vec![Finding::pass(CODE, source.as_str(), summary)];
    }
    let by_shard = match input.facts.journals(&ask(movement)) {
        Ok(by_shard) => by_shard,
        Err(why) => return vec![unseen(CODE, source.as_str(), &format!("the journals of switches in `{source}`"), &why)],
    };
    let id = journal::id_of_streams(movement.target().as_str(), streams);
    let with_it = by_shard.iter().filter(|(_, ids)| ids.contains(&id));
    let findings: Vec<Finding> = with_it
        .map(|(shard, _)| {
            Finding::fail(
                CODE,
                Severity::Error,
                format!("{source}/{shard}"),
                format!(
                    "`{source}/{shard}` has the journal of an earlier switch whose streams had these numbers: Vitess would stop no write, \
                     wait for no stream, and lose what they have not copied"
                ),
                format!(
                    "on its primary: `vtctldclient ExecuteFetchAsDBA TABLET 'delete from _vt.resharding_journal where id = {id}'`"
                ),
            )
            .seen(id.to_string())
        })
        .collect();
    if findings.is_empty() {
        let summary = format!("no journal of `{source}` is that of these streams");
        return vec![Finding::pass(CODE, source.as_str(), summary)];
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::cluster::port::{Answer, Answered, Unread};
    use crate::finding::CheckResult;

    fn with(ids: &[i64]) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1), ("80-", 1)]);
        fixture.answer(ask(&fixture.movement), Answer::Journals([("0".to_owned(), ids.iter().copied().collect())].into()));
        fixture
    }

    /// What Vitess would give the switch of these streams.
    fn own(fixture: &Fixture) -> i64 {
        let workflow = fixture.facts.workflow(fixture.movement.target(), fixture.movement.workflow()).unwrap();
        journal::id_of_streams("customer", &workflow.streams)
    }

    #[test]
    fn only_the_journal_that_these_streams_would_write_blocks() {
        assert!(with(&[]).amiss(&CHECK).is_empty());
        let id = own(&with(&[]));
        assert!(with(&[id - 1, id + 1]).amiss(&CHECK).is_empty());
        let finding = with(&[id - 1, id]).only_amiss(&CHECK);
        assert!(finding.blocks() && finding.subject == "commerce/0", "{finding:?}");
        assert!(finding.help.contains(&format!("where id = {id}'")), "{}", finding.help);
    }

    #[test]
    fn without_streams_there_is_none_and_unread_it_is_not_known_and_stops_nothing() {
        let fixture = Fixture::new();
        assert!(fixture.amiss(&CHECK).is_empty());
        let mut fixture = with(&[]);
        fixture.facts.answers.retain(|answered| answered.ask != ask(&fixture.movement));
        fixture.facts.answers.push(Answered { ask: ask(&fixture.movement), answer: Err(Unread::new("SQL is forbidden")) });
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.result == CheckResult::Inconclusive && !finding.blocks(), "{finding:?}");
    }
}
