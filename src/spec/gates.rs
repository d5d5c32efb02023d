//! `[gates]`: what holds a phase, and when it may begin. A misspelt gate is an error of its own kind, for a gate that vanishes
//! without a word is a switch that nobody approved.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::intent::{GatePolicy, GateSpec, SwitchSpec};
use super::key::{Bounds, DAY, Fallback, Key, Kind, Table};
use super::length;
use super::problem::Problem;
use super::section::{Section, Value, clip, elements};
use super::suggest::{nearest, one_of};
use super::value::Placed;
use super::window::{Window, WindowError};
use crate::cluster::mutation::{Direction, SwitchTraffic};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::run::phase::PhaseId;

/// The phases that have a gate before them, in their order.
pub static GATES: &[PhaseId] = &[
    PhaseId::CREATE,
    PhaseId::COPY,
    PhaseId::VERIFY,
    PhaseId::SWITCH_REPLICAS,
    PhaseId::SWITCH_PRIMARY,
    PhaseId::COMPLETE,
    PhaseId::REMOVE_RULES,
];

const POLICIES: &[&str] = &["operator-hold", "auto-advance"];
const MOST_WINDOWS: usize = 100;

pub static TABLE: Table = Table {
    name: "gates",
    doc: "What holds each phase. `operator-hold` stops before it until somebody approves; `auto-advance` goes on when the \
          conditions are met. `complete` and `remove-rules` hold unless named here; `create`, `copy` and `verify` go on unless \
          named here.",
    required: false,
    keys: &[&POLICY, &CREATE, &COPY, &VERIFY, &SWITCH_REPLICAS, &SWITCH_PRIMARY, &COMPLETE, &REMOVE_RULES],
};

static POLICY: Key = Key {
    name: "policy",
    doc: "The policy of `switch-replicas` and `switch-primary`, and of no other gate.",
    kind: Kind::Word(POLICIES),
    fallback: Fallback::Text("operator-hold"),
};

macro_rules! gate {
    ($static:ident, $name:literal, $doc:literal) => {
        static $static: Key = Key { name: $name, doc: $doc, kind: Kind::Gate, fallback: Fallback::Nothing };
    };
}
gate!(CREATE, "create", "Before the target tables, streams and routing rules are made. Goes on unless named.");
gate!(COPY, "copy", "Before the streams are started. Goes on unless named.");
gate!(VERIFY, "verify", "Before VDiff is started. Goes on unless named.");
gate!(
    SWITCH_REPLICAS,
    "switch-replicas",
    "Before reads of rdonly and replica tablets are switched. As `policy` says unless named."
);
gate!(SWITCH_PRIMARY, "switch-primary", "Before writes are switched. As `policy` says unless named.");
gate!(COMPLETE, "complete", "Before the source tables are renamed, dropped or kept; there is no way back. Holds unless named.");
gate!(REMOVE_RULES, "remove-rules", "Before the routing rules of the tables go. Holds unless named.");

/// One gate written as a table.
pub static GATE: Table =
    Table { name: "", doc: "A gate with its own policy, windows and length of approval.", required: false, keys: GATE_KEYS };
const GATE_KEYS: &[&Key] = &[&GATE_POLICY, &WINDOWS, &TIME_ZONE, &APPROVAL_EXPIRES];

static GATE_POLICY: Key = Key {
    name: "policy",
    doc: "`operator-hold` or `auto-advance`. Left out: what the gate has when it isn't named.",
    kind: Kind::Word(POLICIES),
    fallback: Fallback::Nothing,
};
static WINDOWS: Key = Key {
    name: "windows",
    doc: "When a write behind this gate may begin: weekly (\"Tue 02:00-04:00\", \"Mon-Fri 22:00-23:30\", over midnight \
          \"Sat 23:00-02:00\") or once (\"2026-12-03 23:00/2026-12-04 01:00\"). Left out: at any time.",
    kind: Kind::Windows,
    fallback: Fallback::Nothing,
};
static TIME_ZONE: Key =
    Key { name: "time-zone", doc: "The IANA zone of the windows.", kind: Kind::Zone, fallback: Fallback::Text("UTC") };
static APPROVAL_EXPIRES: Key = Key {
    name: "approval-expires",
    doc: "How long an approval of this gate holds.",
    kind: Kind::Length(Bounds::seconds(60, 30 * DAY)),
    fallback: Fallback::Text("24h"),
};

/// A gate with the places of its windows, for checks that need other tables.
pub struct Gate {
    pub phase: PhaseId,
    pub spec: GateSpec,
    windows: Vec<Placed<Window>>,
}

/// Every gate; those that the file doesn't name with what they have then.
pub fn decode(mut table: Section<'_>) -> Vec<Gate> {
    let switches = table.word::<GatePolicy>(&POLICY).map_or(GatePolicy::OperatorHold, |policy| policy.value);
    let mut gates = Vec::new();
    for (phase, key) in GATES.iter().zip(&TABLE.keys[1..]) {
        let unnamed = if *phase == PhaseId::SWITCH_REPLICAS || *phase == PhaseId::SWITCH_PRIMARY {
            switches
        } else if *phase == PhaseId::COMPLETE || *phase == PhaseId::REMOVE_RULES {
            GatePolicy::OperatorHold
        } else {
            GatePolicy::AutoAdvance
        };
        gates.push(gate(&mut table, phase, key, unnamed));
    }
    report_unknown(&mut table);
    gates
}

fn gate(table: &mut Section<'_>, phase: &PhaseId, key: &Key, unnamed: GatePolicy) -> Gate {
    let value = table.find(key.name);
    let mut spec = GateSpec { policy: unnamed, windows: Vec::new(), time_zone: "UTC".to_owned(), approval_expires_seconds: DAY };
    let mut placed = Vec::new();
    // Read also when the gate isn't named, so that its keys are known and their fallbacks apply.
    let mut inner = match &value {
        Some(Value { value: DeValue::String(_), .. }) | None => table.absent(key.name),
        Some(Value { value: DeValue::Table(_), .. }) => table.named(key.name),
        Some(other) => {
            table.wrong_type(other, Kind::Gate);
            table.absent(key.name)
        }
    };
    if let Some(value @ Value { value: DeValue::String(_), .. }) = &value {
        if let Some(policy) = table.word_of::<GatePolicy>(value, POLICIES) {
            spec.policy = policy.value;
        }
    } else if let Some(policy) = inner.word::<GatePolicy>(&GATE_POLICY) {
        spec.policy = policy.value;
    }
    inner.find(GATE_POLICY.name);
    if let Some(windows) = windows(&mut inner) {
        spec.windows = windows.iter().map(|window| window.value.clone()).collect();
        spec.windows.sort();
        spec.windows.dedup();
        placed = windows;
    }
    if let Some(zone) = inner.zone(&TIME_ZONE) {
        spec.time_zone = zone.value;
    }
    if let Some(expires) = inner.seconds(&APPROVAL_EXPIRES) {
        spec.approval_expires_seconds = expires.value;
    }
    inner.finish();
    Gate { phase: phase.clone(), spec, windows: placed }
}

fn windows(gate: &mut Section<'_>) -> Option<Vec<Placed<Window>>> {
    let value = gate.value(&WINDOWS)?;
    let found = elements(gate, &value, WINDOWS.kind)?;
    if found.is_empty() {
        gate.bad(&value, "C109", "is empty", "name at least one window, or leave `windows` out: then the gate is never shut");
        return None;
    }
    if found.len() > MOST_WINDOWS {
        gate.bad(&value, "C109", format!("has {} windows", found.len()), format!("{MOST_WINDOWS} at most"));
        return None;
    }
    let windows: Vec<Placed<Window>> = found.iter().filter_map(|element| window(gate, element)).collect();
    let texts: Vec<Placed<String>> = windows
        .iter()
        .map(|window| Placed { value: window.value.to_string(), span: window.span.clone(), path: window.path.clone() })
        .collect();
    gate.none_twice(&texts, String::as_str, false);
    Some(windows)
}

fn window(gate: &Section<'_>, element: &Value<'_>) -> Option<Placed<Window>> {
    let DeValue::String(text) = element.value else {
        gate.wrong_type(element, Kind::Text);
        return None;
    };
    match text.parse::<Window>() {
        Ok(window) => Some(Placed { value: window, span: element.span.clone(), path: element.path.clone() }),
        Err(why) => {
            let help = match why {
                WindowError::Zero => "for a whole day write 00:00-24:00",
                WindowError::Backwards => "the later time stands behind the `/`",
                _ => {
                    "weekly: \"Tue 02:00-04:00\", \"Mon-Fri 22:00-23:30\", \"Sat 23:00-02:00\"; \
                     once: \"2026-12-03 23:00/2026-12-04 01:00\""
                }
            };
            let message = format!("the window `{}` {why}", clip(text));
            gate.log.push(
                Problem::error("C109", element.path.clone(), Some(element.span.clone()), message).label("this window").help(help),
            );
            None
        }
    }
}

/// Names of `[gates]` that are no gates.
fn report_unknown(table: &mut Section<'_>) {
    let known: Vec<&str> = GATES.iter().map(PhaseId::as_str).collect();
    for (name, span) in table.names() {
        if name == POLICY.name || known.contains(&name.as_str()) {
            continue;
        }
        let path = table.path_of(&name);
        // Read it, so that `finish` doesn't report it a second time.
        table.find(&name);
        let gate_key = GATE_KEYS.iter().any(|key| key.name == name);
        let problem = Problem::error("C113", path, Some(span), format!("there is no gate `{}`", clip(&name)));
        table.log.push(if gate_key {
            problem
                .label("a key of one gate")
                .help(format!("`{name}` stands with one gate: write it below `[gates.switch-primary]`, or whichever it is for"))
        } else {
            let problem = match nearest(&name, known.iter().copied().chain([POLICY.name])) {
                Some(word) => problem.label(format!("did you mean `{word}`?")),
                None => problem.label("unknown"),
            };
            problem.help(format!("gates stand before {}", one_of(known.iter().copied()).replace(" or ", " and ")))
        });
    }
}

/// Windows into which a switch never fits: its first write begins only when the worst case of all its writes fits into what is left.
pub fn report_short_windows(log: &super::section::Log, gates: &[Gate], switch: &SwitchSpec) {
    for gate in gates {
        let Some(needed) = worst_case_seconds(&gate.phase, switch) else { continue };
        for window in gate.windows.iter().filter(|window| window.value.length_seconds() < needed) {
            log.push(
                Problem::error(
                    "C116",
                    window.path.clone(),
                    Some(window.span.clone()),
                    format!("the window `{}` is too short for {}", window.value, gate.phase),
                )
                .label(format!("{} long", length::words(window.value.length_seconds())))
                .help(format!(
                    "a switch begins only when its worst case fits into what is left of the window, and with \
                     `switch.timeout` {} that is {}",
                    length::words(switch.timeout_seconds),
                    length::words(needed)
                )),
            );
        }
    }
}

/// Gates whose windows have all passed.
pub fn report_past_windows(log: &super::section::Log, gates: &[Gate], now: Timestamp) {
    for gate in gates.iter().filter(|gate| !gate.windows.is_empty()) {
        let Ok(zone) = TimeZone::get(&gate.spec.time_zone) else { continue };
        if gate.windows.iter().any(|window| window.value.lies_ahead(&zone, now)) {
            continue;
        }
        let span: Option<Range<usize>> = gate.windows.first().map(|window| window.span.clone());
        let path = format!("gates.{}.windows", gate.phase);
        log.push(
            Problem::error("C109", path, span, format!("every window of `{}` has passed, so it would never open", gate.phase))
                .label("has passed")
                .help("name a window that still comes"),
        );
    }
}

/// The worst case of the writes behind a gate, as [`SwitchTraffic`] counts each; none for gates whose writes lock nothing.
pub(super) fn worst_case_seconds(gate: &PhaseId, switch: &SwitchSpec) -> Option<u64> {
    let calls = match gate {
        // rdonly and replica, each its own call.
        gate if *gate == PhaseId::SWITCH_REPLICAS => 2,
        gate if *gate == PhaseId::SWITCH_PRIMARY => 1,
        _ => return None,
    };
    let sample = SwitchTraffic {
        workflow: WorkflowName::new("w").ok()?,
        target_keyspace: KeyspaceName::new("k").ok()?,
        direction: Direction::Forward,
        tablet_types: Vec::new(),
        timeout_seconds: switch.timeout_seconds,
        max_lag_seconds: switch.max_lag_seconds,
        initialize_target_sequences: true,
    };
    Some(calls * sample.worst_case_seconds())
}

/// The gates as the intent has them.
pub fn specs(gates: Vec<Gate>) -> BTreeMap<PhaseId, GateSpec> {
    gates.into_iter().map(|gate| (gate.phase, gate.spec)).collect()
}
