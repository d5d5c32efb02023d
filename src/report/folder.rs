//! The plans of a folder, for people on a screen and in one comment of a pull request.

use super::markdown::{code, fold, text};
use super::page::{Page, bad, bold, good, plain};
use super::plan_human::{self, PlanView};
use super::plan_markdown::{self, MOST_CHARACTERS};
use crate::plan::document::Verdict;
use crate::plan::folder::{FiledPlan, FolderPlan};
use crate::words::counted;

/// Left for the markup between plans.
const MARGIN_CHARACTERS: usize = 1_000;

/// Draws all of them, one after the other, below a line that counts them. What could not be planned is told elsewhere.
pub fn draw(folder: &FolderPlan, view: &PlanView<'_>) -> String {
    let mut page = Page::new(view.drawing);
    let all = counts(folder).join(", ");
    let all = if folder.verdict == Verdict::Blocked { bad(all) } else { good(all) };
    page.line(0, &[plain(counted(files(folder), "plan file")), plain(" below "), bold(&folder.folder), plain(": "), all]);
    let mut drawn = page.finish();
    for filed in &folder.plans {
        let mut page = Page::new(view.drawing);
        let rule = if view.drawing.unicode { "──" } else { "--" };
        page.line(0, &[plain(rule), plain(" "), bold(&filed.file)]);
        let view = PlanView { file: Some(&filed.file), ..*view };
        drawn.push_str(&format!("\n{}{}", page.finish(), plan_human::draw(&filed.plan, &view)));
    }
    drawn
}

/// One comment for all of them: a line each, then each folded away, as much of it as there is room for.
pub fn markdown(folder: &FolderPlan) -> String {
    let head = head(folder);
    let room = MOST_CHARACTERS.saturating_sub(head.chars().count() + MARGIN_CHARACTERS);
    let whole: Vec<usize> = folder
        .plans
        .iter()
        .map(|filed| plan_markdown::within(&filed.plan, Some(&filed.file), usize::MAX).chars().count())
        .collect();
    let share = share(&whole, room);
    let mut comment = head;
    for filed in &folder.plans {
        let title = title(filed);
        // What folds it takes room, too.
        let most = share.saturating_sub(title.chars().count() + FOLD_CHARACTERS);
        let inner = plan_markdown::within(&filed.plan, Some(&filed.file), most);
        if inner.chars().count() <= most && comment.chars().count() + inner.chars().count() < MOST_CHARACTERS {
            comment.push_str(&fold(&title, &inner));
        }
    }
    comment
}

/// `<details><summary>` and what ends them.
const FOLD_CHARACTERS: usize = 60;

/// The most that each may have when those that need less leave the rest to the others.
fn share(whole: &[usize], room: usize) -> usize {
    let mut sorted = whole.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    for (at, need) in sorted.iter().enumerate() {
        let each = left / (sorted.len() - at);
        if need + 2 * FOLD_CHARACTERS + 200 > each {
            return each;
        }
        left -= need + 2 * FOLD_CHARACTERS + 200;
    }
    usize::MAX
}

/// A title stands inside of HTML: nothing but what a path is usually made of.
fn title(filed: &FiledPlan) -> String {
    let file: String =
        filed.file.chars().take(100).map(|c| if c.is_ascii_alphanumeric() || "/._-".contains(c) { c } else { '?' }).collect();
    format!("{} <code>{file}</code>", mark(filed.plan.verdict))
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "✅",
        Verdict::Blocked => "🛑",
        Verdict::NothingToDo => "☑️",
    }
}

fn head(folder: &FolderPlan) -> String {
    const MOST_FILES: usize = 100;
    let verdict = match folder.verdict {
        Verdict::Ready => "READY",
        Verdict::Blocked => "BLOCKED",
        Verdict::NothingToDo => "NOTHING TO DO",
    };
    let plain: String = folder.folder.chars().filter(|c| c.is_ascii_alphanumeric() || "_./".contains(*c)).take(80).collect();
    let mut lines = vec![
        format!("<!-- cutover plan folder {plain} -->"),
        format!(
            "### {} {verdict}: {} below {}, {}",
            mark(folder.verdict),
            counted(files(folder), "plan file"),
            code(&folder.folder),
            counts(folder).join(", ")
        ),
        String::new(),
    ];
    let failed = folder.failed.iter().map(|failed| {
        let help = if failed.help.is_empty() { String::new() } else { format!("<br>→ {}", text(&shortened(&failed.help))) };
        format!("- 🛑 {}: could not be planned: {}{help}", code(&failed.file), text(&shortened(&failed.message)))
    });
    let plans = folder.plans.iter().map(|filed| {
        let (plan, blocking) = (&filed.plan, filed.plan.checks.iter().filter(|finding| finding.blocks()).count());
        let blocked = if blocking == 0 { String::new() } else { format!(", blocked by {}", counted(blocking, "finding")) };
        format!(
            "- {} {}: {} on {}, {} from {} to {}{blocked}",
            mark(plan.verdict),
            code(&filed.file),
            code(&plan.workflow),
            code(&plan.cluster.alias),
            counted(plan.tables.len(), "table"),
            code(&plan.source_keyspace),
            code(&plan.target_keyspace)
        )
    });
    let all: Vec<String> = failed.chain(plans).collect();
    lines.extend(all.iter().take(MOST_FILES).cloned());
    if all.len() > MOST_FILES {
        lines.push(format!("- … and {} more", all.len() - MOST_FILES));
    }
    lines.push("\nNothing was written to any cluster.\n".to_owned());
    lines.join("\n") + "\n"
}

fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}

fn files(folder: &FolderPlan) -> usize {
    folder.plans.len() + folder.failed.len()
}

/// `2 ready`, `1 blocked`; what there is none of is left out.
fn counts(folder: &FolderPlan) -> Vec<String> {
    let counts = [
        (folder.count(Verdict::Ready), "ready"),
        (folder.count(Verdict::Blocked), "blocked"),
        (folder.count(Verdict::NothingToDo), "with nothing to do"),
        (folder.failed.len(), "could not be planned"),
    ];
    counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::conflicts;
    use crate::plan::folder::FailedFile;
    use crate::report::fixtures::{ASCII, HOSTILE, assert_harmless, no_key, plan_of};

    fn folder(plans: usize, tables: usize) -> FolderPlan {
        let one = |n: usize| {
            let findings = (0..if n == 1 { 300 } else { 0 }).map(|at| no_key(&format!("order_{at:03}"))).collect();
            let mut plan = plan_of(tables, "production", findings);
            plan.workflow = format!("move_{n}");
            FiledPlan { file: format!("moves/{n}/workflow.toml"), plan }
        };
        let mut plans: Vec<FiledPlan> = (0..plans).map(one).collect();
        conflicts::add(&mut plans);
        FolderPlan::new("moves".into(), plans, vec![], vec![])
    }

    #[test]
    fn each_plan_stands_below_its_file_and_the_commands_name_it() {
        let drawn = draw(&folder(2, 2), &PlanView { drawing: ASCII, begins: false, full: false, file: None });
        assert!(drawn.starts_with("2 plan files below moves: 2 blocked\n\n-- moves/0/workflow.toml\nBLOCKED by "), "{drawn}");
        assert!(drawn.contains("C231 moves/1/workflow.toml: ") && drawn.contains("C231 moves/0/workflow.toml: "), "{drawn}");
        assert!(drawn.contains("cutover plan moves/1/workflow.toml"), "{drawn}");
    }

    #[test]
    fn one_comment_holds_all_of_them_whole_when_they_fit() {
        let comment = markdown(&folder(2, 2));
        assert_eq!(comment.matches("<details>").count(), comment.matches("</details>").count());
        assert!(
            comment.starts_with("<!-- cutover plan folder moves -->\n### 🛑 BLOCKED: 2 plan files below `moves`, 2 blocked\n")
        );
        for n in 0..2 {
            assert!(comment.contains(&format!("<summary>🛑 <code>moves/{n}/workflow.toml</code></summary>")), "{comment}");
        }
        assert!(!comment.contains("more: cutover plan --verbose") || comment.chars().count() > 50_000);
    }

    #[test]
    fn one_comment_is_never_too_long_however_many_there_are() {
        for (plans, tables) in [(3, 400), (30, 40), (400, 2)] {
            let comment = markdown(&folder(plans, tables));
            assert!(comment.chars().count() <= MOST_CHARACTERS, "{plans} plans: {}", comment.chars().count());
            assert_eq!(comment.matches("<details>").count(), comment.matches("</details>").count(), "{plans}");
            assert!(comment.contains("moves/0/workflow.toml"));
        }
    }

    #[test]
    fn no_name_of_a_file_acts() {
        let mut folder = folder(1, 2);
        folder.folder = HOSTILE.into();
        folder.plans[0].file = format!("{HOSTILE}</summary><script>");
        folder.failed.push(FailedFile { file: HOSTILE.into(), message: "<b>@team".into(), help: String::new(), exit: 65 });
        assert_harmless(&draw(&folder, &PlanView { drawing: ASCII, begins: false, full: true, file: None }));
        let comment = markdown(&folder);
        // In a span of code it is shown as it is; nowhere else it is there.
        let prose: String = comment.split('`').step_by(2).collect();
        assert!(!prose.contains("<script>") && !prose.contains("<b>") && !comment.contains("\u{1b}"), "{comment}");
    }
}
