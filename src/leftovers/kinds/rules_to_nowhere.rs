//! C505: a routing rule leads to a table that is not there.

use std::collections::BTreeMap;

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::{listed, verb};
use crate::model::name::KeyspaceName;

const CODE: &str = "C505";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "routing rules lead to a table that is not there",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C505.md"),
};

/// So many rules are shown as evidence.
const MOST_RULES: usize = 9;

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (from, to) in survey.facts.routing_rules.iter() {
        for to in to {
            if leads_nowhere(survey, to) {
                missing.entry(to.clone()).or_default().push(from.clone());
            }
        }
    }
    missing.into_iter().map(|(to, keys)| leftover(survey, &to, &keys)).collect()
}

/// Whether it is known that no shard of the keyspace has the table. A keyspace that was not looked at is not judged.
fn leads_nowhere(survey: &Survey, to: &str) -> bool {
    let Some((keyspace, table)) = to.split_once('.') else { return false };
    let Ok(keyspace) = KeyspaceName::new(keyspace) else { return false };
    survey.keyspaces.contains(&keyspace)
        && match survey.tables(&keyspace) {
            Some(tables) => !tables.contains(table),
            // It was asked for and doesn't exist.
            None => !survey.facts.keyspaces.contains_key(&keyspace) && survey.facts.asked_keyspaces.contains(&keyspace),
        }
}

fn leftover(survey: &Survey, to: &str, keys: &[String]) -> Leftover {
    let (keyspace, table) = to.split_once('.').unwrap_or((to, ""));
    let owner = KeyspaceName::new(keyspace).ok().and_then(|keyspace| survey.movement_of(&keyspace, table));
    let mend = match owner {
        Some(movement) => super::words::mend(movement),
        None => Mend::Tables { keyspace: keyspace.to_owned(), tables: vec![table.to_owned()] },
    };
    let mut evidence: Vec<String> = keys.iter().take(MOST_RULES).map(|key| format!("`{key}` leads to `{to}`")).collect();
    if keys.len() > MOST_RULES {
        evidence.push(format!("and {} more", keys.len() - MOST_RULES));
    }
    evidence.push(format!("no shard of `{keyspace}` has a table `{table}`"));
    Leftover {
        code: CODE.to_owned(),
        weight: Weight::Between,
        subject: to.to_owned(),
        summary: format!("{} {} to `{to}`, which is not there", listed(keys), verb(keys.len(), "leads", "lead")),
        evidence,
        since: None,
        meaning: "a query by such a name gets errno 1146: a movement was cancelled or completed half way, or the table was dropped under \
                  its rules"
            .into(),
        mend,
        by_hand: vec![
            "vtctldclient GetRoutingRules".into(),
            "vtctldclient ApplyRoutingRules --rules-file rules.json   # the whole set, without these".into(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn all_rules_to_one_missing_table_are_one_leftover() {
        let mut case = Case::after(&[]);
        for key in ["invoice", "customer.invoice", "commerce.invoice@replica"] {
            case.rule(key, "commerce.invoice");
        }
        case.rule("corder2", "commerce.corder");
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.evidence.len()), ("commerce.invoice", 4));
    }

    #[test]
    fn what_was_not_looked_at_or_could_not_be_read_is_not_judged() {
        let mut case = Case::after(&[]);
        case.rule("invoice", "elsewhere.invoice");
        assert_eq!(case.find(&KIND), []);
        case.rule("invoice", "commerce.invoice");
        let ask = crate::cluster::port::Ask::TableNames(super::super::super::fixtures::keyspace("commerce"));
        case.world.answer(ask, Err(crate::cluster::port::Unread::new("the primary is away")));
        assert_eq!(case.find(&KIND), []);
    }
}
