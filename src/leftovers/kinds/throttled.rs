//! C515: a stream is held back by the throttler.

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::{place, stream};
use crate::cluster::mutation::shell;

const CODE: &str = "C515";
/// Vitess keeps the last time that a stream was throttled; older than this it was.
const LATELY_SECONDS: i64 = 60;

pub static KIND: Kind = Kind {
    code: CODE,
    title: "a stream is throttled",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C515.md"),
};

fn find(survey: &Survey) -> Vec<Leftover> {
    let mut found = Vec::new();
    for workflow in &survey.facts.workflows {
        for one in &workflow.streams {
            let Some(throttled) = &one.throttled else { continue };
            let lately = throttled.at.is_some_and(|at| survey.now().duration_since(at).as_secs() <= LATELY_SECONDS);
            if !lately {
                continue;
            }
            let (keyspace, name) = (&workflow.keyspace, &workflow.name);
            found.push(Leftover {
                code: CODE.to_owned(),
                weight: Weight::Note,
                subject: place(keyspace, name, one),
                summary: format!("the stream of `{keyspace}.{name}` on {keyspace}/{} is throttled ({})", one.shard, throttled.component),
                evidence: vec![stream(keyspace, one), format!("throttled component: {}", throttled.component)],
                since: throttled.at,
                meaning: "the throttler lets it wait so that replicas keep up. It goes on by itself; when it never does, the throttler's \
                          check is what to look at"
                    .into(),
                mend: Mend::Hand,
                by_hand: vec![format!("vtctldclient CheckThrottler --app-name vreplication {}", shell(&one.tablet))],
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;
    use crate::model::workflow::Throttled;

    #[test]
    fn only_what_was_throttled_a_moment_ago_is_told() {
        let mut case = Case::after(&["create", "copy"]);
        let now = case.world.facts.observed_at;
        let throttled =
            |seconds: i64| Throttled { component: "vcopier".into(), at: Some(now - jiff::SignedDuration::from_secs(seconds)) };
        case.streams("commerce2customer")[0].throttled = Some(throttled(600));
        assert_eq!(case.find(&KIND), []);
        case.streams("commerce2customer")[0].throttled = Some(throttled(2));
        let found = case.only(&KIND);
        assert!(found.weight == Weight::Note && found.summary.ends_with("is throttled (vcopier)"), "{}", found.summary);
    }
}
