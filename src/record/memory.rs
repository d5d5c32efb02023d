//! A store that keeps a record in memory: for tests, and for runs that leave nothing behind.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::error::RecordError;
use super::store::{NewEntry, Record, RecordStore};

/// A record in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    new_lineage: Uuid,
    record: Mutex<Option<Record>>,
}

impl MemoryStore {
    pub fn new(new_lineage: Uuid) -> Self {
        Self { new_lineage, record: Mutex::new(None) }
    }
}

impl RecordStore for MemoryStore {
    fn load(&self) -> Result<Option<Record>, RecordError> {
        Ok(self.record.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn append(&self, expected_serial: u64, entries: Vec<NewEntry>) -> Result<Record, RecordError> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let found = record.as_ref().map_or(0, Record::serial);
        if found != expected_serial {
            return Err(RecordError::Conflict { expected: expected_serial, found });
        }
        let appended = match record.as_ref() {
            None => Record::begin(self.new_lineage, entries)?,
            Some(before) => {
                let mut after = before.clone();
                after.push(entries);
                after
            }
        };
        *record = Some(appended.clone());
        Ok(appended)
    }
}
