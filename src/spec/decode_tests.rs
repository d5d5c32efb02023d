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
            "C104 version",
            "C107 workflow",
            "C104 move-tables.tables",
            "C104 move-tables.target-keyspace",
            "C105 move-tables.source-keyspace",
            "C103 move-tables.tabels",
            "C105 copy.max-lag",
            "C104 complete",
        ]
    );
}

#[test]
fn contradictions_between_keys_are_found() {
    let of = |from: &str, to: &str| problems(&LEAST.replace(from, to));
    assert_eq!(
        of("target-keyspace = \"customer\"", "target-keyspace = \"commerce\""),
        ["C111 move-tables.target-keyspace: source and target are the same keyspace"]
    );
    let tables = "tables = [\"customer\", \"corder\"]";
    assert_eq!(
        of(tables, &format!("{tables}\nall-tables = true")),
        ["C111 move-tables.all-tables: `tables` and `all-tables = true` exclude each other"]
    );
    assert_eq!(
        of(tables, &format!("{tables}\nexclude-tables = [\"audit\"]")),
        ["C111 move-tables.exclude-tables: `exclude-tables` needs `all-tables = true`"]
    );
    assert_eq!(of(tables, "all-tables = false"), ["C104 move-tables.tables: no tables are named"]);
    assert_eq!(of(tables, "tables = []"), ["C106 move-tables.tables: `move-tables.tables` is empty"]);
    assert_eq!(
        of(tables, "tables = [\"customer\", \"corder\", \"customer\"]"),
        ["C112 move-tables.tables[2]: `customer` stands twice in the list"]
    );
    assert_eq!(
        of(tables, "tables = [\"customer\", \"Customer\"]"),
        ["C112 move-tables.tables[1]: `customer` and `Customer` differ only in case"]
    );
    assert_eq!(of(tables, "all-tables = true\nexclude-tables = [\"audit\"]"), Vec::<String>::new());
    assert_eq!(
        with("[switch]\nstable-for = \"10m\""),
        ["C111 switch.wait-for-quiet: `switch.wait-for-quiet` is not longer than `switch.stable-for`"]
    );
}

#[test]
fn limits_have_bounds() {
    assert_eq!(with("[switch]\nmax-lag = \"500ms\""), ["C108 switch.max-lag: `switch.max-lag` is \"500ms\", less than 1s"]);
    assert_eq!(
        with("[switch]\nmax-lag = \"1500ms\""),
        ["C108 switch.max-lag: `switch.max-lag` is \"1500ms\", which is not in whole seconds"]
    );
    assert_eq!(with("[switch]\ntimeout = \"999ms\""), ["C108 switch.timeout: `switch.timeout` is \"999ms\", less than 1s"]);
    assert_eq!(
        with("[switch]\ntimeout = \"10s\""),
        ["C117 switch.timeout: `switch.timeout` is not below vtgate's buffer of 10s"]
    );
    assert!(read(&format!("{LEAST}\n[switch]\ntimeout = \"10s\"")).is_ok(), "a warning stops nothing");
    assert_eq!(with("[switch]\ntimeout = \"9s\""), Vec::<String>::new());
    assert_eq!(with("[switch]\ntimeout = \"6m\""), ["C108 switch.timeout: `switch.timeout` is \"6m\", more than 5m"]);
    assert_eq!(with("[copy]\nmax-lag = \"-30s\""), ["C108 copy.max-lag: `copy.max-lag` is below zero: \"-30s\""]);
    assert_eq!(with("[copy]\nmax-lag = \"30\""), ["C108 copy.max-lag: `copy.max-lag` has no unit: \"30\""]);
    // Accepted and not kept it would be a lie.
    for value in ["4", "1", "0", "\"all\""] {
        assert_eq!(
            with(&format!("[verify]\nshards-at-once = {value}")),
            ["C103 verify.shards-at-once: `verify.shards-at-once` is not in this version"]
        );
    }
}

#[test]
fn windows_are_checked_against_the_worst_case_of_a_switch() {
    // 3 × 5 s + 30 s of leases, three lock waits of 45 s, 30 s of refresh.
    let gate = |phase: &str, window: &str| with(&format!("[gates.{phase}]\nwindows = [\"{window}\"]"));
    assert_eq!(
        gate("switch-primary", "Tue 02:00-02:03"),
        ["C116 gates.switch-primary.windows[0]: the window `Tue 02:00-02:03` is too short for switch-primary"]
    );
    assert_eq!(gate("switch-primary", "Tue 02:00-02:04"), Vec::<String>::new());
    // Two calls, and neither begins where both don't fit.
    assert_eq!(
        gate("switch-replicas", "Tue 02:00-02:06"),
        ["C116 gates.switch-replicas.windows[0]: the window `Tue 02:00-02:06` is too short for switch-replicas"]
    );
    assert_eq!(gate("switch-replicas", "Tue 02:00-02:07"), Vec::<String>::new());
    assert_eq!(gate("complete", "Tue 02:00-02:03"), Vec::<String>::new());
    assert_eq!(
        gate("complete", "Tue 02:00-02:00"),
        ["C109 gates.complete.windows[0]: the window `Tue 02:00-02:00` has no length: it ends when it begins"]
    );
}

#[test]
fn the_worst_case_of_a_gate_is_that_of_its_writes() {
    use crate::cluster::mutation::Mutation;
    use crate::family::Family as _;
    let movement = crate::family::move_tables::fixtures::commerce_to_customer();
    for gate in [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY] {
        let of_writes: u64 = movement
            .mutations(&gate)
            .iter()
            .map(|mutation| match mutation {
                Mutation::SwitchTraffic(switch) => switch.worst_case_seconds(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(gates::worst_case_seconds(&gate, &movement.spec.switch), Some(of_writes), "{gate}");
    }
}

#[test]
fn windows_that_have_passed_are_an_error_only_when_a_time_is_given() {
    let text = format!("{LEAST}\n[gates.switch-primary]\nwindows = [\"2026-12-03 23:00/2026-12-04 01:00\"]\n");
    assert!(read(&text).is_ok());
    assert!(read_at(&text, "2026-12-04T00:59:00Z".parse().unwrap()).is_ok());
    let found = read_at(&text, "2026-12-04T01:00:00Z".parse().unwrap()).unwrap_err();
    assert_eq!(found[0].message, "every window of `switch-primary` has passed, so it would never open");
}

#[test]
fn a_newer_version_is_the_only_problem_of_its_file() {
    assert_eq!(problems("version = 2\nunheard-of = true\n"), ["C114 version: the file is of version 2"]);
    assert_eq!(problems(&LEAST.replace("version = 1", "version = 0")), ["C106 version: `version` is 0"]);
    assert_eq!(problems(&LEAST.replace("version = 1", "version = \"1\"")), ["C105 version: `version` must be 1, not text"]);
}

#[test]
fn files_come_with_byte_order_marks_and_carriage_returns() {
    let windows = format!("\u{feff}{}", LEAST.replace('\n', "\r\n"));
    assert_eq!(read(&windows).unwrap().spec, read(LEAST).unwrap().spec);
}

#[test]
fn what_cant_be_seen_is_refused_wherever_it_stands() {
    assert_eq!(with("# pass\u{202e}word"), ["C115 : the file holds U+202E, which can't be seen in a review"]);
    let escaped = LEAST.replace("\"production\"", "\"prod\\u0007\"");
    assert_eq!(problems(&escaped), ["C115 cluster: `cluster` holds U+0007, which can't be seen in a review"]);
    let zero_width = LEAST.replace("\"corder\"", "\"cor\u{200b}der\"");
    assert_eq!(
        problems(&zero_width),
        ["C107 move-tables.tables[1]: the table name `cor\u{200b}der` holds the control character U+200B"]
    );
}

#[test]
fn every_gate_key_is_known_and_keys_of_one_gate_are_explained() {
    let found = with("[gates.switch-primary]\nwindow = [\"Tue 02:00-04:00\"]");
    assert_eq!(found, ["C103 gates.switch-primary.window: there is no key `window` in `[gates.switch-primary]`"]);
    assert_eq!(
        with("[gates.complete]\npolicy = \"hold\""),
        ["C106 gates.complete.policy: `hold` is not a value of `gates.complete.policy`"]
    );
    assert_eq!(
        with("[gates]\ncomplete = true"),
        [
            "C105 gates.complete: `gates.complete` must be a policy (`operator-hold` or `auto-advance`) or a table, not true or false"
        ]
    );
}

#[test]
fn a_table_without_policy_keeps_the_policy_that_the_gate_has_unnamed() {
    let text = format!(
        "{LEAST}\n[gates]\npolicy = \"auto-advance\"\nswitch-primary.windows = [\"Tue 02:00-04:00\"]\ncomplete.approval-expires = \"2h\"\n"
    );
    let spec = read(&text).unwrap().spec;
    assert_eq!(spec.gates[&PhaseId::SWITCH_PRIMARY].policy, GatePolicy::AutoAdvance);
    assert_eq!(spec.gates[&PhaseId::SWITCH_PRIMARY].windows.len(), 1);
    assert_eq!(spec.gates[&PhaseId::COMPLETE].policy, GatePolicy::OperatorHold);
    assert_eq!(spec.gates[&PhaseId::COMPLETE].approval_expires_seconds, 7200);
}

#[test]
fn zones_are_of_the_database_and_in_its_spelling() {
    let zone = |name: &str| format!("{LEAST}\n[gates.switch-primary]\ntime-zone = \"{name}\"\nwindows = [\"Tue 02:00-04:00\"]\n");
    let spec = read(&zone("europe/stockholm")).unwrap().spec;
    assert_eq!(spec.gates[&PhaseId::SWITCH_PRIMARY].time_zone, "Europe/Stockholm");
    let found = read(&zone("America/New_Yrok")).unwrap_err();
    assert_eq!((found[0].code.as_str(), found[0].label.as_str()), ("C110", "did you mean `America/New_York`?"));
}

#[test]
fn duplicates_of_toml_are_reported_with_what_else_is_wrong() {
    assert_eq!(
        with("[copy]\nmax-lag = \"30s\"\nmax-lag = \"31s\"\nmax-leg = 1"),
        ["C102 max-lag: the key `max-lag` stands twice", "C103 copy.max-leg: there is no key `max-leg` in `[copy]`"]
    );
    assert_eq!(
        with("[complete]\nsource-tables = \"drop\""),
        ["C102 complete: the table `complete` stands twice", "C102 source-tables: the key `source-tables` stands twice"]
    );
}

#[test]
fn all_errors_of_syntax_come_at_once() {
    let found = problems("version = \nworkflow = \"a\ncluster = 'b'\n[move-tables\n");
    assert!(found.len() >= 3, "{found:#?}");
    assert!(found.iter().all(|problem| problem.starts_with("C101")), "{found:#?}");
}

#[test]
fn hostile_files_end_in_problems() {
    assert!(problems(&"[".repeat(500_000)).iter().any(|problem| problem.starts_with("C101")));
    assert!(problems(&format!("a = {}", "[".repeat(500_000))).iter().any(|problem| problem.starts_with("C101")));
    assert!(problems(&"a.".repeat(400_000)).iter().any(|problem| problem.starts_with("C101")));
    let large = format!("# {}", "x".repeat(MOST_BYTES));
    assert_eq!(problems(&large).len(), 1);
    assert!(problems(&large)[0].starts_with("C100"));
}
