//! C504: the rules of one table and tablet type lead to both sides, or some are missing.

use super::super::movement::Movement;
use super::super::survey::Survey;
use super::super::{Kind, Leftover, Weight};
use super::words::{of_movement, verb};
use crate::family::Side;
use crate::family::move_tables::SERVING_TYPES;
use crate::model::topology::TabletType;

const CODE: &str = "C504";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "the routing rules of a movement disagree",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C504.md"),
};

/// So many rules are shown as evidence.
const MOST_RULES: usize = 12;

fn find(survey: &Survey) -> Vec<Leftover> {
    survey.movements.iter().filter_map(|movement| of(survey, movement)).collect()
}

fn of(survey: &Survey, movement: &Movement) -> Option<Leftover> {
    let rules = &survey.facts.routing_rules;
    let side = |kind: &TabletType| movement.plan.side(rules, *kind);
    let bad: Vec<TabletType> = SERVING_TYPES.into_iter().filter(|kind| matches!(side(kind), None | Some(Side::Mixed))).collect();
    if bad.is_empty() {
        return None;
    }
    let types: Vec<&str> = bad.iter().map(|kind| kind.as_str()).collect();
    let are_all_missing = !movement.plan.has_rules(rules);
    let summary = if are_all_missing {
        "the workflow is there, and no routing rule of its tables".to_owned()
    } else {
        format!("the routing rules for {} {} among themselves", types.join(", "), verb(types.len(), "disagree", "disagree"))
    };
    let mut leftover = of_movement(CODE, Weight::Between, movement, movement.name(), summary);
    let keys = bad.iter().flat_map(|kind| {
        movement.plan.tables.iter().flat_map(|table| movement.plan.rule_keys_of(table, *kind)).collect::<Vec<String>>()
    });
    let shown: Vec<String> = keys
        .map(|key| match rules.get(&key) {
            Some(to) => format!("`{key}` leads to `{}`", to.join(",")),
            None => format!("`{key}` has no rule"),
        })
        .collect();
    let left_out = shown.len().saturating_sub(MOST_RULES);
    leftover.evidence = shown.into_iter().take(MOST_RULES).collect();
    if left_out > 0 {
        leftover.evidence.push(format!("and {left_out} more"));
    }
    leftover.meaning = if are_all_missing {
        "each keyspace's own name leads to itself: a creation that stopped half way, or rules that somebody took away".into()
    } else {
        "by one name a table's queries go to one keyspace, by another to the other: two keyspaces may take writes for one table, unless \
         one of them denies them"
            .into()
    };
    leftover.by_hand = vec!["vtctldclient GetRoutingRules".into()];
    Some(leftover)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn one_of_nine_that_leads_elsewhere_or_is_missing_is_found() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        case.rule("corder", "customer.corder");
        let found = case.only(&KIND);
        assert!(found.summary.contains("for primary disagree"), "{}", found.summary);
        assert!(found.evidence.contains(&"`corder` leads to `customer.corder`".to_owned()), "{:?}", found.evidence);

        let mut case = Case::after(&["create", "copy"]);
        case.world.facts.routing_rules.remove("customer.corder@rdonly");
        assert!(case.only(&KIND).evidence.contains(&"`customer.corder@rdonly` has no rule".to_owned()));
    }

    #[test]
    fn a_workflow_without_any_rule_is_told_otherwise() {
        let mut case = Case::after(&["create"]);
        case.world.facts.routing_rules = Default::default();
        assert!(case.only(&KIND).summary.contains("no routing rule of its tables"));
    }
}
