//! A keyspace's VSchema, whole.

use crate::cluster::vtctld::generated::vschema as wire;
use crate::model::vschema::{AutoIncrement, ColumnVindex, VSchema, VSchemaColumn, VSchemaTable, Vindex};

pub(crate) fn vschema(keyspace: &wire::Keyspace) -> VSchema {
    // Taken apart by name, so that a field that is added to the message can't be forgotten here.
    let wire::Keyspace { sharded, vindexes, tables, require_explicit_routing, foreign_key_mode, multi_tenant_spec } = keyspace;
    VSchema {
        sharded: *sharded,
        vindexes: vindexes.iter().map(|(name, it)| (name.clone(), vindex(it))).collect(),
        tables: tables.iter().map(|(name, it)| (name.clone(), table(it))).collect(),
        require_explicit_routing: *require_explicit_routing,
        foreign_key_mode: *foreign_key_mode,
        multi_tenant: multi_tenant_spec.as_ref().map(|spec| (spec.tenant_id_column_name.clone(), spec.tenant_id_column_type)),
    }
}

fn vindex(vindex: &wire::Vindex) -> Vindex {
    let wire::Vindex { r#type, params, owner } = vindex;
    Vindex { kind: r#type.clone(), params: params.clone(), owner: owner.clone() }
}

fn table(table: &wire::Table) -> VSchemaTable {
    let wire::Table { r#type, column_vindexes, auto_increment, columns, pinned, column_list_authoritative, source } = table;
    VSchemaTable {
        kind: r#type.clone(),
        column_vindexes: column_vindexes.iter().map(column_vindex).collect(),
        auto_increment: auto_increment
            .as_ref()
            .map(|wire::AutoIncrement { column, sequence }| AutoIncrement { column: column.clone(), sequence: sequence.clone() }),
        columns: columns.iter().map(column).collect(),
        pinned: pinned.clone(),
        column_list_authoritative: *column_list_authoritative,
        source: source.clone(),
    }
}

/// `column` and a list of that one column mean the same.
fn column_vindex(vindex: &wire::ColumnVindex) -> ColumnVindex {
    let wire::ColumnVindex { column, name, columns } = vindex;
    let columns = if columns.is_empty() { vec![column.clone()] } else { columns.clone() };
    ColumnVindex { columns, name: name.clone() }
}

fn column(column: &wire::Column) -> VSchemaColumn {
    let wire::Column { name, r#type, invisible, default, collation_name, size, scale, nullable, values } = column;
    VSchemaColumn {
        name: name.clone(),
        kind: *r#type,
        invisible: *invisible,
        default: default.clone(),
        collation: collation_name.clone(),
        size: *size,
        scale: *scale,
        nullable: *nullable,
        values: values.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;

    #[test]
    fn two_spellings_of_a_vindex_are_the_same() {
        let with = |column: &str, columns: &[&str]| wire::Keyspace {
            tables: [(
                "t".to_owned(),
                wire::Table {
                    column_vindexes: vec![wire::ColumnVindex {
                        column: column.into(),
                        name: "xxhash".into(),
                        columns: columns.iter().map(|name| (*name).into()).collect(),
                    }],
                    ..Default::default()
                },
            )]
            .into(),
            ..Default::default()
        };
        assert_eq!(vschema(&with("id", &[])), vschema(&with("", &["id"])));
        assert_ne!(Digest::of(&vschema(&with("id", &[]))), Digest::of(&vschema(&with("other", &[]))));
    }
}
