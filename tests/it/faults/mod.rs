//! Nothing that breaks in the middle can hurt, found by enumeration: the whole program in one process over the sandbox, in virtual
//! time; once undisturbed, to count its effects, then once for every effect and every kind of fault, resumed until it ends.

mod adversary;
mod canonical;
mod endings;
mod enumerate;
mod files;
mod kinds;
mod life;
mod operator;
mod oracle;
mod scenario;
mod script;
mod service;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use enumerate::{Known, Row};

/// Counts of endings, by row.
type Table = BTreeMap<Row, BTreeMap<String, usize>>;

fn text(table: &Table) -> String {
    let mut text = String::new();
    let (mut edge, mut site) = ("", "");
    for (row, endings) in table {
        if row.edge != edge {
            edge = &row.edge;
            writeln!(text, "\n== {edge}").unwrap();
        }
        if row.site != site {
            site = &row.site;
            writeln!(text, "{site}").unwrap();
        }
        let endings: Vec<String> = endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
        writeln!(text, "    {}: {}", row.kind, endings.join(", ")).unwrap();
    }
    text
}

#[test]
fn every_effect_and_every_kind_of_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let began = std::time::Instant::now();
    let edges = runtime.block_on(scenario::edges());
    for edge in &edges {
        println!("{}: {} effects, {} steps", edge.name, edge.sites.len(), edge.steps.len());
    }
    let only = std::env::var("CUTOVER_FAULT").unwrap_or_default();
    let mut cases = enumerate::cases(&edges);
    cases.retain(|case| format!("{} {} {}", case.row.edge, case.row.site, case.row.kind).contains(&only));
    println!("{} cases, after {:?}", cases.len(), began.elapsed());
    let known = Known::default();
    let results = enumerate::run_all(&edges, &cases, &known);
    println!("done after {:?}", began.elapsed());
    let mut table = Table::new();
    let mut bad = Vec::new();
    for (case, result) in cases.iter().zip(&results) {
        *table.entry(case.row.clone()).or_default().entry(result.ending.name()).or_default() += 1;
        if result.ending.is_bad() {
            bad.push((case, result));
        }
    }
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/target/faults.txt"), text(&table)).unwrap();
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (case, result) in &bad {
        let words: String = result.ending.words().chars().take(300).collect();
        let place = format!("{} | {} | {}", case.row.edge, case.row.site, case.row.kind);
        kinds.entry(words).or_default().push(place);
    }
    for (words, places) in &kinds {
        println!("{} x {words}", places.len());
        for place in places.iter().take(6) {
            println!("      {place}");
        }
    }
    if !only.is_empty()
        && let Some((case, _)) = bad.first()
    {
        println!("{}", enumerate::alone(&edges[case.edge], &[case.fault], &known, true).story);
    }
    assert!(bad.is_empty(), "{} of {} cases end badly", bad.len(), cases.len());
}
