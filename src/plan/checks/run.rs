//! Which checks apply, what they need to see, and which waivers hold.

use std::collections::BTreeSet;

use super::{CHECKS, Check, CheckInput};
use crate::cluster::error::ClusterError;
use crate::cluster::port::{Ask, Facts, Query, Reader};
use crate::family::Family as _;
use crate::family::move_tables::MoveTables;
use crate::finding::{CheckResult, Finding, Severity};
use crate::model::digest::Digest;
use crate::record::progress::StandingWaiver;
use crate::run::phase::PhaseId;

/// Looks until every question that an answer raised is answered too. A VSchema names a sequence, the sequence's keyspace is
/// looked at, then its next value: three. One more for a cluster that changed in between; what is open then stays unread.
const LOOKS: usize = 4;

/// What the checks before these phases look at first.
pub fn query(movement: &MoveTables, phases_ahead: &[PhaseId]) -> Query {
    let mut query = Query::default();
    for check in applying(phases_ahead) {
        query.merge((check.query)(movement));
    }
    query
}

/// What they have to look at beyond that, now that these facts are known.
pub fn follow_up(movement: &MoveTables, phases_ahead: &[PhaseId], facts: &Facts) -> Query {
    let mut query = Query::default();
    for check in applying(phases_ahead) {
        query.merge((check.follow_up)(movement, facts));
    }
    query
}

/// Looks at the cluster until the checks before these phases have what they need, `more` included. It goes on with the look that
/// was made already, if one was: with what it asked for and what it found.
pub async fn look(
    reader: &dyn Reader,
    movement: &MoveTables,
    phases_ahead: &[PhaseId],
    more: Query,
    seen: Option<(Query, Facts)>,
) -> Result<Facts, ClusterError> {
    let mut query = query(movement, phases_ahead);
    query.merge(more);
    let asks = std::mem::take(&mut query.asks);
    let facts = match seen {
        Some((known, facts)) => {
            let facts = reader.observe_more(facts, &known, &query).await?;
            query.merge(known);
            facts
        }
        None => reader.observe(&query).await?,
    };
    // What each tablet is asked takes longest, and hardly ever raises a question: it is asked beside those that do.
    let known: BTreeSet<&Ask> = facts.answers.iter().map(|answered| &answered.ask).collect();
    let unknown = asks.into_iter().filter(|ask| !known.contains(ask));
    let (leading, beside): (BTreeSet<Ask>, BTreeSet<Ask>) = unknown.partition(raises_questions);
    let slow = Query { asks: beside.clone(), ..Query::default() };
    let ground = facts.ground();
    let but_those_beside = |facts: &Facts| {
        let mut further = follow_up(movement, phases_ahead, facts);
        further.asks.retain(|ask| !beside.contains(ask));
        further
    };
    let leading = Query { asks: leading, ..Query::default() };
    let ((mut facts, query), slow) = tokio::try_join!(
        led_by(reader, (facts, query.clone()), leading, but_those_beside),
        reader.observe_more(ground, &query, &slow)
    )?;
    facts.answers.extend(slow.answers);
    let further = follow_up(movement, phases_ahead, &facts);
    let (facts, _) = led_by(reader, (facts, query), further, |facts| follow_up(movement, phases_ahead, facts)).await?;
    Ok(facts)
}

/// Definitions of tables, and where a sequence is that one names.
fn raises_questions(ask: &Ask) -> bool {
    matches!(ask, Ask::Tables { .. } | Ask::AllVSchemas)
}

/// Asks for `further`, and then for what the facts lead to, until they lead to nothing more. Gives what is known now, and what was asked
/// for it.
async fn led_by(
    reader: &dyn Reader,
    (mut facts, mut query): (Facts, Query),
    mut further: Query,
    leads_to: impl Fn(&Facts) -> Query,
) -> Result<(Facts, Query), ClusterError> {
    for _ in 0..LOOKS {
        if further.keyspaces.is_subset(&query.keyspaces) && facts.covers(&further) {
            break;
        }
        facts = reader.observe_more(facts, &query, &further).await?;
        query.merge(further);
        further = leads_to(&facts);
    }
    Ok((facts, query))
}

/// Runs the checks that stand before `before`; without it, those that stand before any phase that the cluster shows to be ahead.
///
/// Waivers are applied to what they cover, as long as the plan file still means what it meant when they were given.
pub fn run(input: &CheckInput<'_>, before: Option<&PhaseId>) -> Vec<Finding> {
    let phases = match before {
        Some(phase) => vec![phase.clone()],
        None => input.movement.phases_ahead(&input.situation()),
    };
    let mut findings = Vec::new();
    for check in applying(&phases) {
        for mut finding in (check.run)(input) {
            if finding.blocks() {
                let waiver =
                    input.progress.waivers.iter().find(|waiver| waiver.code == finding.code && waiver.subject == finding.subject);
                if let Some(waiver) = waiver {
                    apply_waiver(check, waiver, input.progress.intent.as_ref(), &mut finding);
                }
            }
            findings.push(finding);
        }
    }
    findings
}

/// Title and page of a check: `cutover explain CODE`.
pub fn page(code: &str) -> Option<(&'static str, &'static str)> {
    CHECKS.iter().find(|check| check.code.eq_ignore_ascii_case(code)).map(|check| (check.title, check.page))
}

fn applying(phases: &[PhaseId]) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().copied().filter(|check| check.before.iter().any(|phase| phases.contains(phase)))
}

fn apply_waiver(check: &Check, waiver: &StandingWaiver, intent: Option<&Digest>, finding: &mut Finding) {
    let void = if !check.waivable || finding.is_final {
        format!("the waiver `{}` has no effect: {} cannot be waived", waiver.reason, check.code)
    } else if intent != Some(&waiver.intent) {
        format!("the waiver `{}` no longer holds: the plan file was edited since", waiver.reason)
    } else if waiver.seen != finding.seen {
        let seen = |text: &str| if text.is_empty() { "nothing counted".to_owned() } else { text.to_owned() };
        format!(
            "the waiver `{}` no longer holds: it was given for {}, and now it is {}",
            waiver.reason,
            seen(&waiver.seen),
            seen(&finding.seen)
        )
    } else {
        finding.waived = Some(waiver.reason.clone());
        return;
    };
    finding.help = if finding.help.is_empty() { void } else { format!("{void}; {}", finding.help) };
}

/// Whether a finding could be let pass by a person: `cutover waive`.
pub fn is_waivable(finding: &Finding) -> bool {
    finding.severity == Severity::Error
        && finding.result != CheckResult::Pass
        && !finding.is_final
        && CHECKS.iter().any(|check| check.code == finding.code && check.waivable)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::fixtures::Fixture;
    use super::*;
    use crate::cluster::port::{Answered, Unread};

    #[test]
    fn every_code_is_given_once_and_every_page_is_whole() {
        let codes: BTreeSet<&str> = CHECKS.iter().map(|check| check.code).collect();
        assert_eq!(codes.len(), CHECKS.len());
        for check in CHECKS {
            assert!(check.code.len() == 4 && check.code.starts_with("C2"), "{}", check.code);
            assert!(!check.before.is_empty(), "{} never runs", check.code);
            let mut rest = check.page;
            for heading in ["What it means", "Why it matters", "What to do", "When it is inconclusive", "What it reads"] {
                let at = rest.find(&format!("## {heading}\n"));
                let at = at.unwrap_or_else(|| panic!("the page of {} has no `{heading}` where it belongs", check.code));
                rest = &rest[at + 1..];
            }
            assert_eq!(page(check.code), Some((check.title, check.page)));
        }
        assert_eq!(page("C999"), None);
    }

    #[test]
    fn a_healthy_movement_passes_everything_and_every_check_says_so() {
        let fixture = Fixture::new();
        for check in CHECKS {
            let findings = fixture.run(check);
            assert!(!findings.is_empty(), "{} says nothing", check.code);
            assert!(findings.iter().all(|finding| finding.code == check.code), "{} speaks for another", check.code);
            let blocking: Vec<_> = findings.iter().filter(|finding| finding.blocks()).collect();
            assert!(blocking.is_empty(), "{blocking:?}");
        }
    }

    /// Checks that only warn, also of what they can't see.
    const ADVISE: &[&str] = &["C225", "C226", "C227", "C228", "C232"];

    #[test]
    fn no_check_passes_on_an_answer_that_could_not_be_read() {
        for mut fixture in [Fixture::new(), Fixture::with_questions()] {
            let healthy = fixture.facts.answers.clone();
            let mut asked = 0;
            for check in CHECKS {
                let mut query = (check.query)(&fixture.movement);
                query.merge((check.follow_up)(&fixture.movement, &fixture.facts));
                for ask in query.asks {
                    asked += 1;
                    fixture.facts.answers.retain(|answered| answered.ask != ask);
                    fixture.facts.answers.push(Answered { ask: ask.clone(), answer: Err(Unread::new("the tablet is away")) });
                    let findings = fixture.run(check);
                    assert!(
                        findings.iter().any(|finding| {
                            finding.result == CheckResult::Inconclusive && finding.blocks() != ADVISE.contains(&check.code)
                        }),
                        "{} is sure of itself without {ask:?}: {findings:?}",
                        check.code
                    );
                    assert!(findings.iter().any(|finding| finding.summary.contains("the tablet is away")), "{findings:?}");
                    fixture.facts.answers = healthy.clone();
                }
            }
            assert!(asked > 10, "only {asked} questions were tried");
        }
    }

    #[test]
    fn the_first_look_asks_for_what_lies_ahead_only() {
        let fixture = Fixture::new();
        let all = query(&fixture.movement, &fixture.movement.phases_ahead(&fixture.input().situation()));
        let last = query(&fixture.movement, &[PhaseId::REMOVE_RULES]);
        assert!(last.asks.len() < all.asks.len());
        assert!(last.asks.is_subset(&all.asks));
    }

    /// Answers what is asked for; a keyspace that is not known is there from the second look on.
    struct Looks {
        facts: Facts,
        further: std::sync::Mutex<Vec<Query>>,
    }

    #[async_trait::async_trait]
    impl Reader for Looks {
        async fn observe(&self, _: &Query) -> Result<Facts, ClusterError> {
            Ok(self.facts.clone())
        }

        async fn observe_more(&self, mut facts: Facts, _: &Query, more: &Query) -> Result<Facts, ClusterError> {
            self.further.lock().unwrap().push(more.clone());
            let open = more.asks.iter().filter(|ask| !facts.answers.iter().any(|answered| answered.ask == **ask));
            let unread = |ask: &crate::cluster::port::Ask| Answered { ask: ask.clone(), answer: Err(Unread::new("away")) };
            let unread: Vec<Answered> = open.map(unread).collect();
            facts.answers.extend(unread);
            facts.asked_keyspaces.extend(more.keyspaces.iter().cloned());
            Ok(facts)
        }
    }

    #[tokio::test]
    async fn what_an_answer_leads_to_is_asked_for_and_then_no_more() {
        let fixture = Fixture::new();
        let phases = fixture.movement.phases_ahead(&fixture.input().situation());
        let mut facts = fixture.facts.clone();
        let wanted = follow_up(&fixture.movement, &phases, &facts);
        assert!(!wanted.asks.is_empty(), "the fixture's sequences raise a question");
        facts.answers.retain(|answered| !wanted.asks.contains(&answered.ask));
        let looks = Looks { facts, further: std::sync::Mutex::default() };
        let found = look(&looks, &fixture.movement, &phases, Query::default(), None).await.unwrap();
        assert!(found.covers(&wanted));
        let further = looks.further.lock().unwrap().clone();
        let mut asked: Vec<&Ask> = further.iter().flat_map(|query| &query.asks).collect();
        let all = asked.len();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), all, "something is asked twice: {further:?}");
        assert_eq!(asked, wanted.asks.iter().collect::<Vec<_>>(), "what is known is not asked again");
    }

    #[test]
    fn what_the_cluster_shows_to_be_behind_is_not_checked_again() {
        let mut fixture = Fixture::new();
        let has = |fixture: &Fixture, code: &str| run(&fixture.input(), None).iter().any(|finding| finding.code == code);
        assert!(has(&fixture, "C203"));
        fixture.completed();
        assert!(!has(&fixture, "C203"));
        assert!(has(&fixture, "C209") && has(&fixture, "C213"));
    }

    #[test]
    fn a_waiver_holds_for_its_subject_and_its_counts_alone() {
        let mut fixture = Fixture::new();
        fixture.facts.routing_rules.set("corder", "elsewhere.corder");
        fixture.serve_global();
        let blocked = |fixture: &Fixture| {
            run(&fixture.input(), Some(&PhaseId::CREATE)).into_iter().filter(Finding::blocks).collect::<Vec<_>>()
        };
        let [finding] = &blocked(&fixture)[..] else { panic!("{:?}", blocked(&fixture)) };
        assert!(is_waivable(finding));
        fixture.progress.intent = Some(fixture.digest());
        fixture.progress.waivers.push(StandingWaiver {
            serial: 1,
            code: finding.code.clone(),
            subject: finding.subject.clone(),
            reason: "known since Tuesday".into(),
            intent: fixture.digest(),
            seen: finding.seen.clone(),
        });
        assert!(blocked(&fixture).is_empty());

        fixture.progress.intent = Some(Digest::of(&"edited"));
        let [finding] = &blocked(&fixture)[..] else { panic!() };
        assert!(finding.help.contains("the plan file was edited since"), "{}", finding.help);
        fixture.progress.intent = Some(fixture.digest());

        fixture.facts.routing_rules.set("corder@replica", "elsewhere.corder");
        fixture.serve_global();
        let [finding] = &blocked(&fixture)[..] else { panic!() };
        let given = fixture.progress.waivers[0].seen.clone();
        let void = format!(
            "the waiver `known since Tuesday` no longer holds: it was given for {given}, and now it is {}; ",
            finding.seen
        );
        assert!(finding.help.starts_with(&void), "{}", finding.help);
        fixture.progress.waivers[0].seen.clear();
        let [finding] = &blocked(&fixture)[..] else { panic!() };
        assert!(finding.help.contains("it was given for nothing counted, and now it is"), "{}", finding.help);
    }

    #[test]
    fn a_workflow_of_somebody_else_cannot_be_waived() {
        let mut fixture = Fixture::new();
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1)]);
        let finding = fixture.run(&super::super::workflow_name::CHECK).remove(0);
        fixture.progress.waivers.push(StandingWaiver {
            serial: 1,
            code: finding.code.clone(),
            subject: finding.subject.clone(),
            reason: "it will be fine".into(),
            intent: fixture.digest(),
            seen: finding.seen.clone(),
        });
        let findings = run(&fixture.input(), Some(&PhaseId::CREATE));
        let finding = findings.iter().find(|finding| finding.code == "C210").unwrap();
        assert!(finding.blocks() && finding.help.contains("cannot be waived"));
        assert!(!is_waivable(finding));
    }
}
