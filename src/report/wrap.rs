//! Long lines of Markdown, broken for a terminal.

/// Paragraphs and the items of lists are filled to `width` characters, however their own lines were broken; what continues an item is
/// indented as the item is. Headings, tables and blocks of code stay as they are.
pub fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        let is_item = is_item(line);
        if in_code || is_fence || is_item || line.trim().is_empty() || is_apart(line) {
            fill(&mut wrapped, &std::mem::take(&mut paragraph), width);
        }
        if in_code || is_fence || line.trim().is_empty() || is_apart(line) {
            wrapped.push_str(line);
            wrapped.push('\n');
        } else if paragraph.is_empty() {
            paragraph.push_str(line);
        } else {
            paragraph.push(' ');
            paragraph.push_str(line.trim());
        }
        in_code ^= is_fence;
    }
    fill(&mut wrapped, &paragraph, width);
    wrapped
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    ["- ", "* "].iter().any(|mark| line.starts_with(mark)) || (number.len() < line.len() && number.starts_with(". "))
}

/// A heading, or a row of a table.
fn is_apart(line: &str) -> bool {
    line.starts_with('#') || line.trim_start().starts_with('|')
}

fn fill(wrapped: &mut String, paragraph: &str, width: usize) {
    if paragraph.is_empty() {
        return;
    }
    let spaces = paragraph.len() - paragraph.trim_start().len();
    let indent = " ".repeat(spaces + if is_item(paragraph) { 2 } else { 0 });
    let mut current = " ".repeat(spaces);
    let mut is_empty = true;
    for word in paragraph.split_whitespace() {
        if !is_empty && current.chars().count() + 1 + word.chars().count() > width {
            wrapped.push_str(&current);
            wrapped.push('\n');
            current.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    wrapped.push_str(&current);
    wrapped.push('\n');
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn long_lines_are_broken_and_code_is_not() {
        assert_eq!(wrap("one two three\n\n- one two three\n", 9), "one two\nthree\n\n- one two\n  three\n");
        assert_eq!(wrap("```\none two three\n```\none two three\n", 9), "```\none two three\n```\none two\nthree\n");
        assert_eq!(wrap("averyverylongword\n", 9), "averyverylongword\n");
    }

    #[test]
    fn a_paragraph_is_filled_however_it_was_broken() {
        assert_eq!(wrap("one two\nthree four\n", 80), "one two three four\n");
        assert_eq!(
            wrap("## one two\nthree\n- four\n  five\n- six\n\nseven\n", 80),
            "## one two\nthree\n- four five\n- six\n\nseven\n"
        );
        assert_eq!(wrap("| a |\n|---|\n| b |\n", 3), "| a |\n|---|\n| b |\n", "a table is a table");
    }
}
