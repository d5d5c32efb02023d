//! Give tables of one source shard their names back, when a completion stopped between two renames: Vitess can't begin it anew
//! while new names are taken (errno 1050).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, shell};
use crate::cluster::vtctld::convert::topology::tablet_alias_message;
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::name::{KeyspaceName, ShardName, identifier};
use crate::model::topology::TabletAlias;

/// One statement, so that MySQL does all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RenameTables {
    pub keyspace: KeyspaceName,
    pub shard: ShardName,
    /// The shard's primary.
    pub tablet: TabletAlias,
    pub renames: Vec<Rename>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rename {
    pub from: String,
    pub to: String,
}

impl RenameTables {
    fn statement(&self) -> String {
        let pairs: Vec<String> =
            self.renames.iter().map(|rename| format!("{} to {}", identifier(&rename.from), identifier(&rename.to))).collect();
        format!("rename table {}", pairs.join(", "))
    }

    /// As Vitess itself renames them when it completes (`removeSourceTables` in `traffic_switcher.go`).
    pub fn request(&self) -> vtctldata::ExecuteFetchAsDbaRequest {
        vtctldata::ExecuteFetchAsDbaRequest {
            tablet_alias: Some(tablet_alias_message(&self.tablet)),
            query: self.statement().into_bytes(),
            max_rows: 1,
            disable_binlogs: false,
            reload_schema: true,
        }
    }
}

impl Verb for RenameTables {
    fn call(&self) -> &'static str {
        "ExecuteFetchAsDBA"
    }

    fn words(&self) -> String {
        let pairs: Vec<String> = self.renames.iter().map(|rename| format!("`{}` to `{}`", rename.from, rename.to)).collect();
        format!("give tables of `{}/{}` their names back: {}", self.keyspace, self.shard, pairs.join(", "))
    }

    fn equivalent(&self) -> String {
        format!("vtctldclient ExecuteFetchAsDBA {} {}", self.tablet, shell(&self.statement()))
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(90)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_statement_with_every_name_in_quotes() {
        let rename = |from: &str, to: &str| Rename { from: from.into(), to: to.into() };
        let renames = RenameTables {
            keyspace: KeyspaceName::new("commerce").unwrap(),
            shard: ShardName::new("0").unwrap(),
            tablet: TabletAlias { cell: "zone1".into(), uid: 100 },
            renames: vec![rename("_order_old", "order"), rename("_a-b_old", "a-b")],
        };
        assert_eq!(
            renames.equivalent(),
            "vtctldclient ExecuteFetchAsDBA zone1-0000000100 'rename table `_order_old` to `order`, `_a-b_old` to `a-b`'"
        );
        assert!(renames.request().reload_schema && !renames.request().disable_binlogs);
    }
}
