//! What `doctor` says: what the application sees, each leftover with its evidence, and what to run.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::command::for_file;
use crate::cluster::mutation::shell;
use crate::leftovers::survey::{NotSeen, SilentPrimary};
use crate::leftovers::traffic::TableTraffic;
use crate::leftovers::{Leftover, Mend, Survey, Weight, traffic};
use crate::plan::document::ClusterName;

/// `doctor --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    pub format_version: u32,
    #[schemars(with = "String")]
    pub observed_at: Timestamp,
    pub cluster: ClusterName,
    pub verdict: Verdict,
    /// Of each movement's tables, the worst first.
    pub traffic: Vec<TrafficSeen>,
    /// Those that matter most first.
    pub leftovers: Vec<LeftoverSeen>,
    /// What could not be read: never taken for fine.
    pub unread: Vec<NotSeen>,
    /// Primaries that give no answer: what they serve takes no writes. Looked for where workflows could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub silent_primaries: Vec<SilentPrimary>,
    pub looked_at: LookedAt,
    /// What the record of the plan file says to it, where one was named and has a record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record: Option<RecordSays>,
    /// What to run now.
    pub next: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    NothingWrong,
    /// Traffic is whole, and leftovers stand.
    Leftovers,
    /// The cluster is between states, or contradicts the record.
    BetweenStates,
    /// Nothing was found, and something could not be read.
    NotKnown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficSeen {
    #[serde(flatten)]
    pub tables: TableTraffic,
    pub words: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftoverSeen {
    #[serde(flatten)]
    pub leftover: Leftover,
    /// What mends it: a command of ours, or the way by hand.
    pub next: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookedAt {
    pub keyspaces: Vec<String>,
    /// `keyspace.name`
    pub workflows: Vec<String>,
    pub cells: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordSays {
    /// The lockfile.
    pub file: String,
    /// Where the movement stands by record and cluster together.
    pub situation: String,
    /// What speaks against the nearest whole state.
    pub contradictions: Vec<String>,
    /// The cluster is not what the record says, or is between states for it.
    pub is_whole: bool,
    /// Whole, and not as our last write left it.
    #[serde(default)]
    pub is_changed_by_hand: bool,
    /// The ways on from there.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub next: Vec<String>,
}

/// What `doctor` was asked about, for the commands that it ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The plan file; none where a cluster was named instead.
    pub file: Option<&'a str>,
    /// The movement of the plan file: target keyspace and workflow.
    pub movement: Option<(&'a str, &'a str)>,
}

impl Diagnosis {
    pub fn of(
        survey: &Survey,
        leftovers: Vec<Leftover>,
        cluster: ClusterName,
        record: Option<RecordSays>,
        asked: Asked<'_>,
    ) -> Self {
        let verdict = verdict(&leftovers, &survey.unread, record.as_ref());
        let leftovers: Vec<LeftoverSeen> = leftovers
            .into_iter()
            .map(|leftover| {
                let next = command(&leftover.mend, &cluster.alias, asked).map_or_else(|| leftover.by_hand.clone(), |it| vec![it]);
                LeftoverSeen { leftover, next }
            })
            .collect();
        let mut next: Vec<String> = Vec::new();
        let wrong = leftovers.iter().filter(|seen| seen.leftover.weight != Weight::Note);
        for command in wrong.flat_map(|seen| command(&seen.leftover.mend, &cluster.alias, asked)) {
            if !next.contains(&command) {
                next.push(command);
            }
        }
        if next.is_empty()
            && let Some(record) = record.as_ref()
        {
            next.extend(record.next.iter().map(|command| for_file(command, asked.file)));
            if next.is_empty() && !record.is_whole {
                next.push(for_file("cutover status", asked.file));
            }
        }
        if next.is_empty() {
            next.extend(survey.silent_primaries.iter().map(SilentPrimary::remedy));
            next.push(match (verdict, asked.file) {
                (Verdict::NothingWrong, Some(file)) => for_file("cutover status", Some(file)),
                (Verdict::NothingWrong, None) => format!("vtctldclient GetWorkflows {}", first_keyspace(survey)),
                (_, Some(file)) => for_file("cutover doctor", Some(file)),
                (_, None) => format!("cutover doctor --cluster {}", shell(&cluster.alias)),
            });
        }
        let traffic = traffic::of(survey);
        Self {
            format_version: 1,
            observed_at: survey.now(),
            cluster,
            verdict,
            traffic: traffic.into_iter().map(|tables| TrafficSeen { words: tables.words(), tables }).collect(),
            leftovers,
            unread: survey.unread.clone(),
            silent_primaries: survey.silent_primaries.clone(),
            looked_at: LookedAt {
                keyspaces: survey.keyspaces.iter().map(ToString::to_string).collect(),
                workflows: survey.facts.workflows.iter().map(|it| format!("{}.{}", it.keyspace, it.name)).collect(),
                cells: survey.facts.cells.names.iter().map(ToString::to_string).collect(),
            },
            record,
            next,
        }
    }
}

fn first_keyspace(survey: &Survey) -> String {
    survey.keyspaces.first().map_or_else(|| "KEYSPACE".to_owned(), |name| shell(name.as_str()))
}

fn verdict(leftovers: &[Leftover], unread: &[NotSeen], record: Option<&RecordSays>) -> Verdict {
    let contradicts = record.is_some_and(|record| !record.is_whole);
    match leftovers.iter().map(|leftover| leftover.weight).min() {
        _ if contradicts => Verdict::BetweenStates,
        Some(Weight::Between) => Verdict::BetweenStates,
        Some(Weight::Standing) => Verdict::Leftovers,
        _ if !unread.is_empty() => Verdict::NotKnown,
        _ => Verdict::NothingWrong,
    }
}

/// The command of ours that mends it; none where only a person can.
pub fn command(mend: &Mend, cluster: &str, asked: Asked<'_>) -> Option<String> {
    let cluster = shell(cluster);
    Some(match mend {
        Mend::Hand => return None,
        Mend::Movement { keyspace, workflow } if asked.movement == Some((keyspace.as_str(), workflow.as_str())) => {
            for_file("cutover repair", asked.file)
        }
        Mend::Movement { keyspace, workflow } => {
            format!("cutover repair --cluster {cluster} --workflow {}", shell(&format!("{keyspace}.{workflow}")))
        }
        Mend::Tables { keyspace, tables } => {
            format!("cutover repair --cluster {cluster} --keyspace {} --tables {}", shell(keyspace), shell(&tables.join(",")))
        }
        Mend::Publish => format!("cutover repair --cluster {cluster} --publish"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leftovers::fixtures::Case;
    use crate::report::fixtures::cluster;

    fn diagnosis(case: &Case) -> Diagnosis {
        let survey = case.survey();
        let asked = Asked { file: Some("workflow.toml"), movement: Some(("customer", "commerce2customer")) };
        Diagnosis::of(&survey, crate::leftovers::find(&survey), cluster("production"), None, asked)
    }

    #[test]
    fn the_verdict_is_that_of_the_heaviest_leftover() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(diagnosis(&case).verdict, Verdict::NothingWrong);
        case.tables("commerce", "0", &["corder", "customer", "_corder_old"]);
        assert_eq!(diagnosis(&case).verdict, Verdict::Leftovers);
        case.deny("commerce", "0", &["corder"]);
        assert_eq!(diagnosis(&case).verdict, Verdict::BetweenStates);
    }

    #[test]
    fn what_could_not_be_read_is_never_fine() {
        let mut case = Case::after(&["create", "copy"]);
        let ask = crate::cluster::port::Ask::AllLocks(crate::leftovers::fixtures::keyspace("customer"));
        case.world.answer(ask, Err(crate::cluster::port::Unread::new("etcd is away")));
        let found = diagnosis(&case);
        assert_eq!(found.verdict, Verdict::NotKnown);
        assert_eq!(found.next, ["cutover doctor"]);
    }

    #[test]
    fn a_record_that_the_cluster_contradicts_is_between_states() {
        let survey = Case::after(&[]).survey();
        let record = RecordSays {
            file: "workflow.lock".into(),
            situation: "gone".into(),
            contradictions: vec![],
            is_whole: false,
            is_changed_by_hand: false,
            next: vec![],
        };
        let asked = Asked { file: Some("workflow.toml"), movement: None };
        let found = Diagnosis::of(&survey, vec![], cluster("production"), Some(record), asked);
        assert_eq!((found.verdict, found.next), (Verdict::BetweenStates, vec!["cutover status".to_owned()]));
    }

    #[test]
    fn each_mend_has_its_command() {
        let ours = Asked { file: Some("moves/a.toml"), movement: Some(("customer", "c2c")) };
        let movement = |workflow: &str| Mend::Movement { keyspace: "customer".into(), workflow: workflow.into() };
        let tables = Mend::Tables { keyspace: "commerce".into(), tables: vec!["a".into(), "b".into()] };
        let said = |mend: &Mend| command(mend, "prod", ours).unwrap();
        assert_eq!(said(&movement("c2c")), "cutover repair moves/a.toml");
        assert_eq!(said(&movement("other")), "cutover repair --cluster prod --workflow customer.other");
        assert_eq!(said(&tables), "cutover repair --cluster prod --keyspace commerce --tables a,b");
        assert_eq!(said(&Mend::Publish), "cutover repair --cluster prod --publish");
        assert_eq!(command(&Mend::Hand, "prod", ours), None);
    }
}
