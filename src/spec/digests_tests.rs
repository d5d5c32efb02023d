use super::*;
use crate::spec::read;

const FILE: &str = r#"
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

fn spec(text: &str) -> Spec {
    read(text).unwrap().spec
}

fn tables(names: &[&str]) -> Vec<TableName> {
    names.iter().map(|name| TableName::new(*name).unwrap()).collect()
}

#[test]
fn comments_order_and_spelling_dont_count() {
    let other = r#"
        # the same
        version = 1
        cluster = "production"
        workflow = "commerce2customer"
        switch.timeout = "5000ms"
        gates.complete = { policy = "operator-hold", approval-expires = "1d" }
        complete.source-tables = "rename"
        [move-tables]
        tables = ["corder", "customer"]
        target-keyspace = "customer"
        source-keyspace = "commerce"
        on-ddl = "stop"
    "#;
    assert_eq!(spec(FILE), spec(other));
    let resolved = tables(&["corder", "customer"]);
    assert_eq!(spec(FILE).intent_digest(&resolved), spec(other).intent_digest(&resolved));
}

#[test]
fn all_tables_and_a_list_of_them_are_one_intent_and_two_frozen_parts() {
    let all = spec(&FILE.replace(r#"tables = ["customer", "corder"]"#, "all-tables = true"));
    let resolved = tables(&["customer", "corder"]);
    assert_eq!(spec(FILE).intent_digest(&resolved), all.intent_digest(&resolved));
    assert_ne!(spec(FILE).frozen_digest(), all.frozen_digest());
}

#[test]
fn a_change_of_meaning_changes_the_digest() {
    let resolved = tables(&["customer", "corder"]);
    let changed = spec(&format!("{FILE}\n[switch]\nmax-lag = \"6s\"\n"));
    assert_ne!(spec(FILE).intent_digest(&resolved), changed.intent_digest(&resolved));
    assert_eq!(spec(FILE).frozen_digest(), changed.frozen_digest());
}

#[test]
fn frozen_changes_are_named() {
    let changed = spec(&FILE.replace("\"corder\"", "\"orders\"").replace("production", "staging"));
    let changes = spec(FILE).frozen_changes(&changed);
    assert_eq!(changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["cluster", "move-tables.tables"]);
    assert_eq!((changes[0].was.as_str(), changes[0].is.as_str()), ("\"production\"", "\"staging\""));
    assert_eq!(spec(FILE).frozen_changes(&spec(FILE)), []);
}

#[test]
fn limits_concern_the_gates_that_rest_on_them() {
    let base = spec(FILE);
    let differ = |more: &str| {
        let changed = spec(&format!("{FILE}\n{more}\n"));
        let names: Vec<String> = base.gates_that_differ(&changed).iter().map(|phase| phase.to_string()).collect();
        names.join(" ")
    };
    assert_eq!(differ("[copy]\nmax-lag = \"31s\""), "copy");
    assert_eq!(differ("[verify]\nmax-age = \"25h\""), "verify switch-primary");
    assert_eq!(differ("[switch]\ntimeout = \"6s\""), "switch-replicas switch-primary");
    assert_eq!(differ("[revert]\nwindow = \"31m\""), "complete");
    assert_eq!(differ("[gates]\nremove-rules = \"auto-advance\""), "remove-rules");
    assert_eq!(differ("[gates]\npolicy = \"auto-advance\""), "switch-replicas switch-primary");
    assert_eq!(differ("[gates.create]\nwindows = [\"Tue 02:00-04:00\"]"), "create");
    assert_eq!(differ(""), "");
    let kept = spec(&FILE.replace("\"rename\"", "\"keep\""));
    assert_eq!(base.gates_that_differ(&kept), [PhaseId::COMPLETE]);
}
