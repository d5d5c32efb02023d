//! The throttler of a tablet: off, unless the description has the streams throttled.

use super::messages::{alias, tablet};
use crate::cluster::vtctld::generated::{tabletmanagerdata as wire, vtctldata as data};
use crate::sandbox::refusal::Answer;
use crate::sandbox::state::State;
use crate::sandbox::trouble;

/// Of the lag, in seconds, when nobody has set another one.
const THRESHOLD: f64 = 5.0;

pub fn status(state: &State, request: &data::GetThrottlerStatusRequest) -> Answer<data::GetThrottlerStatusResponse> {
    let tablet = tablet(state, request.tablet_alias.as_ref())?;
    let status = wire::GetThrottlerStatusResponse {
        tablet_alias: tablet.alias(),
        keyspace: tablet.keyspace.clone(),
        shard: tablet.shard.clone(),
        is_leader: false,
        is_open: true,
        is_enabled: trouble::is_throttled(state, &tablet.keyspace),
        default_threshold: THRESHOLD,
        metric_name_used_as_default: "lag".to_owned(),
        ..wire::GetThrottlerStatusResponse::default()
    };
    Ok(data::GetThrottlerStatusResponse { status: Some(status) })
}

/// When it is off everybody may go on.
pub fn check(state: &State, request: &data::CheckThrottlerRequest) -> Answer<data::CheckThrottlerResponse> {
    use wire::CheckThrottlerResponseCode as Code;
    let tablet = tablet(state, request.tablet_alias.as_ref())?;
    let is_throttled = trouble::is_throttled(state, &tablet.keyspace);
    let code = if is_throttled { Code::ThresholdExceeded } else { Code::Ok };
    let lag = wire::check_throttler_response::Metric {
        name: "lag".to_owned(),
        value: 2.0 * THRESHOLD,
        threshold: THRESHOLD,
        scope: "shard".to_owned(),
        response_code: code.into(),
        ..Default::default()
    };
    let check = wire::CheckThrottlerResponse {
        response_code: code.into(),
        metrics: is_throttled.then(|| ("lag".to_owned(), lag)).into_iter().collect(),
        ..wire::CheckThrottlerResponse::default()
    };
    Ok(data::CheckThrottlerResponse { tablet_alias: Some(alias(tablet)), check: Some(check) })
}
