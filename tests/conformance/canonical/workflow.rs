//! Workflows, their streams, and what writes to them answer.

use cutover::cluster::vtctld::generated::{binlogdata, vtctldata as data};

use super::denied;
use super::{Canonical, Names, alias, of, scrubbed_bytes, set, tablet_types};

/// The workflows of a keyspace. Without `rows_copied`: a stream counts them now and then, and a small table is copied before that.
pub fn workflows(keyspace: &str, workflows: &[data::Workflow], names: &mut Names) -> Vec<String> {
    let mut sorted: Vec<&data::Workflow> = workflows.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    sorted.into_iter().flat_map(|one| workflow(keyspace, one, names)).collect()
}

impl Canonical for data::GetWorkflowsResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        workflows("", &self.workflows, names)
    }
}

fn workflow(keyspace: &str, workflow: &data::Workflow, names: &mut Names) -> Vec<String> {
    let location = |location: Option<&data::workflow::ReplicationLocation>| {
        location.map_or_else(String::new, |location| {
            let mut shards = location.shards.clone();
            shards.sort();
            format!("{}/{}", location.keyspace, shards.join(","))
        })
    };
    let dot = if keyspace.is_empty() { "" } else { "." };
    let subject = format!("workflow {keyspace}{dot}{}", workflow.name);
    let mut lines = vec![format!(
        "{subject}: {} {}, {} to {}, defer secondary keys {}",
        workflow.workflow_type,
        workflow.workflow_sub_type,
        location(workflow.source.as_ref()),
        location(workflow.target.as_ref()),
        workflow.defer_secondary_keys,
    )];
    if let Some(options) = &workflow.options {
        lines.extend(of(&subject, self::options(options)));
    }
    let mut shards: Vec<_> = workflow.shard_streams.iter().collect();
    shards.sort_by_key(|(key, _)| (*key).clone());
    for (key, shard) in shards {
        lines.push(format!("{subject}: shard {key}, primary serving {}", shard.is_primary_serving));
        lines.extend(of(&format!("{subject}: shard {key}"), denied(&shard.tablet_controls)));
        let mut streams: Vec<_> = shard.streams.iter().collect();
        streams.sort_by_key(|stream| (source(stream), stream.id));
        for stream in streams {
            lines.extend(self::stream(stream, names));
        }
    }
    lines
}

fn options(options: &data::WorkflowOptions) -> Vec<String> {
    use data::ShardedAutoIncrementHandling as Handling;
    let mut lines = Vec::new();
    if let Ok(handling @ (Handling::Remove | Handling::Replace)) = Handling::try_from(options.sharded_auto_increment_handling) {
        lines.push(format!("auto increment {}", handling.as_str_name()));
    }
    if !options.global_keyspace.is_empty() {
        lines.push(format!("global keyspace {}", options.global_keyspace));
    }
    lines.extend(options.config.iter().map(|(key, value)| format!("config {key} = {value}")));
    lines
}

fn source(stream: &data::workflow::Stream) -> String {
    stream.binlog_source.as_ref().map_or_else(String::new, |source| format!("{}/{}", source.keyspace, source.shard))
}

fn stream(stream: &data::workflow::Stream, names: &mut Names) -> Vec<String> {
    let tablet = alias(stream.tablet.as_ref());
    let name = names.stream(&tablet, stream.id);
    let message = scrubbed_bytes(&stream.message, names);
    let mut lines = vec![format!(
        "{name} on {} ({tablet}, {}) from {}: {}, position {}, message {message:?}",
        stream.shard,
        stream.db_name,
        source(stream),
        stream.state,
        set(!stream.position.is_empty()),
    )];
    let mut copying: Vec<&str> = stream.copy_states.iter().map(|state| state.table.as_str()).collect();
    copying.sort_unstable();
    copying.dedup();
    if !copying.is_empty() {
        lines.push(format!("{name}: copying {}", copying.join(",")));
    }
    let preference = match stream.tablet_selection_preference {
        1 => " in order",
        _ => "",
    };
    lines.push(format!("{name}: tablets {}{preference}, cells {:?}", tablet_types(&stream.tablet_types), stream.cells.join(",")));
    if let Some(source) = &stream.binlog_source {
        let on_ddl = binlogdata::OnDdlAction::try_from(source.on_ddl).map_or("?", |action| action.as_str_name());
        let more = if source.stop_after_copy { ", stop after copy" } else { "" };
        let zones = match (source.source_time_zone.as_str(), source.target_time_zone.as_str()) {
            ("", "") => String::new(),
            (from, to) => format!(", time zone {from} to {to}"),
        };
        lines.push(format!("{name}: on ddl {on_ddl}{more}{zones}"));
        let mut rules: Vec<String> = source.filter.iter().flat_map(|filter| &filter.rules).map(rule).collect();
        rules.sort();
        lines.extend(of(&name, rules));
    }
    lines
}

fn rule(rule: &binlogdata::Rule) -> String {
    format!("{}: {}", rule.r#match, String::from_utf8_lossy(&rule.filter))
}

impl Canonical for data::WorkflowStatusResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let mut lines = vec![format!("traffic: {}", self.traffic_state)];
        for (table, copy) in &self.table_copy_state {
            let phase = data::TableCopyPhase::try_from(copy.phase).map_or("?", |phase| phase.as_str_name());
            lines.push(format!("copy of {table}: {phase}, {} rows", copy.rows_copied));
        }
        for (shard, streams) in &self.shard_streams {
            for stream in &streams.streams {
                let tablet = alias(stream.tablet.as_ref());
                let name = names.stream(&tablet, stream.id.into());
                let info = String::from_utf8_lossy(&stream.info);
                // The lag in it is wrong, and whether it knows a transaction depends on what else the cluster does.
                let info = if info.starts_with("VStream Lag:") {
                    "VStream Lag: …".to_owned()
                } else {
                    scrubbed_bytes(&stream.info, names)
                };
                lines.push(format!(
                    "{shard}: {name} ({tablet}) from {}: {}, position {}, info {info:?}",
                    stream.source_shard,
                    stream.status,
                    set(!stream.position.is_empty())
                ));
            }
        }
        lines
    }
}

/// The answer to a creation that has started the streams: how far they are by now is chance.
pub struct Created(pub data::WorkflowStatusResponse);

impl Canonical for Created {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let mut lines = vec![format!("traffic: {}", self.0.traffic_state)];
        for (shard, streams) in &self.0.shard_streams {
            for stream in &streams.streams {
                let tablet = alias(stream.tablet.as_ref());
                let name = names.stream(&tablet, stream.id.into());
                lines.push(format!("{shard}: {name} ({tablet}) from {}", stream.source_shard));
            }
        }
        lines
    }
}

impl Canonical for data::WorkflowSwitchTrafficResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let mut lines = vec![
            format!("summary: {}", scrubbed_bytes(&self.summary, names)),
            format!("before: {}", self.start_state),
            format!("after: {}", self.current_state),
        ];
        lines.extend(dry_run(&self.dry_run_results, names));
        lines
    }
}

fn dry_run(results: &[Vec<u8>], names: &mut Names) -> Vec<String> {
    let texts: Vec<String> = results.iter().map(|result| scrubbed_bytes(result, names)).collect();
    texts.iter().flat_map(|text| text.lines()).map(|line| format!("dry run: {line}")).collect()
}

impl Canonical for data::MoveTablesCompleteResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let mut lines = vec![format!("summary: {}", scrubbed_bytes(&self.summary, names))];
        lines.extend(dry_run(&self.dry_run_results, names));
        lines
    }
}

impl Canonical for data::WorkflowUpdateResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let mut details: Vec<String> =
            self.details.iter().map(|one| format!("{}: changed {}", alias(one.tablet.as_ref()), one.changed)).collect();
        details.sort();
        details.insert(0, format!("summary: {}", scrubbed_bytes(&self.summary, names)));
        details
    }
}

impl Canonical for data::WorkflowDeleteResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let mut details: Vec<String> =
            self.details.iter().map(|one| format!("{}: deleted {}", alias(one.tablet.as_ref()), one.deleted)).collect();
        details.sort();
        details.insert(0, format!("summary: {}", scrubbed_bytes(&self.summary, names)));
        details
    }
}
