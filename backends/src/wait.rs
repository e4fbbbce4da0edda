//! Waiting for what can't be waited on.

use std::thread;
use std::time::{Duration, Instant};

/// Looks until there is something to see; nothing once the time is over.
pub(crate) fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            None if Instant::now() < deadline => pause(),
            seen => return seen,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "no async runtime here that a sleeping thread could hold up")]
fn pause() {
    thread::sleep(Duration::from_millis(10));
}
