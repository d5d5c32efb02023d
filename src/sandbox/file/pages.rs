//! The pages of `cutover explain` for what can be wrong with `sandbox.toml`.

/// Code, title and page, in the order of the codes.
pub static PAGES: &[(&str, &str, &str)] = &[
    ("C130", "a sandbox.toml that can't be read", include_str!("pages/C130.md")),
    ("C131", "a sandbox that can't be", include_str!("pages/C131.md")),
];
