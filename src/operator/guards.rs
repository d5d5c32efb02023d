//! What a plan file may not take away.

use super::config::ClusterConfig;
use crate::cluster::mutation::SourceTables;
use crate::finding::{Finding, Severity};
use crate::run::phase::PhaseId;
use crate::spec::{Caveat, GatePolicy, Spec, length};

/// Every guard of the operator's that the plan file breaks in the phases that are `ahead`; none when it keeps to them. For clusters
/// that the operator's file doesn't name there are no guards.
pub fn guards(spec: &Spec, cluster: &ClusterConfig, ahead: &[PhaseId]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for phase in cluster.require_hold.iter().filter(|phase| ahead.contains(phase)) {
        if spec.gates.get(phase).is_some_and(|gate| gate.policy == GatePolicy::AutoAdvance) {
            let summary = format!("`{phase}` must hold on `{}`, and the plan file lets it advance", spec.cluster);
            let help = format!("write `{phase} = \"operator-hold\"` in `[gates]`, or ask the operators of the cluster");
            findings
                .push(Finding::fail("C120", Severity::Error, spec.cluster.as_str(), summary, help).at(format!("gates.{phase}")));
        }
    }
    findings.extend(fast_path(spec, cluster, ahead));
    if !ahead.contains(&PhaseId::COMPLETE) {
        return findings;
    }
    if spec.complete.source_tables == SourceTables::Drop && !cluster.allow_drop {
        let summary = format!("source tables may not be dropped on `{}`", spec.cluster);
        let help = "write `source-tables = \"rename\"` or \"keep\", or ask the operators of the cluster for `allow-drop = true`";
        findings.push(Finding::fail("C121", Severity::Error, spec.cluster.as_str(), summary, help).at("complete.source-tables"));
    }
    if spec.revert.window_seconds < cluster.min_revert_window_seconds {
        let least = length::words(cluster.min_revert_window_seconds);
        let summary = format!(
            "the revert window of {} is shorter than the {least} that `{}` asks for",
            length::words(spec.revert.window_seconds),
            spec.cluster
        );
        findings.push(
            Finding::fail(
                "C122",
                Severity::Error,
                spec.cluster.as_str(),
                summary,
                format!("write `window = \"{least}\"` in `[revert]`"),
            )
            .at("revert.window"),
        );
    }
    findings
}

/// What the fast path would do without, and the operators want.
fn fast_path(spec: &Spec, cluster: &ClusterConfig, ahead: &[PhaseId]) -> Vec<Finding> {
    let finding = |code, caveat: Caveat, wants: String| {
        let summary = format!("`{}` may not be accepted on `{}`: {wants}", caveat.as_str(), spec.cluster);
        let help = "leave `[fast-path]` out of the plan file, or ask the operators of the cluster";
        Finding::fail(code, Severity::Error, spec.cluster.as_str(), summary, help).at("fast-path.accept")
    };
    let accepts = |caveat: Caveat| spec.fast_path.accept.contains(&caveat);
    let moves = [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY];
    let held = cluster.require_hold.iter().find(|phase| moves.contains(phase) && ahead.contains(phase));
    let mut findings = Vec::new();
    if let Some(phase) = held.filter(|_| accepts(Caveat::NoHold)) {
        findings.push(finding("C120", Caveat::NoHold, format!("`{phase}` must hold there")));
    }
    if accepts(Caveat::NoRevertWindow) && cluster.min_revert_window_seconds > 0 && ahead.contains(&PhaseId::COMPLETE) {
        let least = length::words(cluster.min_revert_window_seconds);
        findings.push(finding("C122", Caveat::NoRevertWindow, format!("the way back must stay open for {least} there")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: &str, source_tables: &str) -> Spec {
        let text = format!(
            "version = 1\nworkflow = \"w\"\ncluster = \"production\"\n[move-tables]\nsource-keyspace = \"a\"\n\
             target-keyspace = \"b\"\ntables = [\"t\"]\n[complete]\nsource-tables = \"{source_tables}\"\n{more}\n"
        );
        crate::spec::read(&text).unwrap().spec
    }

    fn broken_ahead(spec: &Spec, cluster: &ClusterConfig, ahead: &[PhaseId]) -> Vec<String> {
        let found = guards(spec, cluster, ahead);
        assert!(found.iter().all(Finding::blocks));
        found.into_iter().map(|finding| format!("{} {}", finding.code, finding.at.unwrap())).collect()
    }

    fn broken(spec: &Spec, cluster: &ClusterConfig) -> Vec<String> {
        broken_ahead(spec, cluster, crate::spec::GATES)
    }

    #[test]
    fn what_is_behind_is_not_judged_any_more() {
        let cluster =
            ClusterConfig { require_hold: vec![PhaseId::SWITCH_PRIMARY], min_revert_window_seconds: 60, ..Default::default() };
        let breaks = spec("[gates]\npolicy = \"auto-advance\"\n[revert]\nwindow = \"59s\"", "drop");
        let of = |ahead: &[PhaseId]| broken_ahead(&breaks, &cluster, ahead);
        assert_eq!(of(&[PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE]).len(), 3);
        assert_eq!(of(&[PhaseId::COMPLETE]), ["C121 complete.source-tables", "C122 revert.window"]);
        assert_eq!(of(&[PhaseId::REMOVE_RULES]), Vec::<String>::new());
    }

    #[test]
    fn the_fast_path_takes_no_safety_away_that_operators_set() {
        let cluster = ClusterConfig { require_hold: vec![PhaseId::SWITCH_REPLICAS], ..Default::default() };
        let accepts = |what: &str| spec(&format!("[fast-path]\naccept = [{what}]"), "rename");
        assert_eq!(broken(&accepts("\"no-hold\""), &cluster), ["C120 fast-path.accept"]);
        assert_eq!(broken(&accepts("\"no-revert-window\""), &cluster), Vec::<String>::new());
        let cluster = ClusterConfig { min_revert_window_seconds: 60, ..Default::default() };
        assert_eq!(broken(&accepts("\"no-hold\", \"no-revert-window\""), &cluster), ["C122 fast-path.accept"]);
    }

    #[test]
    fn dropping_is_forbidden_unless_the_operator_allows_it() {
        let config = crate::operator::read("[clusters.production]\n", std::path::Path::new("")).unwrap();
        assert_eq!(broken(&spec("", "drop"), &config.clusters["production"]), ["C121 complete.source-tables"]);
    }

    #[test]
    fn each_guard_is_kept_and_broken() {
        let cluster = ClusterConfig {
            require_hold: vec![PhaseId::SWITCH_PRIMARY, PhaseId::VERIFY],
            min_revert_window_seconds: 3600,
            ..Default::default()
        };
        let keeps = spec("[gates]\nverify = \"operator-hold\"\n[revert]\nwindow = \"1h\"", "rename");
        assert_eq!(broken(&keeps, &cluster), Vec::<String>::new());
        let breaks = spec("[gates]\npolicy = \"auto-advance\"\n[revert]\nwindow = \"59m\"", "drop");
        assert_eq!(
            broken(&breaks, &cluster),
            ["C120 gates.switch-primary", "C120 gates.verify", "C121 complete.source-tables", "C122 revert.window"]
        );
        let allows = ClusterConfig { allow_drop: true, ..Default::default() };
        assert_eq!(broken(&breaks, &allows), Vec::<String>::new());
    }
}
