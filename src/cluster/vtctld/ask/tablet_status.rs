//! MySQL's replication and binlog settings on every tablet of a keyspace (`GetFullStatus`).

use std::time::Duration;

use super::tablets::tablets;
use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::{Answer, TabletStatus};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::{replication, topology};
use crate::cluster::vtctld::generated::vtctldata::GetFullStatusRequest;
use crate::model::name::KeyspaceName;

/// vtctld waits for a tablet that is down as long as it is let. It would answer in some milliseconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// A tablet that gives no answer is there with its error, for the others' answers are good.
pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let tablets = tablets(asking, keyspace).await?;
    let status = tablets.into_iter().map(|tablet| {
        let vtctld = asking.vtctld.clone();
        async move {
            let request = GetFullStatusRequest { tablet_alias: Some(topology::tablet_alias_message(&tablet.alias)) };
            let status = match vtctld.read_within(request, DEADLINE).await {
                Ok(answer) => replication::mysql_status(answer.status.as_ref()),
                Err(error) if error.kind == ErrorKind::DeadlineExceeded => {
                    Err(format!("it gave no answer within {} s", DEADLINE.as_secs()))
                }
                Err(error) => Err(error.to_string()),
            };
            TabletStatus { alias: tablet.alias, status }
        }
    });
    Ok(Answer::TabletStatus(concurrently(CALLS_AT_ONCE, status).await))
}
