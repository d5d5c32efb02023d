//! C501: the keyspace to which the rules lead the writes of a movement denies them.

use super::super::survey::Survey;
use super::super::traffic::denying;
use super::super::{Kind, Leftover, Weight};
use super::words::{listed, of_movement, verb};
use crate::family::Side;

const CODE: &str = "C501";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "writes are refused where they are led to",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C501.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for movement in &survey.movements {
        let serving = match movement.writes(&survey.facts) {
            Some(Side::Source) => movement.source(),
            Some(Side::Target) => movement.target(),
            // Who serves is not clear: the rules are what stands between.
            _ => continue,
        };
        let denied: Vec<(String, Vec<String>)> =
            movement.tables().into_iter().map(|table| (table.clone(), denying(survey, serving, &table))).collect();
        let shards: std::collections::BTreeSet<&String> = denied.iter().flat_map(|(_, shards)| shards).collect();
        let tables: Vec<&String> = denied.iter().filter(|(_, shards)| !shards.is_empty()).map(|(table, _)| table).collect();
        if tables.is_empty() {
            continue;
        }
        let evidence = shards.iter().map(|shard| {
            let there = denied.iter().filter(|(_, shards)| shards.contains(shard)).map(|(table, _)| table);
            format!("{shard} has denied tables for PRIMARY: {}", listed(there))
        });
        let deny = verb(shards.len(), "denies", "deny");
        let summary = format!("{} {deny} {}, and the rules lead writes there", listed(&shards), listed(&tables));
        let mut leftover = of_movement(CODE, Weight::Between, movement, serving.to_string(), summary);
        leftover.evidence = evidence.collect();
        leftover.evidence.push(format!("the routing rules for PRIMARY lead to `{serving}`"));
        leftover.meaning =
            "every write to these tables gets an error, or waits in vtgate's buffer and then gets one: a switch stopped \
                            half way, or somebody denied them by hand"
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
    fn one_shard_of_the_serving_side_that_denies_one_table_is_enough() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        case.deny("commerce", "0", &["corder"]);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("commerce", Weight::Between));
        assert_eq!(found.evidence[0], "commerce/0 has denied tables for PRIMARY: `corder`");

        let mut case = Case::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        case.deny("customer", "80-", &["corder", "customer"]);
        assert_eq!(case.subjects(&KIND), ["customer"]);
    }

    #[test]
    fn the_side_that_follows_denies_rightly() {
        assert_eq!(Case::after(&["create", "copy", "switch-replicas", "switch-primary"]).find(&KIND), []);
    }
}
