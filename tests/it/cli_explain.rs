//! `cutover explain`: every code that the program can print has its page.

use std::collections::BTreeSet;
use std::path::Path;

use cutover::cli::commands::explain::pages;

use crate::support::TestEnv;

#[test]
fn codes_are_unique_and_every_page_has_its_headings() {
    let pages = pages();
    let codes: BTreeSet<&str> = pages.iter().map(|page| page.code).collect();
    assert_eq!(codes.len(), pages.len(), "a code stands twice");
    for page in &pages {
        let headings: Vec<&str> = page.text.lines().filter(|line| line.starts_with('#')).collect();
        assert!(headings.starts_with(&["## What it means", "## Why it matters", "## What to do"]), "{}: {headings:?}", page.code);
        assert!(!page.title.ends_with('.') && page.text.ends_with('\n'), "{}", page.code);
    }
}

/// Codes are found in the sources as texts of their own: `"C103"`.
#[test]
fn every_code_in_the_sources_has_a_page() {
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for piece in text.split('"').filter(|piece| piece.len() == 4 && piece.starts_with('C')) {
                    // A code that there is not, for tests.
                    if piece != "C999" && piece[1..].bytes().all(|byte| byte.is_ascii_digit()) {
                        found.insert(piece.to_owned());
                    }
                }
            }
        }
    }
    let mut used = BTreeSet::new();
    for folder in ["spec", "operator", "plan", "sandbox", "leftovers"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder), &mut used);
    }
    let pages: BTreeSet<String> = pages().iter().map(|page| page.code.to_owned()).collect();
    assert!(used.len() > 20, "{used:?}");
    assert_eq!(used.difference(&pages).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_page_is_found_in_any_case_and_as_json() {
    let env = TestEnv::new();
    let text = env.run(&["explain", "c113"]);
    assert!(text.code == Some(0) && text.stdout.starts_with("# C113: a gate that there is not\n\n## What it means\n"), "{text}");
    assert!(env.run(&["explain", "C206"]).stdout.lines().all(|line| line.chars().count() <= 100));
    let json = env.run(&["explain", "C113", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["code"], "C113");
    assert!(env.run(&["explain"]).stdout.lines().count() >= 20);
}
