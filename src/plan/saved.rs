//! A plan as a file: what was reviewed, so that exactly that is done or nothing.
//!
//! The same input gives the same bytes: it holds no time, and no secret and no row either, for a plan has none.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{PhasePlan, PhaseStatus, Plan};
use super::redefined;
use super::sealed::{SealError, Sealed, read};
use crate::family::basis::Basis;
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::model::routing::RoutingDiff;

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
    const FORMAT: u32 = 1;

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
    let mut moved = Vec::new();
    let mut find = |subject: &str, summary: String| {
        moved.push(Finding::fail(STALE, Severity::Error, subject, summary, ""));
    };
    if saved.cluster.fingerprint != now.cluster.fingerprint {
        let (was, is) = (&saved.cluster.fingerprint, &now.cluster.fingerprint);
        find("cluster", format!("it was planned for a cluster of fingerprint {was}, and {} has {is}", now.cluster.address));
    }
    if saved.digests.intent != now.digests.intent {
        find(PLAN_FILE, format!("it means something else now: {}", intent_words(saved, now)));
    }
    let phases = moved_phases(saved, now);
    // A forecast that is another says it better.
    if phases.is_empty() {
        for part in moved_topology(&saved.basis, &now.basis) {
            find("cluster", format!("what the plan rests on has changed: the {part} of these tables"));
        }
    }
    for (subject, what) in moved_definitions(saved, now) {
        find(&subject, what);
    }
    for (phase, what) in phases {
        find(&phase, what);
    }
    let known: BTreeSet<(&str, &str)> = blocking(saved).collect();
    for finding in now.checks.iter().filter(|finding| finding.blocks()) {
        if !known.contains(&(finding.code.as_str(), finding.subject.as_str())) {
            find(&finding.subject, format!("in the way now, and not when it was planned: {}: {}", finding.code, finding.summary));
        }
    }
    moved
}

/// Whether a finding of [`moved`] tells of the plan file, and not of the cluster.
pub fn is_of_the_plan_file(finding: &Finding) -> bool {
    finding.subject == PLAN_FILE
}

/// The parts of the topology that are others, as people call them.
fn moved_topology(saved: &Basis, now: &Basis) -> Vec<String> {
    let parts: BTreeSet<&String> = saved.topology.keys().chain(now.topology.keys()).collect();
    parts.into_iter().filter(|part| saved.topology.get(*part) != now.topology.get(*part)).cloned().collect()
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
        let gate = |phase: &PhasePlan| serde_json::to_string(&phase.gate).unwrap_or_default();
        if gate(before) != gate(phase) {
            words.push(format!("the gate of {} is another", phase.name));
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

/// Each phase ahead whose forecast is another: its name, and what differs.
fn moved_phases(saved: &Plan, now: &Plan) -> Vec<(String, String)> {
    let ahead = now.phases.iter().filter(|phase| phase.status != PhaseStatus::Done);
    ahead
        .filter_map(|phase| match saved.phases.iter().find(|before| before.name == phase.name) {
            None => Some((phase.name.clone(), "this phase is not in the plan".to_owned())),
            Some(before) if before.digest == phase.digest => None,
            Some(before) => Some((phase.name.clone(), format!("it would do something else: {}", phase_words(before, phase)))),
        })
        .collect()
}

fn phase_words(before: &PhasePlan, now: &PhasePlan) -> String {
    let (was, is) = (lines(before), lines(now));
    let more: Vec<String> = is.difference(&was).map(|line| format!("also {line}")).collect();
    let fewer: Vec<String> = was.difference(&is).map(|line| format!("no longer {line}")).collect();
    let all: Vec<String> = more.into_iter().chain(fewer).collect();
    if all.is_empty() {
        return format!(
            "what it leaves beside its own changes is another (forecast {} instead of {})",
            now.digest.short(),
            before.digest.short()
        );
    }
    crate::words::list(&all, MOST_NAMED, "; ")
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
        let newer = text.replace("\"saved_plan_format\": 1", "\"saved_plan_format\": 2, \"more\": true");
        assert_eq!(SavedPlan::read(&newer).unwrap_err(), SealError::Newer { what: "saved plan", found: 2, known: 1 });
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
        now.basis.topology.insert("denied tables".into(), Digest::of(&"another"));
        assert_eq!(told(&now), ["cluster: what the plan rests on has changed: the denied tables of these tables"]);

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
