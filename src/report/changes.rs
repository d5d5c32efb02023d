//! What a phase changes: routing rules, denied tables, VSchema and streams, as lines with `+`, `-` and `~`.
//!
//! A movement of 400 tables changes 3,600 rules, and all alike. Tables with the same change are shown as one, with `<table>` in
//! place of the name; a table whose change is another stands apart.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Page, Span, bad, bold, caution, dim, good, plain};
use crate::model::name::TableName;
use crate::model::routing::RoutingDiff;
use crate::plan::changes::{Changes, SetDiff};
use crate::words::{count, counted, names};

const MOST_NAMES: usize = 6;
/// Keys are padded to a column up to here; longer ones push their target to the right.
const MOST_PADDING: usize = 48;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Added,
    Changed,
    Removed,
}

impl Sign {
    fn span(self, text: &str) -> Span {
        match self {
            Self::Added => good(format!("+ {text}")),
            Self::Changed => caution(format!("~ {text}")),
            Self::Removed => bad(format!("- {text}")),
        }
    }
}

/// One rule's change, the table's name taken out where it is one of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    sign: Sign,
    from: String,
    /// Where it led; none for a rule that is new.
    before: Option<String>,
    after: Option<String>,
}

const ANY: &str = "<table>";

impl Change {
    /// The table that the rule is of, and the change with `<table>` in its place.
    fn generalised(&self) -> (String, Change) {
        let (name, suffix) = self.from.split_once('@').map_or((self.from.as_str(), ""), |(name, kind)| (name, kind));
        let table = name.rsplit_once('.').map_or(name, |(_, table)| table);
        let swap = |text: &str| match text.rsplit_once('.') {
            Some((keyspace, last)) if last == table => format!("{keyspace}.{ANY}"),
            None if text == table => ANY.to_owned(),
            _ => text.to_owned(),
        };
        let from = if suffix.is_empty() { swap(name) } else { format!("{}@{suffix}", swap(name)) };
        let (before, after) = (self.before.as_deref().map(swap), self.after.as_deref().map(swap));
        (table.to_owned(), Change { sign: self.sign, from, before, after })
    }

    fn draw(&self, page: &mut Page, indent: usize, padding: usize) {
        let arrow = arrow(page);
        let mut spans = vec![self.sign.span(&format!("{:padding$}  ", self.from))];
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => spans.extend([plain(before), dim(format!(" {arrow} ")), plain(after)]),
            (Some(only), None) | (None, Some(only)) => spans.extend([dim(format!("{arrow} ")), plain(only)]),
            (None, None) => {}
        }
        page.verbatim(indent, &spans);
    }
}

fn arrow(page: &Page) -> &'static str {
    if page.drawing().unicode { "→" } else { "->" }
}

fn changes(diff: &RoutingDiff) -> Vec<Change> {
    let added = diff.added.iter().map(|rule| Change {
        sign: Sign::Added,
        from: rule.from_table.clone(),
        before: None,
        after: Some(rule.to_table.clone()),
    });
    let changed = diff.changed.iter().map(|rule| Change {
        sign: Sign::Changed,
        from: rule.from_table.clone(),
        before: Some(rule.before.clone()),
        after: Some(rule.after.clone()),
    });
    let removed = diff.removed.iter().map(|rule| Change {
        sign: Sign::Removed,
        from: rule.from_table.clone(),
        before: Some(rule.to_table.clone()),
        after: None,
    });
    added.chain(changed).chain(removed).collect()
}

/// Draws all of it.
pub fn all(page: &mut Page, indent: usize, changes: &Changes, tables: &[String], full: bool) {
    routing_rules(page, indent, &changes.routing_rules, tables, full);
    for (cell, diff) in &changes.published {
        page.line(indent, &[dim(format!("cell {cell} will serve"))]);
        routing_rules(page, indent, diff, tables, full);
    }
    sets(page, indent, "denied tables", &changes.denied_tables, tables, full);
    sets(page, indent, "tables", &changes.tables, tables, full);
    sets(page, indent, "VSchema tables", &changes.vschema, tables, full);
    streams(page, indent, &changes.streams, full);
}

/// Draws a difference of routing rules. `tables` are those that move; `full` shows each rule.
fn routing_rules(page: &mut Page, indent: usize, diff: &RoutingDiff, tables: &[String], full: bool) {
    if diff.is_empty() {
        return;
    }
    let counts: Vec<String> = [(diff.added.len(), "added"), (diff.changed.len(), "changed"), (diff.removed.len(), "removed")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", count(i128::try_from(number).unwrap_or(i128::MAX))))
        .collect();
    let heading = format!("routing rules: {}", counts.join(", "));
    let all = changes(diff);
    if full {
        page.line(indent, &[bold(heading)]);
        draw_all(page, indent + 2, &all);
        return;
    }
    let moved: BTreeSet<&str> = tables.iter().map(String::as_str).collect();
    let mut by_table: BTreeMap<String, BTreeSet<Change>> = BTreeMap::new();
    let mut others = Vec::new();
    for change in all {
        let (table, general) = change.generalised();
        if moved.contains(table.as_str()) {
            by_table.entry(table).or_default().insert(general);
        } else {
            others.push(change);
        }
    }
    let mut groups: BTreeMap<BTreeSet<Change>, Vec<String>> = BTreeMap::new();
    for (table, changes) in by_table {
        groups.entry(changes).or_default().push(table);
    }
    let mut groups: Vec<(BTreeSet<Change>, Vec<String>)> = groups.into_iter().collect();
    groups.sort_by(|one, other| other.1.len().cmp(&one.1.len()).then_with(|| one.1.cmp(&other.1)));
    let is_whole = groups.len() == 1 && others.is_empty() && groups[0].1.len() == tables.len() && tables.len() > 1;
    if is_whole {
        let (changes, of) = &groups[0];
        page.line(indent, &[bold(heading), plain(format!(", {} for each of {}", changes.len(), counted(of.len(), "table")))]);
        draw_all(page, indent + 2, changes);
        return;
    }
    page.line(indent, &[bold(heading)]);
    for (changes, of) in &groups {
        match of.as_slice() {
            [only] => {
                let named = changes.iter().map(|change| change.of(only)).collect::<Vec<_>>();
                draw_all(page, indent + 2, &named);
            }
            _ => {
                page.line(indent + 2, &[plain(format!("{} for each of {}", changes.len(), names(of, MOST_NAMES)))]);
                draw_all(page, indent + 4, changes);
            }
        }
    }
    draw_all(page, indent + 2, &others);
}

impl Change {
    fn of(&self, table: &str) -> Change {
        let name = |text: &String| text.replace(ANY, table);
        Change {
            sign: self.sign,
            from: name(&self.from),
            before: self.before.as_ref().map(name),
            after: self.after.as_ref().map(name),
        }
    }
}

fn draw_all<'a>(page: &mut Page, indent: usize, changes: impl IntoIterator<Item = &'a Change> + Clone) {
    let widest = changes.clone().into_iter().map(|change| change.from.chars().count()).max().unwrap_or(0);
    for change in changes {
        change.draw(page, indent, widest.min(MOST_PADDING));
    }
}

/// Whether these are the names that Vitess gives to moved tables at the source; both are in order.
fn is_renamed(names: &[String], tables: &[String]) -> bool {
    let renamed: BTreeSet<String> =
        tables.iter().filter_map(|table| TableName::new(table.as_str()).ok()).map(|table| table.renamed()).collect();
    names.len() == tables.len() && names.iter().all(|name| renamed.contains(name))
}

/// Draws names that come and go by place: denied tables by shard, tables by shard, VSchema tables by keyspace.
fn sets(page: &mut Page, indent: usize, what: &str, diff: &SetDiff, tables: &[String], full: bool) {
    if diff.is_empty() {
        return;
    }
    page.line(indent, &[bold(what)]);
    for (sign, by_place) in [(Sign::Added, &diff.added), (Sign::Removed, &diff.removed)] {
        let mut groups: BTreeMap<&Vec<String>, Vec<&String>> = BTreeMap::new();
        for (place, names) in by_place {
            groups.entry(names).or_default().push(place);
        }
        for (which, places) in groups {
            let which = if full || which.len() <= MOST_NAMES + 1 {
                which.join(", ")
            } else if which == tables {
                format!("all {}", counted(tables.len(), "table"))
            } else if is_renamed(which, tables) {
                format!("all {} as `_<table>_old`", counted(tables.len(), "table"))
            } else {
                names(which, MOST_NAMES)
            };
            let places = if full { names(&places, usize::MAX - 1) } else { names(&places, MOST_NAMES) };
            page.item(indent + 2, &[sign.span("")], &[plain(which), dim(" on "), plain(places)]);
        }
    }
}

/// Draws what streams will be, by workflow.
fn streams(page: &mut Page, indent: usize, streams: &BTreeMap<String, String>, full: bool) {
    if streams.is_empty() {
        return;
    }
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (key, state) in streams {
        let (workflow, shard) = key.split_once('/').unwrap_or((key, ""));
        groups.entry((workflow, state)).or_default().push(shard);
    }
    page.line(indent, &[bold("streams")]);
    for ((workflow, state), shards) in groups {
        let shards = if full { names(&shards, usize::MAX - 1) } else { names(&shards, MOST_NAMES) };
        let arrow = format!(" {} ", arrow(page));
        page.line(indent + 2, &[plain(workflow), dim(" on "), plain(shards), dim(arrow), plain(state)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::routing::RoutingRules;
    use crate::report::problems::Drawing;

    fn drawn(diff: &RoutingDiff, tables: &[&str], full: bool) -> String {
        let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
        let mut page = Page::new(Drawing { width: 80, colour: false, unicode: true });
        routing_rules(&mut page, 0, diff, &tables, full);
        page.finish()
    }

    #[test]
    fn a_table_whose_change_is_another_stands_apart() {
        let mut before = RoutingRules::default();
        before.set("c", "elsewhere.c");
        let mut after = RoutingRules::default();
        for table in ["a", "b", "c"] {
            after.set(table, format!("s.{table}"));
            after.set(format!("t.{table}@replica"), format!("s.{table}"));
        }
        after.set("view", "s.other");
        let diff = before.diff(&after);
        insta::assert_snapshot!(drawn(&diff, &["a", "b", "c"], false), @"
        routing rules: 6 added, 1 changed
          2 for each of a, b
            + <table>            → s.<table>
            + t.<table>@replica  → s.<table>
          + t.c@replica  → s.c
          ~ c            elsewhere.c → s.c
          + view  → s.other
        ");
        assert_eq!(drawn(&diff, &["a", "b", "c"], true).lines().count(), 1 + 7);
    }

    #[test]
    fn names_with_the_placeholders_letters_are_kept() {
        let mut after = RoutingRules::default();
        after.set("s.s", "t.s");
        insta::assert_snapshot!(drawn(&RoutingRules::default().diff(&after), &["s"], false), @"
        routing rules: 1 added
          + s.s  → t.s
        ");
    }
}
