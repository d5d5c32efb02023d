//! What the throttlers of a keyspace's primaries say to streams (`GetThrottlerStatus`, and `CheckThrottler` where it is on).

use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::{throttler, topology};
use crate::cluster::vtctld::generated::vtctldata::{CheckThrottlerRequest, GetThrottlerStatusRequest};
use crate::model::name::KeyspaceName;

/// As which vreplication asks (go/vt/vttablet/tabletserver/throttle/throttlerapp).
const APPLICATION: &str = "vreplication";

pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let each = asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let vtctld = asking.vtctld.clone();
        async move {
            let tablet_alias = Some(topology::tablet_alias_message(&primary));
            let status = vtctld.read(GetThrottlerStatusRequest { tablet_alias: tablet_alias.clone() }).await?.status;
            let status = status.unwrap_or_default();
            let check = if status.is_enabled {
                let request = CheckThrottlerRequest {
                    tablet_alias,
                    app_name: APPLICATION.to_owned(),
                    scope: String::new(),
                    // Else it would begin to write heartbeats for the one who asks.
                    skip_request_heartbeats: true,
                    ok_if_not_exists: false,
                };
                vtctld.read(request).await?.check
            } else {
                None
            };
            Ok::<_, NotRead>((shard.to_string(), throttler::throttler(&status, check.as_ref())?))
        }
    });
    let found: Result<_, NotRead> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect();
    Ok(Answer::Throttlers(found?))
}
