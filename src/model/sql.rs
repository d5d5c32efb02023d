//! What SQL text says of tables, as far as that can be told without parsing it.

/// Whether SQL names a table: as a word of its own, whatever the case. A column or a comment of that name counts too.
pub fn names_table(sql: &str, table: &str) -> bool {
    let (sql, table) = (sql.to_lowercase(), table.to_lowercase());
    let is_of_a_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
    sql.match_indices(&table)
        .any(|(at, _)| !is_of_a_name(sql[..at].chars().next_back()) && !is_of_a_name(sql[at + table.len()..].chars().next()))
}

/// The table that the filter of a stream's rule reads: the one behind `from`. None for a filter that is no SELECT: then the rule reads
/// the table that it writes.
pub fn filtered_table(filter: &str) -> Option<&str> {
    let at = filter.to_ascii_lowercase().find(" from ")?;
    let rest = filter[at + " from ".len()..].trim_start();
    Some(match rest.strip_prefix('`') {
        Some(quoted) => quoted.split('`').next().unwrap_or(quoted),
        None => rest.split_whitespace().next().unwrap_or(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_by_a_word_and_not_by_a_part_of_one() {
        for sql in ["insert into `corder` values (1)", "INSERT INTO CORDER(id) values (1)", "delete from vt_commerce.corder"] {
            assert!(names_table(sql, "corder"), "{sql}");
        }
        for sql in ["insert into corder_audit values (1)", "set new.old_corder = 1", ""] {
            assert!(!names_table(sql, "corder"), "{sql}");
        }
    }

    #[test]
    fn a_filter_reads_the_table_behind_from() {
        assert_eq!(filtered_table("select * from corder where in_keyrange(id, 'x.xxhash', '-80')"), Some("corder"));
        assert_eq!(filtered_table("select sku, count(*) as n FROM `c order` group by sku"), Some("c order"));
        assert_eq!(filtered_table("-80"), None);
        assert_eq!(filtered_table(""), None);
    }
}
