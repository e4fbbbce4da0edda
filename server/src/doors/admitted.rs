//! Who was let into which rooms. No voter is pushed out by another: where there is no place, whoever is new is not
//! remembered.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{RoomCode, Timestamp, VoterId};

use super::Who;

/// How many voters are remembered.
const VOTERS: usize = 100_000;
/// How many of them came from one address first: a full hall, and then some.
const FROM_ONE: usize = 20_000;
/// How many rooms of a voter are remembered. Beyond it the one goes that would be forgotten first.
const ROOMS: usize = 10;
/// How often it is looked for voters to forget, where there is no place.
const SWEEP: Duration = Duration::from_secs(60);

/// Voters, with the rooms that they were let into. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Admitted(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    voters: HashMap<VoterId, Theirs>,
    /// How many voters are remembered that came from an address first. None is kept here that has none.
    counts: HashMap<Who, usize>,
    swept_at: Option<Timestamp>,
}

struct Theirs {
    from: Who,
    /// Each with until when it is remembered.
    rooms: Vec<(RoomCode, Timestamp)>,
}

impl Admitted {
    /// Remembers until a time that a voter was let into a room, coming from somewhere.
    pub(super) fn remember(
        &self,
        voter: VoterId,
        from: Who,
        code: RoomCode,
        until: Timestamp,
        now: Timestamp,
    ) {
        let mut known = self.lock();
        if !known.voters.contains_key(&voter) && !known.make_place(&from, now) {
            return;
        }
        let Known { voters, counts, .. } = &mut *known;
        let theirs = match voters.entry(voter) {
            Entry::Occupied(theirs) => theirs.into_mut(),
            Entry::Vacant(new) => {
                *counts.entry(from.clone()).or_default() += 1;
                new.insert(Theirs { from, rooms: Vec::with_capacity(1) })
            }
        };
        theirs.remember(code, until);
    }

    /// Whether a voter was let into a room, and that is not over yet.
    pub(super) fn knows(&self, voter: VoterId, code: RoomCode, now: Timestamp) -> bool {
        let known = self.lock();
        let theirs = known.voters.get(&voter);
        theirs.is_some_and(|theirs| theirs.rooms.iter().any(|(room, until)| *room == code && now < *until))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Makes a place for another voter from an address, where one can be made, and says whether there is one.
    fn make_place(&mut self, from: &Who, now: Timestamp) -> bool {
        let is_due = self.swept_at.is_none_or(|at| now.since(at) >= SWEEP);
        if self.is_full(from) && is_due {
            self.swept_at = Some(now);
            self.sweep(now);
        }
        !self.is_full(from)
    }

    fn is_full(&self, from: &Who) -> bool {
        self.voters.len() >= VOTERS || self.counts.get(from).is_some_and(|count| *count >= FROM_ONE)
    }

    /// Forgets voters of whom all is over.
    fn sweep(&mut self, now: Timestamp) {
        self.voters.retain(|_, theirs| theirs.rooms.iter().any(|(_, until)| now < *until));
        self.counts.clear();
        for theirs in self.voters.values() {
            *self.counts.entry(theirs.from.clone()).or_default() += 1;
        }
    }
}

impl Theirs {
    fn remember(&mut self, code: RoomCode, until: Timestamp) {
        self.rooms.retain(|(room, _)| *room != code);
        if self.rooms.len() >= ROOMS
            && let Some(first) = (0..self.rooms.len()).min_by_key(|at| self.rooms[*at].1)
        {
            self.rooms.swap_remove(first);
        }
        self.rooms.push((code, until));
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn voter(number: usize) -> VoterId {
        VoterId::new(Timestamp::from_millis(i64::try_from(number).unwrap()), [1; 10])
    }

    fn address(last: u8) -> Who {
        IpAddr::from([192, 0, 2, last]).into()
    }

    #[test]
    fn who_is_in_is_pushed_out_by_nobody_and_forgotten_after_its_time() {
        let (admitted, now) = (Admitted::default(), Timestamp::from_millis(1_000_000));
        let [code, other] = [5, 6].map(RoomCode::from_number);
        let until = now.plus(DAY);
        for number in 0..FROM_ONE + 10 {
            admitted.remember(voter(number), address(1), code, until, now);
        }
        assert!(admitted.knows(voter(0), code, now) && admitted.knows(voter(FROM_ONE - 1), code, now));
        assert!(!admitted.knows(voter(FROM_ONE), code, now), "so many of one address");
        admitted.remember(voter(0), address(1), other, until, now);
        assert!(admitted.knows(voter(0), other, now), "who is known already may go on to other rooms");
        for number in FROM_ONE..VOTERS + 10 {
            admitted.remember(
                voter(number),
                address(u8::try_from(2 + number / FROM_ONE).unwrap()),
                code,
                until,
                now,
            );
        }
        assert_eq!(admitted.lock().voters.len(), VOTERS);
        assert!(admitted.knows(voter(0), code, now) && !admitted.knows(voter(VOTERS), code, now));
        let later = until.plus(SWEEP);
        assert!(!admitted.knows(voter(0), code, later));
        admitted.remember(voter(VOTERS), address(1), code, later.plus(DAY), later);
        assert!(admitted.knows(voter(VOTERS), code, later), "there is a place again");
        assert_eq!(admitted.lock().voters.len(), 1);
    }

    #[test]
    fn of_a_voters_rooms_those_used_last_are_remembered() {
        let (admitted, now) = (Admitted::default(), Timestamp::from_millis(1_000_000));
        let code = |number: usize| RoomCode::from_number(u64::try_from(number).unwrap());
        let visit = |number: usize, minute: u64| {
            let now = now.plus(Duration::from_secs(60 * minute));
            admitted.remember(voter(1), address(1), code(number), now.plus(DAY), now);
        };
        (0..ROOMS).for_each(|number| visit(number, 0));
        visit(0, 1);
        visit(ROOMS, 2);
        assert!(admitted.knows(voter(1), code(0), now) && admitted.knows(voter(1), code(ROOMS), now));
        assert_eq!((0..=ROOMS).filter(|number| admitted.knows(voter(1), code(*number), now)).count(), ROOMS);
    }
}
