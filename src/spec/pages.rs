//! The pages of `cutover explain` for what can be wrong with a plan file.

/// Code, title and page, in the order of the codes.
pub static PAGES: &[(&str, &str, &str)] = &[
    ("C100", "the file can't be read as text", include_str!("pages/C100.md")),
    ("C101", "the file is not TOML 1.0", include_str!("pages/C101.md")),
    ("C102", "a key or table stands twice", include_str!("pages/C102.md")),
    ("C103", "a key that nobody knows", include_str!("pages/C103.md")),
    ("C104", "a key or table is missing", include_str!("pages/C104.md")),
    ("C105", "a value of the wrong type", include_str!("pages/C105.md")),
    ("C106", "a value that the key does not take", include_str!("pages/C106.md")),
    ("C107", "a name that Vitess or MySQL would not take", include_str!("pages/C107.md")),
    ("C108", "a length of time that can't be used", include_str!("pages/C108.md")),
    ("C109", "a window that never opens", include_str!("pages/C109.md")),
    ("C110", "a time zone that is not in the database", include_str!("pages/C110.md")),
    ("C111", "keys that contradict each other", include_str!("pages/C111.md")),
    ("C112", "something stands twice in a list", include_str!("pages/C112.md")),
    ("C113", "a gate that there is not", include_str!("pages/C113.md")),
    ("C114", "a newer version of the file", include_str!("pages/C114.md")),
    ("C115", "a character that can't be seen", include_str!("pages/C115.md")),
    ("C116", "a window that is too short for a switch", include_str!("pages/C116.md")),
    ("C117", "a time-out that is not below vtgate's buffer", include_str!("pages/C117.md")),
    ("C118", "sequences that are not initialized", include_str!("pages/C118.md")),
    ("C119", "no revert window", include_str!("pages/C119.md")),
];
