//! The pages of `cutover explain` for what can be wrong with a file.

/// Code, title and page.
pub static PAGES: &[(&str, &str, &str)] = &[];
