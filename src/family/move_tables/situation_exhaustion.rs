//! Every observation that there can be of two tables in two cells with two target shards, in every state that a record can be in: each
//! has one meaning, and one that is whole has nothing against it by the predicates as the design has them, written down here once more.
//!
//! A push looks at a twentieth, another each day; `CUTOVER_FAULTS=all` at all of it, in two minutes. `CUTOVER_UPDATE=1` writes the counts anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::fixtures::{World, stream};
use super::*;
use crate::cluster::port::Served;
use crate::family::Family as _;
use crate::model::name::CellName;
use crate::model::routing::RoutingRules;

const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/family/move_tables/situation_counts.txt");

/// How far the record is: the phases that are done, and one whose write is open.
const HISTORIES: [(&[&str], Option<&str>); 7] = [
    (&["create", "copy", "switch-replicas"], None),
    (&["create", "copy", "switch-replicas"], Some("switch-primary")),
    (&["create", "copy", "switch-replicas"], Some("cancel")),
    (&["create", "copy", "switch-replicas", "switch-primary"], None),
    (&["create", "copy", "switch-replicas", "switch-primary"], Some("switch-back")),
    (&["create", "copy", "switch-replicas", "switch-primary"], Some("complete")),
    (&["create", "copy", "switch-replicas", "switch-primary", "switch-back"], None),
];

/// Where the rules lead a table's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    Source,
    Target,
    Nowhere,
}

use Leads::{Nowhere, Source, Target};

/// Of the two tables.
const WRITES: [[Leads; 2]; 5] = [[Source, Source], [Target, Target], [Source, Target], [Target, Source], [Nowhere, Nowhere]];
const READS: [[Leads; 2]; 3] = [[Source, Source], [Target, Target], [Source, Target]];

const SHAPES: [Option<StreamShape>; 5] = [
    None,
    Some(StreamShape::Stopped),
    Some(StreamShape::Moving),
    Some(StreamShape::StoppedForCutover),
    Some(StreamShape::Frozen),
];

/// One observation.
#[derive(Debug, Clone, Copy)]
struct Seen {
    writes: [Leads; 2],
    reads: [Leads; 2],
    /// Whether each cell serves the writes' rules the other way round.
    cells_differ: [bool; 2],
    /// How many of the tables are denied at `commerce/0`, `customer/-80`, `customer/80-`.
    denied: [usize; 3],
    forward: [Option<StreamShape>; 2],
    reverse: Option<StreamShape>,
}

impl Seen {
    /// All are where the design's `NOT_SWITCHED` has them.
    fn is_before_the_switch(&self) -> bool {
        let follows = |shape: &Option<StreamShape>| matches!(shape, Some(StreamShape::Stopped | StreamShape::Moving));
        self.writes == [Source; 2]
            && self.cells_differ == [false; 2]
            && self.denied == [0, 2, 2]
            && self.forward.iter().all(follows)
            && !matches!(self.reverse, Some(StreamShape::Moving | StreamShape::StoppedForCutover))
    }

    /// All are where the design's `WRITES_SWITCHED` has them, but that the reverse streams run: a sick way back is no half switch.
    fn is_after_the_switch(&self) -> bool {
        self.writes == [Target; 2]
            && self.cells_differ == [false; 2]
            && self.denied == [2, 0, 0]
            && self.forward == [Some(StreamShape::Frozen); 2]
            && matches!(self.reverse, Some(StreamShape::Moving | StreamShape::Stopped))
    }
}

fn rules(movement: &MoveTables, writes: [Leads; 2], reads: [Leads; 2]) -> RoutingRules {
    let mut rules = RoutingRules::default();
    for (table, (writes, reads)) in movement.tables.iter().zip(writes.into_iter().zip(reads)) {
        let alone = MoveTables { tables: vec![table.clone()], ..movement.clone() };
        if writes != Nowhere {
            alone.route_primary(&mut rules, writes == Target);
        }
        for kind in [TabletType::Replica, TabletType::Rdonly] {
            alone.route(&mut rules, kind, reads == Target);
        }
    }
    rules
}

fn other_way(writes: [Leads; 2]) -> [Leads; 2] {
    writes.map(|leads| if leads == Target { Source } else { Target })
}

fn world_of((phases, open): (&[&str], Option<&str>)) -> World {
    let mut world = World::after(phases);
    let cells = ["zone1", "zone2"];
    world.facts.cells.names = cells.map(|cell| CellName::new(cell).unwrap()).into();
    let served = |_| Served { routing_rules: RoutingRules::default(), vschemas: Default::default() };
    world.facts.served = cells.map(|cell| (cell.to_owned(), served(cell))).into();
    if let Some(phase) = open {
        let phase = PhaseId::new(phase.to_owned());
        let mutation = world.movement.mutations(&phase).pop().unwrap();
        world.attempt(phase, mutation, None);
    }
    // Both workflows are there, to be given streams.
    if !world.facts.workflows.iter().any(|workflow| workflow.name.ends_with("_reverse")) {
        let mut switched = World::after(&["create", "copy", "switch-replicas", "switch-primary"]);
        let reverse = switched.reverse().clone();
        world.facts.workflows.push(reverse);
    }
    world
}

/// Every observation with these rules, shown to `look` with the world that shows it.
fn each(world: &mut World, writes: [Leads; 2], mut look: impl FnMut(&World, Seen)) {
    let tables: Vec<String> = world.movement.tables.iter().map(ToString::to_string).collect();
    let places = [("commerce", "0"), ("customer", "-80"), ("customer", "80-")];
    for reads in READS {
        let as_they_are = rules(&world.movement, writes, reads);
        let differ = rules(&world.movement, other_way(writes), reads);
        world.facts.routing_rules = as_they_are.clone();
        for cells in 0..4 {
            let cells_differ = [cells & 1 != 0, cells & 2 != 0];
            for (served, differs) in world.facts.served.values_mut().zip(cells_differ) {
                served.routing_rules = if differs { differ.clone() } else { as_they_are.clone() };
            }
            for number in 0..27 {
                let denied = [number % 3, number / 3 % 3, number / 9];
                for ((keyspace, shard), count) in places.into_iter().zip(denied) {
                    world.deny(keyspace, shard, tables[..count].to_vec());
                }
                for number in 0..125 {
                    let forward = [SHAPES[number % 5], SHAPES[number / 5 % 5]];
                    let reverse = SHAPES[number / 25];
                    let streams = |of: &[(i64, &str, &str, Option<StreamShape>)]| -> Vec<_> {
                        let made = |(id, shard, from, shape): &(i64, &str, &str, Option<StreamShape>)| {
                            shape.map(|shape| stream(*id, shard, from, shape))
                        };
                        of.iter().filter_map(made).collect()
                    };
                    world.forward().streams = streams(&[(1, "-80", "commerce", forward[0]), (2, "80-", "commerce", forward[1])]);
                    world.reverse().streams = streams(&[(1, "0", "customer", reverse)]);
                    look(world, Seen { writes, reads, cells_differ, denied, forward, reverse });
                }
            }
        }
    }
}

fn check(history: &(&[&str], Option<&str>), seen: Seen, found: &Situation) {
    let place = || format!("{history:?} {seen:?}: {found:?}");
    match found.kind {
        SituationKind::Between => assert!(!found.contradictions.is_empty(), "{}", place()),
        SituationKind::Moving => {
            assert!(seen.is_before_the_switch() && found.contradictions.is_empty(), "{}", place());
            assert_eq!(found.traffic.primary, Side::Source, "{}", place());
        }
        SituationKind::Switched => {
            assert!(seen.is_after_the_switch() && found.contradictions.is_empty(), "{}", place());
            assert_eq!(found.traffic.primary, Side::Target, "{}", place());
        }
        // Nothing of the streams is there.
        SituationKind::Cancelled | SituationKind::Completed | SituationKind::Ended | SituationKind::NotBegun => {
            assert!(seen.forward == [None; 2] && seen.reverse.is_none(), "{}", place());
        }
        SituationKind::Contradictory | SituationKind::Foreign => {}
    }
    // The other way round: what is whole is never taken for half done.
    let is_whole = |seen: Seen| seen.is_before_the_switch() || seen.is_after_the_switch();
    if is_whole(seen) && seen.reads[0] == seen.reads[1] && history.1 != Some("complete") {
        assert!(matches!(found.kind, SituationKind::Moving | SituationKind::Switched), "{}", place());
    }
}

#[test]
fn every_observation_has_one_meaning() {
    let is_whole = std::env::var("CUTOVER_FAULTS").is_ok_and(|value| value == "all");
    let days = crate::family::move_tables::fixtures::days_since_1970();
    let mut counted: BTreeMap<String, String> = BTreeMap::new();
    let slices = HISTORIES.iter().flat_map(|history| WRITES.iter().map(move |writes| (history, *writes)));
    for (number, (history, writes)) in slices.enumerate() {
        if !is_whole && !(number + days).is_multiple_of(20) {
            continue;
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut world = world_of(*history);
        each(&mut world, writes, |world, seen| {
            let found = world.situation();
            check(history, seen, &found);
            *counts.entry(format!("{:?}", found.kind)).or_default() += 1;
        });
        let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let (phases, open) = history;
        let open = open.map(|open| format!(", {open} open")).unwrap_or_default();
        let writes = format!("{writes:?}").to_lowercase();
        counted.insert(format!("{}{open}, writes {writes}", phases.join(", ")), counts.join(", "));
    }
    if is_whole && std::env::var_os("CUTOVER_UPDATE").is_some() {
        let mut text = String::new();
        counted.iter().for_each(|(slice, counts)| writeln!(text, "{slice}: {counts}").unwrap());
        std::fs::write(COUNTS, text).unwrap();
    }
    let checked_in = std::fs::read_to_string(COUNTS).unwrap_or_default();
    let known: BTreeMap<&str, &str> = checked_in.lines().filter_map(|line| line.split_once(": ")).collect();
    for (slice, counts) in &counted {
        assert_eq!(
            known.get(slice.as_str()),
            Some(&counts.as_str()),
            "{slice}; CUTOVER_FAULTS=all CUTOVER_UPDATE=1 writes them anew"
        );
    }
}
