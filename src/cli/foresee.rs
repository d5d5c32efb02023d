//! What a run would decide now, with what it would put on record on the way there. Nothing is written: `plan` and `status` show it.

use jiff::Timestamp;
use uuid::Uuid;

use crate::cluster::error::ClusterError;
use crate::cluster::port::{Facts, Reader};
use crate::driver::{kept_picture, kept_rules};
use crate::family::Family;
use crate::record::entry::{Actor, Entry};
use crate::record::kept::Kept;
use crate::record::progress::Progress;
use crate::run::decision::Decision;
use crate::run::machine::{self, Input, Options};
use crate::run::watch::Watch;

/// Looks and notes after which a run that decides nothing is left alone.
const STEPS: usize = 40;

/// What is foreseen from.
pub struct Foresight<'a> {
    pub family: &'a dyn Family,
    pub reader: &'a dyn Reader,
    pub kept: Kept<'a>,
    pub progress: &'a Progress,
    pub actor: &'a Actor,
    pub now: Timestamp,
}

impl Foresight<'_> {
    /// The decision, none when there is none to be had, and the facts that it rests on where more than these was needed. The checks
    /// count as passed: who wants to know runs them.
    ///
    /// # Errors
    /// A further look that the decision needs and that fails.
    pub async fn decision(&self, facts: &Facts) -> Result<(Option<Decision>, Option<Facts>), ClusterError> {
        let mut progress = self.progress.clone();
        let mut watch = Watch::new(progress.serial);
        // What one look finds between states is said: who asks doesn't wait whether it stays so.
        watch.see_between(true, Timestamp::UNIX_EPOCH);
        for phase in self.family.phases() {
            watch.checked.insert(phase.id, self.now);
        }
        let baseline = self.progress.baseline.as_ref().and_then(|digest| kept_picture(&self.kept, digest));
        let kept_rules = kept_rules(&self.kept, self.progress);
        let mut asked = self.family.query();
        let mut further: Option<Facts> = None;
        for _ in 0..STEPS {
            let decision = machine::next(&Input {
                family: self.family,
                progress: &progress,
                facts: further.as_ref().unwrap_or(facts),
                watch: &watch,
                now: self.now,
                fresh_uuid: Uuid::nil(),
                kept_rules: kept_rules.as_ref(),
                baseline: baseline.as_ref(),
                options: &Options::default(),
            });
            match decision {
                // What was asked for before is asked for again: phases that need different things would else ask in turn.
                Decision::Look(query) => {
                    let known = further.take().unwrap_or_else(|| facts.clone());
                    further = Some(self.reader.observe_more(known, &asked, &query).await?);
                    asked.merge(query);
                }
                Decision::Checked(phase) => {
                    watch.checked.insert(phase, self.now);
                }
                Decision::Note(whats) => {
                    for what in whats {
                        let entry = Entry { serial: progress.serial + 1, at: self.now, by: self.actor.clone(), what };
                        progress.absorb(&entry);
                    }
                }
                other => return Ok((Some(other), further)),
            }
        }
        Ok((None, further))
    }
}

#[cfg(test)]
#[path = "foresee_tests.rs"]
mod tests;
