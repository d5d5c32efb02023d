//! Names of shards as ranges of keyspace ids.

use crate::sandbox::wire::bytes;

/// The bounds that a shard's name gives, in bytes; an open one is empty. `0` is all of them. None: it is no such name.
pub fn of_shard(name: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    if name == "0" {
        return Some((vec![], vec![]));
    }
    let (start, end) = name.split_once('-')?;
    Some((bytes(start)?, bytes(end)?))
}

/// Whether the shards lie side by side from the first keyspace id to the last.
///
/// # Errors
/// Why not, in words.
pub fn cover_all_once(shards: &[String]) -> Result<(), String> {
    if shards.is_empty() {
        return Err("there is no shard".to_owned());
    }
    let mut ranges = Vec::new();
    for shard in shards {
        let (start, end) = of_shard(shard).ok_or_else(|| format!("`{shard}` is neither `0` nor a range of keyspace ids"))?;
        if !end.is_empty() && trimmed(&start) >= trimmed(&end) {
            return Err(format!("the range `{shard}` ends before it begins"));
        }
        ranges.push((start, end, shard));
    }
    ranges.sort_by(|a, b| trimmed(&a.0).cmp(trimmed(&b.0)));
    let mut reached: &[u8] = &[];
    let mut before = None;
    let mut is_open = false;
    for (start, end, shard) in &ranges {
        let start = trimmed(start);
        match before {
            None if !start.is_empty() => return Err(format!("no shard has the keyspace ids before `{shard}`")),
            Some(before) if is_open || start < reached => return Err(format!("`{before}` and `{shard}` overlap")),
            Some(before) if start > reached => {
                return Err(format!("no shard has the keyspace ids between `{before}` and `{shard}`"));
            }
            _ => {}
        }
        (reached, before, is_open) = (trimmed(end), Some(*shard), end.is_empty());
    }
    match before {
        Some(last) if !is_open => Err(format!("no shard has the keyspace ids after `{last}`")),
        _ => Ok(()),
    }
}

/// `80` and `8000` are the same bound.
fn trimmed(bound: &[u8]) -> &[u8] {
    let end = bound.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bound[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_lie_side_by_side_from_the_first_id_to_the_last() {
        let judged = |shards: &[&str]| cover_all_once(&shards.iter().map(|shard| (*shard).to_owned()).collect::<Vec<_>>());
        for shards in [&["0"][..], &["-"], &["80-", "-80"], &["-40", "40-8000", "80-"], &["-80", "8000-c0", "c0-"]] {
            assert_eq!(judged(shards), Ok(()), "{shards:?}");
        }
        for (shards, why) in [
            (&[][..], "there is no shard"),
            (&["main"], "`main` is neither `0` nor a range of keyspace ids"),
            (&["-8", "8-"], "`-8` is neither `0` nor a range of keyspace ids"),
            (&["-+8", "80-"], "`-+8` is neither `0` nor a range of keyspace ids"),
            (&["80-40"], "the range `80-40` ends before it begins"),
            (&["40-80", "80-"], "no shard has the keyspace ids before `40-80`"),
            (&["-40", "80-"], "no shard has the keyspace ids between `-40` and `80-`"),
            (&["-80", "40-"], "`-80` and `40-` overlap"),
            (&["-80", "80-", "80-"], "`80-` and `80-` overlap"),
            (&["0", "-80"], "`0` and `-80` overlap"),
            (&["-40", "40-80"], "no shard has the keyspace ids after `40-80`"),
        ] {
            assert_eq!(judged(shards), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_name_gives_its_bounds() {
        assert_eq!(of_shard("0"), Some((vec![], vec![])));
        assert_eq!(of_shard("40-80"), Some((vec![0x40], vec![0x80])));
        assert_eq!(of_shard("80-"), Some((vec![0x80], vec![])));
    }
}
