//! The one door for text from servers, files and people on its way into Markdown that a forge renders.
//!
//! What such a text holds is shown and never acts: no markup, no HTML, no mention, no link, no reference to an issue, and no
//! command to the runner of a workflow whose log it may stand in.

use super::escape::escape;

/// Prose in one line. What stands between two backticks is code, as our own messages write names.
pub fn text(raw: &str) -> String {
    let line = escape(raw);
    let pieces: Vec<&str> = line.split('`').collect();
    let last = pieces.len() - 1;
    let mut shown = String::with_capacity(line.len() + 16);
    for (place, piece) in pieces.iter().enumerate() {
        match place % 2 {
            0 => shown.push_str(&prose(piece)),
            // A backtick that nothing closes.
            _ if place == last => shown.push_str(&format!("\\`{}", prose(piece))),
            _ => shown.push_str(&span(piece)),
        }
    }
    shown
}

/// A name, or anything else that is one word of code.
pub fn code(raw: &str) -> String {
    span(&escape(raw).replace('`', "'"))
}

/// The same where `|` ends a cell of a table.
pub fn cell(raw: &str) -> String {
    text(raw).replace('|', "\\|").replace("\\\\|", "\\|")
}

/// Lines as a block of code; a line of it never ends the block.
pub fn block<T: AsRef<str>>(language: &str, lines: &[T]) -> String {
    let longest = lines.iter().map(|line| longest_run(line.as_ref())).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let mut text = format!("{fence}{language}\n");
    for line in lines {
        text.push_str(&harmless_in_a_log(line.as_ref()));
        text.push('\n');
    }
    text.push_str(&fence);
    text.push('\n');
    text
}

/// A part that is folded away. `summary` is Markdown already.
pub fn fold(summary: &str, inner: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{inner}\n</details>\n")
}

fn longest_run(line: &str) -> usize {
    line.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// `::error::…` at the beginning of a line, and `##[…]` anywhere, are commands to the runner of a workflow.
fn harmless_in_a_log(line: &str) -> String {
    let line = line.replace("##[", "# #[");
    let indent = line.len() - line.trim_start().len();
    match line[indent..].strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &line[..indent]),
        None => line,
    }
}

/// Holds no backtick. A span that would be empty is not one.
fn span(content: &str) -> String {
    match content {
        "" => "\\`\\`".to_owned(),
        content => format!("`{}`", content.replace("##[", "# #[")),
    }
}

/// Everything that Markdown, or a forge after it, would act on. A mention and a reference are looked for in the text as it is
/// rendered, so no backslash helps against them: they are code.
fn prose(piece: &str) -> String {
    let mut shown = String::with_capacity(piece.len());
    let mut rest = piece;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("://") {
            shown.push_str("`://`");
            rest = after;
            continue;
        }
        if let Some(after) = strip_prefix_ignoring_case(rest, "www.") {
            shown.push_str("`www.`");
            rest = after;
            continue;
        }
        match c {
            '@' | '#' => {
                shown.push('`');
                shown.push(c);
                shown.push('`');
            }
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '*' | '_' | '[' | ']' | '~' | '|' | '!' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            c => shown.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    shown
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    /// What may stand in a text that somebody wants to act.
    const HOSTILE: &[&str] = &[
        "@octocat see #1 and GH-2",
        "](https://evil.example) [x](javascript:alert(1))",
        "<img src=x onerror=alert(1)></details></summary><script>",
        "``` \n::error file=x::y\n```",
        "a `b` c ` d",
        "`` ` `` ```",
        "| a | b |\n|---|---|",
        "*bold* _it_ ~~no~~ ![i](http://e/x.png) <!-- -->",
        "&lt;b&gt; \\` \\\\` www.evil.example",
        "\u{1b}[2J\u{202e}",
        "##[error]no",
        "$x^2$ `$y$`",
    ];

    fn events(markdown: &str) -> Vec<Event<'_>> {
        Parser::new_ext(markdown, Options::all()).collect()
    }

    fn acts(event: &Event<'_>) -> bool {
        matches!(
            event,
            Event::Html(_)
                | Event::InlineHtml(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_)
                | Event::FootnoteReference(_)
                | Event::Start(
                    Tag::Link { .. }
                        | Tag::Image { .. }
                        | Tag::Emphasis
                        | Tag::Strong
                        | Tag::Strikethrough
                        | Tag::Heading { .. }
                        | Tag::Table(_)
                        | Tag::CodeBlock(_)
                        | Tag::HtmlBlock
                )
        )
    }

    /// What is rendered as text, and not as code.
    fn rendered_prose(markdown: &str) -> String {
        let of = |event: &Event<'_>| match event {
            Event::Text(text) => Some(text.to_string()),
            Event::Code(_) => Some("\u{0}".to_owned()),
            _ => None,
        };
        events(markdown).iter().filter_map(of).collect()
    }

    #[test]
    fn no_text_acts_in_prose() {
        for one in HOSTILE {
            for other in HOSTILE {
                let shown = format!("- it is so: {}", text(&format!("{one} {other}")));
                let acting: Vec<Event<'_>> = events(&shown).into_iter().filter(acts).collect();
                assert!(acting.is_empty(), "{shown}\n{acting:?}");
                let prose = rendered_prose(&shown);
                for what in ["@", "#", "://", "www."] {
                    assert!(!prose.contains(what), "{what} in {prose:?} of {shown}");
                }
            }
        }
    }

    #[test]
    fn no_line_ends_a_block_or_commands_a_runner() {
        for one in HOSTILE {
            let lines: Vec<&str> = one.lines().collect();
            let shown = block("diff", &lines);
            let blocks = events(&shown).iter().filter(|event| matches!(event, Event::Start(Tag::CodeBlock(_)))).count();
            assert_eq!((blocks, events(&shown).len()), (1, 3), "{shown}");
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##[")), "{shown}");
        }
    }

    #[test]
    fn our_own_words_are_as_they_are_meant() {
        assert_eq!(text("table `corder` of `commerce` has no key"), "table `corder` of `commerce` has no key");
        assert_eq!(text("a_b and c*d"), "a\\_b and c\\*d");
        assert_eq!(code("customer@replica"), "`customer@replica`");
        assert_eq!(cell("a|b"), "a\\|b");
    }
}
