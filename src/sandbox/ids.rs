//! Rows as ranges of ids: a table of a hundred million rows is a few numbers.

use serde::{Deserialize, Serialize};

/// A set of row ids. Ranges are sorted and do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ids {
    /// First and last of each.
    ranges: Vec<(u64, u64)>,
}

/// The ids that one shard of a keyspace holds: every `of`th. A real vindex spreads them as evenly, by a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub index: u64,
    pub of: u64,
}

impl Share {
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// How many of the ids 0 to `last` are of this share.
    fn up_to(self, last: u64) -> u64 {
        if last < self.index { 0 } else { (last - self.index) / self.of + 1 }
    }

    fn in_range(self, (first, last): (u64, u64)) -> u64 {
        self.up_to(last) - first.checked_sub(1).map_or(0, |before| self.up_to(before))
    }

    /// The smallest id that is the `count`th of this share from `first` on.
    fn nth_from(self, first: u64, count: u64) -> u64 {
        let before = first.checked_sub(1).map_or(0, |before| self.up_to(before));
        self.index + (before + count - 1) * self.of
    }
}

impl Ids {
    pub fn first(count: u64) -> Self {
        if count == 0 { Self::default() } else { Self { ranges: vec![(1, count)] } }
    }

    pub fn range(first: u64, last: u64) -> Self {
        if first > last { Self::default() } else { Self { ranges: vec![(first, last)] } }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|(_, last)| *last)
    }

    /// The greatest id of a share.
    pub fn last_of(&self, share: Share) -> Option<u64> {
        self.ranges.iter().rev().find_map(|range| {
            let count = share.in_range(*range);
            (count > 0).then(|| share.nth_from(range.0, count))
        })
    }

    pub fn count(&self, share: Share) -> u64 {
        self.ranges.iter().map(|range| share.in_range(*range)).sum()
    }

    pub fn add(&mut self, other: &Self) {
        if other.is_empty() || other.ranges == self.ranges {
            return;
        }
        let mut all: Vec<(u64, u64)> = self.ranges.iter().chain(&other.ranges).copied().collect();
        all.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                _ => merged.push((first, last)),
            }
        }
        self.ranges = merged;
    }

    pub fn both(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        for (first, last) in &self.ranges {
            for (other_first, other_last) in &other.ranges {
                let both = (*first.max(other_first), *last.min(other_last));
                if both.0 <= both.1 {
                    ranges.push(both);
                }
            }
        }
        Self { ranges }
    }

    pub fn without(&self, other: &Self) -> Self {
        let mut left = self.ranges.clone();
        for (first, last) in &other.ranges {
            left = left
                .into_iter()
                .flat_map(|(from, to)| {
                    let before = first.checked_sub(1).filter(|end| from <= *end).map(|end| (from, to.min(end)));
                    let after = last.checked_add(1).filter(|begin| *begin <= to).map(|begin| (from.max(begin), to));
                    if to < *first || from > *last { [Some((from, to)), None] } else { [before, after] }
                })
                .flatten()
                .collect();
        }
        Self { ranges: left }
    }

    /// The first `count` ids of a share, with all that lies between them.
    pub fn prefix(&self, share: Share, count: u64) -> Self {
        let mut left = count;
        let mut ranges = Vec::new();
        for range in &self.ranges {
            if left == 0 {
                break;
            }
            let here = share.in_range(*range);
            if here <= left {
                ranges.push(*range);
                left -= here;
            } else {
                ranges.push((range.0, share.nth_from(range.0, left)));
                left = 0;
            }
        }
        Self { ranges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ranges: &[(u64, u64)]) -> Ids {
        let mut all = Ids::default();
        for (first, last) in ranges {
            all.add(&Ids::range(*first, *last));
        }
        all
    }

    fn members(ids: &Ids, share: Share) -> Vec<u64> {
        (0..200).filter(|id| id % share.of == share.index && ids.ranges.iter().any(|(a, b)| a <= id && id <= b)).collect()
    }

    #[test]
    fn shares_count_each_id_once() {
        let all = ids(&[(1, 10), (20, 33)]);
        for of in 1..5 {
            let counts: Vec<u64> = (0..of).map(|index| all.count(Share { index, of })).collect();
            assert_eq!(counts.iter().sum::<u64>(), 24);
            for index in 0..of {
                let share = Share { index, of };
                assert_eq!(counts[index as usize], members(&all, share).len() as u64);
                assert_eq!(all.last_of(share), members(&all, share).last().copied());
            }
        }
    }

    #[test]
    fn a_prefix_has_as_many_as_were_asked_for() {
        let all = ids(&[(1, 10), (20, 33)]);
        let share = Share { index: 1, of: 3 };
        for count in 0..=all.count(share) {
            assert_eq!(members(&all.prefix(share, count), share), members(&all, share)[..count as usize]);
        }
        assert_eq!(all.prefix(share, 1000), all);
    }

    #[test]
    fn sets_behave_as_sets() {
        let (a, b) = (ids(&[(1, 10), (20, 33)]), ids(&[(5, 22), (33, 40)]));
        assert_eq!(a.both(&b), ids(&[(5, 10), (20, 22), (33, 33)]));
        assert_eq!(a.without(&b), ids(&[(1, 4), (23, 32)]));
        assert_eq!(ids(&[(1, 3), (4, 6)]), ids(&[(1, 6)]));
        assert!(a.without(&a).is_empty() && Ids::range(3, 2).is_empty());
    }
}
