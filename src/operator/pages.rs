//! The pages of `cutover explain` for the operator's side.

/// Code, title and page, in the order of the codes.
pub static PAGES: &[(&str, &str, &str)] = &[
    ("C120", "a gate that the operators want to hold", include_str!("pages/C120.md")),
    ("C121", "dropping the source tables is not allowed", include_str!("pages/C121.md")),
    ("C122", "a revert window that is shorter than the operators want", include_str!("pages/C122.md")),
    ("C124", "secrets without TLS", include_str!("pages/C124.md")),
];
