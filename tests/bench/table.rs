//! Figures as a table of Markdown, its columns in line, so that it reads in a terminal as well.

use super::figure::{Figure, number};

const HEAD: [&str; 6] = ["figure", "ours", "by hand", "ratio", "limit", ""];

/// Figures with the names of their families.
pub fn draw<'a>(figures: impl IntoIterator<Item = (&'a str, &'a Figure)>) -> String {
    let rows: Vec<[String; 6]> = figures.into_iter().map(|(family, figure)| row(family, figure)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len(), 3]).max().unwrap_or(3)
    };
    // What is last in a line needs no room after it.
    let widths: Vec<usize> = (0..HEAD.len() - 1).map(width).chain([0]).collect();
    let line = |cells: [&str; 6]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat((*width).max(3))).collect();
    let mut text = line(HEAD);
    text += &format!("| {} |\n", dashes.join(" | "));
    for row in &rows {
        text += &line(row.each_ref().map(String::as_str));
    }
    text
}

fn row(family: &str, figure: &Figure) -> [String; 6] {
    let value = |value: f64| format!("{} {}", number(value), figure.unit);
    let limit = match (figure.limit_words(), figure.is_over()) {
        (Some(words), true) => format!("OVER: {words}"),
        (Some(words), false) => words,
        (None, _) => String::new(),
    };
    [
        cell(&format!("{family}: {}", figure.name)),
        value(figure.ours),
        figure.by_hand.map(value).unwrap_or_default(),
        figure.ratio().map(|ratio| format!("{} ×", number(ratio))).unwrap_or_default(),
        limit,
        cell(&figure.note),
    ]
}

/// One line, with no end of the cell in it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
