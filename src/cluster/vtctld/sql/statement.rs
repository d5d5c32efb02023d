//! The text of the SELECTs.

use std::time::Duration;

use crate::model::name::TableName;

/// Expressions in one statement: enough to make one of most movements, few enough for MySQL's parser.
pub(super) const EXPRESSIONS: usize = 100;

/// Names of tables as text. A [`TableName`] holds neither quotes nor backslashes.
pub(super) fn literals<'a>(names: impl IntoIterator<Item = &'a TableName>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("'{name}'")).collect();
    quoted.join(", ")
}

/// The start of a statement that MySQL ends after `limit`. The hint of the first SELECT holds for the whole statement.
pub(super) fn select(limit: Duration) -> String {
    // 0 would mean no limit.
    format!("select /*+ MAX_EXECUTION_TIME({}) */ ", limit.as_millis().max(1))
}

/// One statement that gives the value of each expression, as rows of `place` and `value`.
pub(super) fn each(limit: Duration, expressions: &[String]) -> String {
    let mut text = select(limit);
    for (place, expression) in expressions.iter().enumerate() {
        match place {
            0 => text.push_str(&format!("0 as place, {expression} as value")),
            _ => text.push_str(&format!(" union all select {place}, {expression}")),
        }
    }
    text
}

/// Which of the tables exist in the tablet's database.
pub(super) fn existing(limit: Duration, tables: &[&TableName]) -> String {
    format!(
        "{}table_name as name from information_schema.tables where table_schema = database() and table_name in ({})",
        select(limit),
        literals(tables.iter().copied())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_as_text() {
        let tables = [TableName::new("order").unwrap(), TableName::new("with space").unwrap()];
        assert_eq!(literals(&tables), "'order', 'with space'");
    }

    #[test]
    fn one_statement_asks_many() {
        let expressions = ["exists(select 1 from `a`)".to_owned(), "exists(select 1 from `b`)".to_owned()];
        assert_eq!(
            each(Duration::from_secs(2), &expressions),
            "select /*+ MAX_EXECUTION_TIME(2000) */ 0 as place, exists(select 1 from `a`) as value union all select 1, exists(select 1 from `b`)"
        );
    }

    #[test]
    fn no_statement_is_without_a_limit() {
        assert!(select(Duration::ZERO).contains("(1)"));
    }
}
