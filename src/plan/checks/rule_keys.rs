//! The routing rules that one moved table has: nine keys (vitess-facts 3.2, stage B).

use crate::family::move_tables::MoveTables;
use crate::model::name::TableName;

const SUFFIXES: [&str; 3] = ["", "@replica", "@rdonly"];

/// `t`, `target.t`, `source.t`, each also with `@replica` and `@rdonly`.
pub fn keys_of_table(movement: &MoveTables, table: &TableName) -> Vec<String> {
    let stems = [table.to_string(), format!("{}.{table}", movement.target()), format!("{}.{table}", movement.source())];
    stems.iter().flat_map(|stem| SUFFIXES.iter().map(move |suffix| format!("{stem}{suffix}"))).collect()
}

/// Whether a rule's key is one of the movement's.
pub fn is_ours(movement: &MoveTables, key: &str) -> bool {
    let stem = key.strip_suffix("@replica").or_else(|| key.strip_suffix("@rdonly")).unwrap_or(key);
    let table = match stem.split_once('.') {
        Some((keyspace, table)) if keyspace == movement.source().as_str() || keyspace == movement.target().as_str() => table,
        Some(_) => return false,
        None => stem,
    };
    movement.tables.iter().any(|moved| moved.as_str() == table)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn each_of_the_nine_keys_of_each_table_is_ours_and_a_neighbour_is_not() {
        let movement = Fixture::new().movement;
        let keys: Vec<String> = movement.tables.iter().flat_map(|table| keys_of_table(&movement, table)).collect();
        assert_eq!(keys.len(), 18);
        assert!(keys.contains(&"customer.corder@rdonly".to_owned()));
        assert!(keys.iter().all(|key| is_ours(&movement, key)));
        for foreign in ["product", "commerce.product", "other.corder", "corder@spare", "corder2"] {
            assert!(!is_ours(&movement, foreign), "{foreign}");
        }
    }
}
