//! One look at a vtctld that lies about one thing, for each thing of each answer: it is an error that helps, or facts that nothing
//! stumbles over and no screen passes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover::cluster::port::{Ask, Query, Reader as _};
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::family::Family as _;
use cutover::plan::document::ClusterName;
use cutover::record::progress::Progress;
use cutover::record::store::RecordStore as _;
use cutover::report::problems::Drawing;
use cutover::report::status::{Status, StatusInput};
use cutover::report::status_human::{self, StatusView};
use cutover::run::phase::PhaseId;
use cutover::sandbox::Sandbox;

use super::liar::{Liar, Told};
use super::lies;
use super::runs::{Stage, in_no_time, movement, sandbox};

/// Everything that any phase asks.
fn query(progress: &Progress) -> Query {
    let movement = movement();
    let mut query = movement.query();
    let phases = [
        "pre-check",
        "create",
        "copy",
        "verify",
        "switch-replicas",
        "switch-primary",
        "revert-window",
        "complete",
        "remove-rules",
    ];
    for phase in phases {
        query.merge(movement.query_for(&PhaseId::new(phase), progress));
        query.merge(movement.shown_query(&PhaseId::new(phase)));
    }
    let (source, target) = (movement.source().clone(), movement.target().clone());
    let asks = [source.clone(), target.clone()].into_iter().flat_map(|keyspace| {
        [
            Ask::Tablets(keyspace.clone()),
            Ask::TabletStatus(keyspace.clone()),
            Ask::TableNames(keyspace.clone()),
            Ask::Tables { keyspace, names: None },
        ]
    });
    query.asks.extend(asks);
    query.asks.extend([Ask::AllVSchemas, movement.lock_ask()]);
    query
}

/// A movement in whose midst the primary is about to be switched, or has been.
fn midst(until: PhaseId) -> (cutover::sandbox::Snapshot, Stage) {
    in_no_time(async {
        let stage = Stage::new(sandbox(""));
        let liar = Liar::new(&stage.sandbox, |_, _, _| None);
        let (finish, said) = stage.run(&liar, Some(until)).await;
        assert!(finish.is_ok(), "{finish:?} {said}");
        (stage.sandbox.snapshot().unwrap(), stage)
    })
}

fn one_look(until: PhaseId, usual: u32) {
    let (snapshot, stage) = midst(until);
    let record = stage.store.load().unwrap().unwrap();
    let progress = record.progress();
    let query = query(&progress);
    let answers: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
    in_no_time(async {
        let sandbox = Sandbox::from_snapshot(&snapshot);
        let seen = answers.clone();
        let liar = Liar::new(&sandbox, move |call, _, message| {
            seen.lock().unwrap().entry(call.to_owned()).or_insert_with(|| message.to_vec());
            None
        });
        let cluster = Cluster::new(Vtctld::in_process(liar.routes(), "vtctld"), sandbox.clock());
        cluster.observe(&query).await.unwrap();
    });
    let answers = answers.lock().unwrap().clone();
    let names: BTreeSet<&str> = answers.keys().map(String::as_str).collect();
    for call in [
        "GetWorkflows",
        "GetSrvVSchemas",
        "GetTablets",
        "GetFullStatus",
        "GetSchema",
        "VDiffShow",
        "WorkflowStatus",
        "FindAllShardsInKeyspace",
    ] {
        assert!(names.contains(call), "{names:?}");
    }
    let all: Vec<(&String, lies::Place)> =
        answers.iter().flat_map(|(call, message)| lies::places(message).into_iter().map(move |place| (call, place))).collect();
    let step = (all.len() / super::cases(usual) as usize).max(1);
    for (call, place) in all.iter().step_by(step) {
        in_no_time(async {
            let sandbox = Sandbox::from_snapshot(&snapshot);
            let (wanted, lie) = ((*call).clone(), place.clone());
            let liar =
                Liar::new(&sandbox, move |call, _, message| (call == wanted).then(|| Told::Message(lies::told(message, &lie))));
            let what = format!("{call} {place:?}");
            let cluster = Cluster::new(Vtctld::in_process(liar.routes(), "vtctld"), sandbox.clock());
            let look = tokio::time::timeout(Duration::from_secs(120), cluster.observe(&query)).await;
            let facts = match look.unwrap_or_else(|_| panic!("{what}: the look has no end")) {
                Ok(facts) => facts,
                Err(error) => {
                    let text = error.to_string();
                    super::assert_harmless(&text, &what);
                    assert!(text.contains(call.as_str()) || text.contains("Get") || text.contains("Find"), "{what}: {text}");
                    return;
                }
            };
            let movement = movement();
            let situation = movement.situation(&facts, &progress);
            movement.picture(&facts);
            movement.phases_ahead(&situation);
            let status = Status::of(&StatusInput {
                family: &movement,
                cluster: ClusterName { alias: "production".into(), address: "vtctld:1".into(), fingerprint: "f".into() },
                facts: &facts,
                progress: &progress,
                entries: &record.entries,
                decision: None,
                acting: None,
                now: facts.observed_at,
            });
            let drawing = Drawing { width: 100, colour: false, unicode: true };
            let view = StatusView { drawing, now: facts.observed_at, file: None, full: true };
            super::assert_harmless(&status_human::draw(&status, &view), &what);
            let json = cutover::report::escape::json_line(&status).unwrap();
            super::assert_harmless(&json, &what);
        });
    }
}

#[test]
fn a_lie_before_the_switch() {
    one_look(PhaseId::SWITCH_REPLICAS, 80);
}

#[test]
fn a_lie_after_the_switch() {
    one_look(PhaseId::SWITCH_PRIMARY, 80);
}
