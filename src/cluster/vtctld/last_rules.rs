//! The routing rules of the look before: most looks find the same, and a hundred thousand rules are held once, then, and compared once.

use std::sync::{Mutex, PoisonError};

use crate::model::routing::RoutingRules;

#[derive(Debug, Default)]
pub(super) struct LastRules(Mutex<RoutingRules>);

impl LastRules {
    /// These rules; as those of the look before, where they are the same.
    pub fn or_the_same(&self, found: RoutingRules) -> RoutingRules {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = found.sharing(&last);
        *last = rules.clone();
        rules
    }
}
