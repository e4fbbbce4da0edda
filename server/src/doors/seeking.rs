//! Codes that somebody looks for: what was found, and whose turn it is to look.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::{Problem, RoomCode, VoterId};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, SemaphorePermit};

use super::admitted::Admitted;
use super::until::Until;
use super::{Doors, Who};
use crate::error::Result;

/// How many look at once. Addresses share a turn with one in so many others.
const TURNS: u64 = 64;
/// How many wait for each turn: those of one address, or of the few that share it. A hall that comes in at once does not wait
/// long: where one found the code, the others look no more.
const WAITING: usize = 5_000;
/// For how long it is known that a code was found from an address. Whoever goes on using it there renews that.
const FROM_ADDRESS: Duration = Duration::from_secs(60 * 60);
/// For how long it is known that somebody has found a code: over a day of meetings a phone that was put away comes back.
/// Whoever goes on using it renews that.
const BY_VOTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What was found, and the turns. Clones share them.
#[derive(Clone)]
pub(super) struct Seeking {
    from_addresses: Until,
    by_voters: Admitted,
    turns: Arc<[Line]>,
    /// Who shares a turn with whom: nobody outside can work that out.
    hashing: RandomState,
}

/// Those who wait for a turn, and the turn.
struct Line {
    places: Semaphore,
    turn: Arc<Mutex<()>>,
}

impl Default for Line {
    fn default() -> Self {
        Self { places: Semaphore::new(WAITING), turn: Arc::default() }
    }
}

/// An address's turn to look for a code, for as long as this is kept.
pub struct Turn(#[expect(dead_code, reason = "kept for its end")] OwnedMutexGuard<()>);

impl Default for Seeking {
    fn default() -> Self {
        Self {
            from_addresses: Until::default(),
            by_voters: Admitted::default(),
            turns: (0..TURNS).map(|_| Line::default()).collect(),
            hashing: RandomState::new(),
        }
    }
}

impl Doors {
    /// Whether a code was found from an address within the hour.
    pub fn is_found_from(&self, address: IpAddr, code: RoomCode) -> bool {
        self.seeking.from_addresses.left(&key(address, code), self.clock.now()).is_some()
    }

    /// Whether somebody has found a code within a day.
    pub fn is_found_by(&self, voter: VoterId, code: RoomCode) -> bool {
        self.seeking.by_voters.knows(voter, code, self.clock.now())
    }

    /// Notes that a code was found from an address, and by whom.
    pub fn note_found(&self, address: IpAddr, voter: Option<VoterId>, code: RoomCode) {
        let now = self.clock.now();
        self.seeking.from_addresses.remember(key(address, code), now.plus(FROM_ADDRESS), now);
        if let Some(voter) = voter {
            self.seeking.by_voters.remember(voter, address.into(), code, now.plus(BY_VOTER), now);
        }
    }

    /// Waits for an address's turn to look for a code that is not known there: one after another, so that of many guesses sent
    /// side by side each is seen by the next. Refuses with 503 `overloaded` where very many wait.
    pub async fn turn(&self, from: IpAddr) -> Result<Turn> {
        let line = usize::try_from(self.seeking.hashing.hash_one(Who::from(from)) % TURNS).unwrap_or(0);
        let line = &self.seeking.turns[line];
        let _place: SemaphorePermit<'_> = line.places.try_acquire().map_err(|_| overloaded())?;
        Ok(Turn(line.turn.clone().lock_owned().await))
    }
}

fn overloaded() -> Problem {
    let detail = "Very many people look for a room just now. Please try again in a moment.";
    Problem::new(503, "overloaded", detail).with_retry_after(Duration::from_secs(1))
}

fn key(address: IpAddr, code: RoomCode) -> String {
    format!("{}:{code}", Who::from(address).0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use domain::Timestamp;

    use super::*;
    use crate::clock::Clock;
    use crate::doors::DoorSettings;

    const MINUTES: i64 = 60 * 1_000;

    #[test]
    fn what_was_found_is_known_at_its_address_for_an_hour_and_of_its_voter_for_a_day() {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let hands = now.clone();
        let clock = Clock::new(move || Timestamp::from_millis(hands.load(Ordering::Relaxed)));
        let doors = Doors::new(DoorSettings::off(), None, clock.clone());
        let [code, other] = [5, 6].map(RoomCode::from_number);
        let [ada, eve] = [1, 2].map(|number| VoterId::new(clock.now(), [number; 10]));
        let [here, there] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let knows = |from, voter| (doors.is_found_from(from, code), doors.is_found_by(voter, code));

        doors.note_found(here, Some(ada), code);
        assert_eq!(knows(here, ada), (true, true));
        assert_eq!(knows(there, eve), (false, false));
        assert!(!doors.is_found_from(here, other) && !doors.is_found_by(ada, other));
        now.fetch_add(61 * MINUTES, Ordering::Relaxed);
        assert_eq!(knows(here, ada), (false, true));
        doors.note_found(there, None, code);
        now.fetch_add(23 * 60 * MINUTES, Ordering::Relaxed);
        assert_eq!(knows(there, ada), (false, false));
    }
}
