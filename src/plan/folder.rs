//! The plans of all plan files below a folder, as people and machines read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Plan, Verdict};

/// `plan DIR --format json`. `format_version` grows when a reader of the old one would misread the new one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FolderPlan {
    pub format_version: u32,
    pub folder: String,
    /// Blocked when one of them is, or could not be made.
    pub verdict: Verdict,
    /// In the order of their files. What they have against each other stands among the checks of each, as C231.
    pub plans: Vec<FiledPlan>,
    pub failed: Vec<FailedFile>,
    pub skipped: Vec<SkippedFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FiledPlan {
    pub file: String,
    pub plan: Plan,
}

/// A plan file that could not be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedFile {
    pub file: String,
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
    /// With which `plan FILE` would end.
    pub exit: u8,
}

/// A TOML file that is no plan file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedFile {
    pub file: String,
    pub why: String,
}

impl FolderPlan {
    /// `plans` have been compared with each other.
    pub fn new(folder: String, plans: Vec<FiledPlan>, failed: Vec<FailedFile>, skipped: Vec<SkippedFile>) -> Self {
        let any = |verdict| plans.iter().any(|filed| filed.plan.verdict == verdict);
        let verdict = if !failed.is_empty() || any(Verdict::Blocked) {
            Verdict::Blocked
        } else if any(Verdict::Ready) {
            Verdict::Ready
        } else {
            Verdict::NothingToDo
        };
        Self { format_version: 1, folder, verdict, plans, failed, skipped }
    }

    /// How many there are of a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.plans.iter().filter(|filed| filed.plan.verdict == verdict).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::plan_of;

    #[test]
    fn the_verdict_of_a_folder_is_that_of_the_worst_of_its_files() {
        use Verdict::{Blocked, NothingToDo, Ready};
        let filed = |verdict| {
            let mut plan = plan_of(1, "production", vec![]);
            plan.verdict = verdict;
            FiledPlan { file: "a.toml".into(), plan }
        };
        let failed = FailedFile { file: "b.toml".into(), message: "no such file".into(), help: String::new(), exit: 65 };
        let of = |verdicts: &[Verdict], failed: &[FailedFile]| {
            FolderPlan::new("plans".into(), verdicts.iter().copied().map(filed).collect(), failed.to_vec(), vec![])
        };
        assert_eq!(of(&[], &[]).verdict, NothingToDo);
        assert_eq!(of(&[NothingToDo, NothingToDo], &[]).verdict, NothingToDo);
        assert_eq!(of(&[NothingToDo, Ready], &[]).verdict, Ready);
        assert_eq!(of(&[Ready, Blocked, NothingToDo], &[]).verdict, Blocked);
        assert_eq!(of(&[Ready], &[failed]).verdict, Blocked, "what could not be planned is not approved");
        assert_eq!(of(&[Ready, Blocked, Ready], &[]).count(Ready), 2);
    }
}
