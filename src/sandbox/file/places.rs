//! Where something stands in the text of `sandbox.toml`.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file as a tree with places.
#[derive(Clone, Copy)]
pub struct Places<'a>(pub &'a DeTable<'a>);

impl<'a> Places<'a> {
    /// The place of a value, or of the nearest thing above it that stands in the file. A step is a key, or an index of an array.
    pub fn of(self, path: &[&str]) -> Option<Range<usize>> {
        self.walk(path, |_, value| value.span())
    }

    /// The place of a key; that of an array's element is its own.
    pub fn of_key(self, path: &[&str]) -> Option<Range<usize>> {
        self.walk(path, |key, value| key.unwrap_or_else(|| value.span()))
    }

    fn walk(
        self,
        path: &[&str],
        span: impl Fn(Option<Range<usize>>, &Spanned<DeValue<'a>>) -> Range<usize>,
    ) -> Option<Range<usize>> {
        let (first, rest) = path.split_first()?;
        let (key, mut value) = self.0.get_key_value(*first)?;
        let mut key = Some(key.span());
        for step in rest {
            match (value.get_ref(), step.parse::<usize>()) {
                (DeValue::Array(array), Ok(index)) => match array.get(index) {
                    Some(found) => (key, value) = (None, found),
                    None => break,
                },
                (DeValue::Table(table), _) => match table.get_key_value(*step) {
                    Some((name, found)) => (key, value) = (Some(name.span()), found),
                    // What is missing is missing in what has a name.
                    None => return Some(key.unwrap_or_else(|| value.span())),
                },
                _ => break,
            }
        }
        Some(span(key, value))
    }
}
