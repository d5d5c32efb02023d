//! The kinds of leftovers, in the order of their codes.

mod cell_behind;
mod denied_without_movement;
mod forward_streams;
mod half_renamed;
mod journal;
mod keyspace_lock;
mod missing_streams;
mod not_denied;
mod old_tables;
mod reverse_streams;
mod rules_disagree;
mod rules_to_nowhere;
mod rules_without_workflow;
mod stalled;
mod stopped_at_ddl;
mod stopped_for_cutover;
mod stream_error;
mod throttled;
mod vdiff;
mod words;
mod workflow_lock;
mod writes_refused;

use super::Kind;

pub static KINDS: &[&Kind] = &[
    &writes_refused::KIND,
    &denied_without_movement::KIND,
    &not_denied::KIND,
    &rules_disagree::KIND,
    &rules_to_nowhere::KIND,
    &rules_without_workflow::KIND,
    &cell_behind::KIND,
    &stopped_for_cutover::KIND,
    &forward_streams::KIND,
    &reverse_streams::KIND,
    &stream_error::KIND,
    &stopped_at_ddl::KIND,
    &throttled::KIND,
    &stalled::KIND,
    &missing_streams::KIND,
    &journal::KIND,
    &workflow_lock::KIND,
    &keyspace_lock::KIND,
    &half_renamed::KIND,
    &old_tables::KIND,
    &vdiff::KIND,
];
