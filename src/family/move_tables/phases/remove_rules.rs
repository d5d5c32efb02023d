//! Remove our routing rules, and nobody else's.

use super::super::MoveTables;
use crate::cluster::mutation::{ApplyRoutingRules, Mutation};
use crate::family::{SituationKind, Step, View};
use crate::model::routing::RoutingRules;

pub fn mutation(movement: &MoveTables, now: &RoutingRules) -> Mutation {
    Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(now, movement.rule_keys().into_iter().collect(), vec![]))
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::Completed => Step::Act(mutation(movement, &view.facts.routing_rules)),
        SituationKind::Ended => Step::Done(vec!["none of our routing rules is left".into()]),
        _ => Step::Between("the movement is not completed".into()),
    }
}
