//! C231: what plan files have against each other that are planned together. Each alone may be sound, and both together not.

use std::collections::BTreeSet;

use super::document::{Plan, Verdict};
use super::folder::FiledPlan;
use crate::finding::{Finding, Severity};
use crate::words::{counted, names};

pub const CODE: &str = "C231";

pub const TITLE: &str = "plan files are in each other's way";

pub const PAGE: &str = "\
## What it means
`cutover plan DIR` found plan files for one cluster that can't all be done as they are written, or not at the same time:

- two move the same table out of one keyspace, or into one keyspace, or are one and the same workflow: an error for both;
- one moves a table on that another one still has to bring: an error for the one that is to come second;
- the target of one is the source of another: a warning;
- they share a keyspace: a note.

## Why it matters
Vitess looks at one workflow at a time. Two streams that write one table, or two sets of routing rules for one name, end in lost
rows or in an outage, whoever comes second. And a primary switch takes the locks of both its keyspaces: a second one on any of them
waits, vtctld gives up after 45 s, and a window is short.

## What to do
Take a table out of one of the files. Complete the movement that brings a table before the one that moves it on is planned. Let
primary switches on the same keyspace have windows of their own.

## When it is inconclusive
Never: it compares plans that are there. A plan file that could not be planned is told by itself, and compared with nothing.

## What it reads
Nothing of the cluster.
";

/// Adds to each plan what the others have against it, and says anew whether it is blocked. Movements that are over are in nobody's
/// way.
pub fn add(plans: &mut [FiledPlan]) {
    let found: Vec<Vec<Finding>> = plans.iter().map(|one| against(one, plans)).collect();
    for (filed, found) in plans.iter_mut().zip(found) {
        if found.iter().any(Finding::blocks) {
            filed.plan.verdict = Verdict::Blocked;
        }
        filed.plan.checks.extend(found);
    }
}

fn against(one: &FiledPlan, all: &[FiledPlan]) -> Vec<Finding> {
    let others = all.iter().filter(|other| other.file != one.file && meet(&one.plan, &other.plan));
    let mut findings = Vec::new();
    let mut queue = Vec::new();
    for other in others {
        match conflict(&one.plan, other) {
            Some(finding) => findings.push(finding),
            None => queue.extend(shared_keyspaces(&one.plan, &other.plan).map(|keyspace| (other.file.as_str(), keyspace))),
        }
    }
    findings.extend(queued(&queue));
    findings
}

/// Both are still to be done, on one cluster. Two aliases may lead to one address.
fn meet(one: &Plan, other: &Plan) -> bool {
    let is_over = |plan: &Plan| plan.verdict == Verdict::NothingToDo;
    let is_same = one.cluster.alias == other.cluster.alias || one.cluster.address == other.cluster.address;
    is_same && !is_over(one) && !is_over(other)
}

/// The gravest that another one has against a plan.
fn conflict(one: &Plan, other: &FiledPlan) -> Option<Finding> {
    const MOST_TABLES: usize = 5;
    let (file, other) = (other.file.as_str(), &other.plan);
    let ours: BTreeSet<&String> = one.tables.iter().collect();
    let both: Vec<String> = other.tables.iter().filter(|table| ours.contains(table)).map(|table| format!("`{table}`")).collect();
    let tables = names(&both, MOST_TABLES);
    let (source, target) = (&one.source_keyspace, &one.target_keyspace);
    let fail = |severity, summary, help: &str| Some(Finding::fail(CODE, severity, file, summary, help).at("move-tables.tables"));
    if (&one.workflow, target) == (&other.workflow, &other.target_keyspace) {
        let summary = format!("`{file}` is the same workflow, `{target}.{}`", one.workflow);
        return fail(Severity::Error, summary, "give one of them another `workflow`, or take one file away");
    }
    if !both.is_empty() {
        let what = counted(both.len(), "table");
        if source == &other.source_keyspace {
            let summary = format!("`{file}` moves {what} out of `{source}` too: {tables}");
            return fail(Severity::Error, summary, "a table moves once: take it out of one of the two files");
        }
        if target == &other.target_keyspace {
            let summary = format!("`{file}` moves {what} of the same name into `{target}` too: {tables}");
            return fail(Severity::Error, summary, "a table comes from one keyspace: take it out of one of the two files");
        }
        if source == &other.target_keyspace {
            let summary = format!("{what} come to `{source}` only by `{file}`: {tables}");
            return fail(Severity::Error, summary, "complete that movement first, then plan this one");
        }
    }
    if source == &other.target_keyspace || target == &other.source_keyspace {
        let (keyspace, way) = if source == &other.target_keyspace { (source, "the target") } else { (target, "the source") };
        let summary =
            format!("`{keyspace}` is also {way} of `{file}`: what one brings or takes changes what the other one finds");
        return fail(Severity::Warning, summary, "let one be complete before the other one begins");
    }
    None
}

fn shared_keyspaces<'a>(one: &'a Plan, other: &'a Plan) -> impl Iterator<Item = &'a str> {
    let theirs = [&other.source_keyspace, &other.target_keyspace];
    [&one.source_keyspace, &one.target_keyspace].into_iter().filter(move |ours| theirs.contains(ours)).map(String::as_str)
}

/// Movements that only wait for each other's locks.
fn queued(queue: &[(&str, &str)]) -> Option<Finding> {
    const MOST_FILES: usize = 5;
    let unique = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let files = unique(queue.iter().map(|(file, _)| format!("`{file}`")).collect());
    let keyspaces = unique(queue.iter().map(|(_, keyspace)| format!("`{keyspace}`")).collect());
    if files.is_empty() {
        return None;
    }
    Some(Finding::fail(
        CODE,
        Severity::Note,
        names(&keyspaces, MOST_FILES).replace('`', ""),
        format!(
            "{} {} here too: a primary switch takes the locks of its keyspaces, and a second one waits for them",
            names(&files, MOST_FILES),
            if files.len() == 1 { "switches" } else { "switch" }
        ),
        "let their primary switches have windows of their own",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::plan_of;

    fn filed(file: &str, workflow: &str, from: &str, to: &str, tables: &[&str]) -> FiledPlan {
        let mut plan = plan_of(2, "production", vec![]);
        plan.workflow = workflow.into();
        (plan.source_keyspace, plan.target_keyspace) = (from.into(), to.into());
        plan.tables = tables.iter().map(|table| (*table).to_owned()).collect();
        FiledPlan { file: file.into(), plan }
    }

    /// What is said of each plan, and its verdict.
    fn judged(mut plans: Vec<FiledPlan>) -> Vec<(Verdict, Vec<(Severity, String)>)> {
        add(&mut plans);
        let said = |plan: &Plan| plan.checks.iter().map(|finding| (finding.severity, finding.summary.clone())).collect();
        plans.iter().map(|filed| (filed.plan.verdict, said(&filed.plan))).collect()
    }

    #[test]
    fn the_same_table_twice_blocks_both() {
        for (from, to) in [("commerce", "archive"), ("legacy", "customer")] {
            let judged = judged(vec![
                filed("a.toml", "one", "commerce", "customer", &["corder", "customer"]),
                filed("b.toml", "two", from, to, &["corder", "product"]),
            ]);
            for (verdict, said) in &judged {
                assert_eq!((*verdict, said.len(), said[0].0), (Verdict::Blocked, 1, Severity::Error), "{said:?}");
                assert!(said[0].1.contains("1 table") && said[0].1.ends_with(": `corder`"), "{said:?}");
            }
        }
    }

    #[test]
    fn what_must_come_second_is_blocked_and_what_comes_first_is_warned() {
        let judged = judged(vec![
            filed("a.toml", "one", "commerce", "customer", &["corder"]),
            filed("b.toml", "two", "customer", "archive", &["corder"]),
        ]);
        assert_eq!((judged[0].0, judged[0].1[0].0), (Verdict::Ready, Severity::Warning), "{judged:?}");
        assert_eq!((judged[1].0, judged[1].1[0].0), (Verdict::Blocked, Severity::Error), "{judged:?}");
        assert!(judged[1].1[0].1.contains("only by `a.toml`"), "{judged:?}");
    }

    #[test]
    fn a_keyspace_that_is_filled_and_emptied_at_once_is_a_warning_for_both() {
        let judged = judged(vec![
            filed("a.toml", "one", "commerce", "customer", &["corder"]),
            filed("b.toml", "two", "customer", "archive", &["audit"]),
        ]);
        let said = |of: usize, way: &str| {
            let (verdict, said) = &judged[of];
            let [(severity, summary)] = &said[..] else { panic!("{said:?}") };
            assert_eq!((*verdict, *severity), (Verdict::Ready, Severity::Warning));
            assert!(summary.contains(way), "{summary}");
        };
        said(0, "`customer` is also the source of `b.toml`");
        said(1, "`customer` is also the target of `a.toml`");
    }

    #[test]
    fn a_name_that_is_taken_blocks_and_a_shared_keyspace_is_a_note_said_once() {
        let same = judged(vec![
            filed("a.toml", "one", "commerce", "customer", &["corder"]),
            filed("b.toml", "one", "commerce", "customer", &["product"]),
        ]);
        assert!(same.iter().all(|(verdict, said)| *verdict == Verdict::Blocked && said[0].1.contains("the same workflow")));
        let queue = judged(vec![
            filed("a.toml", "one", "commerce", "customer", &["corder"]),
            filed("b.toml", "two", "commerce", "customer", &["product"]),
            filed("c.toml", "three", "commerce", "archive", &["audit"]),
        ]);
        assert_eq!((queue[0].0, queue[0].1.len(), queue[0].1[0].0), (Verdict::Ready, 1, Severity::Note), "{queue:?}");
        assert!(queue[0].1[0].1.starts_with("`b.toml`, `c.toml` switch here too"), "{queue:?}");
    }

    #[test]
    fn another_cluster_and_a_movement_that_is_over_are_in_nobodys_way() {
        let mut over = filed("b.toml", "two", "commerce", "archive", &["corder"]);
        over.plan.verdict = Verdict::NothingToDo;
        let mut elsewhere = filed("c.toml", "three", "commerce", "archive", &["corder"]);
        (elsewhere.plan.cluster.alias, elsewhere.plan.cluster.address) = ("staging".into(), "vtctld.staging:1".into());
        let judged = judged(vec![filed("a.toml", "one", "commerce", "customer", &["corder"]), over, elsewhere]);
        assert!(judged.iter().all(|(_, said)| said.is_empty()), "{judged:?}");
    }
}
