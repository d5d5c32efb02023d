//! Long lines of Markdown, broken for a terminal.

/// Every line that is wider than `width` characters is broken at words; what continues a list's item is indented as the item is.
/// Blocks of code stay as they are.
pub fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code || line.chars().count() <= width {
            wrapped.push_str(line);
            wrapped.push('\n');
            continue;
        }
        let spaces = line.len() - line.trim_start().len();
        let item = ["- ", "* "].iter().any(|mark| line.trim_start().starts_with(mark));
        let indent = " ".repeat(spaces + if item { 2 } else { 0 });
        let mut current = " ".repeat(spaces);
        let mut is_empty = true;
        for word in line.split_whitespace() {
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
    wrapped
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
}
