//! C513: a stream in an error.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::stopped_at_ddl::is_at_ddl;
use super::words::{place, show_workflow, stream};
use crate::cluster::mutation::shell;
use crate::model::workflow::{Stream, StreamState};

const CODE: &str = "C513";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "a stream is in an error",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C513.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for workflow in &survey.facts.workflows {
        for one in workflow.streams.iter().filter(|stream| is_in_error(stream)) {
            let (keyspace, name) = (&workflow.keyspace, &workflow.name);
            let tables: Vec<&String> = one.tables.keys().collect();
            let carries = super::words::listed(tables);
            found.push(Leftover {
                code: CODE.to_owned(),
                weight: Weight::Standing,
                subject: place(keyspace, name, one),
                summary: format!("the stream of `{keyspace}.{name}` on {keyspace}/{} does not go on: {}", one.shard, one.message),
                evidence: vec![stream(keyspace, one), format!("it carries {carries} from {}/{}", one.source_keyspace, one.source_shard)],
                since: one.updated_at,
                meaning: "the copy falls behind until its cause is mended. Vitess retries by itself what may pass; a terminal error stops \
                          the stream until somebody starts it"
                    .into(),
                mend: Mend::Hand,
                by_hand: vec![
                    show_workflow(keyspace, name),
                    format!(
                        "vtctldclient Workflow --keyspace {} start --workflow {}   # when the cause is mended",
                        shell(keyspace),
                        shell(name)
                    ),
                ],
            });
        }
    }
    found
}

/// Vitess reports an error for any message with that word in it, so a message must be there; what a switch, a VDiff or a DDL leaves
/// is told as that.
fn is_in_error(stream: &Stream) -> bool {
    stream.state == StreamState::Error || (stream.is_suspicious() && !stream.is_stopped_in_passing() && !is_at_ddl(stream))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn an_error_names_shard_tables_and_message() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        let stream = &mut case.streams("commerce2customer")[1];
        (stream.state, stream.message) = (StreamState::Error, "task error: errno 1062".into());
        let found = case.only(&KIND);
        assert_eq!(found.subject, "customer.commerce2customer 80- from 0");
        assert!(found.summary.ends_with("does not go on: task error: errno 1062"), "{}", found.summary);
        assert!(found.evidence[1].contains("`corder`, `customer` from commerce/0"), "{:?}", found.evidence);
    }

    #[test]
    fn what_is_stopped_in_passing_or_for_a_switch_is_no_error() {
        let mut case = Case::after(&["create", "copy"]);
        for message in ["for vdiff", "stopped for cutover", "FROZEN", "Stopped at DDL alter table `corder`"] {
            let stream = &mut case.streams("commerce2customer")[0];
            (stream.state, stream.message) = (StreamState::Stopped, message.into());
            assert_eq!(case.find(&KIND), [], "{message}");
        }
    }
}
