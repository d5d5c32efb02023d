//! The journal of a switch: a row of `_vt.resharding_journal` on each shard that had the writes. Once one is written there is only
//! forward (go/vt/vtctl/workflow/traffic_switcher.go, `createJournals`).

use super::workflow::Stream;

/// Its id: a hash of the keyspace that the streams write to, and of each stream's shard and id (`HashStreams`,
/// go/vt/vtctl/workflow/utils.go: FNV-1 of 64 bits, the highest one dropped).
pub fn id<'a>(keyspace: &str, streams: impl IntoIterator<Item = (&'a str, i64)>) -> i64 {
    let mut texts: Vec<String> = streams.into_iter().map(|(shard, id)| format!("{shard}:{id}")).collect();
    texts.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in keyspace.bytes().chain(texts.iter().flat_map(|text| text.bytes())) {
        hash = hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
    }
    i64::try_from(hash & (u64::MAX >> 1)).unwrap_or(i64::MAX)
}

/// That of a switch of these streams.
pub fn id_of_streams(keyspace: &str, streams: &[Stream]) -> i64 {
    id(keyspace, streams.iter().map(|stream| (stream.shard.as_str(), stream.id)))
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn it_is_fnv_1_without_the_highest_bit() {
        // From Go: fnv.New64() over nothing, and over "a".
        assert_eq!(id("", []), 0xcbf2_9ce4_8422_2325_u64 as i64 & i64::MAX);
        assert_eq!(id("a", []), 0xaf63_bd4c_8601_b7be_u64 as i64 & i64::MAX);
    }

    #[test]
    fn the_order_of_streams_does_not_count() {
        assert_eq!(id("customer", [("-80", 1), ("80-", 2)]), id("customer", [("80-", 2), ("-80", 1)]));
        assert_ne!(id("customer", [("-80", 1), ("80-", 2)]), id("customer", [("-80", 1), ("80-", 3)]));
    }
}
