//! `[switch]`: outside of which conditions a switch is not tried.

use super::intent::SwitchSpec;
use super::key::{Bounds, DAY, Fallback, HOUR, Key, Kind, Table};
use super::problem::Problem;
use super::section::Section;

pub static TABLE: Table = Table {
    name: "switch",
    doc: "A switch of traffic is not tried outside of these.",
    required: false,
    keys: &[&MAX_LAG, &STABLE_FOR, &MAX_TRANSACTION_AGE, &WAIT_FOR_QUIET, &TIMEOUT],
};

/// How long vtgate keeps writes waiting during a switch before it fails them (`--buffer-window`, 10 s unless set).
const VTGATE_BUFFER_SECONDS: u64 = 10;

static MAX_LAG: Key = Key {
    name: "max-lag",
    doc: "The lag of every stream must be below it for `stable-for`. Vitess measures in seconds, so 1s is the least.",
    kind: Kind::Length(Bounds::seconds(1, HOUR)),
    fallback: Fallback::Text("5s"),
};
static STABLE_FOR: Key = Key {
    name: "stable-for",
    doc: "How long the lag must have been below `max-lag`.",
    kind: Kind::Length(Bounds::seconds(0, HOUR)),
    fallback: Fallback::Text("10s"),
};
static MAX_TRANSACTION_AGE: Key = Key {
    name: "max-transaction-age",
    doc: "No transaction that holds a write lock on a moved table may be older when the primary is switched.",
    kind: Kind::Length(Bounds::milliseconds(100, HOUR * 1000)),
    fallback: Fallback::Text("1s"),
};
static WAIT_FOR_QUIET: Key = Key {
    name: "wait-for-quiet",
    doc: "How long to wait for all of this at once. Then it holds, keeps the approval, and names what is in the way.",
    kind: Kind::Length(Bounds::seconds(1, DAY)),
    fallback: Fallback::Text("10m"),
};
static TIMEOUT: Key = Key {
    name: "timeout",
    doc: "How long the switch may take to catch up while writes wait. It should be below vtgate's buffer of 10s. Vitess's own \
          leases outlive a dead vtctld by three times this and 30s.",
    kind: Kind::Length(Bounds::seconds(1, 5 * 60)),
    fallback: Fallback::Text("5s"),
};

pub fn decode(mut table: Section<'_>) -> Option<SwitchSpec> {
    let max_lag = table.seconds(&MAX_LAG);
    let stable_for = table.seconds(&STABLE_FOR);
    let max_transaction_age = table.milliseconds(&MAX_TRANSACTION_AGE);
    let wait_for_quiet = table.seconds(&WAIT_FOR_QUIET);
    let timeout = table.seconds(&TIMEOUT);
    if let Some(timeout) = timeout.as_ref().filter(|timeout| timeout.value >= VTGATE_BUFFER_SECONDS) {
        let message = format!("`{}` is not below vtgate's buffer of {VTGATE_BUFFER_SECONDS}s", timeout.path);
        table.log.push(
            Problem::warning("C117", timeout.path.clone(), Some(timeout.span.clone()), message)
                .label("writes may wait this long")
                .help("unless your vtgates run with a longer `--buffer-window`, writes that wait longer than 10s fail; use 9s or less"),
        );
    }
    if let (Some(stable), Some(quiet)) = (&stable_for, &wait_for_quiet)
        && quiet.value <= stable.value
    {
        table.log.push(
            Problem::error(
                "C111",
                quiet.path.clone(),
                Some(quiet.span.clone()),
                format!("`{}` is not longer than `{}`", quiet.path, stable.path),
            )
            .label("it would always give up")
            .also(stable.span.clone(), "the quiet must last this long")
            .help("make `wait-for-quiet` longer than `stable-for`"),
        );
    }
    table.finish();
    Some(SwitchSpec {
        max_lag_seconds: max_lag?.value,
        stable_for_seconds: stable_for?.value,
        max_transaction_age_milliseconds: max_transaction_age?.value,
        wait_for_quiet_seconds: wait_for_quiet?.value,
        timeout_seconds: timeout?.value,
    })
}
