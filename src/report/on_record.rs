//! Where the record says that a movement stands, for when the cluster can't be asked. It is no proof of what the cluster is.

use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::words::moment;

/// One line, no full stop; none when nothing was ever sent.
pub fn words(progress: &Progress) -> Option<String> {
    let last = progress.attempts.last()?;
    let verb = last.mutation.verb().words();
    if progress.open_attempt.is_some() {
        return Some(format!(
            "at {} it was sent to {verb}, and how that ended is not on record; never do it by hand now: `cutover apply` looks first, \
             when vtctld answers again",
            moment(last.at)
        ));
    }
    if progress.last_write().is_some_and(|write| write.is_half_done()) {
        return Some(format!(
            "what was sent to {verb} stopped half way; `cutover apply --finish-only` mends it, when vtctld answers again"
        ));
    }
    let reached = progress.reached.iter().filter(|(phase, _)| **phase != PhaseId::PRE_CHECK);
    let (phase, at) = reached.max_by_key(|(phase, at)| (**at, progress.reached_at_serial.get(*phase).copied()))?;
    Some(format!("{phase} was seen done at {}, and no write is under way", moment(*at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::move_tables::fixtures::World;
    use crate::record::entry::OutcomeResult;

    #[test]
    fn it_says_what_may_be_under_way_or_what_was_last_seen_done() {
        assert_eq!(words(&Progress::default()), None);
        let mut progress = World::after(&["create"]).progress;
        progress.reached.insert(PhaseId::CREATE, progress.attempts[0].at);
        assert!(words(&progress).is_some_and(|words| words.starts_with("create was seen done at ")));
        progress.attempts[0].outcome = Some((OutcomeResult::HalfDone, progress.attempts[0].at));
        assert!(words(&progress).is_some_and(|words| words.contains("stopped half way")));
        progress.attempts[0].outcome = None;
        progress.open_attempt = Some(progress.attempts[0].clone());
        assert!(words(&progress).is_some_and(|words| words.contains("is not on record")));
    }
}
