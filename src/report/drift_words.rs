//! Drift in words, alike wherever it is shown.

use std::collections::BTreeMap;

use crate::plan::drift::Drift;
use crate::words::counted;

pub const OURS: &str = "Ours, and not as our last write left it";
pub const THEIRS: &str = "Somebody else's, changed since our last write";

/// What follows, each said once, with of how many where that isn't all of them.
pub fn follows(found: &[&Drift]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for drift in found {
        *counts.entry(drift.follows.as_str()).or_default() += 1;
    }
    let is_all = counts.len() == 1;
    counts
        .into_iter()
        .map(|(follows, count)| if is_all { follows.to_owned() } else { format!("{}: {follows}", counted(count, "difference")) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_said_once() {
        let drift = |follows: &str| Drift {
            what: "routing rule `t`".into(),
            expected: "a".into(),
            found: "b".into(),
            ours: true,
            follows: follows.into(),
        };
        let (stops, goes_on) = (drift("it stops"), drift("it goes on"));
        assert_eq!(follows(&[&stops, &stops]), ["it stops"]);
        assert_eq!(follows(&[&stops, &goes_on, &stops]), ["1 difference: it goes on", "2 differences: it stops"]);
    }
}
