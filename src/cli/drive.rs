//! Runs the driver for a command, and turns its end into words and an exit code.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use uuid::Uuid;

use super::context::Context;
use super::error::Error;
use super::exit::Exit;
use super::notify;
use super::session::Session;
use crate::driver::{Driver, DriverError, Finish, Ports, RunOptions, Signals, TimeJumps};
use crate::family::Family;
use crate::report::ending;
use crate::report::event::{Event, View};
use crate::run::decision::{Ending, HoldKind};
use crate::spec;

/// Runs the movement of a session to an end.
pub async fn drive(context: &mut Context, session: &Session, options: RunOptions) -> Result<Exit, Error> {
    drive_as(context, session, &session.movement, options).await
}

/// Runs to an end what is made of a session's movement.
pub async fn drive_as(context: &mut Context, session: &Session, family: &dyn Family, options: RunOptions) -> Result<Exit, Error> {
    let mut options = RunOptions { time_jumps: context.time_jumps()?.then(TimeJumps::default), ..options };
    options.machine.may_remove_locks = session.topology.is_some();
    let command = session.connection.config.as_ref().map(|config| config.notify.as_slice()).unwrap_or_default();
    let movement = notify::Movement {
        workflow: session.spec.workflow.to_string(),
        cluster: session.spec.cluster.clone(),
        address: session.address.clone(),
    };
    let mut view = notify::beside(
        context.view(&session.file, session.spec.workflow.as_str(), session.movement.keyspaces()),
        command,
        movement,
    );
    let now = session.clock.now();
    view.event(
        now,
        &Event::Begin {
            version: env!("CARGO_PKG_VERSION").into(),
            format_version: 1,
            command: session.command().into(),
            workflow: session.spec.workflow.to_string(),
            cluster: session.spec.cluster.clone(),
            address: session.address.clone(),
            sandbox: session.is_sandbox,
        },
    );
    let finish = {
        let ports = Ports {
            reader: session.cluster.as_ref(),
            writer: session.cluster.clone(),
            store: &session.store,
            kept: session.store.kept(),
            take_lease: Box::new(|| Ok(Box::new(session.take_lease("")?))),
            clock: session.clock.clone(),
            new_uuid: Box::new(Uuid::new_v4),
            is_plan_edited: Box::new(edits(session)),
            signals: signals()?,
            view: view.as_mut(),
            actor: session.actor.clone(),
        };
        Driver::new(family, ports, options).run().await
    };
    let finish = finish.map_err(|error| match error {
        DriverError::Cluster(error) => session.failed(&error),
        DriverError::Record(error) => Error::record(error),
        DriverError::Lease(error) => Error::lease(error),
        error @ (DriverError::NotBegun | DriverError::Confused(_)) => {
            Error::ended(Exit::Failed, error, "`cutover status` shows where the movement stands")
        }
    })?;
    let exit = tell(view.as_mut(), session, &finish);
    Ok(exit)
}

/// Whether the plan file means something else than when the session was opened. Each text is read once.
fn edits(session: &Session) -> impl Fn() -> bool + '_ {
    let last: RefCell<Option<(String, bool)>> = RefCell::default();
    move || {
        let Ok(text) = std::fs::read_to_string(&session.file) else { return false };
        let known = last.borrow().as_ref().filter(|(known, _)| *known == text).map(|(_, is_edited)| *is_edited);
        known.unwrap_or_else(|| {
            // An editor may be at work in it: what is no plan file is looked at again.
            let is_edited = spec::read(&text).is_ok_and(|reading| reading.spec != session.spec);
            last.replace(Some((text, is_edited)));
            is_edited
        })
    }
}

/// Says how it ended.
fn tell(view: &mut dyn View, session: &Session, finish: &Finish) -> Exit {
    let now = session.clock.now();
    let mut end = |ending: Option<Ending>, exit: Exit, words: String, next: Vec<String>| {
        view.event(now, &Event::End { ending, exit_code: exit.code(), words, next });
        exit
    };
    match finish {
        Finish::Ended(ending) => {
            let asked = matches!(
                (ending, session.command()),
                (Ending::SwitchedBack, "switch-back") | (Ending::RulesRestored, "restore-rules") | (Ending::Paused, "pause")
            );
            let holds = matches!(ending, Ending::SwitchedBack | Ending::RulesRestored | Ending::Paused) && !asked;
            let exit = if holds { Exit::Held } else { Exit::Done };
            let (words, mut next) = (ending::words(*ending).to_owned(), ending::next(*ending, session.spec.workflow.as_str()));
            if *ending == Ending::Cancelled {
                next.push(session.begin_anew());
            }
            end(Some(*ending), exit, words, next)
        }
        Finish::Held(hold) => {
            let exit = if hold.kind == HoldKind::VoidApproval { Exit::Stale } else { Exit::Held };
            view.event(now, &Event::Hold { hold: hold.clone(), waiting: false });
            view.event(
                now,
                &Event::End {
                    ending: None,
                    exit_code: exit.code(),
                    words: format!("held before {}", hold.gate),
                    next: hold.release.clone(),
                },
            );
            exit
        }
        Finish::Stopped(stop) => {
            let exit = Exit::of_stop(stop.kind);
            view.event(now, &Event::Stop(stop.clone()));
            view.event(
                now,
                &Event::End {
                    ending: None,
                    exit_code: exit.code(),
                    words: "stopped".into(),
                    next: vec!["cutover status".to_owned()],
                },
            );
            exit
        }
        Finish::Busy(words) => end(None, Exit::Busy, words.clone(), vec!["cutover status --watch".to_owned()]),
        Finish::Overtaken(words) => {
            end(None, Exit::Held, format!("{words}; this run ends here"), vec!["cutover status".to_owned()])
        }
        Finish::Idle(words) => end(None, Exit::Held, words.clone(), vec!["cutover status".to_owned()]),
        Finish::Signalled { exit_code, left } => {
            let exit = if *exit_code == 143 { Exit::Terminated } else { Exit::Interrupted };
            let words = left.clone().unwrap_or_else(|| "stopped at a safe point: no write is under way".into());
            end(None, exit, words, vec!["cutover apply".to_owned()])
        }
    }
}

/// SIGINT, SIGTERM, and SIGHUP as SIGTERM: a connection that drops must not kill a switch in mid-call.
fn signals() -> Result<Signals, Error> {
    let (sender, receiver) = watch::channel(Vec::new());
    let sender = Arc::new(sender);
    let mut kinds = vec![(SignalKind::interrupt(), 130), (SignalKind::terminate(), 143)];
    // Under `nohup` it is ignored, and stays so: that is what was asked for.
    if !is_ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), SignalKind::hangup()) {
        kinds.push((SignalKind::hangup(), 143));
    }
    for (kind, exit_code) in kinds {
        let mut stream = signal(kind).map_err(|source| Error::Write { what: "the signal handlers".into(), source })?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                sender.send_modify(|received: &mut Vec<u8>| received.push(exit_code));
            }
        });
    }
    Ok(Signals::new(receiver))
}

/// Whether a signal is ignored, by what Linux says of a process in `status`.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_ignores_stays_ignored() {
        let hangup = SignalKind::hangup();
        assert!(is_ignored("Name:\tcutover\nSigIgn:\t0000000000001001\n", hangup));
        assert!(!is_ignored("Name:\tcutover\nSigIgn:\t0000000000001000\n", hangup));
        assert!(!is_ignored("", hangup));
    }

    #[tokio::test]
    async fn a_dropped_connection_asks_for_an_end_and_kills_nothing() {
        if is_ignored(&std::fs::read_to_string("/proc/self/status").unwrap(), SignalKind::hangup()) {
            // The tests themselves run under `nohup`.
            return;
        }
        let mut signals = signals().unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
        while signals.requested().is_none() {
            signals.sleep(std::time::Duration::from_secs(60)).await;
        }
        assert_eq!((signals.requested(), signals.count()), (Some(143), 1));
    }
}
