//! The operations of a movement that can be broken: how one comes to each, how it is done with the program under test and how by hand,
//! and what the cluster shows when it is done.

use super::bench::Bench;
use crate::support::program::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    SwitchReads,
    SwitchPrimary,
    SwitchPrimaryBack,
    SwitchReadsBack,
    Cancel,
    Complete,
}
use Operation::{Cancel, Complete, Create, SwitchPrimary, SwitchPrimaryBack, SwitchReads, SwitchReadsBack};

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Create => "create",
            SwitchReads => "switch reads",
            SwitchPrimary => "switch primary",
            SwitchPrimaryBack => "switch primary back",
            SwitchReadsBack => "switch reads back",
            Cancel => "cancel",
            Complete => "complete",
        }
    }

    /// The plan file after `[move-tables]`: no gate holds but those that the tests stop at.
    pub fn plan(self) -> String {
        let (complete, window) = if self == Complete { ("auto-advance", "1s") } else { ("operator-hold", "1h") };
        format!(
            "[gates]\npolicy = \"auto-advance\"\ncomplete = \"{complete}\"\n\n[switch]\nstable-for = \"1s\"\n\
             max-transaction-age = \"60s\"\n\n[revert]\nwindow = \"{window}\"\n\n[complete]\nsource-tables = \"rename\"\n"
        )
    }

    /// Brings a movement from nothing to where this operation is next.
    pub fn bring(self, bench: &Bench) {
        let run = |arguments: &[&str], code: i32| {
            let program = bench.cutover(false).args(arguments.iter().copied());
            program.limit_seconds(300).run_expecting(code);
        };
        match self {
            Create => {}
            SwitchReads | Cancel => run(&["apply", "--yes", "--until", "verify"], 0),
            SwitchPrimary => run(&["apply", "--yes", "--until", "switch-replicas"], 0),
            SwitchPrimaryBack => run(&["apply", "--yes"], 3),
            SwitchReadsBack => run(&["apply", "--yes", "--until", "switch-replicas"], 0),
            Complete => run(&["apply", "--yes", "--until", "switch-primary"], 0),
        }
    }

    /// The command of the program under test.
    pub fn command(self, workflow: &str) -> Vec<&str> {
        match self {
            Create => vec!["apply", "--yes", "--until", "create"],
            SwitchReads => vec!["apply", "--until", "switch-replicas"],
            SwitchPrimary => vec!["apply", "--until", "switch-primary"],
            SwitchPrimaryBack | SwitchReadsBack => vec!["switch-back", "--reason", "the test says so"],
            Cancel => vec!["cancel", "--confirm", workflow],
            Complete => vec!["apply", "--wait", "--until", "complete"],
        }
    }

    /// The same by hand, after `MoveTables --workflow NAME --target-keyspace customer`.
    pub fn by_hand(self, tables: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Create => &["create", "--source-keyspace", "commerce", "--auto-start=false", "--tables", tables],
            SwitchReads => &["switchtraffic", "--tablet-types", "rdonly,replica"],
            SwitchPrimary => &["switchtraffic", "--tablet-types", "primary", "--initialize-target-sequences"],
            SwitchPrimaryBack => &["reversetraffic", "--tablet-types", "primary"],
            SwitchReadsBack => &["reversetraffic", "--tablet-types", "rdonly,replica"],
            Cancel => &["cancel"],
            Complete => &["complete", "--keep-routing-rules", "--rename-tables"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// The keyspace that serves writes when all is done.
    pub fn serves_at_the_end(self) -> &'static str {
        match self {
            SwitchPrimary | Complete => "customer",
            Create | SwitchReads | SwitchPrimaryBack | SwitchReadsBack | Cancel => "commerce",
        }
    }

    /// What the cluster shows at the end.
    pub fn goal(self) -> &'static str {
        match self {
            Create => "denied T1 T2 | forward off off | reverse none | journal none | rules SSS SSS SSS | tables 2 0 2 2",
            SwitchReads => "denied T1 T2 | forward run run | reverse none | journal none | rules STT STT STT | tables 2 0 2 2",
            SwitchPrimary => {
                "denied S | forward frozen frozen | reverse run run | journal S | rules TTT TTT TTT | tables 2 0 2 2"
            }
            SwitchPrimaryBack => {
                "denied T1 T2 | forward run run | reverse frozen frozen | journal S T1 T2 | rules SSS SSS SSS | tables 2 0 2 2"
            }
            SwitchReadsBack => {
                "denied T1 T2 | forward run run | reverse none | journal none | rules SSS SSS SSS | tables 2 0 2 2"
            }
            Cancel => "denied none | forward none | reverse none | journal none | rules --- --- --- | tables 2 0 0 0",
            Complete => "denied none | forward none | reverse none | journal S | rules TTT TTT TTT | tables 0 2 2 2",
        }
    }

    /// What has to be said once more after a run that ended, to go on to the end; none when only running it again is left.
    pub fn approval(self, last: &Output) -> Option<[&'static str; 4]> {
        let held = |gate| last.stderr.contains(&format!("held before {gate}"));
        match self {
            SwitchPrimary | Complete if held("switch-primary") => Some(["approve", "switch-primary", "--reason", "once more"]),
            _ => None,
        }
    }
}
