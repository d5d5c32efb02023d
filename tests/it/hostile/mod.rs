//! Input from others that is broken, huge, or made to hurt: files of people, answers of servers, and what becomes of both on a screen.
//!
//! Seeds are fixed, so that a failure comes back; `CUTOVER_CASES=10000` tries more of them, `CUTOVER_HOSTILE_SEED=N` others.

mod files;
pub mod liar;
mod lies;
mod looks;
pub mod runs;
mod screens;

/// How many cases a property is tried with.
pub fn cases(usual: u32) -> u32 {
    std::env::var("CUTOVER_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

fn seed() -> u64 {
    std::env::var("CUTOVER_HOSTILE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5)
}

/// The same cases each time, for a seed.
pub fn config(usual: u32) -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig {
        cases: cases(usual),
        failure_persistence: None,
        max_shrink_iters: 64,
        rng_seed: proptest::test_runner::RngSeed::Fixed(seed()),
        ..Default::default()
    }
}

/// What a terminal acts on, what a reader can't see, what a CI takes for a command, what ends a code block.
pub const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]8;;http://x\u{7}\r\n::error title=x::y\n##[error]z\n\u{202e}gpj\u{200b}\u{9b}31m\u{0}`</details>";

/// Nothing of [`HOSTILE`] acts in this text. Lines end as they should, and nothing else controls anything.
pub fn assert_harmless(text: &str, what: &str) {
    let acts = text.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    });
    assert!(acts.is_none(), "{what}: {acts:?} in {text:?}");
    let command = text.lines().map(str::trim_start).find(|line| line.starts_with("::") || line.starts_with("##["));
    assert!(command.is_none(), "{what}: {command:?} is a command to a CI, in {text:?}");
}
