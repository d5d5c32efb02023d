//! Scripts of random steps: the usual way of a movement, strayed from at every second step. What a step is depends on the seed
//! alone, never on an answer, so a script is the same on every cluster; after each step comes a quiet point with its picture.

use std::ops::RangeInclusive;

use cutover::cluster::vtctld::generated::{vschema, vtctldata as data};

use super::cases::calls::{
    self, PRIMARY, RDONLY, REPLICA, created, read, reverse, seconds, show, start, stop, switch, uuid, vdiff, write,
};
use super::stage::Stage;
use super::{Golden, Mode, difference, path};

/// The scripts whose transcripts are goldens.
pub const SEEDS: RangeInclusive<u64> = 1..=24;

const STEPS: usize = 40;

pub fn name(seed: u64) -> String {
    format!("random/{seed}")
}

/// How far a cluster went along with a transcript.
#[derive(Debug)]
pub struct Agreement {
    pub steps: usize,
    /// Steps before the first one whose answer or picture differs.
    pub agreed: usize,
    pub difference: Option<String>,
}

/// Runs a script in a world made new; records its transcript, or compares it.
///
/// # Errors
/// When a transcript can't be read or written.
pub async fn run(seed: u64, stage: &dyn Stage, mode: Mode) -> Result<Agreement, String> {
    stage.reset().await;
    let mut golden = Golden::default();
    let mut dice = Dice(seed);
    let mut script = Script::default();
    golden.picture(stage, "the beginning").await;
    for number in 1..=STEPS {
        let step = script.next(&mut dice);
        step.take(stage, &mut golden, number).await;
        golden.picture(stage, &format!("after step {number}")).await;
    }
    let found = golden.into_text();
    if mode == Mode::Record {
        super::settle(&name(seed), &found, mode)?;
        return Ok(Agreement { steps: STEPS, agreed: STEPS, difference: None });
    }
    let path = path(&name(seed));
    let expected = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Agreement { steps: STEPS, agreed: agreed(&expected, &found), difference: difference(&expected, &found) })
}

/// Whole steps, each with its picture, that two transcripts have in common from the beginning.
fn agreed(expected: &str, found: &str) -> usize {
    let steps = |text: &str| text.split("\n# step ").map(|step| step.trim_end().to_owned()).collect::<Vec<_>>();
    let pairs = steps(expected).into_iter().zip(steps(found));
    // Before the first step there is the beginning.
    pairs.take_while(|(expected, found)| expected == found).count().saturating_sub(1)
}

/// A small generator (SplitMix64), the same everywhere and for ever.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    CreateStarted,
    CreateWaiting,
    Start,
    Stop,
    VDiff,
    ShowVDiffs,
    DeleteVDiffs,
    Switch(&'static [i32]),
    Reverse(&'static [i32]),
    Cancel {
        keep_data: bool,
        keep_rules: bool,
    },
    Complete {
        rename: bool,
        keep_data: bool,
        keep_rules: bool,
    },
    AddForeignRule,
    TakeForeignRules,
    Rebuild,
    Status,
    /// The world anew.
    Reset,
}

impl Action {
    fn words(self, workflow: &str) -> String {
        let types = super::canonical::tablet_types;
        match self {
            CreateStarted => format!("create and start {workflow}"),
            CreateWaiting => format!("create {workflow}"),
            Start => format!("start {workflow}"),
            Stop => format!("stop {workflow}"),
            VDiff => format!("vdiff of {workflow}"),
            ShowVDiffs => format!("show vdiffs of {workflow}"),
            DeleteVDiffs => format!("delete vdiffs of {workflow}"),
            Switch(kinds) => format!("switch {} of {workflow}", types(kinds)),
            Reverse(kinds) => format!("reverse {} of {workflow}", types(kinds)),
            Cancel { keep_data, keep_rules } => format!("cancel {workflow}{}", keeping(keep_data, keep_rules)),
            Complete { rename, keep_data, keep_rules } => {
                let renaming = if rename { ", renaming the tables" } else { "" };
                format!("complete {workflow}{renaming}{}", keeping(keep_data, keep_rules))
            }
            AddForeignRule => "add foreign rules".to_owned(),
            TakeForeignRules => "take foreign rules away".to_owned(),
            Rebuild => "rebuild".to_owned(),
            Status => format!("status of {workflow}"),
            Reset => "the world anew".to_owned(),
        }
    }
}

fn keeping(data: bool, rules: bool) -> &'static str {
    match (data, rules) {
        (true, true) => ", keeping data and rules",
        (true, false) => ", keeping data",
        (false, true) => ", keeping rules",
        (false, false) => "",
    }
}

use Action::{
    AddForeignRule, Cancel, Complete, CreateStarted, CreateWaiting, DeleteVDiffs, Rebuild, Reset, Reverse, ShowVDiffs, Start,
    Status, Stop, Switch, TakeForeignRules, VDiff,
};

const READS: &[i32] = &[REPLICA, RDONLY];
const REPLICAS: &[i32] = &[REPLICA];
const RDONLYS: &[i32] = &[RDONLY];
const WRITES: &[i32] = &[PRIMARY];
const ALL: &[i32] = &[PRIMARY, REPLICA, RDONLY];

/// The ways that a movement usually goes.
const WAYS: [&[Action]; 4] = [
    &[CreateWaiting, Start, VDiff, Switch(READS), Switch(WRITES), Complete { rename: true, keep_data: false, keep_rules: false }],
    &[
        CreateStarted,
        Switch(READS),
        Switch(WRITES),
        Reverse(WRITES),
        Reverse(READS),
        Cancel { keep_data: false, keep_rules: false },
    ],
    &[
        CreateStarted,
        VDiff,
        Switch(ALL),
        Reverse(ALL),
        Switch(READS),
        Switch(WRITES),
        Complete { rename: false, keep_data: false, keep_rules: false },
    ],
    &[
        CreateWaiting,
        Start,
        Stop,
        Start,
        Switch(REPLICAS),
        Switch(RDONLYS),
        Reverse(READS),
        Cancel { keep_data: false, keep_rules: false },
    ],
];

/// What leads astray.
const STRAYS: [Action; 29] = [
    CreateStarted,
    CreateWaiting,
    Start,
    Start,
    Stop,
    Stop,
    VDiff,
    VDiff,
    ShowVDiffs,
    DeleteVDiffs,
    Switch(READS),
    Switch(REPLICAS),
    Switch(RDONLYS),
    Switch(WRITES),
    Switch(ALL),
    Reverse(READS),
    Reverse(REPLICAS),
    Reverse(RDONLYS),
    Reverse(WRITES),
    Reverse(ALL),
    Cancel { keep_data: false, keep_rules: true },
    Cancel { keep_data: true, keep_rules: false },
    Complete { rename: false, keep_data: true, keep_rules: true },
    Complete { rename: true, keep_data: false, keep_rules: true },
    AddForeignRule,
    TakeForeignRules,
    Rebuild,
    Status,
    Status,
];

#[derive(Default)]
struct Script {
    way: usize,
    /// The next step of the way.
    at: usize,
    to_archive: bool,
    before: Option<Step>,
    vdiffs: u32,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    action: Action,
    to_archive: bool,
    vdiff: u32,
}

impl Script {
    fn next(&mut self, dice: &mut Dice) -> Step {
        self.vdiffs += 1;
        // The same once more.
        if let Some(before) = self.before.filter(|before| before.action != Reset)
            && dice.one_in(10)
        {
            return before;
        }
        let step = if dice.one_in(3) {
            Step { action: dice.of(&STRAYS), to_archive: self.to_archive ^ dice.one_in(6), vdiff: self.vdiffs }
        } else {
            Step { action: self.along(dice), to_archive: self.to_archive, vdiff: self.vdiffs }
        };
        self.before = Some(step);
        step
    }

    /// The next step of the way; at its end the world is made new and another way begins.
    fn along(&mut self, dice: &mut Dice) -> Action {
        let way = WAYS[self.way];
        if let Some(action) = way.get(self.at) {
            self.at += 1;
            return *action;
        }
        self.at = 0;
        self.way = dice.below(WAYS.len());
        self.to_archive = dice.one_in(4);
        Reset
    }
}

impl Step {
    fn keyspace(self) -> String {
        if self.to_archive { calls::ARCHIVE } else { calls::TARGET }.to_owned()
    }

    fn workflow(self) -> String {
        if self.to_archive { calls::FLOW_TO_ARCHIVE } else { calls::FLOW }.to_owned()
    }

    async fn take(self, stage: &dyn Stage, golden: &mut Golden, number: usize) {
        let words = format!("step {number}: {}", self.action.words(&self.workflow()));
        let words = words.as_str();
        if matches!(self.action, Switch(_) | Reverse(_)) {
            stage.move_positions().await;
        }
        match self.action {
            CreateStarted => golden.call(words, created(stage, self.create()).await),
            CreateWaiting => golden.call(words, write(stage, self.create()).await),
            Start => golden.call(words, write(stage, self.update(start())).await),
            Stop => golden.call(words, write(stage, self.update(stop())).await),
            VDiff => golden.call(words, write(stage, self.vdiff()).await),
            ShowVDiffs => golden.call(words, read(stage, self.show("all")).await),
            DeleteVDiffs => {
                let request =
                    data::VDiffDeleteRequest { workflow: self.workflow(), target_keyspace: self.keyspace(), arg: "all".into() };
                golden.call(words, write(stage, request).await);
            }
            Switch(types) => golden.call(words, write(stage, self.switch(switch(types))).await),
            Reverse(types) => golden.call(words, write(stage, self.switch(reverse(types))).await),
            Cancel { keep_data, keep_rules } => {
                let request = data::WorkflowDeleteRequest {
                    keyspace: self.keyspace(),
                    workflow: self.workflow(),
                    keep_data,
                    keep_routing_rules: keep_rules,
                    ..Default::default()
                };
                golden.call(words, write(stage, request).await);
            }
            Complete { rename, keep_data, keep_rules } => {
                let request = data::MoveTablesCompleteRequest {
                    workflow: self.workflow(),
                    target_keyspace: self.keyspace(),
                    keep_data,
                    keep_routing_rules: keep_rules,
                    rename_tables: rename,
                    ..Default::default()
                };
                golden.call(words, write(stage, request).await);
            }
            AddForeignRule => golden.call(words, foreign_rules(stage, true).await),
            TakeForeignRules => golden.call(words, foreign_rules(stage, false).await),
            Rebuild => golden.call(words, write(stage, data::RebuildVSchemaGraphRequest::default()).await),
            Status => {
                let request =
                    data::WorkflowStatusRequest { keyspace: self.keyspace(), workflow: self.workflow(), shards: vec![] };
                golden.call(words, read(stage, request).await);
            }
            Reset => {
                stage.reset().await;
                golden.found(words, &[]);
            }
        }
    }

    fn create(self) -> data::MoveTablesCreateRequest {
        if self.to_archive { calls::create_to_archive() } else { calls::create() }
    }

    fn update(self, mut request: data::WorkflowUpdateRequest) -> data::WorkflowUpdateRequest {
        request.keyspace = self.keyspace();
        if let Some(tablets) = &mut request.tablet_request {
            tablets.workflow = self.workflow();
        }
        request
    }

    /// However long streams have been stopped, their lag is no reason to refuse: what it is depends on the clock.
    fn switch(self, request: data::WorkflowSwitchTrafficRequest) -> data::WorkflowSwitchTrafficRequest {
        data::WorkflowSwitchTrafficRequest {
            keyspace: self.keyspace(),
            workflow: self.workflow(),
            max_replication_lag_allowed: seconds(3600),
            timeout: seconds(5),
            ..request
        }
    }

    fn vdiff(self) -> data::VDiffCreateRequest {
        data::VDiffCreateRequest {
            workflow: self.workflow(),
            target_keyspace: self.keyspace(),
            uuid: uuid(self.vdiff),
            ..vdiff(self.vdiff)
        }
    }

    fn show(self, arg: &str) -> data::VDiffShowRequest {
        data::VDiffShowRequest { workflow: self.workflow(), target_keyspace: self.keyspace(), ..show(arg) }
    }
}

/// Adds rules that are no movement's, one of them in the way of a completion, or takes them away.
async fn foreign_rules(stage: &dyn Stage, add: bool) -> Result<data::ApplyRoutingRulesResponse, cutover::cluster::ClusterError> {
    let foreign = [("legacy_note", "commerce.note"), ("legacy_customer", "commerce.customer")];
    let mut rules = read(stage, data::GetRoutingRulesRequest {}).await?.routing_rules.unwrap_or_default();
    rules.rules.retain(|rule| !foreign.iter().any(|(from, _)| rule.from_table == *from));
    if add {
        let rule = |(from, to): (&str, &str)| vschema::RoutingRule { from_table: from.into(), to_tables: vec![to.into()] };
        rules.rules.extend(foreign.map(rule));
    }
    write(stage, data::ApplyRoutingRulesRequest { routing_rules: Some(rules), ..Default::default() }).await
}
