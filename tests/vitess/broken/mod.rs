//! A real cluster is broken in the middle of everything, with `cutover` looking on.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`operation`] | what can be broken, and how it is when it is whole |
//! | [`points`] | where a vtctld can die |
//! | [`bench`] | how a vtctld is stopped there |
//! | [`observed`] | what the cluster shows |
//! | [`course`] | one fault from its beginning to the end |
//! | [`row`] | what came of it |
//!
//! On each push: the points that are marked dangerous, and a few others, by the day. `CUTOVER_BROKEN=all`, or a part of the names of
//! operations and points, runs these; `CUTOVER_BROKEN_HAND=1` also by hand; `CUTOVER_BROKEN_RESULTS=FILE` is given a line of JSON for
//! each. `tests/long/run` does all of it.

mod bench;
mod course;
mod observed;
mod operation;
mod points;
mod row;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{Case, World};
use course::Variant;
use points::Point;

/// All points have had their turn after so many days, beside those of each push.
const PARTS: usize = 28;

pub fn tests() -> Vec<Case> {
    let limit_seconds = if std::env::var_os("CUTOVER_BROKEN").is_some() { 6 * 3600 } else { 1200 };
    vec![Case::new("vtctld_is_killed_at_each_step", vtctld_is_killed_at_each_step).limit_seconds(limit_seconds)]
}

fn vtctld_is_killed_at_each_step(world: &World) {
    let results = std::env::var_os("CUTOVER_BROKEN_RESULTS").map(PathBuf::from);
    let by_hand = std::env::var_os("CUTOVER_BROKEN_HAND").is_some();
    let mut problems = Vec::new();
    for (point, variant) in chosen() {
        let mut row = course::run(world, &point, variant);
        eprintln!("  {} [{} s]", row.line(), row.took_seconds);
        problems.extend(row.problem());
        if by_hand {
            row.by_hand = Some(course::run_by_hand(world, &point));
        }
        if let Some(file) = &results {
            row::append(file, &row);
        }
    }
    assert!(problems.is_empty(), "{} end badly:\n{}", problems.len(), problems.join("\n"));
}

/// The points to break, each with what is done beside it. Over the table, and over the days, each variant has its turn.
fn chosen() -> Vec<(Point, Variant)> {
    let wanted = std::env::var("CUTOVER_BROKEN").ok();
    let days = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs() / 86_400;
    let days = usize::try_from(days).unwrap_or(0);
    let is_chosen = |index: usize, point: &Point| match wanted.as_deref() {
        Some("all") => true,
        Some(part) => format!("{}: {}", point.operation.name(), point.name).contains(part),
        None => index % PARTS == days % PARTS,
    };
    let variant = |number: usize| Variant {
        restart_after: Duration::from_secs(if number.is_multiple_of(2) { 0 } else { 10 }),
        kills_cutover: (number / 2).is_multiple_of(2),
        topo: std::env::var_os("CUTOVER_BROKEN_TOPO").is_some(),
    };
    let turn = if wanted.is_some() { 0 } else { days };
    let all = points::all().into_iter().enumerate();
    let chosen = all.filter(|(index, point)| is_chosen(*index, point));
    chosen.map(|(index, point)| (point, variant(index + turn))).collect()
}
