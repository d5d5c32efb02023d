//! Edit routing rules: some keys go, some are set, everybody else's stay.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Verb;
use crate::cluster::vtctld::convert::routing::routing_rules_message;
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::routing::{RoutingRules, Rule};

/// vtctld knows only "replace all", without compare-and-set, so the whole set is worked out from an observation that is at most
/// two seconds old, and what is there afterwards is compared with what was there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ApplyRoutingRules {
    pub remove: Vec<String>,
    pub set: Vec<Rule>,
    /// The whole set to be sent. Not in the record: the edit is, and what it replaces is kept beside it. None in an edit that
    /// was read from there, which can't be sent: an empty set would delete all rules of the cluster.
    #[serde(skip)]
    pub whole: Option<RoutingRules>,
}

impl ApplyRoutingRules {
    /// The edit that removes from `now` what is there of `remove`, and sets `set`.
    pub fn edit(now: &RoutingRules, mut remove: Vec<String>, set: Vec<Rule>) -> Self {
        remove.retain(|key| now.get(key).is_some());
        let mut whole = now.clone();
        for key in &remove {
            whole.remove(key);
        }
        for rule in &set {
            whole.set(rule.from_table.clone(), rule.to_table.clone());
        }
        Self { remove, set, whole: Some(whole) }
    }

    /// Replaces all rules of the cluster and publishes them to every cell. None without the whole set.
    pub fn request(&self) -> Option<vtctldata::ApplyRoutingRulesRequest> {
        Some(vtctldata::ApplyRoutingRulesRequest {
            routing_rules: Some(routing_rules_message(self.whole.as_ref()?)),
            skip_rebuild: false,
            rebuild_cells: Vec::new(),
        })
    }
}

impl Verb for ApplyRoutingRules {
    fn call(&self) -> &'static str {
        "ApplyRoutingRules"
    }

    fn words(&self) -> String {
        match (self.remove.len(), self.set.len()) {
            (removed, 0) => {
                format!("remove {removed} routing rules and publish the rest to every cell")
            }
            (0, set) => format!("set {set} routing rules and publish them to every cell"),
            (removed, set) => {
                format!("remove {removed} routing rules, set {set}, and publish them to every cell")
            }
        }
    }

    fn equivalent(&self) -> String {
        "vtctldclient ApplyRoutingRules --rules-file rules.json   # the whole set, edited".into()
    }

    /// It takes no lock.
    fn worst_case_seconds(&self) -> u64 {
        30
    }

    /// It waits for nobody's lock. One that came late would meet what others have made of the rules since.
    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_leaves_everybody_elses_rules() {
        let mut now = RoutingRules::default();
        now.set("ours", "a.ours");
        now.set("theirs", "b.theirs");
        let edit = ApplyRoutingRules::edit(&now, vec!["ours".into(), "not.there".into()], vec![]);
        assert_eq!(edit.words(), "remove 1 routing rules and publish the rest to every cell", "what is there is counted");
        let whole = edit.whole.unwrap();
        assert_eq!(whole.target("theirs"), Some("b.theirs"));
        assert_eq!(whole.len(), 1);
    }

    #[test]
    fn the_request_is_the_whole_set_and_publishes_it() {
        let mut now = RoutingRules::default();
        now.set("theirs", "b.theirs");
        let set = vec![Rule { from_table: "ours".into(), to_table: "a.ours".into() }];
        let request = ApplyRoutingRules::edit(&now, vec![], set).request().unwrap();
        let rules = request.routing_rules.unwrap().rules;
        assert_eq!(rules.iter().map(|rule| rule.from_table.as_str()).collect::<Vec<_>>(), ["ours", "theirs"]);
        assert!(!request.skip_rebuild && request.rebuild_cells.is_empty());
    }

    #[test]
    fn an_edit_from_the_record_cannot_be_sent() {
        let edit = ApplyRoutingRules::edit(&RoutingRules::default(), vec!["ours".into()], vec![]);
        assert!(edit.request().is_some(), "no rule left is a set, too");
        let text = serde_json::to_string(&edit).unwrap();
        let read: ApplyRoutingRules = serde_json::from_str(&text).unwrap();
        assert_eq!(read.request(), None);
    }
}
