//! A plan as a file: what was reviewed, so that exactly that is done or nothing.
//!
//! The same input gives the same bytes: it holds no time, and no secret and no row either, for a plan has none.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{GatePlan, PhasePlan, PhaseStatus, Plan};
use super::redefined;
use super::sealed::{SealError, Sealed, read};
use crate::family::basis::Basis;
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::model::routing::RoutingDiff;
use crate::spec::GatePolicy;
use crate::words::length;

/// The code of a plan that is no longer what would happen.
pub const STALE: &str = "C409";
/// Differences of one kind that are named.
const MOST_NAMED: usize = 12;

/// `plan --out FILE`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Grows when a reader of the old one would misread the new one.
    pub saved_plan_format: u32,
    /// Where the plan file is, from the folder of this file.
    pub plan_file: String,
    /// Of `plan`: an edited plan is no plan that anybody has seen.
    #[schemars(with = "String")]
    pub digest: Digest,
    pub plan: Plan,
}

impl Sealed for SavedPlan {
    const WHAT: &'static str = "saved plan";
    const FORMAT_KEY: &'static str = "saved_plan_format";
    const FORMAT: u32 = 2;

    fn is_whole(&self) -> bool {
        Digest::of(&self.plan) == self.digest
    }
}

impl SavedPlan {
    /// `plan_file` as it is found from the folder in which this will lie.
    pub fn new(plan: Plan, plan_file: String) -> Self {
        Self { saved_plan_format: Self::FORMAT, plan_file, digest: Digest::of(&plan), plan }
    }

    /// As it is written.
    ///
    /// # Errors
    /// Never for a plan that was made here.
    pub fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads one, whole and unchanged.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, SealError> {
        read(text)
    }
}

/// The subject of what has changed there.
const PLAN_FILE: &str = "plan file";

/// What is no longer as a plan showed it, one finding each; none when what would happen now is what it showed. By the three digests:
/// what the plan file means, what each phase ahead will leave, what it rests on in the cluster.
pub fn moved(saved: &Plan, now: &Plan) -> Vec<Finding> {
    // Subject and summary of each.
    let mut moved: Vec<(String, String)> = Vec::new();
    if saved.cluster.fingerprint != now.cluster.fingerprint {
        let (was, is) = (&saved.cluster.fingerprint, &now.cluster.fingerprint);
        moved.push((
            "cluster".into(),
            format!("it was planned for a cluster of fingerprint {was}, and {} has {is}", now.cluster.address),
        ));
    }
    if saved.digests.intent != now.digests.intent {
        moved.push((PLAN_FILE.into(), format!("it means something else now: {}", intent_words(saved, now))));
    }
    let phases = moved_phases(saved, now);
    // A plan file that means something else rests on other things as well.
    if phases.is_empty() || saved.digests.intent == now.digests.intent {
        for (part, changes) in moved_topology(&saved.basis, &now.basis) {
            moved.push(("cluster".into(), format!("what the plan rests on has changed, {part}: {changes}")));
        }
    }
    moved.extend(moved_definitions(saved, now));
    // What stands above names the reason of a forecast whose own changes are the same.
    let says_why = !moved.is_empty();
    let (named, unnamed): (Vec<_>, Vec<_>) = phases.into_iter().partition(|phase| phase.what.is_some());
    moved.extend(named.into_iter().map(|phase| (phase.name, phase.what.unwrap_or_default())));
    if !unnamed.is_empty() && !says_why {
        let names: Vec<String> = unnamed.into_iter().map(|phase| phase.name).collect();
        let phases = crate::words::names(&names, MOST_NAMED);
        let what = format!("what {phases} would leave is no longer what the plan showed, in what is not theirs to change");
        moved.push(("forecast".into(), what));
    }
    let known: BTreeSet<(&str, &str)> = blocking(saved).collect();
    for finding in now.checks.iter().filter(|finding| finding.blocks()) {
        if !known.contains(&(finding.code.as_str(), finding.subject.as_str())) {
            let what = format!("in the way now, and not when it was planned: {}: {}", finding.code, finding.summary);
            moved.push((finding.subject.clone(), what));
        }
    }
    moved.into_iter().map(|(subject, what)| Finding::fail(STALE, Severity::Error, subject, what, "")).collect()
}

/// Whether a finding of [`moved`] tells of the plan file, and not of the cluster.
pub fn is_of_the_plan_file(finding: &Finding) -> bool {
    finding.subject == PLAN_FILE
}

/// The parts of the topology that are others, as people call them, and each thing in it that is another.
fn moved_topology(saved: &Basis, now: &Basis) -> Vec<(String, String)> {
    let none = BTreeMap::new();
    let parts: BTreeSet<&String> = saved.topology.keys().chain(now.topology.keys()).collect();
    let mut moved = Vec::new();
    for part in parts {
        let (was, is) = (saved.topology.get(part).unwrap_or(&none), now.topology.get(part).unwrap_or(&none));
        let things: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        let changed = things.into_iter().filter(|thing| was.get(*thing) != is.get(*thing));
        let of = |things: &BTreeMap<String, String>, thing: &String| things.get(thing).map_or("none", String::as_str).to_owned();
        let changes: Vec<String> =
            changed.map(|thing| format!("{thing}: it was {}, it is {}", of(was, thing), of(is, thing))).collect();
        if !changes.is_empty() {
            moved.push((part.clone(), crate::words::list(&changes, MOST_NAMED, "; ")));
        }
    }
    moved
}

/// The tables whose definitions are others: their names, and what differs.
fn moved_definitions(saved: &Plan, now: &Plan) -> Vec<(String, String)> {
    let of_all = |what: &str| vec![(saved.source_keyspace.clone(), format!("the definitions of its tables {what}"))];
    match (&saved.basis.definitions, &now.basis.definitions) {
        (Some(was), Some(is)) => redefined::between(was, is)
            .into_iter()
            // Of a table that is moved by one of them alone the plan file's meaning tells.
            .filter(|(table, _)| saved.tables.contains(table) && now.tables.contains(table))
            .map(|(table, change)| (format!("{}.{table}", now.source_keyspace), format!("its definition has changed {change}")))
            .collect(),
        (None, Some(_)) => of_all("could not be read when it was planned"),
        (Some(_), None) => of_all("can't be read now"),
        (None, None) => vec![],
    }
}

fn blocking(plan: &Plan) -> impl Iterator<Item = (&str, &str)> {
    plan.checks.iter().filter(|finding| finding.blocks()).map(|finding| (finding.code.as_str(), finding.subject.as_str()))
}

/// What of the plan file's meaning shows in the plan.
fn intent_words(saved: &Plan, now: &Plan) -> String {
    let mut words = Vec::new();
    let (was, is): (BTreeSet<&String>, BTreeSet<&String>) = (saved.tables.iter().collect(), now.tables.iter().collect());
    let named = |tables: Vec<&&String>| {
        crate::words::names(&tables.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>(), MOST_NAMED)
    };
    let (more, fewer): (Vec<_>, Vec<_>) = (is.difference(&was).collect(), was.difference(&is).collect());
    if !more.is_empty() {
        words.push(format!("{} would be moved too", named(more)));
    }
    if !fewer.is_empty() {
        words.push(format!("{} would not be moved", named(fewer)));
    }
    for phase in &now.phases {
        let Some(before) = saved.phases.iter().find(|before| before.name == phase.name) else { continue };
        if before.gate != phase.gate {
            let (was, is) = (gate_words(before.gate.as_ref()), gate_words(phase.gate.as_ref()));
            words.push(format!("the gate of {} was {was}, and is {is}", phase.name));
        }
        if before.effects != phase.effects {
            let new = phase.effects.iter().find(|effect| !before.effects.contains(effect));
            words.push(format!("{} does something else{}", phase.name, new.map(|it| format!(" ({it})")).unwrap_or_default()));
        }
    }
    if words.is_empty() {
        words.push(format!("intent {} instead of {}", now.digests.intent.short(), saved.digests.intent.short()));
    }
    words.join("; ")
}

fn gate_words(gate: Option<&GatePlan>) -> String {
    let Some(GatePlan { policy, windows, time_zone, approval_expires_seconds }) = gate else { return "none".to_owned() };
    let windows = if windows.is_empty() { String::new() } else { format!(" in {} ({time_zone})", windows.join(", ")) };
    let expires = match policy {
        GatePolicy::OperatorHold => format!(", an approval counting {}", length(*approval_expires_seconds)),
        GatePolicy::AutoAdvance => String::new(),
    };
    format!("{}{windows}{expires}", policy.as_str())
}

/// A phase ahead whose forecast is another.
struct MovedPhase {
    name: String,
    /// None where its own changes are the same, and something beside them is not.
    what: Option<String>,
}

fn moved_phases(saved: &Plan, now: &Plan) -> Vec<MovedPhase> {
    let ahead = now.phases.iter().filter(|phase| phase.status != PhaseStatus::Done);
    ahead
        .filter_map(|phase| {
            let what = match saved.phases.iter().find(|before| before.name == phase.name) {
                None => Some("this phase is not in the plan".to_owned()),
                Some(before) if before.digest == phase.digest => return None,
                Some(before) => phase_words(before, phase).map(|what| format!("it would do something else: {what}")),
            };
            Some(MovedPhase { name: phase.name.clone(), what })
        })
        .collect()
}

fn phase_words(before: &PhasePlan, now: &PhasePlan) -> Option<String> {
    let (was, is) = (lines(before), lines(now));
    let more = is.difference(&was).map(|line| format!("also {line}"));
    let fewer = was.difference(&is).map(|line| format!("no longer {line}"));
    let all: Vec<String> = more.chain(fewer).collect();
    (!all.is_empty()).then(|| crate::words::list(&all, MOST_NAMED, "; "))
}

/// Each change of a phase as a line.
fn lines(phase: &PhasePlan) -> BTreeSet<String> {
    let RoutingDiff { added, removed, changed } = &phase.changes.routing_rules;
    let mut lines: BTreeSet<String> = BTreeSet::new();
    lines.extend(added.iter().map(|rule| format!("adds the rule `{}` to `{}`", rule.from_table, rule.to_table)));
    lines.extend(removed.iter().map(|rule| format!("removes the rule `{}` to `{}`", rule.from_table, rule.to_table)));
    lines.extend(
        changed.iter().map(|rule| format!("changes the rule `{}` from `{}` to `{}`", rule.from_table, rule.before, rule.after)),
    );
    for (what, diff) in [
        ("denied tables", &phase.changes.denied_tables),
        ("VSchema tables", &phase.changes.vschema),
        ("tables", &phase.changes.tables),
    ] {
        for (place, names) in &diff.added {
            lines.extend(names.iter().map(|name| format!("adds `{name}` to the {what} of {place}")));
        }
        for (place, names) in &diff.removed {
            lines.extend(names.iter().map(|name| format!("removes `{name}` from the {what} of {place}")));
        }
    }
    lines.extend(phase.changes.streams.iter().map(|(stream, shape)| format!("makes the stream {stream} {shape}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::basis::Definition;
    use crate::report::fixtures::{no_key, passes, plan_of};

    fn saved() -> SavedPlan {
        SavedPlan::new(plan_of(2, "production", passes(3)), "workflow.toml".into())
    }

    #[test]
    fn the_same_plan_is_the_same_file_and_is_read_as_it_was_written() {
        let text = saved().text().unwrap();
        assert_eq!(text, saved().text().unwrap());
        let read = SavedPlan::read(&text).unwrap();
        assert_eq!(read.text().unwrap(), text);
        assert_eq!(moved(&read.plan, &plan_of(2, "production", passes(3))), []);
    }

    #[test]
    fn what_was_edited_cut_or_is_of_tomorrow_is_refused() {
        let text = saved().text().unwrap();
        assert_eq!(SavedPlan::read(&text.replace("corder", "corders")).unwrap_err(), SealError::Edited);
        let newer = text.replace("\"saved_plan_format\": 2", "\"saved_plan_format\": 3, \"more\": true");
        assert_eq!(SavedPlan::read(&newer).unwrap_err(), SealError::Format { what: "saved plan", found: 3, known: 2 });
        let older = text.replace("\"saved_plan_format\": 2", "\"saved_plan_format\": 1");
        assert_eq!(SavedPlan::read(&older).unwrap_err(), SealError::Format { what: "saved plan", found: 1, known: 2 });
        for end in (0..text.len() - 2).step_by(97) {
            assert!(SavedPlan::read(&text[..end]).is_err(), "{end}");
        }
        let SealError::Syntax { line, column, .. } = SavedPlan::read("{\n  \"saved_plan_format\": x").unwrap_err() else {
            panic!()
        };
        assert_eq!((line, column), (2, 24));
    }

    #[test]
    fn what_moved_is_named_by_what_it_changes() {
        let was = plan_of(2, "production", passes(3));
        let told = |now: &Plan| {
            moved(&was, now).into_iter().map(|finding| format!("{}: {}", finding.subject, finding.summary)).collect::<Vec<_>>()
        };

        let mut now = was.clone();
        now.cluster.fingerprint = "other".into();
        assert!(told(&now)[0].starts_with("cluster: it was planned for"), "{:?}", told(&now));

        let mut now = plan_of(3, "production", passes(3));
        now.digests.intent = Digest::of(&"another");
        let all = told(&now);
        assert!(all[0].starts_with("plan file: it means something else now: `order_001`"), "{all:?}");
        assert!(all.iter().any(|line| line.starts_with("create: it would do something else: also adds ")), "{all:?}");

        let mut now = was.clone();
        now.basis.topology.insert("denied tables".into(), [("commerce/0".to_owned(), "corder".to_owned())].into());
        let denied = "cluster: what the plan rests on has changed, denied tables: commerce/0: it was none, it is corder";
        assert_eq!(told(&now), [denied]);
        // The forecasts hold what is there beside the changes of a phase: that is told once, and by what it is.
        for phase in &mut now.phases {
            phase.digest = Digest::of(&"another");
        }
        assert_eq!(told(&now), [denied]);
        now.basis = was.basis.clone();
        assert!(matches!(&told(&now)[..], [only] if only.starts_with("forecast: what pre-check, create")), "{:?}", told(&now));

        let mut now = was.clone();
        now.digests.intent = Digest::of(&"another");
        let gate = now.phases.iter_mut().find_map(|phase| phase.gate.as_mut()).unwrap();
        gate.policy = if gate.policy == GatePolicy::AutoAdvance { GatePolicy::OperatorHold } else { GatePolicy::AutoAdvance };
        let all = told(&now);
        assert!(all[0].contains("the gate of") && all[0].contains("auto-advance, and is operator-hold"), "{all:?}");

        let defined = |text: &str| Definition { table: "corder".into(), shards: vec!["commerce/0".into()], text: text.into() };
        let (mut saved, mut now) = (was.clone(), was.clone());
        saved.basis.definitions = Some(vec![defined("CREATE TABLE `corder` (\n  `id` int\n) ENGINE=InnoDB")]);
        let of_saved =
            |now: &Plan| moved(&saved, now).into_iter().map(|it| format!("{}: {}", it.subject, it.summary)).collect::<Vec<_>>();
        assert_eq!(of_saved(&now), ["commerce: the definitions of its tables can't be read now"]);
        now.basis.definitions = Some(vec![defined("CREATE TABLE `corder` (\n  `id` bigint\n) ENGINE=InnoDB")]);
        assert_eq!(
            of_saved(&now),
            ["commerce.corder: its definition has changed on commerce/0: the column `id` was int, and is bigint"]
        );
        assert_eq!(told(&now), ["commerce: the definitions of its tables could not be read when it was planned"]);

        let mut now = was.clone();
        now.checks.push(no_key("corder"));
        assert!(told(&now)[0].contains("in the way now"), "{:?}", told(&now));
    }

    #[test]
    fn a_phase_that_is_done_is_no_matter() {
        let was = plan_of(2, "production", passes(3));
        let mut now = was.clone();
        now.phases[1].digest = Digest::of(&"another");
        assert_eq!(moved(&was, &now).len(), 1);
        now.phases[1].status = PhaseStatus::Done;
        assert_eq!(moved(&was, &now), []);
    }
}
