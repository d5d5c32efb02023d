//! C503: the side of a movement that doesn't serve denies nothing, so a write that gets past the rules is taken there.

use super::super::survey::Survey;
use super::super::traffic::denying;
use super::super::{Kind, Leftover, Weight};
use super::words::{listed, of_movement, verb};
use crate::family::Side;
use crate::model::topology::shard_path;

const CODE: &str = "C503";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "the side that doesn't serve denies nothing",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C503.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for movement in &survey.movements {
        let (serving, following) = match movement.writes(&survey.facts) {
            Some(Side::Source) => (movement.source(), movement.target()),
            Some(Side::Target) => (movement.target(), movement.source()),
            _ => continue,
        };
        let Some(keyspace) = survey.facts.keyspaces.get(following) else { continue };
        let tables = movement.tables();
        let open = keyspace.shards.keys().map(|shard| shard_path(following, shard)).filter_map(|path| {
            let missing: Vec<&String> =
                tables.iter().filter(|table| !denying(survey, following, table).contains(&path)).collect();
            (!missing.is_empty()).then(|| (path, listed(missing)))
        });
        let open: Vec<(String, String)> = open.collect();
        if open.is_empty() {
            continue;
        }
        let shards = listed(open.iter().map(|(path, _)| path));
        let summary = format!("{shards} {} deny what `{serving}` serves", verb(open.len(), "doesn't", "don't"));
        let mut leftover = of_movement(CODE, Weight::Between, movement, following.to_string(), summary);
        leftover.evidence = open.iter().map(|(path, missing)| format!("{path} doesn't deny {missing}")).collect();
        leftover.meaning =
            "the rules alone keep writes away from the copy: a query that is addressed to a shard, or a cell that serves \
                            other rules, would write there and the rows would differ"
                .into();
        found.push(leftover);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn each_shard_and_table_of_the_following_side_is_asked_for() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        case.deny("customer", "80-", &["customer"]);
        let found = case.only(&KIND);
        assert_eq!(
            (found.subject.as_str(), found.evidence.as_slice()),
            ("customer", &["customer/80- doesn't deny `corder`".to_owned()][..])
        );

        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        case.deny("commerce", "0", &[]);
        assert_eq!(case.subjects(&KIND), ["commerce"]);
    }
}
