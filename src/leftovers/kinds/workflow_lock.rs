//! C530: the named lock of a workflow: who acts on it now, or who died with it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use crate::cluster::port::HeldLock;
use crate::run::locks;
use crate::words::length;

const CODE: &str = "C530";
/// Its lease (`NamedLockTTL`, go/vt/topo/locks.go).
const LEASE_HOURS: i64 = 24;

pub static KIND: Kind = Kind {
    code: CODE,
    title: "the named lock of a workflow is held",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C530.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let is_named = |lock: &&HeldLock| lock.is_named() && !lock.waits;
    survey.locks().filter(is_named).map(|lock| leftover(survey, lock)).collect()
}

fn leftover(survey: &Survey, lock: &HeldLock) -> Leftover {
    let taken_at: Option<Timestamp> = lock.time.parse().ok();
    let age_seconds = taken_at.map(|at| survey.now().duration_since(at).as_secs());
    let keyspaces = keyspaces_of(survey, &lock.of);
    let others: Vec<&str> = survey.locks().filter(|other| keyspaces.contains(&other.of)).map(|other| other.of.as_str()).collect();
    let is_dead = locks::looks_dead(lock, !others.is_empty(), survey.now());
    let who = format!("{} on {} ({})", lock.user, lock.host, lock.action);
    let age =
        age_seconds.map_or_else(|| "for a time that can't be read".to_owned(), |seconds| format!("for {}", length(seconds)));
    let ends = taken_at.and_then(|at| at.checked_add(jiff::SignedDuration::from_hours(LEASE_HOURS)).ok());
    let until = ends.map(|at| format!(", its lease ends {}", crate::words::moment(at))).unwrap_or_default();
    let mut evidence = vec![format!("`{}` below the topology's global root: {who}, since {}{until}", lock.path(), lock.time)];
    evidence.push(if others.is_empty() {
        format!("no lock of {} stands beside it", super::words::listed(&keyspaces))
    } else {
        format!("held beside it: {}", super::words::listed(&others))
    });
    let (summary, meaning, weight) = if is_dead {
        (
            format!("the named lock of `{}` stands {age}, and whoever took it is dead: {who}", lock.of),
            "every switch, complete and cancel of this workflow waits 45 s for it and fails, until its lease ends after 24 h. The locks of \
             its keyspaces, which a living owner holds with it, have run out. One that hangs at a dead tablet has lost them too: see first \
             that its process is gone"
                .to_owned(),
            Weight::Standing,
        )
    } else if !others.is_empty() {
        (
            format!("`{}` is locked {age} by {who}, who is at work or died a short while ago", lock.of),
            "whoever took it holds or waits for keyspaces too, and only somebody alive does that for longer than minutes: let it end, or \
             look again in some minutes"
                .to_owned(),
            Weight::Note,
        )
    } else if age_seconds.is_some_and(|seconds| seconds > locks::may_be_alone_seconds(lock)) {
        (
            format!("`{}` is locked {age} by {who}, and nobody is seen to work under it", lock.of),
            format!(
                "whoever took it is most likely dead, and that is not proven yet: the keyspaces, which a living owner locks within {}, are \
                 free. While it stands every switch, complete and cancel of this workflow waits 45 s and fails (C408). See whether its \
                 process on {} is alive; if it is gone, take the key away as below, and run what was refused again",
                length(locks::may_be_alone_seconds(lock)),
                lock.host
            ),
            Weight::Standing,
        )
    } else {
        let alone = length(locks::may_be_alone_seconds(lock));
        (
            format!("`{}` is locked {age} by {who}: at its beginning, or dead", lock.of),
            format!(
                "it holds no keyspace yet, and one alive may take up to {alone} to come to them. Look again in {alone}: if it stands so then, \
                 its owner is most likely dead (C408)"
            ),
            Weight::Note,
        )
    };
    Leftover {
        code: CODE.to_owned(),
        weight,
        subject: lock.of.clone(),
        summary,
        evidence,
        since: taken_at,
        meaning,
        mend: Mend::Hand,
        by_hand: if weight == Weight::Standing {
            vec![format!("etcdctl del ROOT/{}   # ROOT is the global root, /vitess/global as a rule", lock.path())]
        } else {
            vec![]
        },
    }
}

/// The keyspaces that an owner of this lock locks too: that of the workflow and the one at its other end.
fn keyspaces_of(survey: &Survey, lock: &str) -> BTreeSet<String> {
    let keyspace = lock.split_once('/').map_or(lock, |(keyspace, _)| keyspace);
    let movements = survey
        .movements
        .iter()
        .filter(|movement| [movement.name(), movement.reverse_name()].iter().any(|name| name.replacen('.', "/", 1) == lock));
    let ends = movements.flat_map(|movement| [movement.source().to_string(), movement.target().to_string()]);
    ends.chain([keyspace.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    fn time(case: &Case, seconds_ago: i64) -> String {
        (case.world.facts.observed_at - jiff::SignedDuration::from_secs(seconds_ago)).to_string()
    }

    #[test]
    fn an_old_lock_whose_keyspace_locks_have_run_out_is_a_dead_owners() {
        let mut case = Case::after(&["create", "copy"]);
        let old = time(&case, 301);
        case.lock("customer/commerce2customer", "SwitchWrites", &old);
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.weight), ("customer/commerce2customer", Weight::Standing));
        assert!(found.by_hand[0].contains("internal/named_locks/customer/commerce2customer/locks/7587870493894462747"));
        assert!(found.evidence[0].contains("its lease ends"), "{:?}", found.evidence);
    }

    #[test]
    fn a_young_lock_or_one_with_keyspace_locks_may_be_a_living_owners() {
        let mut case = Case::after(&["create", "copy"]);
        let (young, old) = (time(&case, 60), time(&case, 3_600));
        case.lock("customer/commerce2customer", "SwitchWrites", &young);
        let found = case.only(&KIND);
        assert!(found.weight == Weight::Note && found.meaning.contains("Look again in 1 min"), "{found:?}");

        // The one at the other end of the movement counts too.
        let mut case = Case::after(&["create", "copy"]);
        case.lock("customer/commerce2customer", "SwitchWrites", &old);
        case.lock("commerce", "SwitchWrites", &old);
        let found = case.only(&KIND);
        assert_eq!((found.weight, found.by_hand.len()), (Weight::Note, 0));
    }

    #[test]
    fn one_that_has_stood_alone_for_too_long_is_told_at_once_with_what_is_not_proven() {
        let mut case = Case::after(&["create", "copy"]);
        let time = time(&case, 61);
        case.lock("customer/commerce2customer", "SwitchWrites", &time);
        let found = case.only(&KIND);
        assert_eq!((found.weight, found.by_hand.len()), (Weight::Standing, 1));
        assert!(found.meaning.contains("not proven yet") && found.summary.contains("nobody is seen"), "{found:?}");

        let mut case = Case::after(&["create", "copy"]);
        case.lock("customer/commerce2customer", "vdiff", &time);
        assert_eq!(case.only(&KIND).weight, Weight::Note, "a VDiff needs no keyspace");
    }

    #[test]
    fn a_lock_without_a_time_is_never_called_dead() {
        let mut case = Case::after(&["create", "copy"]);
        case.lock("customer/commerce2customer", "SwitchWrites", "");
        assert_eq!(case.only(&KIND).weight, Weight::Note);
    }
}
