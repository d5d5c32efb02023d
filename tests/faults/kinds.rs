//! The kinds of faults, and to which effects each applies.

use std::time::Duration;

use cutover::sandbox::fault::{StepFault, StepWhat, When};
use cutover::sandbox::file::description::Deed;
use cutover::sandbox::topology::Kind as TabletKind;

use super::adversary::Act;
use super::script::{Of, Site};

/// The read with which each look begins.
pub const FIRST_OF_A_LOOK: &str = "GetCellInfoNames";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The program is killed when it is about to do it.
    KilledBefore,
    /// The program is killed when it has done it, before it knows.
    KilledAfter,
    /// Half of a write stands, and the program is killed.
    TornWrite,
    DiskFull,
    IoError,
    /// The request never comes to vtctld; the connection breaks.
    LostBefore,
    /// vtctld does it; the connection breaks before the answer.
    AnswerLost,
    /// vtctld does it; the answer comes when nobody waits for it any more.
    AnswerLate,
    /// The request comes twice.
    Twice,
    /// The request takes its time on the way.
    Hangs,
    /// Somebody else has the lease of this host.
    LeaseHeld,
    /// The lease's file is taken away.
    LeaseLost,
    /// Another client does this at that moment.
    Somebody(Act),
    /// The process stands still there until somebody lets it go on.
    Frozen,
    /// One of those that can befall the effect, by a throw of dice.
    Chosen(u64),
}

impl Kind {
    pub fn name(self) -> String {
        match self {
            Self::KilledBefore => "killed before".into(),
            Self::KilledAfter => "killed after".into(),
            Self::TornWrite => "torn write".into(),
            Self::DiskFull => "disk full".into(),
            Self::IoError => "I/O error".into(),
            Self::LostBefore => "call lost".into(),
            Self::AnswerLost => "answer lost".into(),
            Self::AnswerLate => "answer late".into(),
            Self::Twice => "call twice".into(),
            Self::Hangs => "call hangs".into(),
            Self::LeaseHeld => "lease held".into(),
            Self::LeaseLost => "lease lost".into(),
            Self::Somebody(act) => format!("somebody {}", act.words()),
            Self::Frozen => "frozen".into(),
            Self::Chosen(dice) => format!("chosen by {dice}"),
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        use Kind::{
            AnswerLate, AnswerLost, DiskFull, Hangs, IoError, KilledAfter, KilledBefore, LeaseHeld, LeaseLost, LostBefore,
            TornWrite, Twice,
        };
        let plain = [
            KilledBefore,
            KilledAfter,
            TornWrite,
            DiskFull,
            IoError,
            LostBefore,
            AnswerLost,
            AnswerLate,
            Twice,
            Hangs,
            LeaseHeld,
            LeaseLost,
        ];
        let mut all = plain.into_iter().chain(Act::ALL.into_iter().map(Self::Somebody));
        all.find(|kind| kind.name() == name).or_else(|| name.strip_prefix("chosen by ")?.parse().ok().map(Self::Chosen))
    }

    /// The kind that a throw of dice means at an effect.
    pub fn chosen(dice: u64, site: &Site) -> Self {
        let kinds = Self::of(site);
        kinds[usize::try_from(dice % kinds.len() as u64).unwrap_or(0)]
    }

    /// What can befall an effect. Of a row of reads that are alike (one look) the process is killed at the first only: nothing of
    /// its own stands between them.
    pub fn of(site: &Site) -> Vec<Self> {
        use Kind::{
            AnswerLate, AnswerLost, DiskFull, Hangs, IoError, KilledAfter, KilledBefore, LeaseHeld, LeaseLost, LostBefore,
            TornWrite, Twice,
        };
        match site.of {
            Of::ReadCall if site.what == FIRST_OF_A_LOOK => vec![KilledBefore, LostBefore, AnswerLate, Hangs],
            Of::ReadCall => vec![LostBefore, AnswerLate, Hangs],
            Of::WriteCall => {
                let acts = Act::ALL.into_iter().map(Self::Somebody);
                [KilledBefore, KilledAfter, LostBefore, AnswerLost, AnswerLate, Twice, Hangs].into_iter().chain(acts).collect()
            }
            Of::Files if site.what.ends_with(" read") => vec![IoError],
            Of::Files => vec![KilledBefore, KilledAfter, DiskFull, IoError],
            Of::FileWrite => vec![KilledBefore, KilledAfter, TornWrite, DiskFull, IoError],
            Of::Lease if site.what == "lease take" => vec![KilledBefore, KilledAfter, LeaseHeld],
            Of::Lease => vec![LeaseLost],
        }
    }
}

/// What befalls at a micro-step of vtctld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    KilledBefore {
        seconds: u64,
    },
    KilledAfter {
        seconds: u64,
    },
    Refused,
    /// Done, and failed all the same.
    FailsAfter,
    AnswerLost,
    CallerGone,
    Reparented,
    LeasesEnd,
    Transaction,
    /// The primary of a target shard answers nobody for 20 s.
    PrimaryGone,
    /// So of the source.
    SourcePrimaryGone,
    /// A replica of a target shard answers nobody for 20 s.
    ReplicaGone,
    /// A moved table gets a column on the source.
    Altered,
    /// Another client does this.
    Somebody(Deed),
    /// The streams that write to the target lag for a minute, by more than a switch allows.
    Lag,
}

impl StepKind {
    pub const ALL: [Self; 23] = [
        Self::KilledBefore { seconds: 0 },
        Self::KilledBefore { seconds: 10 },
        Self::KilledBefore { seconds: 120 },
        Self::KilledAfter { seconds: 0 },
        Self::KilledAfter { seconds: 10 },
        Self::KilledAfter { seconds: 120 },
        Self::Refused,
        Self::FailsAfter,
        Self::AnswerLost,
        Self::CallerGone,
        Self::Reparented,
        Self::LeasesEnd,
        Self::Transaction,
        Self::PrimaryGone,
        Self::SourcePrimaryGone,
        Self::ReplicaGone,
        Self::Altered,
        Self::Somebody(Deed::Stop),
        Self::Somebody(Deed::Start),
        Self::Somebody(Deed::Cancel),
        Self::Somebody(Deed::SwitchWrites),
        Self::Somebody(Deed::ReverseWrites),
        Self::Lag,
    ];

    /// To which steps it applies: all.
    pub fn of(_step: &str) -> Vec<Self> {
        Self::ALL.to_vec()
    }

    pub fn name(self) -> String {
        match self {
            Self::KilledBefore { seconds } => format!("vtctld killed before, back after {seconds} s"),
            Self::KilledAfter { seconds } => format!("vtctld killed after, back after {seconds} s"),
            Self::Refused => "step refused".into(),
            Self::FailsAfter => "step done and failed".into(),
            Self::AnswerLost => "answer lost at the step".into(),
            Self::CallerGone => "caller gone".into(),
            Self::Reparented => "primary reparented".into(),
            Self::LeasesEnd => "leases end".into(),
            Self::Transaction => "long transaction".into(),
            Self::PrimaryGone => "primary gone".into(),
            Self::SourcePrimaryGone => "source primary gone".into(),
            Self::ReplicaGone => "replica gone".into(),
            Self::Altered => "somebody alters a table".into(),
            Self::Somebody(does) => format!("somebody else begins: {does:?}"),
            Self::Lag => "streams lag".into(),
        }
    }

    pub fn at(self, step_number: u64) -> StepFault {
        let refuse = || StepWhat::Refuse("target: commerce.0.primary: primary is not serving".into());
        let (when, what) = match self {
            Self::KilledBefore { seconds } => {
                (When::Before, StepWhat::KillVtctld { restart_after: Duration::from_secs(seconds) })
            }
            Self::KilledAfter { seconds } => (When::After, StepWhat::KillVtctld { restart_after: Duration::from_secs(seconds) }),
            Self::Refused => (When::Before, refuse()),
            Self::FailsAfter => (When::After, refuse()),
            Self::AnswerLost => (When::Before, StepWhat::LoseAnswer),
            Self::CallerGone => (When::Before, StepWhat::CallerGone),
            Self::Reparented => (When::Before, StepWhat::ReparentPrimary { keyspace: "customer".into(), shard: "-80".into() }),
            Self::LeasesEnd => (When::Before, StepWhat::LeasesEnd),
            Self::Transaction => (
                When::Before,
                StepWhat::OpenTransaction { keyspace: "commerce".into(), table: "sku".into(), lasts: Duration::from_secs(60) },
            ),
            Self::PrimaryGone => (When::Before, gone("customer", "-80", TabletKind::Primary)),
            Self::SourcePrimaryGone => (When::Before, gone("commerce", "0", TabletKind::Primary)),
            Self::ReplicaGone => (When::Before, gone("customer", "-80", TabletKind::Replica)),
            Self::Altered => {
                (When::Before, StepWhat::AddColumn { keyspace: "commerce".into(), table: "sku".into(), column: "more".into() })
            }
            Self::Somebody(does) => {
                (When::Before, StepWhat::Somebody { does, keyspace: "customer".into(), workflow: "c2c".into() })
            }
            Self::Lag => (
                When::Before,
                StepWhat::Lag { keyspace: "customer".into(), lag: Duration::from_secs(40), lasts: Duration::from_secs(60) },
            ),
        };
        StepFault { step_number, when, what }
    }
}

fn gone(keyspace: &str, shard: &str, kind: TabletKind) -> StepWhat {
    StepWhat::TabletGone { keyspace: keyspace.into(), shard: shard.into(), kind, lasts: Duration::from_secs(20) }
}
