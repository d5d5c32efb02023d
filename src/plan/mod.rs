//! From intent and facts to what will happen.

pub mod changes;
pub mod checks;
pub mod conflicts;
pub mod document;
pub mod drift;
pub mod folder;
pub mod reads;
pub mod redefined;
pub mod saved;
pub mod sealed;
pub mod snapshot;
