//! What each call answers, a file a family: a request and the state in, an answer or a refusal out.

pub mod controls;
pub mod messages;
pub mod rules;
pub mod schema;
pub mod schema_changes;
pub mod sql;
pub mod status;
pub mod tablets;
pub mod throttler;
pub mod topology;
pub mod update;
pub mod vdiff;
pub mod workflows;
