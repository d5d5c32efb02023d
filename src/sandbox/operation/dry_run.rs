//! Dry runs, in Vitess's own lines (go/vt/vtctl/workflow/switcher_dry_run.go). Cutover asks for none; people with vtctldclient do.

use crate::sandbox::operation::sequences;
use crate::sandbox::state::State;
use crate::sandbox::topology::Kind;
use crate::sandbox::traffic::Course;

/// What a switch would do.
pub struct Wanted<'a> {
    pub course: &'a Course,
    pub kinds: &'a [Kind],
    pub leads_reads_back: bool,
    pub writes: bool,
    pub timeout_seconds: i64,
    pub starts_reverse: bool,
    pub initializes_sequences: bool,
}

pub fn switch(state: &State, wanted: &Wanted<'_>) -> Vec<String> {
    let course = wanted.course;
    let tables = course.tables.join(",");
    let locks = |lines: &mut Vec<String>| {
        lines.extend([&course.source, &course.target].map(|keyspace| format!("Lock keyspace {keyspace}")));
    };
    let unlocks = |lines: &mut Vec<String>| {
        lines.extend([&course.target, &course.source].map(|keyspace| format!("Unlock keyspace {keyspace}")));
    };
    let mut lines = Vec::new();
    if !wanted.kinds.is_empty() {
        locks(&mut lines);
        let to = if wanted.leads_reads_back { &course.source } else { &course.target };
        let kinds: Vec<&str> = wanted.kinds.iter().map(|kind| name(*kind)).collect();
        lines.push(format!("Switch reads for tables [{tables}] to keyspace {to} for tablet types [{}]", kinds.join(",")));
        lines.push(format!("Routing rules for tables [{tables}] will be updated"));
        if !wanted.writes {
            lines.push(format!("Serving VSchema will be rebuilt for the {} keyspace", course.target));
        }
        unlocks(&mut lines);
    }
    let is_frozen = state.streams_of(&course.target, &course.workflow).all(|stream| stream.is_frozen());
    if wanted.writes && !is_frozen {
        locks(&mut lines);
        writes(state, wanted, &tables, &mut lines);
        unlocks(&mut lines);
    }
    lines
}

fn writes(state: &State, wanted: &Wanted<'_>, tables: &str, lines: &mut Vec<String>) {
    let course = wanted.course;
    let (source, target) = (&course.source, &course.target);
    let shards = |keyspace: &str, one: &dyn Fn(&str, u32) -> String| -> String {
        let shards = state.topology.keyspaces.get(keyspace).map(|it| it.shards.as_slice()).unwrap_or_default();
        shards.iter().map(|shard| one(&shard.name, shard.primary)).collect::<Vec<_>>().join(",")
    };
    let uids = |keyspace: &str| shards(keyspace, &|_, uid| format!("tablet:{uid}"));
    let positions = shards(source, &|shard, uid| {
        let position = format!("{}:1-100", crate::sandbox::calls::tablets::server_uuid(uid));
        format!("keyspace:{source};shard:{shard};position:{position}")
    });
    lines.push(format!("Stop writes on keyspace {source} for tables [{tables}]: [{positions}]"));
    lines.push(format!("Wait for vreplication on stopped streams to catchup for up to {}s", wanted.timeout_seconds));
    lines.push(format!("Create reverse vreplication workflow {}", course.reverse_name()));
    if wanted.initializes_sequences {
        lines.push("The following sequence backing tables used by tables being moved will be initialized:".to_owned());
        for (name, now, then) in sequences::foreseen(state, course) {
            lines.push(format!("\tBacking table: {name}, current value {now}, new value {then}"));
        }
    }
    lines.push("Create journal entries on source databases".to_owned());
    lines.push(format!("Enable writes on keyspace {target} for tables [{tables}]"));
    lines.push(format!("Switch routing from keyspace {source} to keyspace {target}"));
    lines.push(format!("Routing rules for tables [{tables}] will be updated"));
    lines.push(format!("Switch writes completed, freeze and delete vreplication streams on: [{}]", uids(target)));
    if wanted.starts_reverse {
        lines.push(format!("Start reverse vreplication streams on: [{}]", uids(source)));
    }
    let frozen = shards(target, &|shard, uid| {
        format!("keyspace:{target};shard:{shard};tablet:{uid};workflow:{};dbname:vt_{target}", course.workflow)
    });
    lines.push(format!("Mark vreplication streams frozen on: [{frozen}]"));
}

/// What a completion would do.
pub fn complete(state: &State, course: &Course, keeps_data: bool, renames: bool, keeps_rules: bool) -> Vec<String> {
    let (source, target) = (&course.source, &course.target);
    let tables = course.tables.join(",");
    let shards = |keyspace: &str, one: &dyn Fn(&str, u32) -> Vec<String>| -> String {
        let shards = state.topology.keyspaces.get(keyspace).map(|it| it.shards.as_slice()).unwrap_or_default();
        shards.iter().flat_map(|shard| one(&shard.name, shard.primary)).collect::<Vec<_>>().join(",")
    };
    let mut lines = vec![format!("Lock keyspace {source}"), format!("Lock keyspace {target}")];
    if !keeps_data {
        let of = shards(source, &|shard, uid| {
            let one = |table: &String| format!("keyspace:{source};shard:{shard};dbname:vt_{source};tablet:{uid};table:{table}");
            course.tables.iter().map(one).collect()
        });
        let verb = if renames { "Renaming" } else { "Dropping" };
        lines.push(format!(
            "{verb} these tables from the database and removing them from the vschema for keyspace {source}: [{of}]"
        ));
        for keyspace in [source, target] {
            let of = shards(keyspace, &|shard, uid| vec![format!("keyspace:{keyspace};shard:{shard};tablet:{uid}")]);
            lines.push(format!("Denied tables records on [{tables}] will be removed from: [{of}]"));
        }
    }
    let streams = |keyspace: &str, workflow: &str| {
        shards(keyspace, &|shard, uid| {
            vec![format!("keyspace:{keyspace};shard:{shard};workflow:{workflow};dbname:vt_{keyspace};tablet:{uid}")]
        })
    };
    lines.push(format!("Delete reverse vreplication streams on sources: [{}]", streams(source, &course.reverse_name())));
    lines.push(format!("Delete vreplication streams on targets: [{}]", streams(target, &course.workflow)));
    if !keeps_rules {
        lines.push("Routing rules for participating tables will be deleted".to_owned());
    }
    lines.extend([format!("Unlock keyspace {target}"), format!("Unlock keyspace {source}")]);
    lines
}

/// The summary's time: RFC 822, in UTC.
pub fn time(state: &State) -> String {
    state.now.strftime("%d %b %y %H:%M UTC").to_string()
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Primary => "PRIMARY",
        Kind::Replica => "REPLICA",
        Kind::Rdonly => "RDONLY",
    }
}
