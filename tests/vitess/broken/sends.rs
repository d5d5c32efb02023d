//! `apply` dies at each of its system calls that go to the network: the k-th run at its k-th, until one lives to the end. strace does
//! the killing, before the call is made.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::observed::observe;
use super::operation::Operation;
use crate::support::{Application, Movement, Shape, World, wait};
use crate::system_calls::strace;

/// What tokio sends with: `writev` several pieces, `sendto` one. Files are written with others.
const CALLS: &str = "writev,sendto,sendmsg";
/// A movement sends about twice as many.
const RUNS: u32 = 400;

pub fn killed_at_each_send(world: &World) -> String {
    let movement = Movement::prepare(world, &Shape { rows: 50, ..Shape::default() });
    movement.write_plan(world, &Operation::SwitchPrimary.plan());
    let application = Application::start_slowly(&movement, world.cluster);
    let begin = Instant::now();
    let goal = Operation::SwitchPrimary.goal();
    let mut count = 0;
    while observe(world.cluster, &movement) != goal {
        count += 1;
        assert!(count < RUNS, "after {RUNS} runs it shows {}", observe(world.cluster, &movement));
        let mut run = Command::new(strace())
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}")])
            .args(["-e", &format!("inject={CALLS}:signal=SIGKILL:when={count}")])
            .args([env!("CARGO_BIN_EXE_cutover"), "apply", "--yes", "--until", "switch-primary"])
            .current_dir(world.folder())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", world.folder())
            .env("CUTOVER_VTCTLD", world.cluster.vtctld())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace starts");
        wait::until_true(Duration::from_secs(200), "the end of the run", || {
            run.try_wait().expect("a child can be waited for").is_some()
        });
        // A switch that was left behind and rolled back: one attempt a release.
        let status = world.cutover().args(["status", "--format", "json"]).run();
        if status.stdout.contains("approve switch-primary") {
            world.cutover().args(["approve", "switch-primary", "--reason", "once more"]).run();
        }
    }
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    let again = world.cutover().args(["apply", "--finish-only"]).run_expecting(0);
    assert!(again.stderr.contains("nothing stands half way"), "{again}");
    let (seconds, pause) = (begin.elapsed().as_secs_f64(), report.longest_write_pause.as_secs_f64());
    format!("{count} runs in {seconds:.0} s; {pause:.1} s without writes")
}
