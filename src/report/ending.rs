//! The last lines of a run.

use super::command::for_file;
use super::page::{Page, bad, bold, caution, good, plain};
use super::problems::Drawing;
use crate::run::decision::Ending;

/// What an ending is, in words.
pub fn words(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "the movement is complete",
        Ending::Cancelled => "cancelled: nothing of the movement is left in the cluster",
        Ending::SwitchedBack => "switched back: all traffic is at the source",
        Ending::RulesRestored => "the routing rules of the movement are back",
        Ending::UntilReached => "the phase named with --until is done",
        Ending::NothingToFinish => "nothing stands half way",
        Ending::Paused => "paused: the streams stand still",
        Ending::Resumed => "resumed: the streams run",
    }
}

/// The commands that somebody may want next.
pub fn next(ending: Ending, workflow: &str) -> Vec<String> {
    match ending {
        Ending::Complete | Ending::Cancelled => vec!["cutover history".into()],
        Ending::SwitchedBack => vec![
            "cutover approve switch-replicas --reason TEXT".into(),
            format!("cutover cancel --confirm {}", crate::cluster::mutation::shell(workflow)),
        ],
        Ending::RulesRestored => vec!["cutover approve remove-rules --reason TEXT".into()],
        Ending::UntilReached | Ending::Resumed => vec!["cutover apply".into()],
        Ending::NothingToFinish => vec!["cutover status".into()],
        Ending::Paused => vec!["cutover resume".into()],
    }
}

/// Draws the end of a run. `next` without what a block before has already named.
pub fn draw(text: &str, exit_code: u8, next: &[String], file: Option<&str>, drawing: Drawing) -> String {
    let mut page = Page::new(drawing);
    let exit = format!("exit {exit_code}");
    let exit = match exit_code {
        0 => good("done"),
        2 | 3 => caution(exit),
        _ => bad(exit),
    };
    page.line(0, &[exit, plain(": "), plain(text)]);
    if !next.is_empty() {
        page.line(0, &[bold(if next.len() > 1 { "Next, one of" } else { "Next" })]);
        for command in next {
            page.command(2, &for_file(command, file));
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::PLAIN;

    #[test]
    fn an_ending_names_what_may_come_next() {
        let ending = Ending::SwitchedBack;
        let drawn = draw(words(ending), 0, &next(ending, "commerce2customer"), None, PLAIN);
        insta::assert_snapshot!(drawn, @"
        done: switched back: all traffic is at the source
        Next, one of
          cutover approve switch-replicas --reason TEXT
          cutover cancel --confirm commerce2customer
        ");
    }
}
