//! Put our routing rules back as they stood before `remove-rules`.

use super::super::MoveTables;
use crate::cluster::mutation::{ApplyRoutingRules, Mutation};
use crate::family::{SituationKind, Step, View};
use crate::finding::{Finding, Severity};
use crate::model::routing::Rule;

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::Completed => Step::Done(vec!["our routing rules are in place".into()]),
        SituationKind::Ended => {
            let Some(kept) = view.kept_rules else {
                return Step::Blocked(Finding::fail(
                    "C320",
                    Severity::Error,
                    movement.workflow().as_str(),
                    "the routing rules that stood before are not in `.cutover/` here",
                    "run it in the folder in which `remove-rules` ran, or set the rules by hand",
                ));
            };
            let set: Vec<Rule> = kept
                .of_keys(&movement.rule_keys())
                .iter()
                .map(|(from_table, to)| Rule { from_table: from_table.clone(), to_table: to.join(",") })
                .collect();
            Step::Act(Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(&view.facts.routing_rules, vec![], set)))
        }
        _ => Step::Blocked(Finding::fail(
            "C321",
            Severity::Error,
            movement.workflow().as_str(),
            format!("there is nothing to restore: {}", view.situation.words),
            "`cutover status` says where the movement stands",
        )),
    }
}
