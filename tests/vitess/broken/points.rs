//! Where a vtctld can die: one row a point, by operation, in the order in which Vitess 24 does its steps
//! (`go/vt/vtctl/workflow/server.go`, `traffic_switcher.go`).
//!
//! No point is a matter of timing: what the next step needs is held, in etcd's way or in MySQL, until the process is dead. That it is
//! the point that its name says is seen by what the cluster then shows.

use super::bench::Bench;
use super::operation::Operation::{
    self, Cancel, Complete, Create, SwitchPrimary, SwitchPrimaryBack, SwitchReads, SwitchReadsBack,
};

/// One point.
pub struct Point {
    pub operation: Operation,
    pub name: &'static str,
    /// What is held before the operation begins.
    arm: fn(&mut Bench),
    /// From there on to the point.
    reach: fn(&mut Bench),
    /// What the cluster shows there: see `observe`.
    pub shows: &'static str,
    /// It is broken on each push.
    pub dangerous: bool,
}

impl Point {
    pub fn arm(&self, bench: &mut Bench) {
        (self.arm)(bench);
    }

    pub fn reach(&self, bench: &mut Bench) {
        (self.reach)(bench);
    }

    const fn dangerous(mut self) -> Self {
        self.dangerous = true;
        self
    }
}

const fn point(
    operation: Operation,
    name: &'static str,
    arm: fn(&mut Bench),
    reach: fn(&mut Bench),
    shows: &'static str,
) -> Point {
    Point { operation, name, arm, reach, shows, dangerous: false }
}

const RULES: &[&str] = &["/RoutingRules"];
const SHARDS: &[&str] = &["/shards/"];
const TARGET_SHARDS: &[&str] = &["/keyspaces/customer/shards/"];
const SOURCE_SHARDS: &[&str] = &["/keyspaces/commerce/shards/"];
const KEYSPACE_LOCK: &[&str] = &["/keyspaces/commerce/locks/"];

/// All of them.
pub fn all() -> Vec<Point> {
    let mut points = Vec::new();
    points.extend(create());
    points.extend(reads());
    points.extend(primary());
    points.extend(primary_back());
    points.extend(reads_back());
    points.extend(cancel());
    points.extend(complete());
    points
}

fn create() -> [Point; 6] {
    [
        point(
            Create,
            "tables made on one shard",
            |bench| bench.lock_ddl("T2"),
            |bench| bench.wait_until_stuck(),
            "denied none | forward none | reverse none | journal none | rules --- --- --- | tables 2 0 2 0",
        ),
        point(
            Create,
            "streams made on one shard",
            |bench| bench.lock(&["T2"], "vreplication"),
            |bench| bench.wait_until_stuck(),
            "denied none | forward off | reverse none | journal none | rules --- --- --- | tables 2 0 2 2",
        ),
        point(
            Create,
            "streams made, no rules",
            |bench| bench.keep_writes(RULES),
            |bench| bench.wait_until_kept(1),
            "denied none | forward off off | reverse none | journal none | rules --- --- --- | tables 2 0 2 2",
        ),
        point(
            Create,
            "rules saved, target not denied",
            |bench| bench.keep_writes(TARGET_SHARDS),
            |bench| bench.wait_until_kept(2),
            "denied none | forward off off | reverse none | journal none | rules SSS --- --- | tables 2 0 2 2",
        ),
        point(
            Create,
            "target denied, no cell rebuilt",
            |bench| bench.keep_answers("/keyspaces/customer/shards/"),
            |bench| bench.wait_until_kept(2),
            "denied T1 T2 | forward off off | reverse none | journal none | rules SSS --- --- | tables 2 0 2 2",
        ),
        point(
            Create,
            "done, locks not given back",
            |bench| bench.keep_unlocking(),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward off off | reverse none | journal none | rules SSS SSS SSS | tables 2 0 2 2",
        ),
    ]
}

fn reads() -> [Point; 4] {
    [
        point(
            SwitchReads,
            "before the rules",
            |bench| bench.keep_writes(RULES),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules SSS SSS SSS | tables 2 0 2 2",
        ),
        point(
            SwitchReads,
            "rules saved, no cell rebuilt",
            |bench| bench.keep_answers("/RoutingRules"),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules SST SSS SSS | tables 2 0 2 2",
        ),
        point(
            SwitchReads,
            "one cell rebuilt",
            |bench| {
                bench.relay_zone2();
                bench.keep_writes(&["/zone2/SrvVSchema"]);
            },
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules SST SST SSS | tables 2 0 2 2",
        ),
        point(
            SwitchReads,
            "done, locks not given back",
            |bench| bench.keep_unlocking(),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules SST SST SST | tables 2 0 2 2",
        ),
    ]
}

fn primary() -> [Point; 15] {
    [
        point(
            SwitchPrimary,
            "before the source is denied",
            |bench| bench.keep_writes(SHARDS),
            |bench| bench.wait_until_kept(3),
            "denied T1 T2 | forward run run | reverse none | journal none | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "source denied, target not yet allowed",
            |bench| bench.keep_writes(TARGET_SHARDS),
            |bench| bench.wait_until_kept(2),
            "denied S T1 T2 | forward run run | reverse none | journal none | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "LOCK TABLES waits",
            |bench| bench.open_transaction("S", 0),
            |bench| bench.wait_until_stuck(),
            "denied S | forward run run | reverse none | journal none | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "one stream of two stopped",
            |bench| bench.keep_writes(SHARDS),
            |bench| {
                bench.wait_until_kept(3);
                bench.lock_streams("T2");
                bench.release();
                bench.wait_for_streams("stopped run");
            },
            "denied S | forward stopped run | reverse none | journal none | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "all streams stopped, no reverse",
            |bench| bench.keep_writes(SHARDS),
            |bench| {
                bench.wait_until_kept(3);
                bench.lock(&["S"], "vreplication");
                bench.release();
                bench.wait_until_stuck();
            },
            "denied S | forward stopped stopped | reverse none | journal none | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "reverse made, sequences not yet",
            |bench| bench.keep_writes(SHARDS),
            |bench| {
                bench.wait_until_kept(3);
                bench.lock_sequence();
                bench.release();
                bench.wait_until_stuck();
            },
            "denied S | forward stopped stopped | reverse off off | journal none | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "before the journal",
            |bench| bench.keep_writes(SHARDS),
            |bench| {
                bench.wait_until_kept(3);
                bench.lock(&["S"], "resharding_journal");
                bench.release();
                bench.wait_until_stuck();
            },
            "denied S | forward stopped stopped | reverse off off | journal none | rules STT STT STT | tables 2 0 2 2",
        )
        .dangerous(),
        point(
            SwitchPrimary,
            "journal written",
            |bench| bench.keep_writes(SHARDS),
            |bench| {
                bench.wait_until_kept(3);
                bench.lock(&["S"], "resharding_journal");
                bench.release();
                bench.wait_until_stuck();
                bench.keep_next();
                bench.free(false);
                bench.wait_until_kept(1);
            },
            "denied S | forward stopped stopped | reverse off off | journal S | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "before the rules",
            |bench| bench.keep_writes(RULES),
            |bench| bench.wait_until_kept(1),
            "denied S | forward stopped stopped | reverse off off | journal S | rules STT STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "rules saved, no cell rebuilt",
            |bench| bench.keep_answers("/RoutingRules"),
            |bench| bench.wait_until_kept(1),
            "denied S | forward stopped stopped | reverse off off | journal S | rules TTT STT STT | tables 2 0 2 2",
        )
        .dangerous(),
        point(
            SwitchPrimary,
            "one cell rebuilt",
            |bench| {
                bench.relay_zone2();
                bench.keep_writes(&["/zone2/SrvVSchema"]);
            },
            |bench| bench.wait_until_kept(1),
            "denied S | forward stopped stopped | reverse off off | journal S | rules TTT TTT STT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "cells rebuilt, reverse not started",
            |bench| bench.keep_writes(RULES),
            |bench| {
                bench.wait_until_kept(1);
                bench.lock(&["S"], "vreplication");
                bench.release();
                bench.wait_until_stuck();
            },
            "denied S | forward stopped stopped | reverse off off | journal S | rules TTT TTT TTT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "reverse started, nothing frozen",
            |bench| bench.keep_writes(RULES),
            |bench| {
                bench.wait_until_kept(1);
                bench.lock(&["T1", "T2"], "vreplication");
                bench.release();
                bench.wait_until_stuck();
            },
            "denied S | forward stopped stopped | reverse run run | journal S | rules TTT TTT TTT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "half frozen",
            |bench| bench.keep_writes(RULES),
            |bench| {
                bench.wait_until_kept(1);
                bench.lock(&["T2"], "vreplication");
                bench.release();
                bench.wait_until_stuck();
                bench.wait_for_streams("frozen stopped");
            },
            "denied S | forward frozen stopped | reverse run run | journal S | rules TTT TTT TTT | tables 2 0 2 2",
        ),
        point(
            SwitchPrimary,
            "done, locks not given back",
            |bench| bench.keep_unlocking(),
            |bench| bench.wait_until_kept(1),
            "denied S | forward frozen frozen | reverse run run | journal S | rules TTT TTT TTT | tables 2 0 2 2",
        ),
    ]
}

/// `switch-back` sends reads first: the writes to shard records are those of the primary alone.
fn primary_back() -> [Point; 12] {
    fn at_shards(bench: &mut Bench) {
        bench.keep_writes(SHARDS);
    }
    fn hold(bench: &mut Bench, letters: &[&'static str], table: &str) {
        bench.wait_until_kept(3);
        bench.lock(letters, table);
        bench.release();
        bench.wait_until_stuck();
    }
    fn hold_after_rules(bench: &mut Bench, letters: &[&'static str]) {
        bench.wait_until_kept(3);
        bench.keep_writes_and_let_go(RULES);
        bench.wait_until_kept(1);
        bench.lock(letters, "vreplication");
        bench.release();
        bench.wait_until_stuck();
    }
    [
        point(
            SwitchPrimaryBack,
            "before the target is denied",
            at_shards,
            |bench| bench.wait_until_kept(3),
            "denied S | forward frozen frozen | reverse run run | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "one shard of the target denied",
            |bench| bench.keep_writes(&["/keyspaces/customer/shards/80-", "/keyspaces/commerce/shards/"]),
            |bench| bench.wait_until_kept(2),
            "denied S T1 | forward frozen frozen | reverse run run | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "target denied, source not yet allowed",
            |bench| bench.keep_writes(SOURCE_SHARDS),
            |bench| bench.wait_until_kept(1),
            "denied S T1 T2 | forward frozen frozen | reverse run run | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "LOCK TABLES waits",
            |bench| bench.open_transaction("T2", 0),
            |bench| bench.wait_until_stuck(),
            "denied T1 T2 | forward frozen frozen | reverse run run | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "reverse streams stopped, forward ones there",
            at_shards,
            |bench| hold(bench, &["T1", "T2"], "vreplication"),
            "denied T1 T2 | forward frozen frozen | reverse stopped stopped | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "forward streams of one shard deleted",
            at_shards,
            |bench| {
                hold(bench, &["T2"], "vreplication");
                bench.wait_for_streams("frozen");
            },
            "denied T1 T2 | forward frozen | reverse stopped stopped | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "before the journals",
            at_shards,
            |bench| hold(bench, &["T1", "T2"], "resharding_journal"),
            "denied T1 T2 | forward off off | reverse stopped stopped | journal S | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "one journal of two",
            at_shards,
            |bench| {
                hold(bench, &["T2"], "resharding_journal");
                bench.wait_for_journals("S T1");
            },
            "denied T1 T2 | forward off off | reverse stopped stopped | journal S T1 | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "journals written, before the rules",
            at_shards,
            |bench| {
                bench.wait_until_kept(3);
                bench.keep_writes_and_let_go(RULES);
                bench.wait_until_kept(1);
            },
            "denied T1 T2 | forward off off | reverse stopped stopped | journal S T1 T2 | rules TSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "rules saved, no cell rebuilt",
            at_shards,
            |bench| {
                bench.wait_until_kept(3);
                bench.keep_answers_and_let_go("/RoutingRules");
                bench.wait_until_kept(1);
            },
            "denied T1 T2 | forward off off | reverse stopped stopped | journal S T1 T2 | rules SSS TSS TSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "cells rebuilt, forward not started",
            at_shards,
            |bench| hold_after_rules(bench, &["T1", "T2"]),
            "denied T1 T2 | forward off off | reverse stopped stopped | journal S T1 T2 | rules SSS SSS SSS | tables 2 0 2 2",
        ),
        point(
            SwitchPrimaryBack,
            "forward started, nothing frozen",
            at_shards,
            |bench| hold_after_rules(bench, &["S"]),
            "denied T1 T2 | forward run run | reverse stopped stopped | journal S T1 T2 | rules SSS SSS SSS | tables 2 0 2 2",
        ),
    ]
}

fn reads_back() -> [Point; 2] {
    [
        point(
            SwitchReadsBack,
            "rules saved, no cell rebuilt",
            |bench| bench.keep_answers("/RoutingRules"),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules STS STT STT | tables 2 0 2 2",
        ),
        point(
            SwitchReadsBack,
            "done, locks not given back",
            |bench| bench.keep_unlocking(),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules STS STS STS | tables 2 0 2 2",
        ),
    ]
}

fn cancel() -> [Point; 7] {
    fn hold_streams(bench: &mut Bench, letters: &[&'static str]) {
        bench.wait_until_kept(1);
        bench.lock(letters, "vreplication");
        bench.release();
        bench.wait_until_stuck();
    }
    [
        point(
            Cancel,
            "before the streams are stopped",
            |bench| bench.keep_writes(KEYSPACE_LOCK),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward run run | reverse none | journal none | rules SSS SSS SSS | tables 2 0 2 2",
        ),
        point(
            Cancel,
            "one table of two dropped",
            |bench| {
                bench.read_on("T1", 1);
                bench.read_on("T2", 1);
            },
            |bench| bench.wait_until_stuck(),
            "denied T1 T2 | forward off off | reverse none | journal none | rules SSS SSS SSS | tables 2 0 1 1",
        ),
        point(
            Cancel,
            "tables dropped, target still denied",
            |bench| bench.keep_writes(SHARDS),
            |bench| bench.wait_until_kept(1),
            "denied T1 T2 | forward off off | reverse none | journal none | rules SSS SSS SSS | tables 2 0 0 0",
        ),
        point(
            Cancel,
            "not denied, before the rules",
            |bench| bench.keep_writes(RULES),
            |bench| bench.wait_until_kept(1),
            "denied none | forward off off | reverse none | journal none | rules SSS SSS SSS | tables 2 0 0 0",
        ),
        point(
            Cancel,
            "rules gone, no cell rebuilt",
            |bench| bench.keep_answers("/RoutingRules"),
            |bench| bench.wait_until_kept(1),
            "denied none | forward off off | reverse none | journal none | rules --- SSS SSS | tables 2 0 0 0",
        ),
        point(
            Cancel,
            "cells rebuilt, streams there",
            |bench| bench.keep_writes(RULES),
            |bench| hold_streams(bench, &["T1", "T2"]),
            "denied none | forward off off | reverse none | journal none | rules --- --- --- | tables 2 0 0 0",
        ),
        point(
            Cancel,
            "streams of one shard deleted",
            |bench| bench.keep_writes(RULES),
            |bench| {
                hold_streams(bench, &["T2"]);
                bench.wait_for_streams("off");
            },
            "denied none | forward off | reverse none | journal none | rules --- --- --- | tables 2 0 0 0",
        ),
    ]
}

fn complete() -> [Point; 7] {
    fn hold_streams(bench: &mut Bench, letters: &[&'static str]) {
        bench.wait_until_kept(1);
        bench.lock(letters, "vreplication");
        bench.release();
        bench.wait_until_stuck();
    }
    [
        point(
            Complete,
            "before anything",
            |bench| bench.keep_writes(KEYSPACE_LOCK),
            |bench| bench.wait_until_kept(1),
            "denied S | forward frozen frozen | reverse run run | journal S | rules TTT TTT TTT | tables 2 0 2 2",
        ),
        point(
            Complete,
            "one table of two renamed",
            |bench| bench.read_on("S", 1),
            |bench| bench.wait_until_stuck(),
            "denied S | forward frozen frozen | reverse run run | journal S | rules TTT TTT TTT | tables 1 1 2 2",
        ),
        point(
            Complete,
            "tables renamed, still in the VSchema",
            |bench| bench.keep_writes(&["/keyspaces/commerce/VSchema"]),
            |bench| bench.wait_until_kept(1),
            "denied S | forward frozen frozen | reverse run run | journal S | rules TTT TTT TTT | tables 0 2 2 2",
        ),
        point(
            Complete,
            "source not denied, streams there",
            |bench| bench.keep_answers("/keyspaces/customer/shards/"),
            |bench| bench.wait_until_kept(2),
            "denied none | forward frozen frozen | reverse run run | journal S | rules TTT TTT TTT | tables 0 2 2 2",
        ),
        point(
            Complete,
            "reverse streams deleted",
            |bench| bench.keep_answers("/keyspaces/commerce/shards/"),
            |bench| hold_streams(bench, &["T1", "T2"]),
            "denied none | forward frozen frozen | reverse none | journal S | rules TTT TTT TTT | tables 0 2 2 2",
        ),
        point(
            Complete,
            "streams of one shard deleted",
            |bench| bench.keep_answers("/keyspaces/commerce/shards/"),
            |bench| {
                hold_streams(bench, &["T2"]);
                bench.wait_for_streams("frozen");
            },
            "denied none | forward frozen | reverse none | journal S | rules TTT TTT TTT | tables 0 2 2 2",
        ),
        point(
            Complete,
            "streams deleted, no cell rebuilt",
            |bench| bench.keep_answers("/keyspaces/commerce/shards/"),
            |bench| {
                hold_streams(bench, &["T1", "T2"]);
                bench.keep_next();
                bench.free(false);
                bench.wait_until_kept(1);
            },
            "denied none | forward none | reverse none | journal S | rules TTT TTT TTT | tables 0 2 2 2",
        ),
    ]
}
