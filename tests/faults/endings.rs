//! How a run may end. As undisturbed, always; otherwise only where the fault itself allows it, and then by name.

use cutover::sandbox::file::description::Deed;

use super::adversary::Act;
use super::enumerate::Fault;
use super::kinds::{Kind, StepKind};
use super::life::End;
use super::operator::Outcome;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// At the end of its command all is as after an undisturbed one.
    AsUndisturbed,
    /// Not there, but at the end of the way.
    AsUndisturbedAtTheEnd,
    /// The cluster is as after an undisturbed way; the record tells of more.
    ClusterAsUndisturbed,
    /// Something else, in words.
    Other(String),
    /// The program stands there, with an exit code and a code.
    Stands { exit_code: u8, code: String, words: String },
    /// It waits for what doesn't come, and says for what.
    Waits(String),
    /// It goes round and comes to no end.
    Endless(String),
    /// Something held that must never be.
    Violated(Vec<String>),
    /// Not allowed for its fault.
    Bad(Box<Ending>),
}

impl Ending {
    pub fn of(outcome: &Outcome) -> Self {
        use cutover::run::decision::StopKind;
        match outcome {
            Outcome::Done => Self::AsUndisturbed,
            Outcome::Endless(end) => Self::Endless(format!("{end:?}")),
            Outcome::Stands(End::Stopped(kind, words)) => Self::Stands {
                exit_code: match kind {
                    StopKind::Refused => 4,
                    StopKind::NeedsHuman => 5,
                    StopKind::Stale => 7,
                    StopKind::NotAllowed => 77,
                },
                code: words.split(' ').next().unwrap_or_default().to_owned(),
                words: words.clone(),
            },
            Outcome::Stands(End::Refused(exit_code, words)) => {
                Self::Stands { exit_code: *exit_code, code: "command".into(), words: words.clone() }
            }
            Outcome::Stands(End::Idle(words)) => Self::Waits(words.clone()),
            Outcome::Stands(other) => Self::Endless(format!("{other:?}")),
        }
    }

    pub fn bad(self) -> Self {
        match self {
            bad @ Self::Bad(_) => bad,
            other => Self::Bad(Box::new(other)),
        }
    }

    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }

    /// For the table.
    pub fn name(&self) -> String {
        match self {
            Self::AsUndisturbed => "as undisturbed".into(),
            Self::AsUndisturbedAtTheEnd => "as undisturbed at the end".into(),
            Self::ClusterAsUndisturbed => "cluster as undisturbed".into(),
            Self::Other(_) => "another end".into(),
            Self::Stands { exit_code, code, .. } => format!("exit {exit_code} {code}"),
            Self::Waits(_) => "waits".into(),
            Self::Endless(_) => "endless".into(),
            Self::Violated(_) => "VIOLATED".into(),
            Self::Bad(ending) => format!("BAD: {}", ending.name()),
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Other(words) | Self::Endless(words) | Self::Waits(words) => format!("{}: {words}", self.name()),
            Self::Stands { words, .. } => format!("{}: {words}", self.name()),
            Self::Violated(words) => words.join("; "),
            Self::Bad(ending) => format!("BAD: {}", ending.words()),
            _ => self.name(),
        }
    }
}

/// Whether an end is one that these faults allow.
pub fn is_allowed(faults: &[Fault], ending: &Ending) -> bool {
    match ending {
        Ending::AsUndisturbed | Ending::AsUndisturbedAtTheEnd | Ending::ClusterAsUndisturbed => true,
        Ending::Violated(_) | Ending::Bad(_) | Ending::Endless(_) => false,
        Ending::Other(_) | Ending::Stands { .. } | Ending::Waits(_) => faults.iter().any(|fault| allows(fault, ending)),
    }
}

fn allows(fault: &Fault, ending: &Ending) -> bool {
    let kind = match fault {
        Fault::Effect(_, kind) => *kind,
        // The same hands, in the middle of what vtctld does.
        Fault::Step(_, StepKind::Somebody(does)) => Kind::Somebody(match does {
            Deed::Stop => Act::StopsStreams,
            Deed::Start => Act::StartsStreams,
            Deed::Cancel | Deed::Complete => Act::Cancels,
            Deed::SwitchReads | Deed::SwitchWrites => Act::SwitchesWrites,
            Deed::ReverseWrites => Act::ReversesWrites,
        }),
        Fault::Step(_, StepKind::Altered) => Kind::Somebody(Act::AltersATable),
        Fault::Step(..) => return false,
    };
    let stands = |exit: u8| matches!(ending, Ending::Stands { exit_code, .. } if *exit_code == exit);
    match kind {
        // Somebody else's hands in the movement: it stops and names them, or goes on from where they led it.
        Kind::Somebody(Act::Cancels | Act::SwitchesWrites | Act::ReversesWrites | Act::Denies) => {
            stands(4) || stands(5) || matches!(ending, Ending::Other(_) | Ending::Waits(_))
        }
        // Streams that somebody stopped stay stopped, also where a way back of reads does not need them: he may have had a reason.
        Kind::Somebody(Act::StopsStreams) if matches!(ending, Ending::Other(words) if words.split("; ").all(|one| one.starts_with("/cluster/streams/") || one.starts_with("/record/"))) => {
            true
        }
        Kind::Somebody(Act::StopsStreams | Act::StartsStreams) => stands(4) || stands(5) || matches!(ending, Ending::Waits(_)),
        // The source has a column that the target lacks.
        Kind::Somebody(Act::AltersATable) => stands(4) || stands(5) || matches!(ending, Ending::Other(_)),
        // His rule stands at the end, as it must.
        Kind::Somebody(Act::AddsARule) => matches!(ending, Ending::Other(_)),
        _ => false,
    }
}
