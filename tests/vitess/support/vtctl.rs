//! The oracle: Vitess's own `vtctldclient`, which shares no code with the program under test.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

pub struct Vtctl {
    program: PathBuf,
    server: String,
    timeout_flag: &'static str,
}

impl Vtctl {
    pub fn new(program: PathBuf, server: &str, version: &str) -> Self {
        // Vitess 22 spells it with an underscore.
        let timeout_flag = if version.starts_with("v0.22") { "--action_timeout" } else { "--action-timeout" };
        Self { program, server: server.to_owned(), timeout_flag }
    }

    /// The same client, talking to another vtctld.
    pub fn at(mut self, server: &str) -> Self {
        server.clone_into(&mut self.server);
        self
    }

    /// The path of vtctldclient.
    pub fn program(&self) -> &std::path::Path {
        &self.program
    }

    /// The command's output, or what it said when it failed.
    pub fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(["--server", &self.server, self.timeout_flag, "180s"]).args(arguments);
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// The command's output; a failure of it is the test's.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.attempt(arguments).unwrap_or_else(|said| panic!("vtctldclient {arguments:?} failed:\n{said}"))
    }

    /// `run` for a command that answers in JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("vtctldclient {arguments:?}: {error} in\n{text}"))
    }

    /// `[{"from_table", "to_tables": […]}, …]`
    pub fn routing_rules(&self) -> Vec<Value> {
        match self.json(&["GetRoutingRules"])["rules"].take() {
            Value::Array(rules) => rules,
            _ => Vec::new(),
        }
    }

    /// Replaces all rules, and rebuilds the SrvVSchema of each cell.
    pub fn apply_routing_rules(&self, rules: &[Value]) {
        self.run(&["ApplyRoutingRules", "--rules", &json!({ "rules": rules }).to_string()]);
    }

    pub fn srv_vschema(&self, cell: &str) -> Value {
        self.json(&["GetSrvVSchema", cell])
    }

    pub fn vschema(&self, keyspace: &str) -> Value {
        self.json(&["GetVSchema", keyspace])
    }

    pub fn apply_vschema(&self, keyspace: &str, vschema: &Value) {
        self.run(&["ApplyVSchema", "--vschema", &vschema.to_string(), keyspace]);
    }

    /// The `shard` of `GetShard`: primary alias, tablet controls.
    pub fn shard(&self, keyspace: &str, shard: &str) -> Value {
        self.json(&["GetShard", &format!("{keyspace}/{shard}")])["shard"].take()
    }

    /// The tables that are denied to the primary of a shard.
    pub fn denied_tables(&self, keyspace: &str, shard: &str) -> Vec<String> {
        denied_tables(&self.shard(keyspace, shard))
    }

    /// The workflows of a keyspace, as `GetWorkflows` gives them.
    pub fn workflows(&self, keyspace: &str) -> Vec<Value> {
        match self.json(&["GetWorkflows", keyspace])["workflows"].take() {
            Value::Array(workflows) => workflows,
            _ => Vec::new(),
        }
    }

    /// The workflow of this name, if there is one.
    pub fn workflow(&self, keyspace: &str, name: &str) -> Option<Value> {
        self.workflows(keyspace).into_iter().find(|workflow| workflow["name"] == name)
    }

    /// All streams of the workflow of this name.
    pub fn streams(&self, keyspace: &str, name: &str) -> Vec<Value> {
        self.workflow(keyspace, name).as_ref().map(streams).unwrap_or_default()
    }

    /// `MoveTables --workflow NAME --target-keyspace KEYSPACE …`
    pub fn move_tables(&self, keyspace: &str, workflow: &str, arguments: &[&str]) -> String {
        self.run(&[&["MoveTables", "--workflow", workflow, "--target-keyspace", keyspace], arguments].concat())
    }

    /// `VDiff --workflow NAME --target-keyspace KEYSPACE …`, with `--format json`.
    pub fn vdiff(&self, keyspace: &str, workflow: &str, arguments: &[&str]) -> Value {
        let flags = ["VDiff", "--format", "json", "--workflow", workflow, "--target-keyspace", keyspace];
        self.json(&[&flags, arguments].concat())
    }

    /// Denies tables to the primary of a shard, and makes its tablets know it.
    pub fn deny_tables(&self, keyspace: &str, shard: &str, tables: &[String]) {
        let shard = format!("{keyspace}/{shard}");
        self.run(&["SetShardTabletControl", "--denied-tables", &tables.join(","), &shard, "primary"]);
        self.run(&["RefreshStateByShard", &shard]);
    }

    /// Lets the copying streams of a keyspace pass only now and then: of so many requests, this share is refused.
    pub fn slow_copying_down(&self, keyspace: &str, refused: f64) {
        self.slow_down("vcopier", &[keyspace], refused);
    }

    /// Refuses this share of the requests of one of Vitess's own applications (`vcopier`, `vdiff`).
    pub fn slow_down(&self, application: &str, keyspaces: &[&str], refused: f64) {
        let ratio = refused.to_string();
        let flags = ["--throttle-app", application, "--throttle-app-ratio", &ratio, "--throttle-app-duration", "10m"];
        for keyspace in keyspaces {
            self.run(&[&["UpdateThrottlerConfig", "--enable"], flags.as_slice(), &[keyspace]].concat());
        }
    }

    /// Takes back `slow_copying_down`.
    pub fn let_copying_run(&self, keyspace: &str) -> Result<String, String> {
        self.let_run("vcopier", &[keyspace])
    }

    /// Takes back `slow_down`.
    pub fn let_run(&self, application: &str, keyspaces: &[&str]) -> Result<String, String> {
        let mut said = String::new();
        for keyspace in keyspaces {
            said += &self.attempt(&["UpdateThrottlerConfig", "--disable", "--unthrottle-app", application, keyspace])?;
        }
        Ok(said)
    }

    /// Makes another tablet the primary, in an orderly way.
    pub fn planned_reparent(&self, keyspace: &str, shard: &str, new_primary_uid: u32) {
        let primary = format!("zone1-{new_primary_uid}");
        self.run(&["PlannedReparentShard", &format!("{keyspace}/{shard}"), "--new-primary", &primary]);
    }

    /// The uid of a shard's primary.
    pub fn primary_uid(&self, keyspace: &str, shard: &str) -> u32 {
        primary_uid(&self.shard(keyspace, shard)).unwrap_or_else(|| panic!("{keyspace}/{shard} has no primary"))
    }
}

/// The tables that a shard's record denies to its primary.
pub fn denied_tables(shard: &Value) -> Vec<String> {
    let controls = shard["tablet_controls"].as_array().into_iter().flatten();
    // JSON of protobuf writes the type as a number or as its name.
    let primary = controls.filter(|control| control["tablet_type"] == 1 || control["tablet_type"] == "PRIMARY");
    let tables = primary.flat_map(|control| control["denied_tables"].as_array().into_iter().flatten());
    tables.filter_map(|table| table.as_str().map(str::to_owned)).collect()
}

/// The uid of the primary that a shard's record names.
pub fn primary_uid(shard: &Value) -> Option<u32> {
    shard["primary_alias"]["uid"].as_u64().and_then(|uid| uid.try_into().ok())
}

/// All streams of a workflow, of all its shards: `{"id", "shard", "state", "message", "position", …}`.
pub fn streams(workflow: &Value) -> Vec<Value> {
    let shards = workflow["shard_streams"].as_object().into_iter().flat_map(|shards| shards.values());
    shards.flat_map(|shard| shard["streams"].as_array().cloned().unwrap_or_default()).collect()
}
