//! Two processes on one movement at once: one stands still at an effect, the other goes on to its end or to an effect of its own, then
//! the first goes on with what it knew. With two records, for two hosts share no lease; with one, as from a second terminal.

use std::sync::Arc;

use super::command::Command;
use super::kinds::Kind;
use super::life::{End, World};
use super::operator::{Outcome, carry_out};
use super::scenario::Edge;
use super::script::{Of, Script};

/// Who the second one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Second {
    /// `apply` from another host, with a copy of the record.
    CopyOfTheRecord,
    /// `apply` from another host, with no record.
    NoRecord,
    /// `switch-back` from a second terminal: the same files, the same lease.
    SwitchBack,
}

impl Second {
    pub const ALL: [Self; 3] = [Self::CopyOfTheRecord, Self::NoRecord, Self::SwitchBack];

    pub fn words(self) -> &'static str {
        match self {
            Self::CopyOfTheRecord => "apply with a copy of the record",
            Self::NoRecord => "apply without a record",
            Self::SwitchBack => "switch-back from a second terminal",
        }
    }

    fn command(self, first: &Command) -> Command {
        if self == Self::SwitchBack { Command::SwitchBack } else { first.clone() }
    }
}

/// Where the first stands still, and where the second does, by the numbers of their effects; the second's from 0.
#[derive(Debug, Clone, Copy)]
pub struct Interleaving {
    pub first: usize,
    pub second: Option<usize>,
}

/// The effects at which another order makes a difference: calls, of which a row of reads that are alike counts once.
pub fn stops(edge: &Edge) -> Vec<usize> {
    let mut last = String::new();
    let mut stops = Vec::new();
    for (index, site) in edge.sites.iter().enumerate() {
        let is_new = site.at != last;
        if site.of == Of::WriteCall || (site.of == Of::ReadCall && is_new) {
            last.clone_from(&site.at);
            stops.push(edge.base + index);
        }
    }
    stops
}

/// Plays one interleaving; what was wrong with it, and how both ended.
pub async fn play(edge: &Edge, second: Second, order: Interleaving) -> (Vec<String>, String) {
    let script = Script::new(edge.base, [(order.first, Kind::Frozen)]);
    let world = World::at(&edge.from, script.clone());
    let other_script = Script::new(0, order.second.map(|number| (number, Kind::Frozen)));
    let other = match second {
        Second::SwitchBack => world.second_terminal(other_script.clone()),
        Second::CopyOfTheRecord => world.second_host(other_script.clone(), true),
        Second::NoRecord => world.second_host(other_script.clone(), false),
    };
    let command = second.command(&edge.command);
    let first = world.live(&edge.command);
    let then = async {
        script.stands_still().await;
        let theirs = other.live(&command);
        tokio::pin!(theirs);
        tokio::select! {
            end = &mut theirs => {
                script.go_on();
                end
            }
            () = other_script.stands_still() => {
                script.go_on();
                // The first goes as far as it comes; then this one.
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                other_script.go_on();
                theirs.await
            }
        }
    };
    let (first_end, second_end) = tokio::join!(first, then);
    let mut wrong = script.violations();
    wrong.extend(other_script.violations());
    // Both operators go on with what they wanted, one after the other.
    let first_outcome = carry_out(&world, &edge.command).await;
    let second_outcome = carry_out(&other, &command).await;
    wrong.extend(script.violations());
    wrong.extend(world.sandbox.foreign_changes(&["customer".to_owned(), "sku".to_owned()]).unwrap());
    wrong.sort();
    wrong.dedup();
    for outcome in [&first_outcome, &second_outcome] {
        if let Outcome::Endless(end) = outcome {
            wrong.push(format!("endless: {end:?}"));
        }
    }
    let words = |end: &End| match end {
        End::Stopped(kind, words) => format!("{kind:?} {}", words.split(' ').next().unwrap_or_default()),
        End::Refused(code, _) => format!("exit {code}"),
        End::Held(gate, kind) => format!("held {gate} {kind:?}"),
        other => format!("{other:?}"),
    };
    (wrong, format!("{} / {}", words(&first_end), words(&second_end)))
}

impl World {
    /// The same host.
    fn second_terminal(&self, script: Arc<Script>) -> World {
        self.beside(script, self.files.clone(), true)
    }

    /// Another host, with other files and no lease in common.
    fn second_host(&self, script: Arc<Script>, has_record: bool) -> World {
        let files = if has_record { (*self.files).clone() } else { super::files::Files::with_folder() };
        self.beside(script, Arc::new(files), false)
    }
}
