//! The half of writes. Before the journal a failure is rolled back, but for two places where Vitess doesn't; after it there is only
//! forward. Between any two steps vtctld may die.

use super::{Switch, sequences};
use crate::sandbox::operation::step::{Act, Alone, Change, Row, Step};
use crate::sandbox::operation::workflow::shard_names;
use crate::sandbox::refusal::Answer;
use crate::sandbox::state::State;
use crate::sandbox::traffic::Course;

const OPERATION: &str = "switch-writes";

/// The shards of both sides.
struct Shards {
    source: Vec<String>,
    target: Vec<String>,
}

impl Shards {
    fn of(state: &State, course: &Course) -> Self {
        Self { source: shard_names(state, &course.source), target: shard_names(state, &course.target) }
    }
}

impl Switch {
    pub(super) fn lock_for_writes(&self, course: &Course) -> Vec<Step> {
        let mut row = Row::of(OPERATION);
        row.lock_keyspaces(course, "SwitchWrites", self.lease());
        row.step("look", "", Act::Look);
        row.wait(50);
        row.steps()
    }

    /// With all locks: from the start, or from the journal on where one is found.
    pub fn look_for_writes(&self, state: &mut State, course: &Course) -> Answer<Vec<Step>> {
        if self.initializes_sequences(state, course) {
            let settings = state.streams_of(&course.target, &course.workflow).next().map(|stream| stream.settings.clone());
            sequences::find(state, course, &settings.unwrap_or_default().global_keyspace)?;
        }
        let shards = Shards::of(state, course);
        let mut row = Row::of(OPERATION);
        if !state.has_journal(course) {
            stop_source_writes(&mut row, course, &shards);
            catch_up(&mut row, state, course, &shards);
            self.make_way_back(&mut row, state, course, &shards);
        }
        self.go_over(&mut row, state, course, &shards);
        Ok(row.steps())
    }

    fn make_way_back(&self, row: &mut Row, state: &State, course: &Course, shards: &Shards) {
        row.fails("failed to create the reverse vreplication streams", true).alone(Alone::RolledBack);
        row.checked(Alone::Dropped, |row| {
            row.delete_streams("delete-old-reverse", &course.source, &course.reverse_name(), &shards.source);
            for shard in &shards.source {
                for from in &shards.target {
                    let act = Act::MakeReverseStream { shard: shard.clone(), from: from.clone() };
                    row.step("create-reverse", format!("{}/{shard}", course.source), act);
                }
            }
        });
        row.wait(50);
        if self.initializes_sequences(state, course) {
            row.fails(format!("failed to initialize the sequences used in the {} keyspace", course.target), true);
            row.checked(Alone::Dropped, |row| {
                row.step("initialize-sequences", "", Act::InitializeSequences);
            });
        }
    }

    /// From the journal on.
    fn go_over(&self, row: &mut Row, state: &State, course: &Course, shards: &Shards) {
        let (source, target) = (&course.source, &course.target);
        row.fails("failed to create the journal", false).alone(Alone::GoesOn);
        row.checked(Alone::Dropped, |row| {
            for shard in &shards.source {
                row.step("create-journal", format!("{source}/{shard}"), Act::Journal { shard: shard.clone() });
            }
        });
        row.wait(20);
        row.fails(format!("failed to allow writes in the {target} keyspace"), false);
        let again = ["allow-target-writes-deny-source", "allow-target-writes-refresh-source"];
        row.denied(again, source, &shards.source, true);
        row.denied(["allow-target-writes", "allow-target-writes-refresh"], target, &shards.target, false);
        row.fails("failed to update the routing rules", false);
        row.step("save-rules", "", Act::ChangeRules(Change::SwitchWrites));
        row.rebuild(&state.topology.cells);
        if self.request.enable_reverse_replication {
            row.fails("failed to start the reverse workflow", false);
            for shard in &shards.source {
                let (keyspace, shard, workflow) = (source.clone(), shard.clone(), course.reverse_name());
                row.step("start-reverse", format!("{keyspace}/{shard}"), Act::StartStreams { keyspace, shard, workflow });
            }
        }
        row.fails(format!("failed to freeze the workflow in the {target} keyspace"), false);
        for shard in &shards.target {
            row.step("freeze", format!("{target}/{shard}"), Act::FreezeStreams { shard: shard.clone() });
        }
        row.fails("", false).step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    }
}

/// In Vitess both sides are seen to at the same time; here one after the other.
fn stop_source_writes(row: &mut Row, course: &Course, shards: &Shards) {
    let (source, target) = (&course.source, &course.target);
    row.fails(format!("failed to stop writes in the {source} keyspace"), true).alone(Alone::RolledBack);
    row.denied(["stop-source-writes", "stop-source-writes-refresh"], source, &shards.source, true);
    row.make_first(|step| step.alone = Alone::Dropped);
    row.denied(["stop-source-writes-allow-target", "stop-source-writes-refresh-target"], target, &shards.target, false);
    row.wait(50);
    for (attempt, name) in [(1, "lock-tables"), (2, "lock-tables-again")] {
        row.fails(format!("failed to execute LOCK TABLES (attempt {attempt} of 2) on sources"), true);
        for shard in &shards.source {
            row.step(name, format!("{source}/{shard}"), Act::LockTables { shard: shard.clone() });
        }
        row.wait(75);
    }
}

fn catch_up(row: &mut Row, state: &State, course: &Course, shards: &Shards) {
    row.fails("failed to gather replication positions on migration sources", false).alone(Alone::Dropped);
    for shard in &shards.source {
        row.step("gather-positions", format!("{}/{shard}", course.source), Act::GatherPositions { shard: shard.clone() });
    }
    row.fails("failed to sync up replication between the source and target", true).alone(Alone::RolledBack);
    row.checked(Alone::RolledBack, |row| {
        for stream in state.streams_of(&course.target, &course.workflow) {
            let act = Act::CatchUp { shard: stream.shard.clone(), from: stream.source_shard.clone() };
            row.step("stop-stream", format!("{}/{}", course.target, stream.shard), act);
        }
    });
}

/// `cancelMigration`
pub fn roll_back(state: &State, course: &Course) -> Vec<Step> {
    let shards = Shards::of(state, course);
    let (source, target) = (&course.source, &course.target);
    let mut row = Row::of(OPERATION);
    row.alone(Alone::GoesOn).fails("could not revert denied tables / shard access", false);
    row.denied(["roll-back-allow-source", "roll-back-refresh-source"], source, &shards.source, false);
    row.denied(["roll-back-deny-target", "roll-back-refresh-target"], target, &shards.target, true);
    row.fails("could not restart vreplication", false);
    for shard in &shards.target {
        row.step("roll-back-restart-streams", format!("{target}/{shard}"), Act::RestartStreams { shard: shard.clone() });
    }
    row.fails("could not delete reverse vreplication streams", false);
    row.delete_streams("roll-back-delete-reverse", source, &course.reverse_name(), &shards.source);
    row.fails("", false).step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    row.steps()
}
