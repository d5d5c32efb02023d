//! Rows of a SQL result.

use super::Malformed;
use super::text::text;
use crate::cluster::vtctld::generated::query::QueryResult;

/// A result by the names of its columns.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Option<Vec<u8>>>>,
}

/// One row; a column that the result lacks is malformed, a NULL is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    columns: &'a [String],
    values: &'a [Option<Vec<u8>>],
}

impl Rows {
    pub fn new(result: &QueryResult) -> Result<Self, Malformed> {
        let columns: Vec<String> = result.fields.iter().map(|field| text(&field.name)).collect();
        let row = |row: &crate::cluster::vtctld::generated::query::Row| {
            if row.lengths.len() != columns.len() {
                return Err(Malformed::new(format!("a row has {} values for {} columns", row.lengths.len(), columns.len())));
            }
            let mut rest = row.values.as_slice();
            let mut values = Vec::with_capacity(columns.len());
            for length in &row.lengths {
                // -1 is NULL, which takes nothing of the values.
                let Ok(length) = usize::try_from(*length) else {
                    values.push(None);
                    continue;
                };
                let Some((value, tail)) = rest.split_at_checked(length) else {
                    return Err(Malformed::new("a row is shorter than it says"));
                };
                values.push(Some(value.to_vec()));
                rest = tail;
            }
            Ok(values)
        };
        let rows = result.rows.iter().map(row).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows })
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row { columns: &self.columns, values })
    }
}

impl Row<'_> {
    fn bytes(&self, column: &str) -> Result<Option<&[u8]>, Malformed> {
        let at = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column));
        let value = at.and_then(|at| self.values.get(at));
        value.map(Option::as_deref).ok_or_else(|| Malformed::new(format!("the result has no column `{column}`")))
    }

    /// None for NULL.
    pub fn text(&self, column: &str) -> Result<Option<String>, Malformed> {
        Ok(self.bytes(column)?.map(text))
    }

    /// Empty for NULL; statements and values of rows are cut out.
    pub fn message(&self, column: &str) -> Result<String, Malformed> {
        Ok(self.bytes(column)?.map(crate::cluster::printable).unwrap_or_default())
    }

    /// None for NULL. A number with a fraction is none of ours.
    pub fn number<N: std::str::FromStr>(&self, column: &str) -> Result<Option<N>, Malformed> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            // Not the value itself: it may be of a row.
            Err(_) => Err(Malformed::new(format!("`{column}` is not a whole number"))),
        }
    }

    /// None for NULL; any number but 0 is true.
    pub fn truth(&self, column: &str) -> Result<Option<bool>, Malformed> {
        Ok(self.number::<i64>(column)?.map(|number| number != 0))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cluster::vtctld::generated::query;

    /// A result as MySQL would send it.
    pub(crate) fn result(columns: &[&str], rows: &[&[Option<&str>]]) -> QueryResult {
        let field = |name: &&str| query::Field { name: name.as_bytes().to_vec(), ..Default::default() };
        let row = |values: &&[Option<&str>]| query::Row {
            lengths: values.iter().map(|value| value.map_or(-1, |value| value.len() as i64)).collect(),
            values: values.iter().flatten().flat_map(|value| value.bytes()).collect(),
        };
        QueryResult { fields: columns.iter().map(field).collect(), rows: rows.iter().map(row).collect(), ..Default::default() }
    }

    #[test]
    fn null_takes_nothing_and_empty_text_is_not_null() {
        let rows = Rows::new(&result(&["a", "b", "c"], &[&[None, Some(""), Some("12")]])).unwrap();
        let row = rows.iter().next().unwrap();
        assert_eq!(row.text("a").unwrap(), None);
        assert_eq!(row.text("b").unwrap(), Some(String::new()));
        assert_eq!(row.number::<i64>("C").unwrap(), Some(12));
        assert!(row.text("d").is_err(), "no such column");
        assert!(row.number::<i64>("b").is_err(), "no number");
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut lying = result(&["a"], &[&[Some("x")]]);
        lying.rows[0].lengths[0] = 5;
        assert!(Rows::new(&lying).is_err());
        lying.rows[0].lengths = vec![1, 1];
        assert!(Rows::new(&lying).is_err());
    }
}
