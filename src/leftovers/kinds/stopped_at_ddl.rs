//! C514: a stream has come to a DDL of its source and stopped, as `on-ddl = "stop"` says.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::{place, show_workflow, stream};
use crate::cluster::mutation::shell;
use crate::model::workflow::{Stream, StreamState};

const CODE: &str = "C514";
/// What a stream says then (go/vt/vttablet/tabletmanager/vreplication/vplayer.go).
const MESSAGE: &str = "Stopped at DDL";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "a stream has stopped at a DDL",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C514.md"),
};

pub fn is_at_ddl(stream: &Stream) -> bool {
    stream.state == StreamState::Stopped && stream.message.starts_with(MESSAGE)
}

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for workflow in &survey.facts.workflows {
        let (keyspace, name) = (&workflow.keyspace, &workflow.name);
        found.extend(workflow.streams.iter().filter(|stream| is_at_ddl(stream)).map(|one| Leftover {
            code: CODE.to_owned(),
            weight: Weight::Standing,
            subject: place(keyspace, name, one),
            summary: format!("the stream of `{keyspace}.{name}` on {keyspace}/{} has stopped at a DDL of its source", one.shard),
            evidence: vec![stream(keyspace, one)],
            since: one.updated_at,
            meaning: "the source's tables have changed, and the copies have not: give the copies the same change first, then start the \
                      stream"
                .into(),
            mend: Mend::Hand,
            by_hand: vec![
                show_workflow(keyspace, name),
                format!(
                    "vtctldclient ApplySchema --sql '…' {}   # the same change of the copies, if it is wanted",
                    shell(keyspace)
                ),
                format!("vtctldclient Workflow --keyspace {} start --workflow {}", shell(keyspace), shell(name)),
            ],
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_ddl_is_found_by_what_the_stream_says() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        let stream = &mut case.streams("commerce2customer")[0];
        (stream.state, stream.message) = (StreamState::Stopped, "Stopped at DDL alter table `corder` add column x int".into());
        let found = case.only(&KIND);
        assert_eq!(found.subject, "customer.commerce2customer -80 from 0");
        assert!(found.evidence[0].contains("alter table"), "{:?}", found.evidence);
    }
}
