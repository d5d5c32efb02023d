//! What the cluster shows of a movement between `commerce` and `customer`, in one line that can be compared.

use serde_json::Value;

use crate::support::{Cluster, Movement};

/// Both sides: the letter that the line uses, keyspace, shard.
pub const SHARDS: [(&str, &str, &str); 3] = [("S", "commerce", "0"), ("T1", "customer", "-80"), ("T2", "customer", "80-")];

/// `denied S | forward stopped stopped | reverse off off | journal S | rules STT STT STT | tables 2 0 2 2`
///
/// - denied: the shards whose primary denies all of the tables; `half-S`: some of them
/// - forward, reverse: one word a stream, by shard: `run`, `off` (stopped), `stopped` (for cutover), `frozen`; `none` without any
/// - journal: the shards that have one of this movement, of any switch
/// - rules: where primary, replica, rdonly lead (`S`, `T`, `-` without a rule, `?` mixed), in the topology, in zone1, in zone2
/// - tables: how many at the source, renamed at the source, at each shard of the target
pub fn observe(cluster: &Cluster, movement: &Movement) -> String {
    let vtctl = cluster.vtctl();
    let denied = SHARDS.iter().filter_map(|(letter, keyspace, shard)| {
        let denied = vtctl.denied_tables(keyspace, shard);
        match movement.tables.iter().filter(|table| denied.contains(table)).count() {
            0 => None,
            count if count == movement.tables.len() => Some((*letter).to_owned()),
            _ => Some(format!("half-{letter}")),
        }
    });
    let denied = or_none(denied);
    let rules = [vtctl.routing_rules(), rules_of_cell(&vtctl.srv_vschema("zone1")), rules_of_cell(&vtctl.srv_vschema("zone2"))]
        .map(|rules| directions(&rules, movement));
    let tables: Vec<usize> = SHARDS
        .iter()
        .flat_map(|(letter, keyspace, shard)| {
            let there: Vec<String> = on_shard(cluster, keyspace, shard, "show tables");
            let count =
                |name: &dyn Fn(&str) -> String| movement.tables.iter().filter(|table| there.contains(&name(table))).count();
            let mut counts = vec![count(&|table| table.to_owned())];
            if *letter == "S" {
                counts.push(count(&|table| format!("_{table}_old")));
            }
            counts
        })
        .collect();
    format!(
        "denied {denied} | forward {} | reverse {} | journal {} | rules {} | tables {}",
        streams(cluster, "customer", &movement.workflow),
        streams(cluster, "commerce", &movement.reverse_workflow()),
        journals(cluster, movement),
        rules.join(" "),
        tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    )
}

/// The letters of the shards that have a journal of this movement.
pub fn journals(cluster: &Cluster, movement: &Movement) -> String {
    let sql = format!("select id from _vt.resharding_journal where val like '%{}%'", movement.tables[0]);
    let has_one = |(_, keyspace, shard): &&(&str, &str, &str)| !on_shard::<u64>(cluster, keyspace, shard, &sql).is_empty();
    or_none(SHARDS.iter().filter(has_one).map(|(letter, ..)| (*letter).to_owned()))
}

fn on_shard<T: mysql::prelude::FromRow>(cluster: &Cluster, keyspace: &str, shard: &str, sql: &str) -> Vec<T> {
    use mysql::prelude::Queryable;
    let rows = cluster.connect_primary(keyspace, shard).query(sql);
    rows.unwrap_or_else(|error| panic!("in {keyspace}/{shard}: {sql}: {error}"))
}

fn or_none(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// The streams of a workflow, a word each, in the order of shards and ids.
pub fn streams(cluster: &Cluster, keyspace: &str, workflow: &str) -> String {
    let sql = format!("select state, coalesce(message, '') from _vt.vreplication where workflow = '{workflow}' order by id");
    let rows: Vec<(String, String)> = cluster.query_primaries(keyspace, &sql);
    or_none(rows.into_iter().map(|(state, message)| match (state.as_str(), message.as_str()) {
        ("Running", _) => "run".to_owned(),
        ("Stopped", "FROZEN") => "frozen".to_owned(),
        ("Stopped", "stopped for cutover") => "stopped".to_owned(),
        ("Stopped", _) => "off".to_owned(),
        (state, _) => state.to_lowercase(),
    }))
}

fn rules_of_cell(srv_vschema: &Value) -> Vec<Value> {
    srv_vschema["routing_rules"]["rules"].as_array().cloned().unwrap_or_default()
}

fn directions(rules: &[Value], movement: &Movement) -> String {
    ["", "@replica", "@rdonly"]
        .map(|kind| {
            let mut all = movement.tables.iter().map(|table| {
                let from = format!("{table}{kind}");
                let to = rules.iter().find(|rule| rule["from_table"] == from).map(|rule| rule["to_tables"][0].clone());
                match to.as_ref().and_then(Value::as_str) {
                    None => '-',
                    Some(to) if to.starts_with("customer.") => 'T',
                    Some(_) => 'S',
                }
            });
            let first = all.next().unwrap_or('-');
            if all.all(|one| one == first) { first } else { '?' }
        })
        .iter()
        .collect()
}
