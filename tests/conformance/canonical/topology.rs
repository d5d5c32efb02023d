//! Keyspaces, shards, tablets' records, cells, and nodes of the topology.

use cutover::cluster::vtctld::generated::{topodata, vtctldata as data};

use super::{Canonical, Names, alias, denied, of, scrubbed_bytes, set, tablet_type};

fn keyspace(keyspace: &data::Keyspace) -> String {
    let record = keyspace.keyspace.clone().unwrap_or_default();
    let kind = topodata::KeyspaceType::try_from(record.keyspace_type).map_or("?", |kind| kind.as_str_name());
    let throttler = record.throttler_config.is_some_and(|config| config.enabled);
    format!(
        "{}: {kind}, durability {}, sidecar {}, base {:?}, throttler enabled {throttler}",
        keyspace.name, record.durability_policy, record.sidecar_db_name, record.base_keyspace
    )
}

fn key_range(range: Option<&topodata::KeyRange>) -> String {
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    range.map_or_else(|| "none".to_owned(), |range| format!("{}-{}", hexadecimal(&range.start), hexadecimal(&range.end)))
}

fn shard(name: &str, shard: &topodata::Shard) -> Vec<String> {
    let mut lines = vec![format!(
        "shard {name}: primary {}, serving {}, key range {}, term {}",
        alias(shard.primary_alias.as_ref()),
        shard.is_primary_serving,
        key_range(shard.key_range.as_ref()),
        set(shard.primary_term_start_time.is_some()),
    )];
    lines.extend(of(&format!("shard {name}"), denied(&shard.tablet_controls)));
    lines
}

impl Canonical for data::GetKeyspaceResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        self.keyspace.iter().map(keyspace).collect()
    }
}

impl Canonical for data::GetKeyspacesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let mut lines: Vec<String> = self.keyspaces.iter().map(keyspace).collect();
        lines.sort();
        lines
    }
}

impl Canonical for data::FindAllShardsInKeyspaceResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let each = self.shards.iter().flat_map(|(key, found)| {
            let mut lines = shard(&format!("{}/{}", found.keyspace, found.name), &found.shard.clone().unwrap_or_default());
            lines.insert(0, format!("key {key}"));
            lines
        });
        each.collect()
    }
}

impl Canonical for data::GetShardResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let each = self
            .shard
            .iter()
            .flat_map(|found| shard(&format!("{}/{}", found.keyspace, found.name), &found.shard.clone().unwrap_or_default()));
        each.collect()
    }
}

impl Canonical for data::SetShardTabletControlResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        self.shard.iter().flat_map(|found| shard("", found)).collect()
    }
}

impl Canonical for data::RefreshStateByShardResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        vec![format!("partial {}, details {:?}", self.is_partial_refresh, scrubbed_bytes(&self.partial_refresh_details, names))]
    }
}

impl Canonical for data::GetTabletsResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let tablet = |tablet: &topodata::Tablet| {
            let ports: Vec<&str> = tablet.port_map.keys().map(String::as_str).collect();
            format!(
                "{}: {} of {}/{}, key range {}, ports {}, host {}, mysql {}, started {}, shut down {}, database {:?}",
                alias(tablet.alias.as_ref()),
                tablet_type(tablet.r#type),
                tablet.keyspace,
                tablet.shard,
                key_range(tablet.key_range.as_ref()),
                ports.join(","),
                set(!tablet.hostname.is_empty()),
                set(!tablet.mysql_hostname.is_empty() && tablet.mysql_port != 0),
                set(tablet.tablet_start_time.is_some()),
                set(tablet.tablet_shutdown_time.is_some()),
                tablet.db_name_override,
            )
        };
        let mut lines: Vec<String> = self.tablets.iter().map(tablet).collect();
        lines.sort();
        lines
    }
}

impl Canonical for data::GetCellInfoNamesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let mut names = self.names.clone();
        names.sort();
        names
    }
}

impl Canonical for data::GetCellsAliasesResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        self.aliases.iter().map(|(name, alias)| format!("{name}: {}", alias.cells.join(","))).collect()
    }
}

impl Canonical for data::GetTopologyPathResponse {
    fn canonical(&self, _: &mut Names) -> Vec<String> {
        let node = |node: &data::TopologyCell| {
            let mut children = node.children.clone();
            children.sort();
            vec![
                format!("node {} at {}, data {}", node.name, node.path, set(!node.data.is_empty())),
                format!("children: {}", children.join(",")),
            ]
        };
        self.cell.iter().flat_map(node).collect()
    }
}
