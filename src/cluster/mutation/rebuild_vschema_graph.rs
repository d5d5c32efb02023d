//! Publish the global rules and VSchemas to every cell's SrvVSchema.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Verb;
use crate::cluster::vtctld::generated::vtctldata;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RebuildVSchemaGraph {
    /// Empty means every cell.
    pub cells: Vec<String>,
}

impl RebuildVSchemaGraph {
    pub fn request(&self) -> vtctldata::RebuildVSchemaGraphRequest {
        vtctldata::RebuildVSchemaGraphRequest { cells: self.cells.clone() }
    }
}

impl Verb for RebuildVSchemaGraph {
    fn call(&self) -> &'static str {
        "RebuildVSchemaGraph"
    }

    fn words(&self) -> String {
        "publish the routing rules and VSchemas to every cell".into()
    }

    fn equivalent(&self) -> String {
        "vtctldclient RebuildVSchemaGraph".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(90)
    }
}
