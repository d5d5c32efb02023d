//! A proxy before vtctld that loses requests or answers: of each write the first one, and of all calls every fiftieth.

use std::collections::BTreeMap;

use crate::support::relay::{Call, Fate, Relay};
use crate::support::{Application, Movement, Shape, World};

use super::observed::observe;
use super::operation::Operation;

/// A request or an answer is lost so often before the same call is let through.
const LOSSES: usize = 1;
/// Commands that are tried until the movement is at its end.
const TRIES: usize = 12;

/// The first request of each write never comes to vtctld.
pub fn first_requests_are_lost(world: &World) -> String {
    moves_everywhere(world, || losing_writes(Fate::LoseRequest))
}

/// vtctld does each write, and its first answer is lost.
pub fn first_answers_are_lost(world: &World) -> String {
    moves_everywhere(world, || losing_writes(Fate::LoseAnswer))
}

/// Every fiftieth call is lost, reads too, and with it all that are on the same connection: the request or the answer by turns. A
/// look of the program is some 20 calls.
pub fn every_fiftieth_call_is_lost(world: &World) -> String {
    moves_everywhere(world, || {
        let mut count = 0_usize;
        move |_: &Call| {
            count += 1;
            match count % 100 {
                50 => Fate::LoseRequest,
                0 => Fate::LoseAnswer,
                _ => Fate::Pass,
            }
        }
    })
}

/// Loses each write once. The same write again is the same method with the same words; but a VDiff has another id each time.
fn losing_writes(fate: Fate) -> impl FnMut(&Call) -> Fate + Send + 'static {
    let mut lost: BTreeMap<(String, Vec<u8>), usize> = BTreeMap::new();
    move |call| {
        if !is_write(call.method()) {
            return Fate::Pass;
        }
        let words = if call.method() == "VDiffCreate" { Vec::new() } else { call.message().to_vec() };
        let count = lost.entry((call.method().to_owned(), words)).or_default();
        *count += 1;
        if *count > LOSSES { Fate::Pass } else { fate }
    }
}

/// The calls of vtctld with which a movement is made.
fn is_write(method: &str) -> bool {
    let writes = [
        "MoveTablesCreate",
        "WorkflowUpdate",
        "VDiffCreate",
        "WorkflowSwitchTraffic",
        "MoveTablesComplete",
        "WorkflowDelete",
        "ApplyRoutingRules",
        "RebuildVSchemaGraph",
        "SetShardTabletControl",
        "RefreshStateByShard",
    ];
    writes.contains(&method)
}

/// One movement there, back, and cancelled; another to its end.
fn moves_everywhere<R>(world: &World, rule: impl Fn() -> R) -> String
where
    R: FnMut(&Call) -> Fate + Send + 'static,
{
    format!("{}; {}", moves_there_and_back(world, &rule), moves_to_the_end(world, &rule))
}

/// All of it, until the source's tables are renamed and its rules gone.
fn moves_to_the_end<R>(world: &World, rule: impl FnOnce() -> R) -> String
where
    R: FnMut(&Call) -> Fate + Send + 'static,
{
    let movement = Movement::prepare(world, &Shape { rows: 200, ..Shape::default() });
    movement.write_plan(world, &Operation::Complete.plan());
    // Of the movement before, which was cancelled.
    std::fs::remove_file(world.folder().join("workflow.lock")).expect("its record");
    let application = Application::start_slowly(&movement, world.cluster);
    let relay = Relay::to(world.cluster.vtctld());
    relay.rule(rule());
    let said = format!("complete: exit {}", until_done(world, &movement, &relay, Operation::Complete));
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    format!("{said}; {:.1} s without writes", report.longest_write_pause.as_secs_f64())
}

/// Forward to the switch of the writes, all of it back, and cancelled.
fn moves_there_and_back<R>(world: &World, rule: impl FnOnce() -> R) -> String
where
    R: FnMut(&Call) -> Fate + Send + 'static,
{
    let movement = Movement::prepare(world, &Shape { rows: 200, ..Shape::default() });
    movement.write_plan(world, &Operation::SwitchPrimary.plan());
    let application = Application::start_slowly(&movement, world.cluster);
    let relay = Relay::to(world.cluster.vtctld());
    relay.rule(rule());
    let mut said = Vec::new();
    for operation in [Operation::SwitchPrimary, Operation::SwitchPrimaryBack] {
        said.push(format!("{}: exit {}", operation.name(), until_done(world, &movement, &relay, operation)));
    }
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("commerce");
    said.push(format!("cancel: exit {}", until_done(world, &movement, &relay, Operation::Cancel)));
    format!("{}; {:.1} s without writes", said.join("; "), report.longest_write_pause.as_secs_f64())
}

/// Runs the command until the cluster is where it leads. Gives the exit codes.
fn until_done(world: &World, movement: &Movement, relay: &Relay, operation: Operation) -> String {
    let address = relay.address();
    let run = |arguments: Vec<&str>| world.cutover().env("CUTOVER_VTCTLD", &address).args(arguments).limit_seconds(400).run();
    let mut command = operation.command(&movement.workflow);
    // It holds where a try has failed, for somebody who looks at it.
    command.retain(|word| *word != "--wait");
    if matches!(operation, Operation::SwitchPrimary | Operation::Complete) {
        command.push("--yes");
    }
    let goal = match operation {
        // After a way back there are journals and the streams of the way back: they are left.
        Operation::Cancel => "denied none | forward none | reverse none | journal S T1 T2 | rules --- --- --- | tables 2 0 0 0",
        operation => operation.goal(),
    };
    let mut codes = Vec::new();
    let mut said = Vec::new();
    while observe(world.cluster, movement) != goal {
        assert!(codes.len() < TRIES, "it shows {}\nand not {goal}\n{}", observe(world.cluster, movement), said.join("\n"));
        let output = run(command.clone());
        codes.push(output.code);
        if let Some(approval) = operation.approval(&output) {
            run(approval.to_vec());
        }
        said.push(output.to_string());
    }
    codes.iter().map(|code: &Option<i32>| code.map_or("-".to_owned(), |code| code.to_string())).collect::<Vec<_>>().join(" ")
}
