//! C531: a keyspace is locked: somebody acts on it, or died a short while ago.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use crate::cluster::port::HeldLock;
use crate::words::length;

const CODE: &str = "C531";

pub static KIND: Kind =
    Kind { code: CODE, title: "a keyspace is locked", find, wants_every_workflow: false, page: include_str!("../pages/C531.md") };

fn find(survey: &Survey) -> Vec<Leftover> {
    survey.locks().filter(|lock| !lock.is_named() && !lock.waits).map(|lock| leftover(survey, lock)).collect()
}

fn leftover(survey: &Survey, lock: &HeldLock) -> Leftover {
    let taken_at = lock.time.parse().ok();
    let age = taken_at.map(|at| format!(" for {}", length(survey.now().duration_since(at).as_secs()))).unwrap_or_default();
    let who = format!("{} on {} ({})", lock.user, lock.host, lock.action);
    let waiting = survey.locks().filter(|other| other.waits && other.of == lock.of).count();
    let mut evidence = vec![format!("`{}` below the topology's global root: {who}, since {}", lock.path(), lock.time)];
    if waiting > 0 {
        evidence.push(format!("{waiting} more wait for it"));
    }
    Leftover {
        code: CODE.to_owned(),
        weight: Weight::Note,
        subject: lock.of.clone(),
        summary: format!("keyspace `{}` is locked{age} by {who}", lock.of),
        evidence,
        since: taken_at,
        meaning: "somebody acts on it now. A dead owner's lock is a lease and goes by itself: of a switch 3 times its timeout, and once \
                  more that timeout or 30 s, whichever is longer, after it was taken; of most other calls 30 s"
            .into(),
        mend: Mend::Hand,
        by_hand: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_held_keyspace_is_a_note_with_its_holder() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        let at = (case.world.facts.observed_at - jiff::SignedDuration::from_secs(12)).to_string();
        case.lock("commerce", "SwitchWrites", &at);
        let found = case.only(&KIND);
        assert_eq!(found.weight, Weight::Note);
        assert_eq!(found.summary, "keyspace `commerce` is locked for 12 s by vitess on ops1 (SwitchWrites)");
    }
}
