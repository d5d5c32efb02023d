//! Micro-steps as data: what Vitess does as a whole, what it is called, and what comes of it when it fails or its caller is gone.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::sandbox::stream::Settings;
use crate::sandbox::topology::{Kind, Rules};
use crate::sandbox::traffic::Course;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Of what it is a part: `switch-writes`.
    pub operation: String,
    /// `stop-source-writes`
    pub name: String,
    /// `commerce/0`, a cell, or nothing.
    pub place: String,
    pub act: Act,
    /// How long after it the next one is due.
    pub then: SignedDuration,
    /// The locks of both keyspaces are looked after first. One that was lost refuses, and nothing is rolled back.
    pub checks_locks: bool,
    /// What Vitess puts before the words of what failed here.
    pub within: String,
    pub is_rolled_back: bool,
    pub alone: Alone,
}

/// What becomes of an operation that is at this step when its caller is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alone {
    /// It ends here, and what is done stays done.
    Dropped,
    RolledBack,
    /// Past its point of no return: vtctld finishes it.
    GoesOn,
}

/// What a step does. Shards are those of the course that its operation has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Act {
    LockWorkflow {
        keyspace: String,
        workflow: String,
        action: String,
    },
    LockKeyspace {
        keyspace: String,
        action: String,
        lease: SignedDuration,
    },
    UnlockKeyspaces,
    /// The operation looks what there is, and says what follows from it.
    Look,
    Refuse(String),
    /// In the topology: its tablets learn of it when they are refreshed.
    Deny {
        keyspace: String,
        shard: String,
    },
    Allow {
        keyspace: String,
        shard: String,
    },
    Refresh {
        keyspace: String,
        shard: String,
    },
    /// Whatever SetShardTabletControl asks for.
    Control,
    ChangeRules(Change),
    Rebuild {
        cell: String,
    },
    AddToVSchema,
    ForgetInVSchema {
        keyspace: String,
    },
    RestoreVSchema {
        added: Vec<String>,
    },
    NameSequences,
    MakeTables {
        shard: String,
    },
    DropTable {
        keyspace: String,
        shard: String,
        table: String,
    },
    RenameTable {
        shard: String,
        table: String,
    },
    /// Of a target shard, one from each source shard.
    MakeStreams {
        shard: String,
        settings: Box<Settings>,
    },
    /// For the way back: on a source shard, from a target shard.
    MakeReverseStream {
        shard: String,
        from: String,
    },
    StartStreams {
        keyspace: String,
        shard: String,
        workflow: String,
    },
    /// As a cancel does: what they were made with is lost.
    StopStreams {
        shard: String,
    },
    DeleteStreams {
        keyspace: String,
        shard: String,
        workflow: String,
    },
    /// As a rollback does: started, and their message is gone.
    RestartStreams {
        shard: String,
    },
    FreezeStreams {
        shard: String,
    },
    /// Whatever WorkflowUpdate asks for, on one shard.
    UpdateStreams {
        shard: String,
    },
    /// `LOCK TABLES … READ` on a source shard: waits for every transaction that holds a write lock.
    LockTables {
        shard: String,
    },
    GatherPositions {
        shard: String,
    },
    /// Waits until a stream has applied all that its source has, and stops it.
    CatchUp {
        shard: String,
        from: String,
    },
    InitializeSequences,
    Journal {
        shard: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    LeadToSource,
    SwitchReads { kinds: Vec<Kind>, backward: bool },
    SwitchWrites,
    Remove,
    Replace(Rules),
}

/// A row of steps of one operation, as it is written down.
pub struct Row {
    operation: &'static str,
    steps: Vec<Step>,
    within: String,
    is_rolled_back: bool,
    alone: Alone,
}

impl Row {
    pub fn of(operation: &'static str) -> Self {
        Self { operation, steps: vec![], within: String::new(), is_rolled_back: false, alone: Alone::Dropped }
    }

    pub fn step(&mut self, name: &str, place: impl Into<String>, act: Act) -> &mut Step {
        self.steps.push(Step {
            operation: self.operation.to_owned(),
            name: name.to_owned(),
            place: place.into(),
            act,
            then: SignedDuration::ZERO,
            checks_locks: false,
            within: self.within.clone(),
            is_rolled_back: self.is_rolled_back,
            alone: self.alone,
        });
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    /// What Vitess says of the steps from here on when they fail, and whether it rolls them back.
    pub fn fails(&mut self, within: impl Into<String>, is_rolled_back: bool) -> &mut Self {
        self.within = within.into();
        self.is_rolled_back = is_rolled_back;
        self
    }

    /// From here on.
    pub fn alone(&mut self, alone: Alone) -> &mut Self {
        self.alone = alone;
        self
    }

    /// How long after the last step the next one is due.
    pub fn wait(&mut self, milliseconds: i64) -> &mut Self {
        if let Some(last) = self.steps.last_mut() {
            last.then = SignedDuration::from_millis(milliseconds);
        }
        self
    }

    /// The first step of what follows looks after the locks, and has its own way when the caller is gone.
    pub fn checked(&mut self, alone: Alone, make: impl FnOnce(&mut Self)) -> &mut Self {
        let first = self.steps.len();
        make(self);
        if let Some(step) = self.steps.get_mut(first) {
            step.checks_locks = true;
            step.alone = alone;
        }
        self
    }

    pub fn lock_workflow(&mut self, keyspace: &str, workflow: &str, action: &str) -> &mut Self {
        let (keyspace, workflow, action) = (keyspace.to_owned(), workflow.to_owned(), action.to_owned());
        let within = std::mem::replace(&mut self.within, format!("failed to lock the {keyspace}/{workflow} workflow"));
        self.step("lock-workflow", format!("{keyspace}/{workflow}"), Act::LockWorkflow { keyspace, workflow, action });
        self.within = within;
        self
    }

    /// Source first.
    pub fn lock_keyspaces(&mut self, course: &Course, action: &str, lease: SignedDuration) -> &mut Self {
        for (name, keyspace) in [("lock-source", &course.source), ("lock-target", &course.target)] {
            let within = std::mem::replace(&mut self.within, format!("failed to lock the {keyspace} keyspace"));
            let (keyspace, action) = (keyspace.clone(), action.to_owned());
            self.step(name, keyspace.clone(), Act::LockKeyspace { keyspace, action, lease });
            self.within = within;
        }
        self
    }

    /// A shard denies a keyspace's tables, or no longer does, and its tablets learn of it.
    pub fn denied(&mut self, names: [&str; 2], keyspace: &str, shards: &[String], denies: bool) -> &mut Self {
        for shard in shards {
            let place = format!("{keyspace}/{shard}");
            let (keyspace, shard) = (keyspace.to_owned(), shard.clone());
            let act = if denies {
                Act::Deny { keyspace: keyspace.clone(), shard: shard.clone() }
            } else {
                Act::Allow { keyspace: keyspace.clone(), shard: shard.clone() }
            };
            self.step(names[0], place.clone(), act);
            self.step(names[1], place, Act::Refresh { keyspace, shard });
        }
        self
    }

    pub fn rebuild(&mut self, cells: &[String]) -> &mut Self {
        for cell in cells {
            self.step("rebuild-cell", cell.clone(), Act::Rebuild { cell: cell.clone() });
        }
        self
    }

    pub fn delete_streams(&mut self, name: &str, keyspace: &str, workflow: &str, shards: &[String]) -> &mut Self {
        for shard in shards {
            let (keyspace, workflow, shard) = (keyspace.to_owned(), workflow.to_owned(), shard.clone());
            self.step(name, format!("{keyspace}/{shard}"), Act::DeleteStreams { keyspace, shard, workflow });
        }
        self
    }

    /// The first step of a row that has one.
    pub fn make_first(&mut self, change: impl FnOnce(&mut Step)) -> &mut Self {
        if let Some(first) = self.steps.first_mut() {
            change(first);
        }
        self
    }

    pub fn steps(self) -> Vec<Step> {
        self.steps
    }
}
