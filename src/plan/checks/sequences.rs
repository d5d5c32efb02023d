//! C207: at a sharded target, each table that gets its ids from the database gets them from a sequence, and none twice.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::{TablesByShard, both_keyspaces_and, definitions, source_tables, tables_of_each_shard, unread};
use super::sequence_names::{Ids, Place, SequenceName, ids, place};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Facts, Query, Question, Reading, Unread};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::{KeyspaceName, TableName, identifier};
use crate::run::phase::PhaseId;

const CODE: &str = "C207";

pub static CHECK: Check = Check {
    code: CODE,
    title: "sequences give ids that no row has",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query,
    follow_up,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
MySQL's `AUTO_INCREMENT` counts on one server. At a sharded target ids have to come from a sequence: an `auto_increment` entry in
the target's VSchema that names a sequence table in an unsharded keyspace. This check looks that each table with
`AUTO_INCREMENT` has such an entry, that the sequence can be found under that name, and that its next value is above the
largest id, or that the switch will set it (`initialize-target-sequences`, for an unsharded source).

## Why it matters
Without the entry, inserts that leave the id out fail after the switch, or each shard counts for itself. With a sequence that is
behind, a real Vitess 24 gave an id to a row on one shard while another shard had it: a primary key twice, without any error,
and the reverse stream died of it. When two moved
tables share one sequence, Vitess 24 sets it by the largest id of one of them, whichever comes last, and the other's ids are
given again (seen on a real one too).

## What to do
Leave `initialize-target-sequences = true`. For a missing entry: make the sequence in an unsharded keyspace,
`create table T_seq (id int, next_id bigint, cache bigint, primary key(id)) comment 'vitess_sequence'` and
`insert into T_seq values (0, 1, 1000)`, add `\"T_seq\": {\"type\": \"sequence\"}` to that keyspace's VSchema and
`\"auto_increment\": {\"column\": \"COLUMN\", \"sequence\": \"KEYSPACE.T_seq\"}` to the table in the target's VSchema. Or let create add
the entry (`sharded-auto-increment-handling = \"replace\"`), with `global-keyspace` as the place for the sequence.

## When it is inconclusive
The VSchemas, the definitions, the sequence's next value or the largest id could not be read. `--deep` gives a largest id
without an index more time.

## What it reads
The VSchema of each keyspace, the definitions of the tables and of their sequences, and, only for sequences that the switch will
not set, one `SELECT next_id` a sequence and one `SELECT MAX(column)` a table and source shard.
";

/// A table that gets its ids from a sequence which is in a keyspace.
struct Use {
    table: TableName,
    column: String,
    sequence: TableName,
    keyspace: KeyspaceName,
    /// Vitess sets it at the switch: it looks for the largest id then (`initializeTargetSequences`, only for an unsharded
    /// source), in a map by the sequence's bare name, so that of two tables with one name only one is seen.
    is_set_by_switch: bool,
}

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [source_tables(movement), Ask::AllVSchemas])
}

fn follow_up(movement: &MoveTables, facts: &Facts) -> Query {
    let mut query = Query::default();
    let Ok(uses) = uses(movement, facts) else { return query };
    for (keyspace, sequences) in by_keyspace(&uses) {
        query.keyspaces.insert(keyspace.clone());
        query.asks.insert(sequence_tables(&keyspace, &sequences));
    }
    let behind = Definitions::of(movement, facts, &uses).to_compare(&uses);
    for (keyspace, sequences) in by_keyspace(behind.iter().copied()) {
        query.asks.insert(next_values(&keyspace, &sequences));
    }
    if !behind.is_empty() {
        query.asks.insert(largest_ids(movement, &behind));
    }
    query
}

fn by_keyspace<'a>(uses: impl IntoIterator<Item = &'a Use>) -> BTreeMap<KeyspaceName, BTreeSet<TableName>> {
    let mut sequences: BTreeMap<KeyspaceName, BTreeSet<TableName>> = BTreeMap::new();
    for it in uses {
        sequences.entry(it.keyspace.clone()).or_default().insert(it.sequence.clone());
    }
    sequences
}

fn sequence_tables(keyspace: &KeyspaceName, sequences: &BTreeSet<TableName>) -> Ask {
    Ask::Tables { keyspace: keyspace.clone(), names: Some(sequences.iter().cloned().collect()) }
}

fn next_values(keyspace: &KeyspaceName, sequences: &BTreeSet<TableName>) -> Ask {
    Ask::Sql(Question::SequenceNext { keyspace: keyspace.clone(), sequences: sequences.iter().cloned().collect() })
}

fn largest_ids(movement: &MoveTables, uses: &[&Use]) -> Ask {
    let columns = uses.iter().map(|it| (it.table.clone(), it.column.clone())).collect();
    Ask::Sql(Question::LargestValue { keyspace: movement.source().clone(), columns })
}

/// The sequences that the switch of the writes sets, and above what; none that could not be read.
pub fn set_by_the_switch(movement: &MoveTables, facts: &Facts) -> BTreeMap<String, String> {
    let set = uses(movement, facts).unwrap_or_default().into_iter().filter(|it| it.is_set_by_switch);
    set.map(|it| (format!("{}.{}", it.keyspace, it.sequence), format!("above the largest `{}.{}`", it.table, it.column)))
        .collect()
}

/// Tables whose sequence was found. The others are findings of their own.
fn uses(movement: &MoveTables, facts: &Facts) -> Reading<Vec<Use>> {
    let ids = ids(movement, facts)?;
    let is_source_unsharded = facts.vschemas.get(movement.source()).is_some_and(|vschema| !vschema.sharded);
    let is_set = movement.options.initialize_target_sequences && is_source_unsharded;
    let mut uses = Vec::new();
    for (table, ids) in ids {
        let Ids::Sequence { column, sequence } = ids else { continue };
        let Place::In { keyspace, .. } = place(&sequence, facts)? else { continue };
        let Ok(sequence) = TableName::new(sequence.table) else { continue };
        uses.push(Use { table, column, sequence, keyspace, is_set_by_switch: is_set });
    }
    let mut users: BTreeMap<TableName, usize> = BTreeMap::new();
    for it in &uses {
        *users.entry(it.sequence.clone()).or_default() += 1;
    }
    for it in &mut uses {
        it.is_set_by_switch &= users.get(&it.sequence) == Some(&1);
    }
    Ok(uses)
}

/// What was read of the moved tables and of the tables of their sequences: looked up once for all of them.
struct Definitions<'a> {
    tables: Reading<&'a TablesByShard>,
    sequences: BTreeMap<KeyspaceName, Reading<&'a TablesByShard>>,
}

impl<'a> Definitions<'a> {
    fn of(movement: &MoveTables, facts: &'a Facts, uses: &[Use]) -> Self {
        let sequences = by_keyspace(uses).into_iter().map(|(keyspace, sequences)| {
            let tables = tables_of_each_shard(facts, &keyspace, &sequence_tables(&keyspace, &sequences));
            (keyspace, tables)
        });
        let tables = tables_of_each_shard(facts, movement.source(), &source_tables(movement));
        Self { tables, sequences: sequences.collect() }
    }

    /// Those whose next value has to be looked at: nobody will set it, and the table of the sequence is there to be asked.
    fn to_compare<'u>(&self, uses: &'u [Use]) -> Vec<&'u Use> {
        let there = |it: &&Use| matches!(self.has_sequence_table(it), Ok(true));
        let has_column = |it: &&Use| matches!(self.has_column(&it.table, &it.column), Ok(true));
        uses.iter().filter(|it| !it.is_set_by_switch).filter(there).filter(has_column).collect()
    }

    fn has_sequence_table(&self, wanted: &Use) -> Reading<bool> {
        let tables = self.sequences.get(&wanted.keyspace).cloned().unwrap_or_else(|| Err(Unread::new("it was not asked for")))?;
        Ok(definitions(tables, wanted.sequence.as_str()).next().is_some())
    }

    fn has_column(&self, table: &TableName, column: &str) -> Reading<bool> {
        let tables = self.tables.clone()?;
        Ok(definitions(tables, table.as_str())
            .all(|(_, definition)| definition.columns.iter().any(|there| there.eq_ignore_ascii_case(column))))
    }
}

/// All that a table's finding rests on.
struct Seen<'a> {
    uses: BTreeMap<&'a TableName, &'a Use>,
    definitions: Definitions<'a>,
    /// By the keyspaces of the sequences that are compared.
    next: BTreeMap<KeyspaceName, Reading<&'a BTreeMap<String, Option<i64>>>>,
    largest: Reading<&'a BTreeMap<String, Option<i128>>>,
}

impl<'a> Seen<'a> {
    fn of(movement: &MoveTables, facts: &'a Facts, uses: &'a [Use]) -> Self {
        let definitions = Definitions::of(movement, facts, uses);
        let behind = definitions.to_compare(uses);
        let next = by_keyspace(behind.iter().copied()).into_iter().map(|(keyspace, sequences)| {
            let next = facts.sequence_next(&next_values(&keyspace, &sequences));
            (keyspace, next)
        });
        Self {
            uses: uses.iter().map(|it| (&it.table, it)).collect(),
            next: next.collect(),
            largest: facts.largest_value(&largest_ids(movement, &behind)),
            definitions,
        }
    }
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let (movement, facts) = (input.movement, input.facts);
    let target = movement.target();
    let (ids, uses) = match (ids(movement, facts), uses(movement, facts)) {
        (Ok(ids), Ok(uses)) => (ids, uses),
        (Err(why), _) | (_, Err(why)) => {
            return vec![unread(CODE, target.as_str(), "where the tables' ids come from", &why)];
        }
    };
    let seen = Seen::of(movement, facts, &uses);
    let findings: Vec<Finding> = ids.iter().filter_map(|(table, ids)| of_table(input, table, ids, &seen)).collect();
    if findings.is_empty() {
        return vec![Finding::pass(CODE, target.as_str(), format!("no table needs a sequence in `{target}`"))];
    }
    findings
}

fn of_table(input: &CheckInput<'_>, table: &TableName, ids: &Ids, seen: &Seen<'_>) -> Option<Finding> {
    let target = input.movement.target();
    let subject = input.movement.target_table(table);
    let fail = |summary: String, help: String| Some(Finding::fail(CODE, Severity::Error, subject.clone(), summary, help));
    let (column, sequence) = match ids {
        Ids::Given => return None,
        Ids::Nothing { column } => {
            return fail(
                format!(
                    "nothing gives `{table}.{column}` its value in `{target}`: create removes AUTO_INCREMENT, and the VSchema names no sequence"
                ),
                snippet(input, table, column),
            );
        }
        Ids::EachShard { column } => {
            return fail(
                format!("each shard of `{target}` would count `{table}.{column}` for itself and give the same ids"),
                snippet(input, table, column),
            );
        }
        Ids::Unreadable { written, sequence } => {
            let keyspace = sequence.keyspace.as_ref().map(|keyspace| format!("`{keyspace}`.")).unwrap_or_default();
            return fail(
                format!("vtgate can't read the name of its sequence, `{written}`, and passes over the whole table"),
                format!("write it in quotes: `\"sequence\": \"{keyspace}`{}`\"`", sequence.table),
            );
        }
        Ids::Sequence { column, sequence } => (column, sequence),
    };
    match seen.definitions.has_column(table, column) {
        Ok(true) => {}
        Ok(false) => {
            return fail(
                format!("the VSchema gives `{table}.{column}` its value from `{sequence}`, but the table has no such column"),
                format!("correct `auto_increment` of `{table}` in the VSchema of `{target}`"),
            );
        }
        Err(why) => return Some(unread(CODE, subject, &format!("the columns of `{table}`"), &why)),
    }
    match place(sequence, input.facts) {
        Err(why) => Some(unread(CODE, subject, "the VSchemas of all keyspaces", &why)),
        Ok(Place::In { .. }) => match seen.uses.get(table) {
            Some(found) => Some(of_use(input, found, seen)),
            None => fail(format!("`{sequence}` is no name of a table"), format!("correct `auto_increment` of `{table}`")),
        },
        Ok(Place::NoSuchKeyspace) => fail(
            format!("the sequence `{sequence}` of `{table}` is in a keyspace that has no VSchema or doesn't exist"),
            "`vtctldclient GetKeyspaces` lists the keyspaces; correct the entry, or the keyspace".into(),
        ),
        Ok(Place::Sharded) => fail(
            format!("the sequence `{sequence}` of `{table}` is in a sharded keyspace, where sequences don't work"),
            "move it to an unsharded keyspace and name that one".into(),
        ),
        Ok(Place::Ambiguous(holders)) => fail(
            format!("the sequence `{sequence}` of `{table}` is in several keyspaces: {}", holders.join(", ")),
            format!("name one: `\"sequence\": \"{}.{}\"`", holders[0], sequence.table),
        ),
        Ok(Place::Nowhere) => Some(nowhere(input, table, column, sequence)),
    }
}

/// A bare name that no VSchema has. Vitess makes it at the switch when it is to set sequences and knows where.
fn nowhere(input: &CheckInput<'_>, table: &TableName, column: &str, sequence: &SequenceName) -> Finding {
    let options = &input.movement.options;
    let is_source_unsharded = input.facts.vschemas.get(input.movement.source()).is_some_and(|vschema| !vschema.sharded);
    match &options.global_keyspace {
        Some(keyspace) if options.initialize_target_sequences && is_source_unsharded => Finding::pass(
            CODE,
            input.movement.target_table(table),
            format!("the sequence `{sequence}` of `{table}` isn't there yet; the primary switch makes it in `{keyspace}`"),
        ),
        _ => Finding::fail(
            CODE,
            Severity::Error,
            input.movement.target_table(table),
            format!("the sequence `{sequence}` of `{table}` is in no unsharded keyspace's VSchema"),
            snippet(input, table, column),
        ),
    }
}

fn of_use(input: &CheckInput<'_>, it: &Use, seen: &Seen<'_>) -> Finding {
    let (table, name) = (&it.table, format!("{}.{}", it.keyspace, it.sequence));
    let subject = input.movement.target_table(table);
    let is_there = match seen.definitions.has_sequence_table(it) {
        Ok(is_there) => is_there,
        Err(why) => return unread(CODE, subject, &format!("the table of the sequence `{name}`"), &why),
    };
    if it.is_set_by_switch {
        let state = if is_there { "will be set above its largest id" } else { "isn't there yet and will be made" };
        return Finding::pass(CODE, subject, format!("the sequence `{name}` of `{table}` {state} by the primary switch"));
    }
    if !is_there {
        return Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("the sequence `{name}` of `{table}` has no table in `{}`", it.keyspace),
            snippet(input, table, &it.column),
        );
    }
    let next = match seen.next.get(&it.keyspace) {
        Some(Ok(next)) => next.get(it.sequence.as_str()).copied(),
        Some(Err(why)) => return unread(CODE, subject, &format!("the next value of `{name}`"), why),
        None => None,
    };
    let largest = match &seen.largest {
        Ok(largest) => largest.get(table.as_str()).copied(),
        Err(why) => return unread(CODE, subject, &format!("the largest `{table}.{}`", it.column), why),
    };
    match (next, largest) {
        (Some(next), Some(largest)) => compared(input, it, &name, next, largest.unwrap_or(0)),
        _ => unread(CODE, subject, &format!("the next value of `{name}`"), &Unread::new("the answer doesn't have it")),
    }
}

fn compared(input: &CheckInput<'_>, it: &Use, name: &str, next: Option<i64>, largest: i128) -> Finding {
    let (table, subject) = (&it.table, input.movement.target_table(&it.table));
    let wanted = largest + 1;
    // A reserve of ids may be in vttablet's memory: what it gives next can be below `next_id`, never above.
    let set = format!(
        "insert into {} (id, next_id, cache) values (0, {wanted}, 1000) on duplicate key update next_id = greatest(next_id, {wanted})",
        identifier(it.sequence.as_str())
    );
    let why = match (input.movement.options.initialize_target_sequences, it.is_set_by_switch) {
        (false, _) => "set `initialize-target-sequences = true`, and the switch sets it".to_owned(),
        (true, _) => format!(
            "the switch doesn't set it (the source is sharded, or another moved table uses `{}` too); in `{}`: {set}",
            it.sequence, it.keyspace
        ),
    };
    match next {
        Some(next) if i128::from(next) > largest => Finding::pass(
            CODE,
            subject,
            format!("the sequence `{name}` gives {next} next, and the largest `{table}.{}` is {largest}", it.column),
        ),
        Some(next) => Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!(
                "the sequence `{name}` gives {next} next, but `{table}.{}` goes up to {largest}: ids would be given twice",
                it.column
            ),
            why,
        )
        .at("move-tables.initialize-target-sequences")
        .seen(format!("next {next}, largest {largest}")),
        None => Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("the sequence `{name}` of `{table}` has no row, so it gives nothing"),
            why,
        )
        .at("move-tables.initialize-target-sequences")
        .seen(format!("no row, largest {largest}")),
    }
}

/// What to write, and where.
fn snippet(input: &CheckInput<'_>, table: &TableName, column: &str) -> String {
    let movement = input.movement;
    let source = movement.source();
    let is_source_unsharded = input.facts.vschemas.get(source).is_some_and(|vschema| !vschema.sharded);
    let keyspace = match &movement.options.global_keyspace {
        Some(keyspace) => keyspace.as_str(),
        None if is_source_unsharded => source.as_str(),
        None => "UNSHARDED_KEYSPACE",
    };
    let entry = format!("\"auto_increment\": {{\"column\": \"{column}\", \"sequence\": \"{keyspace}.{table}_seq\"}}");
    format!(
        "add {entry} to `{table}` in the VSchema of `{}` and make that sequence (`cutover explain {CODE}` says how), or let create add the entry: `sharded-auto-increment-handling = \"replace\"` with a `global-keyspace`",
        movement.target()
    )
}

#[cfg(test)]
#[path = "sequences_tests.rs"]
mod tests;
