//! A page's blocks of code, and its ```console blocks run as they stand, so that a page can't say what isn't so.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{Output, TestEnv};

/// Who acts, in all that is run.
const USER: &str = "morgan";

/// The fenced blocks of a page in one language, in order.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(name)) => open = Some((name.trim() == language, String::new())),
            (Some(_), Some(_)) => found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, text)| text)),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// A line that is typed, and how it must end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    pub line: String,
    pub words: Vec<String>,
    /// None: killed.
    pub code: Option<i32>,
}

/// The commands of all ```console blocks: `$ COMMAND`, with `# exit 3` or `# killed` behind it where it doesn't end with 0.
pub fn typed(page: &str) -> Vec<Typed> {
    let lines = blocks(page, "console");
    lines
        .iter()
        .flat_map(|block| block.lines())
        .map(|line| {
            let line = line.strip_prefix("$ ").unwrap_or_else(|| panic!("`{line}` doesn't begin with `$ `"));
            let (command, comment) = line.split_once(" # ").unwrap_or((line, ""));
            let code = match comment.trim() {
                "" => Some(0),
                "killed" => None,
                text => {
                    let number = text.strip_prefix("exit ").and_then(|number| number.split([':', ' ']).next()?.parse().ok());
                    Some(number.unwrap_or_else(|| panic!("`{line}`: the comment says no exit code")))
                }
            };
            let command = command.trim_end();
            Typed { line: command.to_owned(), words: words(command), code }
        })
        .collect()
}

/// As a shell parts them, as far as pages need it: at blanks that stand outside of quotes.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "`{line}`: a quote is not closed");
    words.extend(word);
    words
}

/// A copy of the examples, in which commands are typed. Time jumps.
pub struct Console {
    env: TestEnv,
    folder: PathBuf,
}

impl Console {
    pub fn new() -> Self {
        let mut env = TestEnv::new();
        env.set("CUTOVER_SANDBOX_CLOCK", "jump");
        env.set("USER", USER);
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        copy(&examples, &env.path().join("examples"));
        let folder = env.path().to_owned();
        Self { env, folder }
    }

    /// What a command says and how it ends; none of `cd` and `mkdir`.
    pub fn run(&mut self, words: &[String]) -> Option<Output> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["cd", to] => {
                self.folder = self.folder.join(to);
                assert!(self.folder.is_dir(), "there is no {}", self.folder.display());
                None
            }
            ["mkdir", name] => {
                fs::create_dir(self.folder.join(name)).unwrap();
                None
            }
            ["cutover", arguments @ ..] | ["cargo", "run", "--release", "--", arguments @ ..] => {
                Some(self.env.run_in(&self.folder, arguments))
            }
            _ => panic!("{words:?} can't be run in a test; a ```sh block is not run"),
        }
    }

    /// Types a page from its beginning to its end; each command must end as the page says. What is seen, without what differs from
    /// run to run.
    pub fn type_page(&mut self, page: &str) -> String {
        let mut seen = String::new();
        let lines = typed(page);
        assert!(!lines.is_empty(), "the page has no ```console block");
        for typed in lines {
            writeln!(seen, "$ {}", typed.line).unwrap();
            let Some(output) = self.run(&typed.words) else { continue };
            assert_eq!(output.code, typed.code, "`{}` ended otherwise than the page says:\n{output}", typed.line);
            writeln!(seen, "{output}").unwrap();
        }
        steady(&seen)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        // What somebody who tried an example left there is none of it.
        if name == ".cutover" || Path::new(&name).extension().is_some_and(|extension| extension == "lock") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// Without ids by chance, the name of this machine, the version of this program, and digests, which each change of a forecast changes.
pub fn steady(text: &str) -> String {
    let replace = |text: String, pattern: &str, by: &str| Regex::new(pattern).unwrap().replace_all(&text, by).into_owned();
    let mut text = text.to_owned();
    text = replace(
        text,
        r"[0-9a-f]{8}-[0-9a-f]{4}-[1-9a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        "11111111-2222-4333-8444-555555555555",
    );
    text = replace(text, r"\bVDiff [0-9a-f]{8}\b", "VDiff 11111111");
    text = replace(text, &format!(r"\b{USER}@\S+"), &format!("{USER}@HOST"));
    text = replace(text, r"\b(intent|basis) [0-9a-f]{12}\b", "$1 0123456789ab");
    text.replace(concat!("cutover ", env!("CARGO_PKG_VERSION")), "cutover VERSION")
}
