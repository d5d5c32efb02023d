//! `cutover plan`

use std::path::PathBuf;

use clap::Args;

use super::status;
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::saved_plan;
use crate::cli::session::{Session, Wants};
use crate::family::{Family as _, Situation, SituationKind};
use crate::finding::{Finding, Severity};
use crate::plan::document::{Plan, Verdict, plan};
use crate::run::decision::Decision;

/// Show everything that would happen, and change nothing
///
/// Runs the checks, and shows phase by phase what would be written: routing rules, denied tables, VSchema, streams. Reads only.
/// Exits 4 when something stands in the way.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan file; or a saved plan, FILE.json, which is shown as it was made
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Save the plan, for `apply FILE.json` to do exactly that or nothing
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Exit 2 when there are changes, 0 only when there is nothing to do
    #[arg(long)]
    detailed_exitcode: bool,
    /// Give slow questions about rows minutes instead of seconds
    ///
    /// Whether a column holds NULL and what its largest value is may need a whole table to be read.
    #[arg(long, conflicts_with = "no_sql")]
    deep: bool,
}

pub fn run(args: PlanArgs, context: &mut Context) -> Result<Exit, Error> {
    context.global.deep = args.deep;
    let (plan, file) = if saved_plan::is_one(&args.file) {
        if args.out.is_some() {
            return Err(saved_plan::no_plan_file_here(&args.file));
        }
        let (saved, _) = saved_plan::read(&args.file)?;
        (saved.plan, args.file)
    } else {
        let plan = block_on(context, async |context| {
            let session = Session::open(context, &args.file, "plan", Wants::Nothing).await?;
            make(&session).await
        })?;
        if let Some(out) = &args.out {
            saved_plan::write(out, &plan, &args.file)?;
        }
        // What was saved is what is applied.
        (plan, args.out.unwrap_or(args.file))
    };
    context.show_plan(&plan, &file, false)?;
    Ok(match plan.verdict {
        Verdict::Blocked => Exit::Refused,
        Verdict::Ready if args.detailed_exitcode => Exit::Changes,
        Verdict::Ready | Verdict::NothingToDo => Exit::Done,
    })
}

/// Looks, checks, and forecasts.
pub async fn make(session: &Session) -> Result<Plan, Error> {
    let facts = session.look().await?;
    let mut progress = session.progress();
    if progress.begun.is_some() {
        // As `apply` would take the plan file up: what was allowed for another meaning of it doesn't count.
        progress.intent = Some(session.intent());
    }
    let mut findings = session.guards(&facts);
    findings.extend(session.movement.check(&facts, &progress, None));
    let situation = session.movement.situation(&facts, &progress);
    let (decision, _) = status::decide(session, &progress, facts.clone()).await?;
    add_stops(&mut findings, &situation, decision.as_ref());
    Ok(plan(&session.movement, &facts, &progress, session.intent(), findings, session.cluster_name()))
}

/// Adds what a run would stop at now, whatever the checks say: what it found somebody to have changed, a verdict, a situation that
/// is no whole one.
fn add_stops(findings: &mut Vec<Finding>, situation: &Situation, decision: Option<&Decision>) {
    let stops = match decision {
        Some(Decision::Stop(stop)) => stop.findings.clone(),
        _ => vec![],
    };
    for finding in stops {
        let is_known = findings.iter().any(|known| known.code == finding.code && known.subject == finding.subject);
        if !is_known {
            findings.push(finding);
        }
    }
    // Half done and to be made whole is no state to plan from either, though a run would not stop there.
    if situation.kind == SituationKind::Between && !findings.iter().any(|finding| finding.code == "C404") {
        findings.push(Finding::fail(
            "C404",
            Severity::Error,
            "cluster",
            format!("the cluster is between states: {}", situation.contradictions.join("; ")),
            "`cutover apply --finish-only` makes it whole; `cutover status` shows what it sees",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{Side, Traffic};
    use crate::run::decision::{Stop, StopKind};

    fn situation(kind: SituationKind) -> Situation {
        let traffic = Traffic { rdonly: Side::Source, replica: Side::Source, primary: Side::Mixed };
        Situation { kind, traffic, words: "now".into(), contradictions: vec!["some shards deny, some don't".into()] }
    }

    fn stop(code: &str, kind: StopKind) -> Decision {
        let finding = Finding::fail(code, Severity::Error, "cluster", "it is so", "look");
        Decision::Stop(Box::new(Stop { kind, phase: None, findings: vec![finding] }))
    }

    #[test]
    fn what_a_run_would_stop_at_blocks_the_plan_and_is_said_once() {
        use SituationKind::{Between, Contradictory, Foreign, Moving};
        for (kind, code) in [(Between, "C404"), (Foreign, "C402"), (Contradictory, "C403"), (Moving, "C401"), (Moving, "C310")] {
            let mut findings = vec![Finding::pass("C201", "vtctld", "vtctld answers")];
            for _ in 0..2 {
                add_stops(&mut findings, &situation(kind), Some(&stop(code, StopKind::NeedsHuman)));
            }
            let blocking: Vec<&str> =
                findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.code.as_str()).collect();
            assert_eq!(blocking, [code]);
        }
    }

    #[test]
    fn between_states_blocks_also_where_a_run_would_make_it_whole() {
        let mut findings = vec![];
        add_stops(&mut findings, &situation(SituationKind::Between), None);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].blocks() && findings[0].help.contains("--finish-only"), "{findings:?}");
        let mut findings = vec![];
        add_stops(&mut findings, &situation(SituationKind::Moving), None);
        assert_eq!(findings, []);
    }
}
