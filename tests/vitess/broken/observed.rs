//! What the cluster shows of a movement between `commerce` and `customer`, in one line that can be compared.

use std::collections::BTreeMap;
use std::thread;

use mysql::Conn;
use mysql::prelude::{FromRow, Queryable};
use serde_json::Value;

use crate::support::{Cluster, Movement, vtctl};

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
    // At the same time: each is a process of its own, and the one who looks is waited for.
    let (shards, rules) = thread::scope(|scope| {
        let shards = SHARDS.map(|(_, keyspace, shard)| scope.spawn(|| cluster.vtctl().shard(keyspace, shard)));
        let cells = ["zone1", "zone2"].map(|cell| scope.spawn(move || rules_of_cell(&cluster.vtctl().srv_vschema(cell))));
        let global = vtctl.routing_rules();
        let seen = "vtctldclient answers";
        let [zone1, zone2] = cells.map(|cell| cell.join().expect(seen));
        (shards.map(|shard| shard.join().expect(seen)), [global, zone1, zone2])
    });
    let denied = SHARDS.iter().zip(&shards).filter_map(|((letter, ..), shard)| {
        let denied = vtctl::denied_tables(shard);
        match movement.tables.iter().filter(|table| denied.contains(table)).count() {
            0 => None,
            count if count == movement.tables.len() => Some((*letter).to_owned()),
            _ => Some(format!("half-{letter}")),
        }
    });
    let denied = or_none(denied);
    let rules = rules.map(|rules| directions(&rules, movement));
    let mut primaries = SHARDS.iter().zip(&shards).map(|((letter, keyspace, _), shard)| {
        (*letter, *keyspace, cluster.connect_tablet(vtctl::primary_uid(shard).expect("a shard with a primary"), keyspace))
    });
    let mut primaries: [(&str, &str, Conn); 3] = std::array::from_fn(|_| primaries.next().expect("three shards"));
    let mut tables = Vec::new();
    let mut streams = BTreeMap::from([("commerce", Vec::new()), ("customer", Vec::new())]);
    let mut journals = Vec::new();
    for (letter, keyspace, primary) in &mut primaries {
        let there: Vec<String> = rows(primary, "show tables");
        let count = |name: &dyn Fn(&str) -> String| movement.tables.iter().filter(|table| there.contains(&name(table))).count();
        tables.push(count(&|table| table.to_owned()).to_string());
        if *letter == "S" {
            tables.push(count(&|table| format!("_{table}_old")).to_string());
        }
        let workflow = if *keyspace == "commerce" { movement.reverse_workflow() } else { movement.workflow.clone() };
        streams.entry(keyspace).or_default().extend(rows::<(String, String)>(primary, &of_workflow(&workflow)));
        if has_journal(primary, movement) {
            journals.push((*letter).to_owned());
        }
    }
    let words = |keyspace: &str| or_none(streams[keyspace].iter().map(|(state, message)| word(state, message)));
    format!(
        "denied {denied} | forward {} | reverse {} | journal {} | rules {} | tables {}",
        words("customer"),
        words("commerce"),
        or_none(journals.into_iter()),
        rules.join(" "),
        tables.join(" "),
    )
}

/// The letters of the shards that have a journal of this movement.
pub fn journals(cluster: &Cluster, movement: &Movement) -> String {
    let has_one =
        |(_, keyspace, shard): &&(&str, &str, &str)| has_journal(&mut cluster.connect_primary(keyspace, shard), movement);
    or_none(SHARDS.iter().filter(has_one).map(|(letter, ..)| (*letter).to_owned()))
}

fn has_journal(primary: &mut Conn, movement: &Movement) -> bool {
    let sql = format!("select id from _vt.resharding_journal where val like '%{}%'", movement.tables[0]);
    !rows::<u64>(primary, &sql).is_empty()
}

fn rows<T: FromRow>(primary: &mut Conn, sql: &str) -> Vec<T> {
    primary.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn or_none(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// The streams of a workflow, a word each, in the order of shards and ids.
pub fn streams(cluster: &Cluster, keyspace: &str, workflow: &str) -> String {
    let rows: Vec<(String, String)> = cluster.query_primaries(keyspace, &of_workflow(workflow));
    or_none(rows.iter().map(|(state, message)| word(state, message)))
}

fn of_workflow(workflow: &str) -> String {
    format!("select state, coalesce(message, '') from _vt.vreplication where workflow = '{workflow}' order by id")
}

fn word(state: &str, message: &str) -> String {
    match (state, message) {
        ("Running", _) => "run".to_owned(),
        ("Stopped", "FROZEN") => "frozen".to_owned(),
        ("Stopped", "stopped for cutover") => "stopped".to_owned(),
        ("Stopped", _) => "off".to_owned(),
        (state, _) => state.to_lowercase(),
    }
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
