//! What the topology alone says of a movement, for when a tablet that gives no answer keeps vtctld from reading its streams.

use std::collections::BTreeSet;

use super::error::Error;
use super::exit::Exit;
use super::session::Session;
use crate::cluster::port::{Ask, Facts, Query, Reader};
use crate::leftovers::movement::Movement;
use crate::leftovers::survey::{Scope, SilentPrimary, Survey};
use crate::leftovers::traffic::{self, TableTraffic};
use crate::model::name::KeyspaceName;
use crate::model::topology::{TabletAlias, shard_path};
use crate::words::names;

/// A message names so many tablets.
const MOST_TABLETS: usize = 6;

/// Adds to an error of a look what can be seen without any stream: where queries go, and which primary is silent. Where vtctld itself
/// does not answer nothing can be added; where it does, the exit code no longer says that it can't be reached.
pub async fn add_to(error: Error, session: &Session) -> Error {
    let Error::Ended { exit: exit @ (Exit::Unreachable | Exit::Failed), message, help } = error else { return error };
    let keyspaces = [session.movement.source().clone(), session.movement.target().clone()];
    let Some((facts, silent)) = look_for_silent(session.cluster.as_ref(), keyspaces.into()).await else {
        return Error::Ended { exit, message, help };
    };
    let scope = Scope { cluster: session.spec.cluster.clone(), keyspaces: Some(facts.asked_keyspaces.clone()) };
    let movement = Movement { plan: session.movement.clone(), forward: None, reverse: None };
    let traffic = traffic::of_movement(&Survey::of(facts, &scope), &movement);
    Error::ended(Exit::Failed, format!("{message}. {}", words(&traffic, &silent)), advice(&silent).unwrap_or(help))
}

/// The primaries of these keyspaces that give no answer, and the look that tells them; none where vtctld gives none.
pub async fn look_for_silent(reader: &dyn Reader, keyspaces: BTreeSet<KeyspaceName>) -> Option<(Facts, Vec<SilentPrimary>)> {
    let asks = keyspaces.iter().cloned().map(Ask::TabletStatus).collect();
    let facts = reader.observe(&Query { asks, keyspaces, ..Query::default() }).await.ok()?;
    let silent = silent_primaries(&facts);
    Some((facts, silent))
}

fn silent_primaries(facts: &Facts) -> Vec<SilentPrimary> {
    let shards = facts.keyspaces.iter().flat_map(|(keyspace, found)| {
        found.shards.iter().filter_map(move |(name, shard)| Some((shard.primary_alias.as_ref()?, shard_path(keyspace, name))))
    });
    let gives_none = |alias: &TabletAlias| {
        let answers = facts.asked_keyspaces.iter().filter_map(|name| facts.tablet_status(&Ask::TabletStatus(name.clone())).ok());
        answers.flatten().any(|tablet| tablet.alias == *alias && tablet.status.is_err())
    };
    let silent = shards.filter(|(alias, _)| gives_none(alias));
    silent.map(|(alias, shard)| SilentPrimary { tablet: alias.to_string(), shard }).collect()
}

/// No full stop at the end.
fn words(traffic: &[TableTraffic], silent: &[SilentPrimary]) -> String {
    let traffic: Vec<String> = traffic.iter().map(TableTraffic::words).collect();
    let mut words = format!("vtctld answers, and the topology says: {}", traffic.join("; "));
    if !silent.is_empty() {
        let who = silent.iter().map(SilentPrimary::words);
        words.push_str(&format!(". Without an answer: {}", names(&who.collect::<Vec<_>>(), MOST_TABLETS)));
    }
    words
}

fn advice(silent: &[SilentPrimary]) -> Option<String> {
    let first = silent.first()?;
    Some(format!(
        "start {} again, or let another take its place: `{}`; then `cutover status` sees the streams",
        first.tablet,
        first.remedy()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::port::{Answer, TabletStatus};
    use crate::family::move_tables::fixtures::World;

    #[test]
    fn it_says_where_queries_go_and_who_is_silent() {
        let mut world = World::after(&["create"]);
        let target: KeyspaceName = world.movement.target().clone();
        world.facts.asked_keyspaces = [world.movement.source().clone(), target.clone()].into();
        let primary = TabletAlias { cell: "zone1".into(), uid: 200 };
        for shard in world.facts.keyspaces.get_mut(&target).unwrap().shards.values_mut().take(1) {
            shard.primary_alias = Some(primary.clone());
        }
        let mut replica = primary.clone();
        replica.uid += 1;
        let no_answer = |alias: &TabletAlias| TabletStatus { alias: alias.clone(), status: Err("no answer".into()) };
        let statuses = vec![no_answer(&primary), no_answer(&replica)];
        world.answer(Ask::TabletStatus(target.clone()), Ok(Answer::TabletStatus(statuses)));

        let silent = silent_primaries(&world.facts);
        assert_eq!(
            silent.iter().map(|silent| silent.tablet.clone()).collect::<Vec<_>>(),
            [primary.to_string()],
            "a replica hides no stream"
        );
        let scope = Scope { cluster: "production".into(), keyspaces: Some(world.facts.asked_keyspaces.clone()) };
        let movement = Movement { plan: world.movement.clone(), forward: None, reverse: None };
        let traffic = traffic::of_movement(&Survey::of(world.facts.clone(), &scope), &movement);
        let words = words(&traffic, &silent);
        assert!(words.contains("go to `commerce`"), "{words}");
        assert!(words.ends_with(&format!("Without an answer: {primary}, primary of `{}`", silent[0].shard)), "{words}");
        let advice = advice(&silent).unwrap();
        assert!(advice.contains(&format!("`vtctldclient EmergencyReparentShard {}`", silent[0].shard)), "{advice}");
    }
}
