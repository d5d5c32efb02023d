//! C227: no throttler stops the streams.

use super::asks::{both_keyspaces_and, nothing_more, unseen};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::throttler::{Throttler, ThrottlerRule};
use crate::run::phase::PhaseId;
use crate::words::{length, moment};

const CODE: &str = "C227";

/// What streams call themselves, in part, when they ask (go/vt/vttablet/tabletserver/throttle/throttlerapp); the rest is the name of
/// the workflow. `all` is everybody.
const STREAMS: [&str; 6] = ["all", "vreplication", "vcopier", "vplayer", "vstreamer", "rowstreamer"];

pub static CHECK: Check = Check {
    code: CODE,
    title: "no throttler stops the streams",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: false,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
The throttler of a source or target primary is on, and it would not let a stream go on now: a metric such as the lag of replicas is
over its threshold, or somebody has told it to refuse the streams (`UpdateThrottlerConfig --throttle-app`).

## Why it matters
A throttled stream runs and does nothing: it gives no error, and the copy stands still or crawls for as long as it lasts. At a
primary switch the streams don't catch up in time, and it is rolled back. A throttler that is off protects replicas from nothing:
the copy takes what it can get, and their lag grows.

## What to do
`vtctldclient CheckThrottler --app-name vreplication TABLET` says what it measures; `vtctldclient GetThrottlerStatus TABLET` shows
its rules. `vtctldclient UpdateThrottlerConfig --unthrottle-app vreplication KEYSPACE` takes a rule away. Wait until replicas keep
up, or move at a quieter time.

## When it is inconclusive
A primary did not say. It is a warning then: the lag is a condition of the switch in any case.

## What it reads
`GetThrottlerStatus` of each primary of both keyspaces, and where it is on `CheckThrottler` for `vreplication`, so that no heartbeat
is asked for. Streams that read from replicas ask the throttlers of these, too, which are not looked at.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [movement.source(), movement.target()].map(|keyspace| Ask::Throttlers(keyspace.clone())))
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    [input.movement.source(), input.movement.target()].into_iter().flat_map(|keyspace| of_keyspace(input, keyspace)).collect()
}

fn of_keyspace(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> Vec<Finding> {
    let throttlers = match input.facts.throttlers(&Ask::Throttlers(keyspace.clone())) {
        Ok(throttlers) => throttlers,
        Err(why) => return vec![unseen(CODE, keyspace.as_str(), &format!("the throttlers of `{keyspace}`"), &why)],
    };
    let on = throttlers.iter().filter(|(_, throttler)| throttler.is_enabled);
    let mut findings: Vec<Finding> = on.flat_map(|(shard, throttler)| of_shard(input, keyspace, shard, throttler)).collect();
    if findings.is_empty() {
        let is_on = throttlers.values().any(|throttler| throttler.is_enabled);
        let summary = if is_on {
            format!("the throttlers of `{keyspace}` let streams go on")
        } else {
            format!("no throttler of `{keyspace}` is on: streams take what they can get")
        };
        findings.push(Finding::pass(CODE, keyspace.as_str(), summary));
    }
    findings
}

fn of_shard(input: &CheckInput<'_>, keyspace: &KeyspaceName, shard: &str, throttler: &Throttler) -> Vec<Finding> {
    let subject = format!("{keyspace}/{shard}");
    let rules: Vec<&ThrottlerRule> = throttler.rules.iter().filter(|rule| stops(input, rule)).collect();
    // Once is enough: a rule is also what a check answers with.
    if let Some(why) = throttler.refuses.as_ref().filter(|_| rules.is_empty()) {
        return vec![Finding::fail(
            CODE,
            Severity::Warning,
            subject.as_str(),
            format!("the throttler of `{subject}` lets no stream go on now: {why}"),
            "`vtctldclient CheckThrottler --app-name vreplication TABLET` of its primary; wait until it lets them",
        )];
    }
    rules
        .into_iter()
        .map(|rule| {
            let part =
                if rule.refused_percent >= 100 { "everything".to_owned() } else { format!("{} % of what", rule.refused_percent) };
            let until = rule.expires_at.map_or_else(String::new, |at| {
                let left = at.duration_since(input.facts.observed_at).as_secs();
                format!(" until {}, for another {}", moment(at), length(left))
            });
            Finding::fail(
                CODE,
                Severity::Warning,
                subject.as_str(),
                format!("the throttler of `{subject}` was told to refuse {part} that `{}` asks for{until}", rule.application),
                format!("`vtctldclient UpdateThrottlerConfig --unthrottle-app {} {keyspace}`", rule.application),
            )
        })
        .collect()
}

/// Whether it holds back streams of this movement, now.
fn stops(input: &CheckInput<'_>, rule: &ThrottlerRule) -> bool {
    let is_ours = STREAMS.contains(&rule.application.as_str()) || rule.application == input.movement.workflow().as_str();
    let is_over = rule.expires_at.is_some_and(|at| at <= input.facts.observed_at);
    is_ours && !is_over && !rule.is_exempt && rule.refused_percent > 0
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::super::fixtures::Fixture;
    use super::*;

    fn rule(application: &str, refused_percent: u32, seconds: i64) -> ThrottlerRule {
        let expires_at = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds));
        ThrottlerRule { application: application.into(), refused_percent, expires_at, is_exempt: false }
    }

    fn with(rules: Vec<ThrottlerRule>) -> Fixture {
        let mut fixture = Fixture::new();
        let throttler = fixture.throttler_mut("customer", "-80");
        (throttler.is_enabled, throttler.rules) = (true, rules);
        fixture
    }

    #[test]
    fn a_metric_over_its_threshold_is_a_warning_with_its_figures() {
        let mut fixture = with(vec![]);
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.throttler_mut("customer", "-80").refuses = Some("lag is 12.34, over its threshold 5.00".into());
        let finding = fixture.only_amiss(&CHECK);
        assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Warning, "customer/-80"));
        assert!(
            finding.summary.ends_with("lets no stream go on now: lag is 12.34, over its threshold 5.00"),
            "{}",
            finding.summary
        );
    }

    #[test]
    fn a_rule_against_streams_is_told_with_its_end_and_once() {
        let mut fixture = with(vec![rule("vreplication", 100, 3600)]);
        fixture.throttler_mut("customer", "-80").refuses = Some("somebody told it to refuse them".into());
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.summary.contains("told to refuse everything that `vreplication` asks for"), "{}", finding.summary);
        assert!(finding.summary.ends_with("for another 1 h"), "{}", finding.summary);
        assert!(with(vec![rule("commerce2customer", 30, 3600)]).only_amiss(&CHECK).summary.contains("30 % of what"));
    }

    #[test]
    fn a_rule_that_is_over_of_somebody_else_or_the_other_way_round_stops_nothing() {
        let exempt = ThrottlerRule { is_exempt: true, ..rule("vreplication", 100, 3600) };
        let rules = vec![rule("vreplication", 100, 0), rule("online-ddl", 100, 3600), rule("all", 0, 3600), exempt];
        assert!(with(rules).amiss(&CHECK).is_empty());
    }

    #[test]
    fn one_that_is_off_is_said_to_be() {
        let fixture = Fixture::new();
        assert!(fixture.run(&CHECK).iter().all(|finding| finding.summary.contains("is on: streams take what they can get")));
    }
}
