//! C506: routing rules between two keyspaces that no workflow has any more: what a completed movement keeps.

use std::collections::{BTreeMap, BTreeSet};

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::listed;
use crate::model::name::KeyspaceName;
use crate::words::counted;

const CODE: &str = "C506";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "routing rules without a workflow",
    find,
    wants_every_workflow: true,
    page: include_str!("../pages/C506.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    // From a keyspace to another: tables, and how many rules.
    let mut pairs: BTreeMap<(String, String), (BTreeSet<String>, usize)> = BTreeMap::new();
    for (from, to) in survey.facts.routing_rules.iter() {
        let [to] = to.as_slice() else { continue };
        let key = from.split_once('@').map_or(from.as_str(), |(key, _)| key);
        let (Some((of, table)), Some((end, _))) = (key.split_once('.'), to.split_once('.')) else { continue };
        let looked_at = |name: &str| KeyspaceName::new(name).is_ok_and(|name| survey.keyspaces.contains(&name));
        let has_movement =
            [of, end].iter().any(|name| KeyspaceName::new(*name).is_ok_and(|name| survey.movement_of(&name, table).is_some()));
        if of == end || has_movement || !(looked_at(of) || looked_at(end)) {
            continue;
        }
        let pair = pairs.entry((of.to_owned(), end.to_owned())).or_default();
        pair.0.insert(table.to_owned());
        pair.1 += 1;
    }
    pairs.into_iter().map(|((from, to), (tables, rules))| leftover(&from, &to, &tables, rules)).collect()
}

fn leftover(from: &str, to: &str, tables: &BTreeSet<String>, rules: usize) -> Leftover {
    Leftover {
        code: CODE.to_owned(),
        weight: Weight::Note,
        subject: format!("{from} to {to}"),
        summary: format!("{} lead {} from `{from}` to `{to}`, and no workflow has them", counted(rules, "routing rule"), listed(tables)),
        evidence: vec![format!("no workflow of `{from}` or `{to}` carries {}", listed(tables))],
        since: None,
        meaning: "a completed movement keeps its rules, so that applications connected to the old keyspace still find their tables. They \
                  may also be somebody's own"
            .into(),
        mend: Mend::Hand,
        by_hand: vec!["vtctldclient GetRoutingRules".into()],
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{Case, keyspace};
    use super::*;
    use crate::cluster::port::{Ask, Unread};

    #[test]
    fn the_rules_of_a_completed_movement_are_a_note_and_those_of_one_that_lives_are_none() {
        assert_eq!(Case::after(&["create", "copy"]).find(&KIND), []);
        let case = Case::after(&["create", "copy", "switch-replicas", "switch-primary", "complete"]);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("commerce to customer", Weight::Note));
        assert!(found.summary.contains("`corder`, `customer`"), "{}", found.summary);
    }

    #[test]
    fn a_workflow_that_could_not_be_read_is_not_gone() {
        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary", "complete"]);
        let ask = Ask::Workflows(keyspace("customer"));
        case.world.answer(ask, Err(Unread::new("the primary of customer/-80 gives no answer")));
        assert_eq!(case.find(&KIND), []);
    }
}
