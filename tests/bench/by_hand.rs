//! A movement as a careful person makes it with vtctldclient: the same steps, one after the other, looking each 0.2 s.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::{Cluster, Movement};

const LOOK_EACH: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(600);

/// The steps of one movement.
pub struct ByHand<'a> {
    pub cluster: &'static Cluster,
    pub movement: &'a Movement,
}

impl ByHand<'_> {
    fn move_tables(&self, arguments: &[&str]) -> String {
        self.cluster.vtctl().move_tables(self.movement.target, &self.movement.workflow, arguments)
    }

    pub fn create(&self) {
        let tables = self.movement.tables.join(",");
        self.move_tables(&["create", "--source-keyspace", self.movement.source, "--tables", &tables]);
    }

    pub fn wait_until_copied(&self) {
        self.look_until("the rows are copied", || self.movement.has_caught_up());
    }

    pub fn compare(&self) {
        let vdiff = |arguments: &[&str]| self.cluster.vtctl().vdiff(self.movement.target, &self.movement.workflow, arguments);
        let begun = vdiff(&["create"]);
        let uuid = begun["UUID"].as_str().or_else(|| begun["uuid"].as_str()).expect("the id of a VDiff").to_owned();
        self.look_until("the rows are compared", || vdiff(&["show", &uuid])["State"] == "completed");
    }

    pub fn switch_reads(&self) {
        self.move_tables(&["switchtraffic", "--tablet-types", "rdonly,replica"]);
    }

    pub fn switch_writes(&self) {
        self.move_tables(&["switchtraffic", "--tablet-types", "primary"]);
    }

    pub fn switch_back(&self) {
        self.move_tables(&["reversetraffic"]);
    }

    pub fn complete(&self) {
        self.move_tables(&["complete"]);
    }

    fn look_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < LIMIT, "waited in vain: {what}");
            sleep(LOOK_EACH);
        }
    }
}
