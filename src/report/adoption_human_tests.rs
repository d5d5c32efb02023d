use super::*;
use crate::family::adoption::Doubt;
use crate::family::{Side, Traffic};
use crate::finding::{Finding, Severity};
use crate::report::fixtures::{HOSTILE, PLAIN, assert_harmless, at, cluster};

fn report(verdict: AdoptionVerdict) -> AdoptionReport {
    let doubt = |name: &str, accepted| DoubtReport { doubt: Doubt::new(name, "what is not known", "what follows"), accepted };
    AdoptionReport {
        format_version: 1,
        observed_at: at(0),
        workflow: "commerce2customer".into(),
        cluster: cluster("production"),
        source_keyspace: "commerce".into(),
        target_keyspace: "customer".into(),
        tables: vec!["corder".into(), "customer".into()],
        verdict,
        situation: "`customer` follows `commerce`".into(),
        traffic: Traffic { rdonly: Side::Source, replica: Side::Source, primary: Side::Source },
        reached: vec!["create".into(), "copy".into()],
        evidence: vec!["reads and writes at `commerce`".into()],
        doubts: vec![doubt("who-made-it", true), doubt("rules-before", false)],
        blocking: vec![],
        next: vec!["cutover adopt --accept who-made-it,rules-before --reason TEXT --yes".into()],
    }
}

#[test]
fn it_shows_what_is_proven_and_what_is_not_and_the_command() {
    insta::assert_snapshot!(draw(&report(AdoptionVerdict::Adoptable), PLAIN, false), @"
    CAN BE ADOPTED: commerce2customer on production (vtctld.prod.example:15999)
      moves    2 tables from `commerce` to `customer`: corder, customer
      now      `customer` follows `commerce`
      is past  copy

    Seen
      • reads and writes at `commerce`

    What no look proves, and a person accepts by name
      who-made-it   what is not known. If not so: what follows
      rules-before  what is not known. If not so: what follows

    Nothing was written, neither to the cluster nor here.

    Next
      cutover adopt --accept who-made-it,rules-before --reason TEXT --yes
    ");
}

#[test]
fn what_is_going_to_be_asked_is_shown_when_it_is_asked() {
    let drawn = draw(&report(AdoptionVerdict::Adoptable), PLAIN, true);
    assert!(drawn.contains("Accepted without proof\n  who-made-it  what is not known"), "{drawn}");
    assert!(!drawn.contains("rules-before"), "{drawn}");
    let asked = Doubt::new("rules-before", "which rules there were", "a cancel can put none back");
    insta::assert_snapshot!(question(&asked, 2, 3, PLAIN), @"
    2 of 3: no look proves this (rules-before)
      not known  which rules there were
      if not so  a cancel can put none back
    ");
}

#[test]
fn what_is_in_the_way_is_named() {
    let finding = Finding::fail("C411", Severity::Error, "customer.c2c", "it is between states", "repair it first");
    let blocked = AdoptionReport { blocking: vec![finding], doubts: vec![], ..report(AdoptionVerdict::Blocked) };
    let drawn = draw(&blocked, PLAIN, false);
    assert!(
        drawn.contains("CAN'T BE ADOPTED AS IT IS") && drawn.contains("C411") && drawn.contains("repair it first"),
        "{drawn}"
    );
}

#[test]
fn no_text_of_a_cluster_acts() {
    let mut hostile = report(AdoptionVerdict::Adoptable);
    hostile.situation = HOSTILE.into();
    hostile.evidence = vec![HOSTILE.into()];
    hostile.doubts[0].doubt.what = HOSTILE.into();
    assert_harmless(&draw(&hostile, PLAIN, false));
    assert_harmless(&question(&hostile.doubts[0].doubt, 1, 2, PLAIN));
}
