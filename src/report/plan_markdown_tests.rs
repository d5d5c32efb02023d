use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;
use crate::report::fixtures::{HOSTILE, no_key, passes, plan_of, slow_binlog};

#[test]
fn one_comment_that_says_it_all() {
    let mut findings = passes(14);
    findings.push(slow_binlog("zone1-0000000100"));
    insta::assert_snapshot!(draw(&plan_of(2, "production", findings), None));
}

#[test]
fn what_is_in_the_way_comes_first() {
    let mut findings = passes(3);
    findings.push(no_key("corder"));
    let comment = draw(&plan_of(2, "production", findings), Some("moves/orders.toml"));
    let place = |text: &str| comment.find(text).unwrap_or_else(|| panic!("{text}: {comment}"));
    assert!(place("🛑 BLOCKED by 1 finding") < place("#### In the way (1)"));
    assert!(place("#### In the way (1)") < place("#### What happens"));
    assert!(place("<details><summary>Passed (3)") < place("`cutover plan moves/orders.toml`"));
}

/// Every fold that is opened is closed, outside of any block of code.
fn assert_well_formed(comment: &str) {
    let (mut open, mut in_code) = (0_i32, false);
    for event in Parser::new_ext(comment, Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Html(html) | Event::InlineHtml(html) => {
                assert!(!in_code);
                open += i32::try_from(html.matches("<details>").count()).unwrap();
                open -= i32::try_from(html.matches("</details>").count()).unwrap();
                let allowed = ["<details>", "</details>", "<!-- cutover plan", "<sub>", "</sub>", "<br>"];
                assert!(allowed.iter().any(|tag| html.contains(tag)), "{html}");
                assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
            }
            _ => {}
        }
    }
    assert_eq!(open, 0, "{comment}");
}

#[test]
fn a_movement_of_any_size_fits_and_is_cut_inside_its_sections() {
    for (tables, found) in [(2, 3), (400, 40), (1_000, 3_000)] {
        let mut findings: Vec<Finding> = passes(14);
        findings.extend((0..found).map(|place| no_key(&format!("table_{place}_{}", "x".repeat(200)))));
        let mut plan = plan_of(tables, "production", findings);
        // As many rules as tables, none like another.
        for phase in &mut plan.phases {
            for (place, rule) in phase.changes.routing_rules.added.iter_mut().enumerate() {
                rule.to_table = format!("elsewhere_{place}.t{place}");
            }
        }
        let comment = draw(&plan, None);
        let length = comment.chars().count();
        assert!(length <= MOST_CHARACTERS, "{length}");
        assert_well_formed(&comment);
        assert_eq!(comment.contains(" more: cutover plan --verbose"), tables > 2, "{tables}");
        if tables == 1_000 {
            assert!(length > MOST_CHARACTERS * 9 / 10, "as much as fits: {length}");
        }
    }
}

#[test]
fn hostile_text_stays_text() {
    let evil = format!("{HOSTILE}</details>`@octocat` <script>alert(1)</script> ``` #1");
    let mut findings = passes(1);
    let mut finding = no_key(&evil);
    (finding.summary, finding.help, finding.at) = (evil.clone(), evil.clone(), Some(evil.clone()));
    findings.push(finding);
    let mut plan = plan_of(2, "production", findings);
    (plan.workflow, plan.situation) = (evil.clone(), evil.clone());
    plan.tables = vec![evil.clone()];
    plan.cluster.alias.clone_from(&evil);
    for phase in &mut plan.phases {
        phase.effects.push(evil.clone());
        if let Some(rule) = phase.changes.routing_rules.added.first_mut() {
            rule.to_table.clone_from(&evil);
        }
    }
    let comment = draw(&plan, Some(&evil));
    assert_well_formed(&comment);
    assert!(!comment.lines().any(|line| line.trim_start().starts_with("::")), "{comment}");
    assert!(!comment.contains('\u{1b}') && !comment.contains('\u{202e}'));
}
