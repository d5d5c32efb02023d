//! The README says what is so: its TOML is read, its commands in the sandbox are run, those for elsewhere exist, its table of commands
//! has them all, and its links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use cutover::cli::Cli;
use regex::Regex;

use crate::support::console::{Console, blocks, words};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn page() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

#[test]
fn what_it_types_in_the_sandbox_ends_as_it_says() {
    let seen = Console::new().type_page(&page());
    for words in
        ["held before switch-primary", "writes go to customer;", "writes go to commerce;", "0 lost", "wrote workflow.toml"]
    {
        assert!(seen.contains(words), "{words}: {seen}");
    }
}

/// What was measured is in the results, and the page shows that and nothing else.
#[test]
fn its_table_of_what_breaks_is_that_of_the_results() {
    let results = fs::read_to_string(Path::new(ROOT).join("tests/long/results/vitess-24.0.0.md")).unwrap();
    let table = |page: &str| -> Vec<String> {
        let rows = page.lines().skip_while(|line| !line.starts_with("| vtctld dies in |"));
        rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
    };
    assert!(table(&results).len() > 10, "{results}");
    assert_eq!(table(&page()), table(&results));
}

#[test]
fn its_toml_is_a_plan_file_a_config_or_a_sandbox() {
    let (mut plans, mut configs, mut sandboxes) = (0, 0, 0);
    for text in blocks(&page(), "toml") {
        if text.contains("[move-tables]") {
            plans += 1;
            cutover::spec::read(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
        } else if text.contains("[clusters.") {
            configs += 1;
            cutover::operator::read(&text, Path::new(".")).unwrap_or_else(|problems| panic!("{problems:#?}"));
        } else {
            sandboxes += 1;
            cutover::sandbox::file::reading::read(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
        }
    }
    assert!(plans > 0 && configs > 0 && sandboxes > 0, "{plans} {configs} {sandboxes}");
}

/// Blocks that need a real cluster are not run; that their commands can be typed is looked at.
#[test]
fn its_commands_for_elsewhere_can_be_typed() {
    let mut found = 0;
    for line in blocks(&page(), "sh").iter().flat_map(|block| block.lines()) {
        let Some(command) = line.trim().strip_prefix("cutover ") else { continue };
        let end = command.find(['|', '>', '#', ';', '&']).unwrap_or(command.len());
        let arguments = [vec!["cutover".to_owned()], words(command[..end].trim())].concat();
        found += 1;
        Cli::command().try_get_matches_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert!(found >= 5, "{found}");
}

#[test]
fn its_table_has_every_command() {
    let page = page();
    let name = Regex::new(r"`([a-z-]+)[^`]*`").unwrap();
    let table = page.split_once("| command | what it does |").unwrap().1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let first_cells = rows.filter_map(|row| row.split('|').nth(1));
    let named: BTreeSet<String> =
        first_cells.flat_map(|cell| name.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>()).collect();
    let known: BTreeSet<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    assert_eq!(named, known);
}

#[test]
fn its_table_has_every_check() {
    let page = page();
    let table = page.split_once("| code | what must hold |\n|---|---|\n").unwrap().1;
    let rows: BTreeSet<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let checks: Vec<String> =
        cutover::plan::checks::CHECKS.iter().map(|check| format!("| {} | {} |", check.code, check.title)).collect();
    assert_eq!(rows, checks.iter().map(String::as_str).collect());
}

/// Names between backticks.
fn names(text: &str) -> BTreeSet<String> {
    Regex::new("`([a-z-]+)`").unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn it_promises_the_schemas_that_there_are() {
    let page = page();
    let promise = page.split_once("has its schema in `schemas/`:").unwrap().1.split_once(". Other JSON").unwrap().0;
    let known: BTreeSet<String> = cutover::cli::commands::schema::schemas().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(promise), known);
}

/// The words are found in the source: `Some("hold")`, `=> "refused"`.
#[test]
fn it_names_all_that_the_operators_command_is_told() {
    let source = fs::read_to_string(Path::new(ROOT).join("src/cli/notify.rs")).unwrap();
    let function = source.split_once("fn what(").unwrap().1.split_once("\n}\n").unwrap().0;
    let told: BTreeSet<String> =
        Regex::new("\"([a-z-]+)\"").unwrap().captures_iter(function).map(|it| it[1].to_owned()).collect();
    let page = page();
    let paragraph = page.split_once("`notify` is told of ").unwrap().1.split_once(". It gets").unwrap().0;
    let named: BTreeSet<String> = names(paragraph).into_iter().filter(|name| name != "what").collect();
    assert_eq!(named, told);
}

#[test]
fn its_links_and_those_of_the_examples_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    let page = page();
    let found: BTreeSet<&str> = link.captures_iter(&page).map(|found| found.get(1).unwrap().as_str()).collect();
    for path in &found {
        assert!(Path::new(ROOT).join(path).exists(), "{path}");
    }
    for entry in fs::read_dir(Path::new(ROOT).join("examples")).unwrap() {
        let entry = entry.unwrap();
        let named = format!("examples/{}", entry.file_name().display());
        assert!(!entry.path().is_dir() || found.contains(named.as_str()), "the README doesn't name {named}");
    }
}
