//! The half of reads: rules are saved, then published cell by cell, unless the writes of the same call publish them.

use super::Switch;
use crate::cluster::vtctld::generated::topodata;
use crate::sandbox::operation::step::{Act, Change, Row, Step};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::Kind;
use crate::sandbox::traffic::Course;

impl Switch {
    pub(super) fn reads(&self, state: &State, course: &Course, kinds: &[Kind]) -> Answer<Vec<Step>> {
        if self.leads_reads_back {
            self.are_switched(state, course)?;
        }
        let mut row = Row::of("switch-reads");
        row.lock_keyspaces(course, "SwitchReads", self.timeout());
        row.fails("failed to switch read traffic for the tables", false);
        let change = Change::SwitchReads { kinds: kinds.to_vec(), backward: self.leads_reads_back };
        row.step("save-read-rules", "", Act::ChangeRules(change));
        if !self.switches_writes() {
            let cells = if self.request.cells.is_empty() { &state.topology.cells } else { &self.request.cells };
            row.rebuild(cells);
        }
        row.fails("", false).step("unlock-keyspaces", "", Act::UnlockKeyspaces);
        row.wait(50);
        Ok(row.steps())
    }

    fn are_switched(&self, state: &State, course: &Course) -> Answer<()> {
        let asked = |kind: topodata::TabletType| self.request.tablet_types.contains(&kind.into());
        let kinds = [
            (Kind::Replica, "REPLICA", asked(topodata::TabletType::Replica)),
            (Kind::Rdonly, "RDONLY", asked(topodata::TabletType::Rdonly)),
        ];
        for (kind, name, _) in kinds.iter().filter(|(_, _, is_asked)| *is_asked) {
            if course.cells_switched(&state.topology, *kind).is_empty() {
                return refuse!(
                    "invalid request: requesting reversal of read traffic for {name}s but {name} reads have not been switched"
                );
            }
        }
        Ok(())
    }
}
