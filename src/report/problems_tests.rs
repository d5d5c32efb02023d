use super::*;

const PLAIN: Drawing = Drawing { width: 100, colour: false, unicode: true };

#[test]
fn what_is_replaced_keeps_its_length() {
    let text = "a\u{7}b\r\nc\u{202e}d\u{85}e\u{1b}[31m";
    let shown = visible(text);
    assert_eq!(shown.len(), text.len());
    assert_eq!(shown, "a?b \nc\u{fffd}d¿e?[31m");
}

#[test]
fn many_problems_are_cut_and_counted() {
    let problems: Vec<Problem> = (0..60).map(|n| Problem::error("C103", "", Some(0..1), format!("number {n}"))).collect();
    let drawn = draw(&problems, "workflow.toml", Some("x = 1\n"), PLAIN);
    assert!(drawn.contains("number 49") && !drawn.contains("number 50"));
    assert!(drawn.ends_with("and 10 more\n\nworkflow.toml: 60 errors\n"), "{drawn}");
}

#[test]
fn a_line_without_end_is_named_and_not_drawn() {
    let text = format!("{} = 1\n", "x".repeat(10_000));
    let problems = [Problem::error("C103", "", Some(9_000..9_001), "too long")];
    let drawn = draw(&problems, "workflow.toml", Some(&text), PLAIN);
    assert!(drawn.len() < 500 && drawn.contains("at workflow.toml:1:9001, on a line too long to draw"), "{drawn}");
}

#[test]
fn colour_and_ascii_are_parameters() {
    let problems = [Problem::error("C103", "", Some(0..1), "wrong")];
    let drawn = |drawing: Drawing| draw(&problems, "workflow.toml", Some("x = 1\n"), drawing);
    assert!(!drawn(PLAIN).contains('\u{1b}'));
    assert!(drawn(Drawing { colour: true, ..PLAIN }).contains('\u{1b}'));
    assert!(drawn(Drawing { unicode: false, ..PLAIN }).is_ascii());
}
