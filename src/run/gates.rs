//! Gates: who lets a phase begin, and when.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::decision::HoldKind;
use super::phase::PhaseId;
use super::reconcile;
use super::refusal;
use crate::model::digest::Digest;
use crate::record::entry::OutcomeResult;
use crate::record::progress::{Progress, StandingApproval};
use crate::spec::window;
use crate::spec::{GatePolicy, GateSpec};
use crate::words::length;

/// What a gate says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateState {
    /// Open, and by whose word.
    Open(String),
    Shut {
        kind: HoldKind,
        why: String,
        until: Option<Timestamp>,
    },
}

/// What a gate is judged on.
pub struct GateInput<'a> {
    pub phase: &'a PhaseId,
    pub spec: &'a GateSpec,
    pub progress: &'a Progress,
    /// What the phase would change now.
    pub forecast: &'a Digest,
    pub now: Timestamp,
    /// The longest time that the phase's writes may take: they begin only if it fits into what is left of a window.
    pub worst_case_seconds: u64,
    /// The serial at which this run began: with `auto-advance` a run is a release.
    pub began_at_serial: u64,
    /// One attempt a release: a switch of the primary.
    pub one_attempt: bool,
}

/// Judges one gate.
pub fn judge(input: &GateInput<'_>) -> GateState {
    let approval = input.progress.approvals.iter().find(|approval| &approval.gate == input.phase);
    let needs_approval = input.spec.policy == GatePolicy::OperatorHold || going_forward_again(input);
    let released_at = match (approval.map(|approval| binds(approval, input)), needs_approval) {
        (Some(Ok(())), _) => approval.map_or(0, |approval| approval.serial),
        (Some(Err((kind, why))), true) => return GateState::Shut { kind, why, until: None },
        (None, true) => return GateState::Shut { kind: HoldKind::Gate, why: wanted(input), until: None },
        (_, false) => input.began_at_serial,
    };
    if input.one_attempt
        && let Some(attempt) = input.progress.last_switch_of_writes(input.phase)
        && attempt.serial > released_at
        && attempt.outcome.is_some()
    {
        let words = attempt.evidence.join("; ");
        // How it stood in between is over.
        let is_now = |line: &&String| !line.starts_with(reconcile::STOPPED_HALF_WAY);
        let now: Vec<&str> = attempt.evidence.iter().filter(is_now).map(String::as_str).collect();
        let evidence = if now.is_empty() { String::new() } else { format!(" ({})", now.join("; ")) };
        if attempt.outcome.is_some_and(|(result, _)| result == OutcomeResult::Done) {
            let why = "the writes were switched after its approval, and switched back since; a new switch needs a new approval";
            return GateState::Shut { kind: HoldKind::AttemptFailed, why: why.into(), until: None };
        }
        let advice = refusal::advice(&words).map(|advice| format!(". {advice}")).unwrap_or_default();
        return GateState::Shut {
            kind: HoldKind::AttemptFailed,
            why: format!(
                "a switch was tried after its approval and did not happen{evidence}; nothing is half done, traffic is where it was, and \
                 a new try needs a new approval{advice}"
            ),
            until: None,
        };
    }
    if let Some(shut) = outside_windows(input) {
        return shut;
    }
    GateState::Open(match approval {
        Some(approval) => format!("approved by {}: {}", approval.by, approval.reason),
        None => "auto-advance".into(),
    })
}

/// The gates before which traffic moves forward.
pub const MOVE_TRAFFIC: [PhaseId; 2] = [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY];

/// After a switch back, whatever the policy, one approval younger than it is needed before traffic moves again.
fn going_forward_again(input: &GateInput<'_>) -> bool {
    let Some(back) = input.progress.last_switch_back else { return false };
    let leads_forward = |approval: &StandingApproval| {
        MOVE_TRAFFIC.contains(&approval.gate) && approval.serial > back && input.progress.stands(approval, input.now)
    };
    MOVE_TRAFFIC.contains(input.phase) && !input.progress.approvals.iter().any(leads_forward)
}

fn wanted(input: &GateInput<'_>) -> String {
    if input.spec.policy == GatePolicy::AutoAdvance {
        "traffic was switched back: going forward again needs an approval".into()
    } else {
        "the plan file holds here for an operator".into()
    }
}

fn binds(approval: &StandingApproval, input: &GateInput<'_>) -> Result<(), (HoldKind, String)> {
    if approval.expires_at.is_some_and(|expires_at| input.now >= expires_at) {
        return Err((HoldKind::Gate, format!("the approval of {} has expired", approval.by)));
    }
    if Some(&approval.intent) != input.progress.intent.as_ref() {
        return Err((HoldKind::VoidApproval, format!("the plan file was edited after {} approved", approval.by)));
    }
    if &approval.forecast != input.forecast {
        return Err((HoldKind::VoidApproval, format!("what this phase changes is no longer what {} approved", approval.by)));
    }
    Ok(())
}

fn outside_windows(input: &GateInput<'_>) -> Option<GateState> {
    if input.spec.windows.is_empty() {
        return None;
    }
    let zone = &input.spec.time_zone;
    let Ok(time_zone) = TimeZone::get(zone) else {
        let why = format!("this host's time zone data does not know `{zone}`, so no window is known to be open");
        return Some(GateState::Shut { kind: HoldKind::Window, why, until: None });
    };
    let next_after = |at| window::next_opening(&input.spec.windows, &time_zone, at);
    let next = next_after(input.now);
    match window::open_until(&input.spec.windows, &time_zone, input.now) {
        Some(until) => {
            let left_seconds = until.duration_since(input.now).as_secs();
            let fits = left_seconds >= i64::try_from(input.worst_case_seconds).unwrap_or(i64::MAX);
            (!fits).then(|| GateState::Shut {
                kind: HoldKind::Window,
                why: format!(
                    "the window closes in {}, and what comes next may take {} at worst",
                    length(left_seconds),
                    length(input.worst_case_seconds)
                ),
                until: next_after(until),
            })
        }
        None => Some(GateState::Shut {
            kind: HoldKind::Window,
            why: match next {
                Some(next) => {
                    let local = next.to_zoned(time_zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string();
                    format!("it is outside of its windows; the next one opens {local} ({zone})")
                }
                None => "all its windows have passed; edit the plan file".into(),
            },
            until: next,
        }),
    }
}
