use super::*;
use crate::run::phase::PhaseId;
use crate::spec::{GatePolicy, TableSelection};

const LEAST: &str = r#"
version = 1
workflow = "commerce2customer"
cluster = "production"
[move-tables]
source-keyspace = "commerce"
target-keyspace = "customer"
tables = ["customer", "corder"]
[complete]
source-tables = "rename"
"#;

fn problems(text: &str) -> Vec<String> {
    let found = match read(text) {
        Ok(reading) => reading.warnings,
        Err(problems) => problems,
    };
    found.into_iter().map(|problem| format!("{} {}: {}", problem.code, problem.path, problem.message)).collect()
}

/// The least file with this appended.
fn with(more: &str) -> Vec<String> {
    problems(&format!("{LEAST}\n{more}"))
}

#[test]
fn the_least_file_has_the_defaults() {
    let spec = read(LEAST).unwrap().spec;
    let policy = |phase: PhaseId| spec.gates[&phase].policy;
    for phase in [PhaseId::CREATE, PhaseId::COPY, PhaseId::VERIFY] {
        assert_eq!(policy(phase.clone()), GatePolicy::AutoAdvance, "{phase}");
    }
    for phase in [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE, PhaseId::REMOVE_RULES] {
        assert_eq!(policy(phase.clone()), GatePolicy::OperatorHold, "{phase}");
    }
    assert_eq!(spec.switch.timeout_seconds, 5);
    assert_eq!(spec.switch.max_transaction_age_milliseconds, 1000);
    assert_eq!(spec.revert.window_seconds, 1800);
    let Movement::MoveTables(of) = &spec.movement;
    let TableSelection::Named(tables) = &of.tables else { panic!("{:?}", of.tables) };
    assert_eq!(tables.iter().map(|table| table.as_str()).collect::<Vec<_>>(), ["corder", "customer"]);
    assert!(of.initialize_target_sequences && of.defer_secondary_keys);
}

#[test]
fn a_policy_at_the_top_of_gates_never_reaches_what_destroys() {
    let spec = read(&format!("{LEAST}\n[gates]\npolicy = \"auto-advance\"\n")).unwrap().spec;
    let policy = |phase: PhaseId| spec.gates[&phase].policy;
    assert_eq!(policy(PhaseId::SWITCH_REPLICAS), GatePolicy::AutoAdvance);
    assert_eq!(policy(PhaseId::SWITCH_PRIMARY), GatePolicy::AutoAdvance);
    assert_eq!(policy(PhaseId::COMPLETE), GatePolicy::OperatorHold);
    assert_eq!(policy(PhaseId::REMOVE_RULES), GatePolicy::OperatorHold);
}

#[test]
fn a_misspelt_gate_never_vanishes() {
    assert_eq!(
        with("[gates]\nswitch-primry = \"operator-hold\""),
        ["C113 gates.switch-primry: there is no gate `switch-primry`"]
    );
    assert_eq!(
        with("[gates.switch_primary]\npolicy = \"operator-hold\""),
        ["C113 gates.switch_primary: there is no gate `switch_primary`"]
    );
    assert_eq!(with("[gates]\npre-check = \"operator-hold\""), ["C113 gates.pre-check: there is no gate `pre-check`"]);
    assert_eq!(with("[gates]\nwindows = [\"Tue 02:00-06:00\"]"), ["C113 gates.windows: there is no gate `windows`"]);
    assert_eq!(with("[gate]\nswitch-primary = \"operator-hold\""), ["C103 gate: there is no key `gate` at the top of the file"]);
}

#[test]
fn all_problems_come_at_once() {
    let found =
        problems("workflow = \"x_reverse\"\n[move-tables]\nsource-keyspace = 1\ntabels = [\"a\"]\n[copy]\nmax-lag = 30\n");
    assert_eq!(
        found.iter().map(|problem| problem.split(':').next().unwrap()).collect::<Vec<_>>(),
        [
            "C104 cluster",
            "C104 complete",
            "C104 version",
            "C107 workflow",
            "C104 move-tables.tables",
            "C104 move-tables.target-keyspace",
            "C105 move-tables.source-keyspace",
            "C103 move-tables.tabels",
            "C105 copy.max-lag",
        ]
    );
}
