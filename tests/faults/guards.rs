//! A switch of the writes behind a window and a gate. Whatever strikes on the way to it: it leaves inside the window and with time for
//! its worst case (I13), under a standing approval of what it changes now (I14), and for no streams but those of the record (I11).

use std::collections::BTreeSet;

use cutover::cluster::port::Reader as _;
use cutover::cluster::vtctld::generated::topodata::TabletType;
use cutover::cluster::vtctld::generated::vtctldata::WorkflowSwitchTrafficRequest;
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::family::{Family as _, forecast_digest};
use cutover::record::format;
use cutover::record::progress::Progress;
use cutover::run::decision::HoldKind;
use cutover::run::phase::PhaseId;
use cutover::sandbox::Sandbox;
use prost::Message as _;

use super::adversary::Act;
use super::command::Command;
use super::kinds::Kind;
use super::life::{End, World};
use super::operator::{Outcome, carry_out};
use super::scenario::{Edge, go};
use super::script::{Of, Script, Site};
use super::service::Wire;
use super::world::{Moment, WINDOW_ENDS_AT};

/// From the beginning to the gate; then through it.
pub async fn edge() -> Edge {
    let (mut moment, mut count) = (Moment::guarded(), 0);
    for phase in [PhaseId::CREATE, PhaseId::COPY, PhaseId::VERIFY, PhaseId::SWITCH_REPLICAS] {
        let edge = go(phase.to_string(), &Command::until(phase), moment, count, &[]).await;
        (moment, count) = (edge.to, edge.base + edge.sites.len());
    }
    go("guarded switch-primary".into(), &Command::until(PhaseId::SWITCH_PRIMARY), moment, count, &[]).await
}

/// What takes time, ends the process, or changes what was approved.
pub fn faults(edge: &Edge) -> Vec<(String, (usize, Kind))> {
    let acts = [Act::AddsARule, Act::Denies, Act::StopsStreams, Act::SwitchesWrites, Act::Recreates].map(Kind::Somebody);
    let kinds = |site: &Site| match site.of {
        Of::ReadCall => [vec![Kind::AnswerLate, Kind::Hangs], acts.to_vec()].concat(),
        Of::WriteCall => {
            let plain =
                [Kind::KilledBefore, Kind::KilledAfter, Kind::LostBefore, Kind::AnswerLost, Kind::AnswerLate, Kind::Hangs];
            [plain.to_vec(), acts.to_vec()].concat()
        }
        Of::FileWrite => vec![Kind::KilledBefore, Kind::KilledAfter],
        Of::Files | Of::Lease => vec![],
    };
    let all = edge.sites.iter().enumerate().flat_map(|(place, site)| {
        let fault = move |kind: Kind| (format!("{} | {}", site.name(), kind.name()), (edge.base + place, kind));
        kinds(site).into_iter().map(fault)
    });
    all.collect()
}

/// What was violated.
pub async fn play(edge: &Edge, fault: (usize, Kind)) -> (Vec<String>, &'static str) {
    let script = Script::new(edge.base, [fault]);
    let world = World::at(&edge.from, script.clone());
    let outcome = carry_out(&world, &edge.command).await;
    let mut violations = script.violations();
    // What nothing that a client does fences off is asked elsewhere.
    violations.retain(|violation| ["I11", "I13", "I14"].iter().any(|guard| violation.contains(guard)));
    let end = match outcome {
        Outcome::Done => "switched",
        Outcome::Stands(End::Held(_, HoldKind::Window)) | Outcome::Endless(End::Held(_, HoldKind::Window)) => {
            "held: the window is over"
        }
        Outcome::Stands(_) => "stands",
        Outcome::Endless(_) => "tried again and again",
    };
    (violations, end)
}

/// Asked of each call where it leaves.
pub async fn ask(wire: &Wire, call: &str, message: &[u8]) {
    let is_guarded = wire.movement.spec.gates.get(&PhaseId::SWITCH_PRIMARY).is_some_and(|gate| !gate.windows.is_empty());
    if !is_guarded || call != "WorkflowSwitchTraffic" {
        return;
    }
    let request = WorkflowSwitchTrafficRequest::decode(message).unwrap_or_default();
    let state = wire.sandbox.snapshot().unwrap().to_json().unwrap();
    let is_journaled = state["journals"].as_array().is_some_and(|journals| !journals.is_empty());
    // Half a switch is finished, whatever the hour.
    if request.direction != 0 || !request.tablet_types.contains(&TabletType::Primary.into()) || is_journaled {
        return;
    }
    let script = &wire.life.script;
    let now = wire.now();
    let timeout_seconds = request.timeout.map_or(0, |timeout| timeout.seconds);
    // Its locks' lease, three waits of 45 s for locks, and the refresh of all tablets.
    let worst_case_seconds = 3 * timeout_seconds + timeout_seconds.max(30) + 3 * 45 + 30;
    let left_seconds = WINDOW_ENDS_AT.duration_since(now).as_secs();
    if left_seconds < worst_case_seconds {
        script.violated(format!(
            "I13: a switch left {left_seconds} s before the window's end, and may take {worst_case_seconds} s"
        ));
    }
    let record = wire.files.read(wire.record).and_then(|bytes| format::read(&bytes).ok());
    let progress = record.map(|record| record.progress()).unwrap_or_default();
    for wrong in unapproved(wire, &progress).await {
        script.violated(wrong);
    }
}

async fn unapproved(wire: &Wire, progress: &Progress) -> Vec<String> {
    let movement = wire.movement;
    // As another reader sees it, in a world of its own: a look takes no effects of the process.
    let beside = Sandbox::from_snapshot(&wire.sandbox.snapshot().unwrap());
    let cluster = Cluster::new(Vtctld::in_process(beside.routes(), "beside"), beside.clock());
    let facts = cluster.observe(&movement.query()).await.unwrap();
    let situation = movement.situation(&facts, progress);
    let mut wrong = Vec::new();
    let ids = |streams: std::collections::BTreeMap<String, i64>| -> BTreeSet<i64> {
        streams.into_iter().filter(|(name, _)| name.starts_with("customer.c2c ")).map(|(_, id)| id).collect()
    };
    let (known, found) = (ids(progress.streams.clone()), ids(movement.incarnation(&facts)));
    if known != found {
        wrong.push(format!("I11: a switch left for the streams {found:?}, and the record is that of {known:?}"));
    }
    let gate = PhaseId::SWITCH_PRIMARY;
    let Some(approval) = progress.approvals.iter().find(|approval| approval.gate == gate) else {
        wrong.push("I14: a switch left, and no approval stands".into());
        return wrong;
    };
    if approval.expires_at.is_some_and(|expires_at| expires_at <= wire.now()) {
        wrong.push("I14: a switch left under an approval that has expired".into());
    }
    if Some(&approval.intent) != progress.intent.as_ref() {
        wrong.push("I14: a switch left under the approval of another plan".into());
    }
    if approval.forecast != forecast_digest(movement, &gate, &facts, &situation) {
        wrong.push("I14: a switch left under the approval of other changes".into());
    }
    let since = |attempt: &&cutover::record::progress::Attempt| attempt.phase == gate && attempt.serial > approval.serial;
    let tried = progress.attempts.iter().filter(since).filter(|attempt| !attempt.is_mending()).count();
    if tried > 1 {
        wrong.push(format!("I14: {tried} switches left under one approval"));
    }
    wrong
}
