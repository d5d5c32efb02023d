//! Switch traffic of some tablet types to the target, or back.
//!
//! Reads and writes never go in one call: when the write half fails, the read half stays saved in the global rules without
//! being served, and anybody's next rebuild publishes it (seen on a real Vitess 24).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LOCKED_WORST_CASE_SECONDS, Verb, locked_deadline, shell};
use crate::cluster::vtctld::convert::time::duration;
use crate::cluster::vtctld::convert::topology::tablet_type_numbers;
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::topology::TabletType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Forward,
    Backward,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SwitchTraffic {
    pub workflow: WorkflowName,
    /// The target keyspace of the forward workflow, for both directions. A way back whose forward workflow is gone names the
    /// reverse workflow and its keyspace instead, with direction forward (experiments.md, "Others").
    pub target_keyspace: KeyspaceName,
    pub direction: Direction,
    pub tablet_types: Vec<TabletType>,
    /// The catch-up's time. Below one second Vitess answers OK and does nothing; at zero likewise.
    pub timeout_seconds: u64,
    pub max_lag_seconds: u64,
    /// Without it a real Vitess gave one id out on two shards.
    pub initialize_target_sequences: bool,
}

impl SwitchTraffic {
    pub fn moves_writes(&self) -> bool {
        self.tablet_types.contains(&TabletType::Primary)
    }

    /// How long vtctld's leases outlive its death in this switch: 3 × timeout + max(timeout, 30 s) (`lockTablesAndKeyspaces`).
    pub fn lease_seconds(&self) -> u64 {
        3 * self.timeout_seconds + self.timeout_seconds.max(30)
    }

    pub fn request(&self) -> vtctldata::WorkflowSwitchTrafficRequest {
        vtctldata::WorkflowSwitchTrafficRequest {
            keyspace: self.target_keyspace.to_string(),
            workflow: self.workflow.to_string(),
            // For all cells: rules are global, and reads switched for one cell last only until the next rebuild.
            cells: Vec::new(),
            tablet_types: tablet_type_numbers(&self.tablet_types),
            max_replication_lag_allowed: Some(duration(Duration::from_secs(self.max_lag_seconds))),
            enable_reverse_replication: self.moves_writes(),
            direction: match self.direction {
                Direction::Forward => 0,
                Direction::Backward => 1,
            },
            timeout: Some(duration(Duration::from_secs(self.timeout_seconds))),
            dry_run: false,
            initialize_target_sequences: self.initialize_target_sequences
                && self.moves_writes()
                && self.direction == Direction::Forward,
            shards: Vec::new(),
            force: false,
        }
    }

    /// The longest time from sending the call to its end: three lock waits, the leases, a refresh of all tablets.
    pub fn worst_case_seconds(&self) -> u64 {
        self.lease_seconds() + LOCKED_WORST_CASE_SECONDS
    }
}

impl Verb for SwitchTraffic {
    fn call(&self) -> &'static str {
        "WorkflowSwitchTraffic"
    }

    fn words(&self) -> String {
        let types: Vec<&str> = self.tablet_types.iter().map(|kind| kind.as_str()).collect();
        let types = types.join(", ");
        match self.direction {
            Direction::Forward => format!("switch {types} traffic of `{}` to `{}`", self.workflow, self.target_keyspace),
            Direction::Backward => format!("switch {types} traffic of `{}` back from `{}`", self.workflow, self.target_keyspace),
        }
    }

    fn equivalent(&self) -> String {
        let types: Vec<&str> = self.tablet_types.iter().map(|kind| kind.as_str()).collect();
        let verb = match self.direction {
            Direction::Forward => "SwitchTraffic",
            Direction::Backward => "ReverseTraffic",
        };
        let mut text = format!(
            "vtctldclient MoveTables --workflow {} --target-keyspace {} {verb} --tablet-types {} --timeout {}s --max-replication-lag-allowed {}s",
            shell(self.workflow.as_str()),
            shell(self.target_keyspace.as_str()),
            types.join(","),
            self.timeout_seconds,
            self.max_lag_seconds,
        );
        if self.moves_writes() {
            text.push_str(" --enable-reverse-replication");
            if self.direction == Direction::Forward && self.initialize_target_sequences {
                text.push_str(" --initialize-target-sequences");
            }
        }
        text
    }

    fn worst_case_seconds(&self) -> u64 {
        Self::worst_case_seconds(self)
    }

    fn deadline(&self) -> Duration {
        locked_deadline(Duration::from_secs(self.lease_seconds() * 2 + 120))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(direction: Direction, tablet_types: &[TabletType]) -> vtctldata::WorkflowSwitchTrafficRequest {
        let switch = SwitchTraffic {
            workflow: WorkflowName::new("c2c").unwrap(),
            target_keyspace: KeyspaceName::new("customer").unwrap(),
            direction,
            tablet_types: tablet_types.to_vec(),
            timeout_seconds: 5,
            max_lag_seconds: 4,
            initialize_target_sequences: true,
        };
        switch.request()
    }

    #[test]
    fn sequences_are_initialised_by_a_forward_switch_of_the_primary_alone() {
        use TabletType::{Primary, Rdonly, Replica};
        assert!(switch(Direction::Forward, &[Primary]).initialize_target_sequences);
        assert!(!switch(Direction::Forward, &[Replica, Rdonly]).initialize_target_sequences);
        assert!(!switch(Direction::Backward, &[Primary]).initialize_target_sequences);
    }

    #[test]
    fn a_switch_of_the_primary_keeps_the_way_back() {
        use TabletType::{Primary, Replica};
        let request = switch(Direction::Backward, &[Primary]);
        assert!(request.enable_reverse_replication);
        assert_eq!((request.direction, request.tablet_types), (1, vec![1]));
        assert_eq!(request.timeout.map(|timeout| (timeout.seconds, timeout.nanos)), Some((5, 0)));
        assert_eq!(request.max_replication_lag_allowed.unwrap().seconds, 4);
        assert_eq!((request.keyspace.as_str(), request.workflow.as_str()), ("customer", "c2c"));
        assert!(!request.dry_run && !request.force && request.cells.is_empty() && request.shards.is_empty());
        assert!(!switch(Direction::Forward, &[Replica]).enable_reverse_replication);
    }
}
