//! C520: the journal of a switch whose routing rules don't lead where it was going.

use super::super::movement::Movement;
use super::super::survey::Survey;
use super::super::{Kind, Leftover, Weight};
use super::words::{listed, of_movement};
use crate::cluster::port::{Ask, Question};
use crate::family::Side;
use crate::model::journal;
use crate::model::name::KeyspaceName;
use crate::model::workflow::{Stream, StreamState, Workflow};

const CODE: &str = "C520";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "the journal of a switch that has not ended",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C520.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for movement in &survey.movements {
        let ways = [
            (&movement.forward, movement.source(), movement.target(), Side::Target),
            (&movement.reverse, movement.target(), movement.source(), Side::Source),
        ];
        for (driven, from, to, side) in ways {
            if movement.writes(&survey.facts) != Some(side) {
                found.extend(driven.as_ref().and_then(|driven| of(survey, movement, driven, from, to)));
            }
        }
    }
    found
}

/// The journal that a switch of this workflow, from one keyspace to the other, has written.
fn of(survey: &Survey, movement: &Movement, driven: &Workflow, from: &KeyspaceName, to: &KeyspaceName) -> Option<Leftover> {
    let by_shard = survey.facts.journals(&Ask::Sql(Question::Journals { keyspace: from.clone() })).ok()?;
    let id = journal::id_of_streams(to.as_str(), &driven.streams);
    let shards: Vec<&String> = by_shard.iter().filter(|(_, ids)| ids.contains(&id)).map(|(shard, _)| shard).collect();
    if shards.is_empty() {
        return None;
    }
    let places = listed(shards.iter().map(|shard| format!("{from}/{shard}")));
    let name = format!("{}.{}", driven.keyspace, driven.name);
    let summary = format!("{places} has the journal of a switch of `{name}` to `{to}`, and the rules don't lead there");
    let mut leftover = of_movement(CODE, Weight::Between, movement, name, summary);
    leftover.evidence = vec![format!("row {id} of `_vt.resharding_journal` on {places}")];
    leftover.meaning =
        "the switch is past its point of no return: from here it can only be brought to its end. Its streams must never be \
                        started again by hand"
            .into();
    let follows = |stream: &Stream| matches!(stream.state, StreamState::Running | StreamState::Copying | StreamState::Lagging);
    if driven.streams.iter().all(follows) {
        leftover.meaning = format!(
            "the streams follow all the same. Either somebody undid a switch by hand, and each side may have rows that the other lacks; or \
             the journal is an earlier movement's, whose streams had these numbers: then a switch would stop no write and lose rows (C232). \
             Compare the rows of both sides; where `{to}` has none of its own, delete the journal"
        );
    }
    leftover.by_hand = vec![format!(
        "vtctldclient ExecuteFetchAsDBA PRIMARY 'select id from _vt.resharding_journal where id = {id}'   # on each of {places}"
    )];
    Some(leftover)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    fn id(case: &Case, workflow: &str, to: &str) -> i64 {
        let streams = &case.workflows.iter().find(|it| it.name == workflow).unwrap().streams;
        journal::id_of_streams(to, streams)
    }

    #[test]
    fn only_the_journal_of_these_streams_whose_rules_lead_elsewhere_counts() {
        let mut case = Case::after(&["create", "copy", "switch-replicas"]);
        let journal = id(&case, "commerce2customer", "customer");
        case.journal("commerce", journal + 1);
        assert_eq!(case.find(&KIND), [], "another incarnation's");
        case.journal("commerce", journal);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("customer.commerce2customer", Weight::Between));
        assert!(found.evidence[0].contains(&journal.to_string()), "{:?}", found.evidence);
        assert!(found.meaning.contains("an earlier movement's"), "its streams run: {}", found.meaning);
        for stream in case.streams("commerce2customer") {
            (stream.state, stream.message) = (StreamState::Stopped, "stopped for cutover".into());
        }
        assert!(case.only(&KIND).meaning.contains("point of no return"));

        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        let (there, back) = (id(&case, "commerce2customer", "customer"), id(&case, "commerce2customer_reverse", "commerce"));
        case.journal("commerce", there);
        assert_eq!(case.find(&KIND), [], "it has ended");
        case.journal("customer", back);
        assert_eq!(case.only(&KIND).subject, "commerce.commerce2customer_reverse");
    }
}
