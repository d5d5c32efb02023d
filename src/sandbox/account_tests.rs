//! Whatever is asked of it, and whenever a caller hangs up: no acknowledged row is lost, none is written twice.

use std::time::Duration;

use super::super::tests::Bench;
use crate::cluster::vtctld::generated::topodata::TabletType::{Primary, Rdonly, Replica};
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata as data};

/// A small generator (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn update(keyspace: &str, workflow: &str, state: binlogdata::VReplicationWorkflowState) -> data::WorkflowUpdateRequest {
    let tablet_request = tabletmanagerdata::UpdateVReplicationWorkflowRequest {
        workflow: workflow.into(),
        cells: vec!["NULL".into()],
        tablet_types: vec![-1],
        state: Some(state.into()),
        ..Default::default()
    };
    data::WorkflowUpdateRequest { keyspace: keyspace.into(), tablet_request: Some(tablet_request) }
}

/// One step. Refusals are as good as any answer.
async fn step(bench: &Bench, dice: &mut Dice) -> String {
    use binlogdata::VReplicationWorkflowState::{Running, Stopped};
    match dice.below(10) {
        0..4 => {
            let kinds: &[_] = match dice.below(3) {
                0 => &[Replica, Rdonly],
                1 => &[Primary],
                _ => &[Primary, Replica, Rdonly],
            };
            let direction = i32::from(dice.below(2) == 1);
            let request = bench.switch_request(kinds, direction);
            // Some callers hang up in the middle.
            let patience =
                if dice.below(3) == 0 { Duration::from_millis(50 + dice.below(3_000)) } else { Duration::from_secs(120) };
            let outcome = tokio::time::timeout(patience, bench.write(request)).await;
            format!("switch {kinds:?} {direction} within {patience:?}: {outcome:?}")
        }
        4 => format!("stop: {:?}", bench.write(update("customer", "c2c", Stopped)).await.map(|_| ())),
        5 => format!("start: {:?}", bench.write(update("customer", "c2c", Running)).await.map(|_| ())),
        6 => format!("start the reverse: {:?}", bench.write(update("commerce", "c2c_reverse", Running)).await.map(|_| ())),
        _ => {
            let wait = Duration::from_millis(dice.below(8_000));
            tokio::time::sleep(wait).await;
            format!("wait {wait:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_written_twice_whatever_is_asked_and_whenever_a_caller_hangs_up() {
    let mut switched = 0;
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let bench = Bench::new("");
        bench.create().await;
        bench.until_copied().await;
        let mut steps = Vec::new();
        for _ in 0..20 {
            steps.push(step(&bench, &mut dice).await);
            let account = &bench.sandbox.accounts().unwrap()[0];
            assert_eq!((account.lost, account.twice), (0, 0), "seed {seed}: {account:?} after\n{}", steps.join("\n"));
            switched += u64::from(account.writes_go_to == Ok("customer".to_owned()));
        }
    }
    assert!(switched > 300, "the steps hardly ever get to the target: {switched}");
}

/// One step of a life in which vtctld dies, primaries change, and somebody with access to etcd clears the way.
async fn dangerous_step(bench: &Bench, dice: &mut Dice) -> String {
    use crate::sandbox::fault::{StepFault, StepWhat, When};
    match dice.below(10) {
        0..3 => {
            let now = bench.sandbox.log_of_steps().unwrap().len() as u64;
            let step_number = now + 1 + dice.below(36);
            let when = if dice.below(2) == 0 { When::Before } else { When::After };
            let what = match dice.below(4) {
                0..2 => StepWhat::KillVtctld { restart_after: Duration::from_secs(dice.below(3) * 10) },
                2 => StepWhat::LeasesEnd,
                _ => StepWhat::ReparentPrimary { keyspace: "commerce".into(), shard: "0".into() },
            };
            let told = format!("{when:?} step {step_number}: {what:?}");
            bench.sandbox.at_step(StepFault { step_number, when, what }).unwrap();
            told
        }
        3 => {
            bench.sandbox.end_leases().unwrap();
            for (keyspace, workflow) in [("customer", "c2c"), ("commerce", "c2c_reverse")] {
                bench.sandbox.take_away_named_lock(keyspace, workflow).unwrap();
            }
            "the locks are taken away".to_owned()
        }
        4 => format!("rebuild: {:?}", bench.write(data::RebuildVSchemaGraphRequest::default()).await.map(|_| ())),
        _ => step(bench, dice).await,
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_written_twice_and_no_table_is_taken_by_two_whenever_vtctld_dies() {
    let (mut deaths, mut switched) = (0, 0);
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let bench = Bench::new("");
        bench.create().await;
        bench.until_copied().await;
        let mut steps = Vec::new();
        for _ in 0..20 {
            steps.push(dangerous_step(&bench, &mut dice).await);
            let seen = bench.sandbox.violations_seen().unwrap();
            assert_eq!(seen, [], "seed {seed}: after\n{}", steps.join("\n"));
            switched += u64::from(bench.sandbox.accounts().unwrap()[0].writes_go_to == Ok("customer".to_owned()));
        }
        deaths += bench.sandbox.deaths_of_vtctld().unwrap();
        let ours = ["customer".to_owned(), "corder".to_owned()];
        assert_eq!(bench.sandbox.foreign_changes(&ours).unwrap(), [] as [String; 0], "seed {seed}");
    }
    assert!(deaths > 50, "vtctld hardly ever dies: {deaths}");
    assert!(switched > 100, "the steps hardly ever get to the target: {switched}");
}
