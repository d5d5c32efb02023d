//! Tables, of `GetSchema`.

use std::collections::{BTreeMap, BTreeSet};

use super::text::lines;
use crate::cluster::vtctld::generated::tabletmanagerdata;
use crate::model::schema::TableDefinition;

/// What a tablet has of the tables of these names, exactly; of all but Vitess's own without names. Vitess matches names
/// whatever their case (vitess-facts 1.9).
pub(crate) fn tables(
    schema: &tabletmanagerdata::SchemaDefinition,
    names: Option<&BTreeSet<&str>>,
) -> BTreeMap<String, TableDefinition> {
    let wanted = |name: &str| match names {
        Some(names) => names.contains(name),
        None => !is_internal(name),
    };
    let found = schema.table_definitions.iter().filter(|table| wanted(&table.name));
    found.map(|table| (table.name.clone(), definition(table))).collect()
}

/// Names of the tables that are an application's.
pub(crate) fn table_names(schema: &tabletmanagerdata::SchemaDefinition) -> BTreeSet<String> {
    let names = schema.table_definitions.iter().filter(|table| table.r#type != "VIEW").map(|table| &table.name);
    names.filter(|name| !is_internal(name)).cloned().collect()
}

/// Names of all that is an application's, views too.
pub(crate) fn all_names(schema: &tabletmanagerdata::SchemaDefinition) -> Vec<String> {
    schema.table_definitions.iter().map(|table| &table.name).filter(|name| !is_internal(name)).cloned().collect()
}

fn definition(table: &tabletmanagerdata::TableDefinition) -> TableDefinition {
    TableDefinition {
        name: table.name.clone(),
        is_view: table.r#type == "VIEW",
        create_statement: lines(&table.schema),
        columns: table.columns.clone(),
        primary_key_columns: table.primary_key_columns.clone(),
        data_length_bytes: table.data_length,
        row_count: table.row_count,
    }
}

/// Whether Vitess itself made the table, for garbage collection or for an online schema change
/// (`IsInternalOperationTableName`, go/vt/schema). Names that only begin alike are an application's own.
fn is_internal(name: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = name.split('_').collect();
    match parts.as_slice() {
        // `_vt_hld_<32 hexadecimal digits>_<time>_`, and without the last `_` before Vitess 18.
        ["", "vt", kind, uuid, time] | ["", "vt", kind, uuid, time, ""] => {
            (kind.len() == 3 || matches!(*kind, "HOLD" | "PURGE" | "EVAC" | "DROP"))
                && kind.bytes().all(|byte| byte.is_ascii_alphabetic())
                && uuid.len() == 32
                && uuid.bytes().all(|byte| byte.is_ascii_hexdigit())
                && digits(time, 14)
        }
        // `_<UUID in five parts>_<time>_vrepl` of online schema changes.
        ["", one, two, three, four, five, time, "gho" | "ghc" | "del" | "new" | "vrepl"] => {
            [(*one, 8), (*two, 4), (*three, 4), (*four, 4), (*five, 12)]
                .iter()
                .all(|(part, length)| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
                && digits(time, 14)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, kind: &str) -> tabletmanagerdata::TableDefinition {
        tabletmanagerdata::TableDefinition { name: name.into(), r#type: kind.into(), ..Default::default() }
    }

    #[test]
    fn names_are_matched_exactly() {
        let schema = tabletmanagerdata::SchemaDefinition {
            table_definitions: vec![table("Customer", "BASE TABLE"), table("customer", "BASE TABLE")],
            ..Default::default()
        };
        let found = tables(&schema, Some(&BTreeSet::from(["customer"])));
        assert_eq!(found.keys().collect::<Vec<_>>(), ["customer"]);
        assert_eq!(tables(&schema, None).len(), 2);
    }

    #[test]
    fn a_definition_keeps_its_lines() {
        let mut one = table("t", "BASE TABLE");
        one.schema = b"CREATE TABLE `t` (\n  `a` int COMMENT 'caf\xe9\x1b'\n)".to_vec();
        let schema = tabletmanagerdata::SchemaDefinition { table_definitions: vec![one], ..Default::default() };
        let found = &tables(&schema, None)["t"];
        assert_eq!(found.create_statement, "CREATE TABLE `t` (\n  `a` int COMMENT 'caf\u{fffd}\\u{1b}'\n)");
    }

    #[test]
    fn tables_that_vitess_made_are_left_out_and_look_alikes_are_not() {
        for internal in [
            "_vt_hld_6ace8bcef73211ea87e9f875a4d24e90_20200915120410_",
            "_vt_HOLD_6ace8bcef73211ea87e9f875a4d24e90_20200915120410",
            "_4e5dcf80_354b_11eb_82cd_f875a4d24e90_20201203114014_gho",
            "_vt_vrp_6ace8bcef73211ea87e9f875a4d24e90_20200915120410_",
        ] {
            assert!(is_internal(internal), "{internal}");
        }
        for own in ["_vt_hld", "_vt_settings", "customer", "_customer_old", "vt_hld_1"] {
            assert!(!is_internal(own), "{own}");
        }
        let schema = tabletmanagerdata::SchemaDefinition {
            table_definitions: vec![table("a", ""), table("v", "VIEW"), table("_vt_settings", "BASE TABLE")],
            ..Default::default()
        };
        assert_eq!(table_names(&schema).into_iter().collect::<Vec<_>>(), ["_vt_settings", "a"]);
    }
}
