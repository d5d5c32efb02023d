//! C205: a sharded keyspace's VSchema says how each table's rows are spread, with a vindex that a stream can compute.

use super::asks::{
    TablesByShard, both_keyspaces_and, counted, definitions, nothing_more, source_tables, tables_of_each_shard, unquoted, unread,
    vschema_of, vschema_table,
};
use super::{Check, CheckInput};
use crate::cluster::port::{Query, Reading, Unread};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::{KeyspaceName, TableName};
use crate::model::vschema::{VSchema, VSchemaTable, Vindex};
use crate::run::phase::PhaseId;

const CODE: &str = "C205";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the VSchema spreads each table with a vindex that a stream can compute",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
When the target is sharded, its VSchema has to have each table, and the table's first vindex decides on which shard a row
lands. That vindex has to be declared, unique and computable without a look-up, and its columns have to be columns of the
table. Reference and pinned tables need none. A sharded source needs the same, for the way back is made from its VSchema.

## Why it matters
Create checks that a table has a vindex, but not that the column is in the table: that shows as a stream that fails for good.
A look-up vindex can't be computed by a stream at all. A vindex made for integers (`hash`, `numeric`, `reverse_bits`) over
another type gives no keyspace id, or not the one that somebody expects.

## What to do
`vtctldclient GetVSchema KEYSPACE > vschema.json`, add the table with its sharding column, and
`vtctldclient ApplyVSchema --vschema-file vschema.json KEYSPACE`. ApplyVSchema replaces the whole VSchema, so begin with what is
there.

## When it is inconclusive
The source's definitions could not be read, so it isn't known whether the column exists. A keyspace without VSchema is C202's.

## What it reads
The VSchema of both keyspaces from the topology, and the definitions of the named tables from each source shard's primary.
";

/// They read a value as an integer (`ToCastUint64`, go/vt/vtgate/vindexes).
const FOR_INTEGERS: [&str; 4] = ["hash", "numeric", "numeric_static_map", "reverse_bits"];
const INTEGERS: [&str; 6] = ["tinyint", "smallint", "mediumint", "int", "bigint", "year"];

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [source_tables(movement)])
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let mut findings = of_keyspace(input, input.movement.target());
    if input.facts.vschemas.get(input.movement.source()).is_some_and(|vschema| vschema.sharded) {
        findings.extend(of_keyspace(input, input.movement.source()));
    }
    findings
}

fn of_keyspace(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> Vec<Finding> {
    let vschema = match vschema_of(input.facts, keyspace) {
        Ok(vschema) => vschema,
        Err(why) => return vec![unread(CODE, keyspace.as_str(), &format!("the VSchema of `{keyspace}`"), &why)],
    };
    if !vschema.sharded {
        return vec![Finding::pass(CODE, keyspace.as_str(), format!("`{keyspace}` is unsharded: its tables need no vindex"))];
    }
    let tables = tables_of_each_shard(input.facts, input.movement.source(), &source_tables(input.movement));
    let mut findings: Vec<Finding> =
        input.movement.tables.iter().filter_map(|table| of_table(input, keyspace, vschema, &tables, table)).collect();
    if findings.is_empty() {
        let tables = counted(input.movement.tables.len(), "table");
        findings.push(Finding::pass(CODE, keyspace.as_str(), format!("the VSchema of `{keyspace}` spreads the {tables}")));
    }
    findings
}

/// What is wrong with one table; none when it is as it should be.
fn of_table(
    input: &CheckInput<'_>,
    keyspace: &KeyspaceName,
    vschema: &VSchema,
    tables: &Reading<&TablesByShard>,
    table: &TableName,
) -> Option<Finding> {
    let subject = format!("{keyspace}.{table}");
    let fail = |severity: Severity, summary: String| {
        let entry = format!("\"{table}\": {{\"column_vindexes\": [{{\"column\": \"SHARDING COLUMN\", \"name\": \"VINDEX\"}}]}}");
        let help = format!(
            "the VSchema of `{keyspace}` needs under `tables` an entry like {entry}; `cutover explain {CODE}` says how to apply it"
        );
        Some(Finding::fail(CODE, severity, subject.clone(), summary, help).at("move-tables.tables"))
    };
    let Some(entry) = vschema_table(vschema, table.as_str()) else {
        return fail(Severity::Error, format!("the VSchema of `{keyspace}` doesn't have `{table}`"));
    };
    let columns = match primary_vindex(vschema, entry) {
        PrimaryVindex::NotNeeded => return None,
        PrimaryVindex::Wrong(wrong) => return fail(Severity::Error, format!("`{keyspace}.{table}` {wrong}")),
        PrimaryVindex::Usable { columns, .. } => columns,
    };
    let source = input.movement.source();
    let tables = match tables {
        Ok(tables) => tables,
        Err(why) => return Some(unread(CODE, subject, &format!("the columns of `{source}.{table}`"), why)),
    };
    if definitions(tables, table.as_str()).next().is_none() {
        let why = Unread::new("no source shard has the table");
        return Some(unread(CODE, subject, &format!("the columns of `{source}.{table}`"), &why));
    }
    for column in &columns {
        let lacking = definitions(tables, table.as_str())
            .find(|(_, definition)| !definition.columns.iter().any(|there| there.eq_ignore_ascii_case(column)));
        if let Some((shard, _)) = lacking {
            let place = format!("`{source}.{table}` has no such column on shard `{shard}`");
            return fail(Severity::Error, format!("`{keyspace}.{table}` is spread by `{column}`, but {place}"));
        }
    }
    let PrimaryVindex::Usable { vindex, .. } = primary_vindex(vschema, entry) else { return None };
    let column = columns.first().filter(|_| FOR_INTEGERS.contains(&vindex.kind.as_str()))?;
    let other_type = definitions(tables, table.as_str())
        .filter_map(|(_, definition)| definition.column_type(column))
        .find(|kind| !INTEGERS.contains(&kind.as_str()))?;
    fail(
        Severity::Warning,
        format!(
            "`{keyspace}.{table}` is spread by `{column}` with `{}`, which is made for integers; the column is {other_type}",
            vindex.kind
        ),
    )
}

/// What a VSchema says of the first vindex of a table in a sharded keyspace.
pub enum PrimaryVindex<'a> {
    /// A reference or a pinned table.
    NotNeeded,
    /// A fragment that fits after "`customer.corder` ".
    Wrong(String),
    Usable {
        vindex: &'a Vindex,
        columns: Vec<String>,
    },
}

pub fn primary_vindex<'a>(vschema: &'a VSchema, table: &VSchemaTable) -> PrimaryVindex<'a> {
    if table.kind == "reference" || !table.pinned.is_empty() {
        return PrimaryVindex::NotNeeded;
    }
    if table.kind == "sequence" {
        return PrimaryVindex::Wrong("is a sequence, which a sharded keyspace can't hold unless it is pinned".into());
    }
    let Some(first) = table.column_vindexes.first() else {
        return PrimaryVindex::Wrong("has no vindex in the VSchema".into());
    };
    let Some(vindex) = vschema.vindexes.get(&first.name) else {
        return PrimaryVindex::Wrong(format!("is spread by the vindex `{}`, which the VSchema doesn't declare", first.name));
    };
    if !vindex.is_usable_for_streams() {
        return PrimaryVindex::Wrong(format!(
            "is spread by `{}`, a vindex of type `{}`, which a stream can't compute",
            first.name, vindex.kind
        ));
    }
    if first.columns.is_empty() {
        return PrimaryVindex::Wrong(format!("is spread by the vindex `{}` over no column", first.name));
    }
    PrimaryVindex::Usable { vindex, columns: first.columns.iter().map(|column| unquoted(column).to_owned()).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{CORDER, Fixture, definition, vschema_table as entry};
    use super::*;

    #[test]
    fn a_table_that_the_vschema_lacks_or_leaves_without_vindex_blocks() {
        let mut fixture = Fixture::new();
        fixture.change_vschema("customer", |vschema| {
            vschema.tables.remove("corder");
        });
        let finding = fixture.only_amiss(&CHECK);
        assert_eq!(finding.summary, "the VSchema of `customer` doesn't have `corder`");
        assert!(finding.help.contains("\"corder\": {\"column_vindexes\""), "{}", finding.help);

        let mut fixture = Fixture::new();
        fixture.change_target_table("corder", |table| table.column_vindexes.clear());
        assert!(fixture.only_amiss(&CHECK).summary.contains("has no vindex"));
    }

    #[test]
    fn a_vindex_that_is_not_declared_or_needs_a_lookup_blocks() {
        let mut fixture = Fixture::new();
        fixture.change_target_table("corder", |table| table.column_vindexes[0].name = "gone".into());
        assert!(fixture.only_amiss(&CHECK).summary.contains("doesn't declare"));

        let mut fixture = Fixture::new();
        fixture.change_vschema("customer", |vschema| {
            vschema.vindexes.get_mut("xxhash").unwrap().kind = "consistent_lookup_unique".into();
        });
        assert_eq!(fixture.amiss(&CHECK), ["customer.corder", "customer.customer"]);
    }

    #[test]
    fn the_column_has_to_be_in_the_table_whatever_its_case() {
        let mut fixture = Fixture::new();
        fixture.change_target_table("corder", |table| table.column_vindexes[0].columns = vec!["CUSTOMER_ID".into()]);
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.change_target_table("corder", |table| table.column_vindexes[0].columns = vec!["user_id".into()]);
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.contains("`commerce.corder` has no such column on shard `0`"));
    }

    #[test]
    fn reference_and_pinned_tables_need_no_vindex_and_a_sequence_has_no_place() {
        let mut fixture = Fixture::new();
        fixture
            .change_target_table("corder", |table| *table = VSchemaTable { kind: "reference".into(), ..VSchemaTable::default() });
        fixture.change_target_table("customer", |table| *table = VSchemaTable { pinned: "00".into(), ..VSchemaTable::default() });
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.change_target_table("corder", |table| table.kind = "sequence".into());
        assert!(fixture.only_amiss(&CHECK).blocks());
    }

    #[test]
    fn an_integer_vindex_over_text_is_a_warning() {
        let mut fixture = Fixture::new();
        fixture.change_vschema("customer", |vschema| vschema.vindexes.get_mut("xxhash").unwrap().kind = "hash".into());
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.source_table("0", definition(&CORDER.replace("`customer_id` bigint", "`customer_id` varchar(20)")));
        let finding = fixture.only_amiss(&CHECK);
        assert!(!finding.blocks() && finding.summary.ends_with("the column is varchar"), "{}", finding.summary);
    }

    #[test]
    fn a_sharded_source_needs_vindexes_for_the_way_back() {
        let mut fixture = Fixture::new();
        fixture.change_vschema("commerce", |vschema| vschema.sharded = true);
        assert_eq!(fixture.amiss(&CHECK), ["commerce.corder", "commerce.customer"]);
        fixture.change_vschema("commerce", |vschema| {
            vschema.vindexes.insert("xxhash".into(), Vindex { kind: "xxhash".into(), ..Vindex::default() });
            for table in ["customer", "corder"] {
                vschema.tables.insert(table.into(), entry("customer_id", "s"));
            }
        });
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn an_unsharded_target_needs_nothing() {
        let mut fixture = Fixture::new();
        fixture.change_vschema("customer", |vschema| *vschema = VSchema::default());
        assert!(fixture.amiss(&CHECK).is_empty());
    }
}
