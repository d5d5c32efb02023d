//! The pictures beside the README are the program's own output, in its colours.

use std::fs;
use std::path::Path;

use anstyle_svg::{Term, WIN10_CONSOLE};

use crate::support::console::{Console, steady, words};

/// What is seen when the quickstart begins: stdout, which is the plan, and stderr, which ends with the hold.
fn quickstart() -> (String, String) {
    let mut console = Console::new();
    assert!(console.run(&words("cd examples/quickstart")).is_none());
    let output = console.run(&words("cutover apply --color always")).unwrap();
    assert_eq!(output.code, Some(3), "{output}");
    (steady(&output.stdout), steady(&output.stderr))
}

/// The text without its colours.
fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

/// The lines from the first one that begins so up to the next one that begins so.
fn part<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| !plain(line).starts_with(from));
    let part: Vec<&str> = lines.take_while(|line| !plain(line).starts_with(to)).collect();
    assert!(!part.is_empty(), "nothing begins with `{from}`");
    part
}

fn check(name: &str, command: &str, lines: &[&str]) {
    assert!(lines.iter().any(|line| line.contains('\u{1b}')), "{name} has no colour");
    let text = format!("$ {command}\n{}\n", lines.join("\n").trim_end());
    let drawn = Term::new().palette(WIN10_CONSOLE).min_width_px(860).render_svg(&text);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pictures").join(name);
    if std::env::var_os("CUTOVER_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &drawn).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == drawn, "{} has drifted; draw it with CUTOVER_UPDATE=1 cargo test --test it pictures", path.display());
}

#[test]
fn a_plan_is_as_it_is_pictured() {
    let (plan, _) = quickstart();
    let beginning = part(&plan, "SANDBOX READY", "  copy ");
    let switch = part(&plan, "  switch-primary ", "  revert-window");
    check("plan.svg", "cutover plan", &[beginning, vec!["  …", ""], switch].concat());
}

#[test]
fn a_hold_is_as_it_is_pictured() {
    let (_, told) = quickstart();
    let hold: Vec<&str> = told.lines().skip_while(|line| !plain(line).contains("held before switch-primary")).collect();
    check("hold.svg", "cutover apply", &hold);
}
