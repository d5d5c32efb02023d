//! What is done past vtctld, as with a client of MySQL: for tests.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;

use super::fault::{CallFault, StepDone, StepFault};
use super::file::description::{Deed, Description};
use super::ids::Ids;
use super::oracle::{self, Violation};
use super::state::{ChangeByHand, State, Transaction};
use super::topology::Kind;
use super::{Sandbox, SandboxError};

impl Sandbox {
    /// The rows of a table over all shards; none when no shard has it.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn rows(&self, keyspace: &str, table: &str) -> Result<Option<u64>, SandboxError> {
        self.transact(|state| state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.count(table)))
    }

    /// All is as at the beginning, but for the time and the numbers that were given.
    pub fn begin_anew(&self) -> Result<(), SandboxError> {
        self.transact(|state| {
            let (description, last_number) = (Description { start: None, ..state.description.clone() }, state.last_number);
            let mut new = State::new(&description, state.now);
            new.plan.keeps_logs = state.plan.keeps_logs;
            *state = State { description: state.description.clone(), last_number, ..new };
        })
    }

    /// How often each call has come since the beginning.
    pub fn calls_made(&self) -> Result<BTreeMap<String, u64>, SandboxError> {
        self.transact(|state| state.calls.clone())
    }

    /// Every micro-step that was done, in order: of a sandbox in memory. One in a folder keeps no log.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn log_of_steps(&self) -> Result<Vec<StepDone>, SandboxError> {
        self.transact(|state| state.plan.log_of_steps.clone())
    }

    /// The names of all calls that came, in order: of a sandbox in memory.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn log_of_calls(&self) -> Result<Vec<String>, SandboxError> {
        self.transact(|state| state.plan.log_of_calls.clone())
    }

    /// Plans a fault at a micro-step.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn at_step(&self, fault: StepFault) -> Result<(), SandboxError> {
        self.transact(|state| state.plan.steps.push(fault))
    }

    /// Plans a fault at a call.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn at_call(&self, fault: CallFault) -> Result<(), SandboxError> {
        self.inner.counts_calls.store(true, Ordering::Relaxed);
        self.transact(|state| state.plan.calls.push(fault))
    }

    /// What must hold and does not, now.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn violations(&self) -> Result<Vec<Violation>, SandboxError> {
        self.transact(|state| oracle::violations(state))
    }

    /// What did not hold at any time, after any micro-step or call: of a sandbox in memory.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn violations_seen(&self) -> Result<Vec<Violation>, SandboxError> {
        self.transact(|state| state.plan.seen.clone())
    }

    /// What is not of these tables and is not as it was at the beginning.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn foreign_changes(&self, ours: &[String]) -> Result<Vec<String>, SandboxError> {
        self.transact(|state| oracle::foreign_changes(state, ours))
    }

    /// A shard gets another primary: its first replica.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn reparent(&self, keyspace: &str, shard: &str) -> Result<(), SandboxError> {
        self.transact(|state| super::reparent::reparent(state, keyspace, shard))
    }

    /// The first tablet of a type in a shard answers nobody any more.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn tablet_down(&self, keyspace: &str, shard: &str, kind: Kind) -> Result<(), SandboxError> {
        self.transact(|state| super::trouble::tablet_down(state, keyspace, shard, kind, None))
    }

    /// All tablets of a shard answer again.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn tablets_up(&self, keyspace: &str, shard: &str) -> Result<(), SandboxError> {
        self.transact(|state| {
            let of_shard = |tablet: &&mut super::topology::Tablet| tablet.keyspace == keyspace && tablet.shard == shard;
            for tablet in state.topology.tablets.iter_mut().filter(of_shard) {
                (tablet.is_down, tablet.down_until) = (false, None);
            }
        })
    }

    /// Somebody else acts on a workflow now, as with vtctldclient.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn somebody_acts(&self, does: Deed, keyspace: &str, workflow: &str) -> Result<(), SandboxError> {
        self.transact(|state| super::somebody::acts(state, does, keyspace, workflow))
    }

    /// The leases of all keyspace locks end.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn end_leases(&self) -> Result<(), SandboxError> {
        self.transact(|state| state.locks.end_leases_of_keyspaces())
    }

    /// Takes away the named lock of a workflow, as somebody with access to etcd does. Whether there was one.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn take_away_named_lock(&self, keyspace: &str, workflow: &str) -> Result<bool, SandboxError> {
        let path = super::locks::of_workflow(keyspace, workflow);
        self.transact(|state| state.locks.take_away(&path))
    }

    /// The nodes of a workflow's named lock: the holder's first, then those of whoever waits for it.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn named_lock_nodes(&self, keyspace: &str, workflow: &str) -> Result<Vec<u64>, SandboxError> {
        let path = super::locks::of_workflow(keyspace, workflow);
        self.transact(|state| {
            state.locks.standing(state.now).filter(|lock| lock.path == path).map(|lock| lock.revision).collect()
        })
    }

    /// Takes away one of them. Whether it was there.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn take_away_named_lock_node(&self, keyspace: &str, workflow: &str, node: u64) -> Result<bool, SandboxError> {
        let path = super::locks::of_workflow(keyspace, workflow);
        self.transact(|state| state.locks.take_away_node(&path, node))
    }

    /// Kills vtctld now, as `kill -9` does. Operations under way are dropped at their step, nothing is rolled back, and their locks
    /// stay until their leases end. Until it is started again each call is UNAVAILABLE.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn kill_vtctld(&self, restart_after: Duration) -> Result<(), SandboxError> {
        self.transact(|state| super::operation::kill_vtctld(state, restart_after))
    }

    /// How often vtctld was killed.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn deaths_of_vtctld(&self) -> Result<u64, SandboxError> {
        self.transact(|state| state.vtctld.deaths)
    }

    /// Puts a row into a table of the keyspace's first shard. Streams carry it on.
    pub fn put_row(&self, keyspace: &str, table: &str, number: u64) -> Result<(), SandboxError> {
        self.transact(|state| {
            let Some(there) = state.topology.keyspaces.get_mut(keyspace) else { return };
            let is_one = there.shards.len() == 1;
            if let Some(found) = there.shards.first_mut().and_then(|shard| shard.tables.get_mut(table)) {
                if is_one {
                    found.rows.add(&Ids::range(number, number));
                } else {
                    found.strays.insert(number);
                }
            }
            note(state, keyspace, table, number, true);
        })
    }

    /// Takes a row away, on whichever shard it is. Streams carry that on.
    pub fn take_row(&self, keyspace: &str, table: &str, number: u64) -> Result<(), SandboxError> {
        self.transact(|state| {
            let Some(there) = state.topology.keyspaces.get_mut(keyspace) else { return };
            for found in there.shards.iter_mut().filter_map(|shard| shard.tables.get_mut(table)) {
                found.take_away(number);
            }
            note(state, keyspace, table, number, false);
        })
    }

    /// Opens a transaction that has written to a table; gives its connection.
    pub fn open_transaction(&self, keyspace: &str, table: &str) -> Result<u64, SandboxError> {
        self.transact(|state| {
            let connection = 5000 + state.next_number();
            let (keyspace, table) = (keyspace.to_owned(), table.to_owned());
            state.transactions.push(Transaction { keyspace, table, connection, since: state.now, until: None });
            connection
        })
    }

    pub fn end_transaction(&self, connection: u64) -> Result<(), SandboxError> {
        self.transact(|state| state.transactions.retain(|transaction| transaction.connection != connection))
    }
}

/// Right after now: a stream that has applied all until now has not applied this.
fn note(state: &mut State, keyspace: &str, table: &str, number: u64, is_put: bool) {
    let at = state.now + SignedDuration::from_nanos(1);
    state.changes_by_hand.push(ChangeByHand { keyspace: keyspace.to_owned(), table: table.to_owned(), at, number, is_put });
}
