//! Small messages that several answers are made of.

use jiff::Timestamp;

use crate::cluster::vtctld::generated::{query, topodata, vttime};
use crate::sandbox::file::key_ranges;
use crate::sandbox::refusal::{Answer, Refusal};
use crate::sandbox::state::State;
use crate::sandbox::topology::{Kind, Tablet};

pub fn time(moment: Timestamp) -> Option<vttime::Time> {
    Some(vttime::Time { seconds: moment.as_second(), nanoseconds: moment.subsec_nanosecond() })
}

/// As the bigint columns of vreplication hold it.
pub fn whole_seconds(moment: Timestamp) -> Option<vttime::Time> {
    Some(vttime::Time { seconds: moment.as_second(), nanoseconds: 0 })
}

pub fn alias(tablet: &Tablet) -> topodata::TabletAlias {
    topodata::TabletAlias { cell: tablet.cell.clone(), uid: tablet.uid }
}

pub fn kind(kind: Kind) -> topodata::TabletType {
    match kind {
        Kind::Primary => topodata::TabletType::Primary,
        Kind::Replica => topodata::TabletType::Replica,
        Kind::Rdonly => topodata::TabletType::Rdonly,
    }
}

/// The tablet that a request names, if it answers.
pub fn tablet<'s>(state: &'s State, alias: Option<&topodata::TabletAlias>) -> Answer<&'s Tablet> {
    let alias = alias.cloned().unwrap_or_default();
    let found = state.topology.tablets.iter().find(|tablet| tablet.cell == alias.cell && tablet.uid == alias.uid);
    let name = format!("{}-{:010}", alias.cell, alias.uid);
    match found {
        Some(tablet) if tablet.is_down => Err(Refusal(does_not_answer(&name))),
        Some(tablet) => Ok(tablet),
        None => Err(Refusal(format!("node doesn't exist: /vitess/{}/tablets/{name}/Tablet", alias.cell))),
    }
}

/// What vtctld says of a tablet that it can't reach.
pub fn does_not_answer(alias: &str) -> String {
    format!("rpc error: code = Unavailable desc = connection error: {alias}: connect: connection refused")
}

/// The primaries of a keyspace's shards answer: vreplication is read from each.
pub fn primaries_answer(state: &State, keyspace: &str) -> Answer<()> {
    let shards = state.topology.keyspaces.get(keyspace).map(|it| it.shards.as_slice()).unwrap_or_default();
    let down = shards.iter().filter_map(|shard| state.topology.tablet(shard.primary)).find(|tablet| tablet.is_down);
    down.map_or(Ok(()), |tablet| Err(Refusal(does_not_answer(&tablet.alias()))))
}

/// An alias as Go prints the message.
pub fn go_alias(tablet: &topodata::TabletAlias) -> String {
    format!("cell:\"{}\" uid:{}", tablet.cell, tablet.uid)
}

/// How vtctld tells what a tablet said.
pub fn said_by(code: &str, call: &str, alias: &str, words: &str) -> String {
    format!("rpc error: code = {code} desc = TabletManager.{call} on {alias}: {words}")
}

/// `-80` as start and end; none for a shard of all ids.
pub fn key_range(shard: &str) -> Option<topodata::KeyRange> {
    let (start, end) = key_ranges::of_shard(shard)?;
    (!start.is_empty() || !end.is_empty()).then_some(topodata::KeyRange { start, end })
}

/// A result of MySQL: columns with their types, values as text, none for NULL.
pub fn result(columns: &[(&str, query::Type)], rows: &[Vec<Option<String>>]) -> query::QueryResult {
    let field = |(name, kind): &(&str, query::Type)| query::Field {
        name: name.as_bytes().to_vec(),
        r#type: (*kind).into(),
        ..query::Field::default()
    };
    let length = |value: &Option<String>| value.as_ref().map_or(-1, |value| i64::try_from(value.len()).unwrap_or(i64::MAX));
    let row = |values: &Vec<Option<String>>| query::Row {
        lengths: values.iter().map(length).collect(),
        values: values.iter().flatten().flat_map(|value| value.bytes()).collect(),
    };
    query::QueryResult {
        fields: columns.iter().map(field).collect(),
        rows_affected: rows.len() as u64,
        insert_id: 0,
        rows: rows.iter().map(row).collect(),
    }
}

/// `YYYY-MM-DD HH:MM:SS` in UTC.
pub fn sql_time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
