//! MySQL's replication and binlog settings on every tablet of a keyspace (`GetFullStatus`).

use super::tablets::tablets;
use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::port::{Answer, TabletStatus};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::{replication, topology};
use crate::cluster::vtctld::generated::vtctldata::GetFullStatusRequest;
use crate::model::name::KeyspaceName;

/// A tablet that gives no answer is there with its error, for the others' answers are good.
pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let tablets = tablets(asking, keyspace).await?;
    let status = tablets.into_iter().map(|tablet| {
        let vtctld = asking.vtctld.clone();
        async move {
            let request = GetFullStatusRequest { tablet_alias: Some(topology::tablet_alias_message(&tablet.alias)) };
            let status = match vtctld.read(request).await {
                Ok(answer) => replication::mysql_status(answer.status.as_ref()),
                Err(error) => Err(error.to_string()),
            };
            TabletStatus { alias: tablet.alias, status }
        }
    });
    Ok(Answer::TabletStatus(concurrently(CALLS_AT_ONCE, status).await))
}
