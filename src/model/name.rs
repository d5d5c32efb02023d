//! Names that cannot hold nonsense.
//!
//! Limits are those that hold at once for Vitess (`topo.validateObjectName`, routing-rule keys `keyspace.table@type`) and for
//! MySQL (64 characters, basic multilingual plane), so that a name that parses here is usable in every place where it is put.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a name; a fragment that fits after "the table name `x` ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is empty")]
    Empty,
    #[error("is {0} characters long; {1} at most")]
    TooLong(usize, usize),
    #[error("holds the control character U+{0:04X}")]
    Control(u32),
    #[error("holds `{0}`, which Vitess gives a meaning of its own")]
    Forbidden(char),
    #[error("begins or ends with a space")]
    Space,
    #[error("holds `{0}`, which is outside of what MySQL takes in identifiers")]
    OutsidePlane(char),
    #[error("ends in `_reverse`, which Vitess keeps for the way back of another workflow")]
    Reverse,
}

/// A name in MySQL's quotes.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Characters that print nothing or turn the direction of writing: invisible in a review, so refused.
pub fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The first character of a text that a reviewer could not see.
pub fn first_invisible(text: &str) -> Option<char> {
    text.chars().find(|c| is_invisible(*c))
}

fn check(text: &str, limit: usize, forbidden: &[char]) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let length = text.chars().count();
    if length > limit {
        return Err(NameError::TooLong(length, limit));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(NameError::Space);
    }
    for c in text.chars() {
        if is_invisible(c) {
            return Err(NameError::Control(c as u32));
        }
        if forbidden.contains(&c) {
            return Err(NameError::Forbidden(c));
        }
        if c as u32 > 0xFFFF {
            return Err(NameError::OutsidePlane(c));
        }
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $limit:expr, $forbidden:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// In characters.
            pub const MOST_CHARACTERS: usize = $limit;
            /// Printable characters that it may not hold.
            pub const FORBIDDEN: &'static [char] = $forbidden;

            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check(&text, $limit, $forbidden)?;
                Ok(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A keyspace. 64 characters at most (`topo.validateObjectName`).
    KeyspaceName, 64, &['/', '\\', ':', '*', '?', '"', '<', '>', '|', '.', '@', '`', ' ', '\'']
);
name!(
    /// A shard: `0`, `-80`, `80-c0`.
    ShardName, 64, &['/', '\\', ':', '.', '@', '`', ' ', '\'', '"']
);
name!(
    /// A cell or a cell alias.
    CellName, 64, &['/', '\\', ':', ',', '.', '@', '`', ' ', '\'', '"']
);
name!(
    /// A table of MySQL: 64 characters, no `.` and no `@`, for routing rules are keyed `keyspace.table@type` without quoting.
    TableName, 64, &['.', '@', '/', '\\', '`', '"', '\'']
);
name!(
    /// A Vitess workflow. 63 characters: the reverse one adds `_reverse` and `_vt.vreplication.workflow` is compared whole.
    WorkflowName, 63, &['/', '\\', ':', '.', '@', '`', ' ', '\'', '"', ',']
);

impl WorkflowName {
    /// The name of a workflow that a person chooses: one that Vitess would not take for the way back of another.
    pub fn forward(text: impl Into<String>) -> Result<Self, NameError> {
        let name = Self::new(text)?;
        if name.0.ends_with("_reverse") { Err(NameError::Reverse) } else { Ok(name) }
    }

    /// What Vitess calls the way back of this workflow (`ReverseWorkflowName`, go/vt/vtctl/workflow/utils.go).
    pub fn reverse(&self) -> WorkflowName {
        match self.0.strip_suffix("_reverse") {
            Some(forward) => WorkflowName(forward.to_owned()),
            None => WorkflowName(format!("{}_reverse", self.0)),
        }
    }
}

impl TableName {
    /// The name that `complete` with renaming gives a source table: `_`, the first 59 characters, `_old`
    /// (`getRenameFileName`, go/vt/vtctl/workflow/utils.go).
    pub fn renamed(&self) -> String {
        let stem: String = self.0.chars().take(59).collect();
        format!("_{stem}_old")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_quotes() {
        assert_eq!(identifier("a`b"), "`a``b`");
    }

    #[test]
    fn names_that_would_break_a_routing_rule_are_refused() {
        assert_eq!(TableName::new("a.b"), Err(NameError::Forbidden('.')));
        assert_eq!(TableName::new("a@replica"), Err(NameError::Forbidden('@')));
        assert_eq!(TableName::new(""), Err(NameError::Empty));
        assert_eq!(TableName::new("a\u{202e}b"), Err(NameError::Control(0x202e)));
        assert_eq!(TableName::new("x".repeat(65)), Err(NameError::TooLong(65, 64)));
    }

    #[test]
    fn names_that_mysql_takes_are_taken() {
        for name in ["order", "Customer2", "tbl-with-dash", "naïve", "with space"] {
            assert!(TableName::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_workflow_is_never_its_own_way_back() {
        assert_eq!(WorkflowName::forward("c2c_reverse"), Err(NameError::Reverse));
        let forward = WorkflowName::forward("c2c").unwrap();
        assert_eq!(forward.reverse().as_str(), "c2c_reverse");
        assert_eq!(forward.reverse().reverse(), forward);
    }

    #[test]
    fn a_renamed_table_keeps_59_characters() {
        assert_eq!(TableName::new("corder").unwrap().renamed(), "_corder_old");
        assert_eq!(TableName::new("x".repeat(64)).unwrap().renamed().len(), 64);
    }
}
