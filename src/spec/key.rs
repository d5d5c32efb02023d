//! What a table of a file may hold, said once: decoder, JSON Schema and the starting file of `init` all read it from here.

/// A table of a file with its keys.
pub struct Table {
    /// `move-tables`; empty for the top of the file.
    pub name: &'static str,
    pub doc: &'static str,
    pub required: bool,
    pub keys: &'static [&'static Key],
}

/// One key.
pub struct Key {
    pub name: &'static str,
    /// One or more sentences; it is what editors show.
    pub doc: &'static str,
    pub kind: Kind,
    pub fallback: Fallback,
}

/// What applies when the key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// It must be there.
    Required,
    /// Nothing; the doc says what that means.
    Nothing,
    Text(&'static str),
    Flag(bool),
    Words(&'static [&'static str]),
}

/// What a value is, and in which bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Flag,
    Count {
        least: u32,
        most: u32,
    },
    Length(Bounds),
    Name(NameKind),
    Names(NameKind),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words, none twice.
    Words(&'static [&'static str]),
    /// An IANA time zone.
    Zone,
    Windows,
    /// A policy, or a table of the keys of a gate.
    Gate,
    /// A list of texts, at least one.
    Texts,
}

/// The least and the most of a length of time, both allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub least_milliseconds: u64,
    pub most_milliseconds: u64,
    /// Whether it is counted in whole seconds.
    pub whole_seconds: bool,
}

impl Bounds {
    pub const fn seconds(least: u64, most: u64) -> Self {
        Self { least_milliseconds: least * 1000, most_milliseconds: most * 1000, whole_seconds: true }
    }

    pub const fn milliseconds(least: u64, most: u64) -> Self {
        Self { least_milliseconds: least, most_milliseconds: most, whole_seconds: false }
    }
}

/// Whose rules a name follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    Workflow,
    Cluster,
    Keyspace,
    Table,
    Cell,
}

impl NameKind {
    pub fn words(self) -> &'static str {
        match self {
            Self::Workflow => "workflow name",
            Self::Cluster => "cluster alias",
            Self::Keyspace => "keyspace name",
            Self::Table => "table name",
            Self::Cell => "cell name",
        }
    }
}

pub const HOUR: u64 = 3600;
pub const DAY: u64 = 24 * HOUR;

impl Kind {
    /// What is wanted, to stand after "must be".
    pub fn wanted(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Count { least, most } if least == most => format!("{least}"),
            Self::Count { least, most } => format!("a whole number from {least} to {most}"),
            Self::Length(_) => "a length of time such as \"90s\" or \"2h 30m\"".to_owned(),
            Self::Name(kind) => format!("a {} in quotes", kind.words()),
            Self::Names(kind) => format!("a list of {}s", kind.words()),
            Self::Word(words) => super::suggest::one_of(words.iter().copied()),
            Self::Words(words) => format!("a list of {}", super::suggest::one_of(words.iter().copied())),
            Self::Zone => "the name of a time zone such as \"Europe/Stockholm\"".to_owned(),
            Self::Windows => "a list of windows such as \"Tue 02:00-04:00\"".to_owned(),
            Self::Gate => "a policy (`operator-hold` or `auto-advance`) or a table".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
        }
    }
}
