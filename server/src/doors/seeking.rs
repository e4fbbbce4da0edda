//! Codes that somebody looks for: what was found, and whose turn it is to look.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::memory::Memory;
use super::{Doors, Who};

/// How many look at once. Addresses share a turn with one in so many others.
const TURNS: u64 = 64;
/// For how long it is known that a code was found from an address. Whoever goes on using it renews that.
const FOUND: Duration = Duration::from_secs(60 * 60);

/// What was found, and the turns. Clones share them.
#[derive(Clone)]
pub(super) struct Seeking {
    found: Memory,
    turns: Arc<[Mutex<()>]>,
}

impl Default for Seeking {
    fn default() -> Self {
        Self { found: Memory::default(), turns: (0..TURNS).map(|_| Mutex::default()).collect() }
    }
}

impl Doors {
    /// Whether a code was found of late from an address or by somebody, so that it is no guess there or of theirs.
    pub fn has_found(&self, who: impl Into<Who>, code: &str) -> bool {
        let who = who.into();
        let left = self.seeking.found.held(&key(&who, code), self.clock.now());
        if left.is_some_and(|left| left < FOUND / 2) {
            self.note_found(who, code);
        }
        left.is_some()
    }

    /// Notes that a code was found from an address or by somebody.
    pub fn note_found(&self, who: impl Into<Who>, code: &str) {
        let now = self.clock.now();
        self.seeking.found.hold(key(&who.into(), code), now.plus(FOUND), now);
    }

    /// Waits for an address's turn to look for what it may have guessed: one after another, so that of many guesses sent side
    /// by side each is seen by the next.
    pub async fn turn(&self, from: IpAddr) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        Who::from(from).hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS).unwrap_or(0);
        self.seeking.turns[place].lock().await
    }
}

fn key(who: &Who, code: &str) -> String {
    format!("{}:{code}", who.0)
}
