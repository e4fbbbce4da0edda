//! What holds until a time, and is forgotten then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;

use super::bounded::keep_bounded;

/// Names, each with the time until which it is remembered. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Until(Arc<Mutex<HashMap<String, Timestamp>>>);

impl Until {
    /// Remembers a name until a time.
    pub(super) fn remember(&self, name: String, until: Timestamp, now: Timestamp) {
        let mut times = self.lock();
        keep_bounded(&mut times, now, |until| *until);
        times.insert(name, until);
    }

    /// For how long a name is still remembered.
    pub(super) fn left(&self, name: &str, now: Timestamp) -> Option<Duration> {
        let mut times = self.lock();
        let until = *times.get(name)?;
        if until <= now {
            times.remove(name);
            return None;
        }
        Some(until.since(now))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
