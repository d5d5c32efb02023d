//! How long an application can't write while its writes are switched: the longest time between two acknowledged writes, in calm and
//! where something holds the switch up. The movement goes there and back, so that each of the runs finds the same rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable as _;

use super::by_hand::ByHand;
use super::context::Context;
use super::figure::{Figure, Limit};
use super::statistics::{largest, median};
use super::support::account::{Report, WITHOUT_ACCOUNT};
use super::support::{Application, Cluster, Movement, Shape, World};

/// As many as the table promises.
const SWITCHES: usize = 10;
/// How long something holds a switch up in the scenes where something does.
const HELD_UP: Duration = Duration::from_secs(18);
/// How far the stream is behind when its switch is asked for.
const LAG: Duration = Duration::from_secs(8);

/// What goes on when the writes are to be switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Calm,
    OpenTransaction,
    LaggingStream,
    Busy,
}

impl Scene {
    fn words(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::OpenTransaction => "an open transaction of 18 s on a moved table",
            Self::LaggingStream => "one stream of two that stands still for 18 s more",
            Self::Busy => "500 writes a second asked for, of which 200 are rows of 4 KB",
        }
    }

    /// Begins what it is about. It ends by itself.
    fn begin(self, cluster: &'static Cluster, movement: &Movement) -> Option<JoinHandle<()>> {
        match self {
            Self::Calm | Self::Busy => None,
            Self::OpenTransaction => {
                let mut connection = cluster.connect_primary(movement.source, "0");
                let (table, row) = (&movement.tables[0], movement.rows);
                connection.query_drop("begin").expect("a transaction");
                connection.query_drop(format!("update `{table}` set note = 'slow' where id = {row}")).expect("it writes");
                Some(thread::spawn(move || {
                    thread::sleep(HELD_UP);
                    connection.query_drop("commit").expect("it ends");
                }))
            }
            Self::LaggingStream => {
                let mut connection = cluster.connect_primary(movement.target, "-80");
                connection.query_drop("begin").expect("a transaction");
                let rows = format!("select id from _vt.vreplication where workflow = '{}' for update", movement.workflow);
                connection.query_drop(rows).expect("the row of the stream");
                thread::sleep(LAG);
                Some(thread::spawn(move || {
                    thread::sleep(HELD_UP);
                    connection.query_drop("rollback").expect("the stream goes on");
                }))
            }
        }
    }
}

pub fn calm(context: &Context) -> Vec<Figure> {
    figures(context, Scene::Calm)
}

pub fn open_transaction(context: &Context) -> Vec<Figure> {
    figures(context, Scene::OpenTransaction)
}

pub fn lagging_stream(context: &Context) -> Vec<Figure> {
    figures(context, Scene::LaggingStream)
}

pub fn busy(context: &Context) -> Vec<Figure> {
    figures(context, Scene::Busy)
}

fn figures(context: &Context, scene: Scene) -> Vec<Figure> {
    vec![figure(context.cluster.expect("this family needs one"), scene)]
}

fn figure(cluster: &'static Cluster, scene: Scene) -> Figure {
    let by_hand = with_vtctldclient(cluster, scene);
    let ours = with_cutover(cluster, scene);
    let limit = match scene {
        Scene::Calm | Scene::Busy => Limit::MoreThanByHand(0.2),
        Scene::OpenTransaction | Scene::LaggingStream => Limit::AtMost(3.0),
    };
    Figure::new(format!("writes stand still, {}, p50 of {SWITCHES}", scene.words()), "s", median(ours.pauses.iter().copied()))
        .by_hand(median(by_hand.pauses.iter().copied()))
        .limit(limit)
        .note(format!(
            "longest {:.1} (by hand {:.1}); {} writes failed ({} by hand), of {:.0} a second",
            largest(ours.pauses.iter().copied()),
            largest(by_hand.pauses.iter().copied()),
            ours.failed,
            by_hand.failed,
            ours.writes_per_second
        ))
}

/// What one way of switching did to the application.
struct Seen {
    /// Seconds, one a switch.
    pauses: Vec<f64>,
    failed: usize,
    writes_per_second: f64,
}

/// A switch, from when it was asked for to its end.
type Asked = (Instant, Instant);

fn seen(report: &Report, switches: &[Asked]) -> Seen {
    report.assert_nothing_lost("commerce");
    let pause = |(from, to): &Asked| report.longest_write_pause_between(*from, *to).as_secs_f64();
    Seen { pauses: switches.iter().map(pause).collect(), failed: report.failed, writes_per_second: report.writes_per_second }
}

fn prepare(world: &World, scene: Scene) -> Movement {
    let movement = Movement::prepare(world, &Shape { rows: 2000, ..Shape::default() });
    if scene == Scene::Busy {
        let wider = format!("alter table `{}` add column payload mediumtext", movement.tables[1]);
        world.cluster.vtctl().run(&["ApplySchema", "--sql", &wider, movement.source]);
    }
    movement
}

fn application(cluster: &'static Cluster, movement: &Movement, scene: Scene) -> (Application, Option<Busy>) {
    let busy = (scene == Scene::Busy).then(|| Busy::start(cluster, movement));
    (Application::start(movement, cluster), busy)
}

fn with_vtctldclient(cluster: &'static Cluster, scene: Scene) -> Seen {
    let world = World::on(cluster);
    let movement = prepare(&world, scene);
    let hand = ByHand { cluster, movement: &movement };
    hand.create();
    hand.wait_until_copied();
    let (application, busy) = application(cluster, &movement, scene);
    let mut switches = Vec::new();
    for _ in 0..SWITCHES {
        hand.wait_until_copied();
        hand.switch_reads();
        let held_up = scene.begin(cluster, &movement);
        let from = Instant::now();
        hand.switch_writes();
        switches.push((from, Instant::now()));
        end(held_up);
        application.wait_for_writes(50);
        hand.switch_back();
        application.wait_for_writes(50);
    }
    drop(busy);
    seen(&application.finish(), &switches)
}

fn with_cutover(cluster: &'static Cluster, scene: Scene) -> Seen {
    let world = World::on(cluster);
    let movement = prepare(&world, scene);
    world.write(
        "workflow.toml",
        &movement.quick_plan("policy = \"operator-hold\"", "1h").replace("max-transaction-age = \"60s\"\n", ""),
    );
    let cutover = |arguments: &[&str], code| {
        world.cutover().args(arguments.iter().copied()).limit_seconds(300).run_expecting(code);
    };
    let apply =
        |gate: &str, code| cutover(&["apply", "--approve", gate, "--reason", "measured", "--until", gate, "--wait"], code);
    cutover(&["apply", "--yes", "--until", "verify"], 0);
    let (application, busy) = application(cluster, &movement, scene);
    let mut switches = Vec::new();
    for _ in 0..SWITCHES {
        apply("switch-replicas", 0);
        let held_up = scene.begin(cluster, &movement);
        let from = Instant::now();
        apply("switch-primary", 0);
        switches.push((from, Instant::now()));
        end(held_up);
        application.wait_for_writes(50);
        cutover(&["switch-back", "--reason", "once more"], 0);
        application.wait_for_writes(50);
    }
    drop(busy);
    seen(&application.finish(), &switches)
}

fn end(held_up: Option<JoinHandle<()>>) {
    if let Some(thread) = held_up {
        thread.join().expect("what held the switch up has ended");
    }
}

/// Further writers, each of so many rows a second, whose writes nobody keeps account of.
struct Busy {
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    /// With the application's own 300 a second they are 500: more than that no stream follows on two cores.
    const WRITERS: u32 = 2;
    const EACH: Duration = Duration::from_millis(10);

    fn start(cluster: &'static Cluster, movement: &Movement) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let insert =
            format!("insert into `{}` (token, payload) values ('{WITHOUT_ACCOUNT}busy', repeat('x', 4096))", movement.tables[1]);
        let writer = |_| {
            let (stopping, insert) = (stopping.clone(), insert.clone());
            thread::spawn(move || {
                let mut connection = None;
                while !stopping.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    if connection.is_none() {
                        connection = cluster.connect(SOURCE).ok();
                    }
                    let done = connection.as_mut().is_some_and(|it| it.query_drop(&insert).is_ok());
                    if !done {
                        connection = None;
                    }
                    thread::sleep(Self::EACH.saturating_sub(begun.elapsed()));
                }
            })
        };
        let threads = (0..Self::WRITERS).map(writer).collect();
        Self { stopping, threads }
    }
}

/// The keyspace that all of the bench's applications are connected to.
const SOURCE: &str = "commerce";

impl Drop for Busy {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}
