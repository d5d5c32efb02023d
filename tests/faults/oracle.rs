//! What must hold at every moment, whatever strikes. The sandbox asks itself after each micro-step (I1, I2); here is what it found, and
//! that writes never lead to nothing (I3). I5 and I6 are asked where calls leave, I16 where a process ends.

use cutover::cluster::vtctld::generated::topodata::TabletType;
use cutover::cluster::vtctld::generated::vtctldata::WorkflowSwitchTrafficRequest;
use cutover::sandbox::Sandbox;
use prost::Message as _;
use serde_json::Value;

use super::script::Script;

pub fn ask(sandbox: &Sandbox, script: &Script, after: &str) {
    for violation in sandbox.violations_seen().unwrap() {
        script.violated(format!("I1, I2: {violation}, after {after}"));
    }
    for account in sandbox.accounts().unwrap() {
        if let Err(why) = &account.writes_go_to
            && !["denies them", "has no primary that answers"].iter().any(|waits| why.ends_with(waits))
        {
            script.violated(format!("I3: writes of {} go nowhere after {after}: {why}", account.table));
        }
    }
}

/// I4: no switch of the writes leaves before a VDiff has compared every table on every shard and found nothing. Past the journal
/// there is nothing left to compare. `tables` is how many move.
pub fn ask_before(sandbox: &Sandbox, script: &Script, tables: usize, call: &str, message: &[u8]) {
    if call != "WorkflowSwitchTraffic" {
        return;
    }
    let request = WorkflowSwitchTrafficRequest::decode(message).unwrap_or_default();
    if request.direction != 0 || !request.tablet_types.contains(&TabletType::Primary.into()) {
        return;
    }
    let state = sandbox.snapshot().unwrap().to_json().unwrap();
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    if list(&state["journals"]).iter().any(|journal| journal["workflow"] == "c2c") {
        return;
    }
    let has_found_nothing = |table: &Value| {
        let none = |count: &str| table[count] == 0;
        table["state"] == "completed" && none("mismatched") && none("extra_on_source") && none("extra_on_target")
    };
    let is_clean = |shard: &Value| {
        let compared = list(&shard["tables"]);
        shard["state"] == "completed" && compared.len() == tables && compared.iter().all(has_found_nothing)
    };
    let is_proof = |vdiff: &Value| {
        let shards = list(&vdiff["shards"]);
        vdiff["workflow"] == "c2c" && shards.len() == 2 && shards.iter().all(is_clean)
    };
    if !list(&state["vdiffs"]).iter().any(is_proof) {
        script.violated("I4: a switch of the writes left, and no VDiff has compared every table on every shard");
    }
}
