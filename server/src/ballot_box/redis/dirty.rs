//! Polls that changed and are to be told: tallies at most 20 times a second, the first change at once and the last
//! always; receipts sooner, for somebody waits for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{PollId, RoomId};
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::super::CountedBallot;
use super::Core;
use crate::bus::Event;

/// At most 20 tallies of a poll a second.
const INTERVAL: Duration = Duration::from_millis(50);
/// Receipts of a poll go out together that come within so short a time.
const RECEIPTS: Duration = Duration::from_millis(4);

/// How many counted ballots wait to be told at most. Beyond it one is left out: its client sends it again and is
/// answered then.
const MOST: usize = 100_000;

/// What is to be told.
#[derive(Default)]
pub(super) struct Dirty {
    polls: Mutex<Polls>,
    ready: Notify,
}

#[derive(Default)]
struct Polls {
    all: HashMap<PollId, Changed>,
    ballots: usize,
}

/// A poll that changed.
struct Changed {
    room: RoomId,
    counted: Vec<CountedBallot>,
    is_changed: bool,
    next: Instant,
    next_receipts: Instant,
}

/// What is to be told of a poll now.
struct Due {
    poll: PollId,
    room: RoomId,
    counted: Vec<CountedBallot>,
    /// Whether its tally is, too.
    tally: bool,
}

impl Changed {
    fn has_tally(&self, now: Instant) -> bool {
        self.is_changed && self.next <= now
    }

    fn has_receipts(&self, now: Instant) -> bool {
        !self.counted.is_empty() && self.next_receipts <= now
    }

    /// When there is something to do about it.
    fn wake(&self) -> Instant {
        match (self.counted.is_empty(), self.is_changed) {
            (true, _) => self.next,
            (false, true) => self.next.min(self.next_receipts),
            (false, false) => self.next_receipts,
        }
    }
}

impl Dirty {
    /// A ballot was counted.
    pub(super) fn counted(&self, poll: PollId, room: RoomId, counted: CountedBallot) {
        let mut polls = self.lock();
        let has_place = polls.ballots < MOST;
        polls.ballots += usize::from(has_place);
        let changed = polls.changed(poll, room);
        changed.counted.extend(has_place.then_some(counted));
        drop(polls);
        self.ready.notify_one();
    }

    /// A poll changed without a ballot.
    pub(super) fn mark(&self, poll: PollId, room: RoomId) {
        self.lock().changed(poll, room);
        self.ready.notify_one();
    }

    /// Waits until something is to be told now, and takes it.
    async fn next(&self) -> Vec<Due> {
        loop {
            let wake = {
                let mut polls = self.lock();
                let due = polls.take_due(Instant::now());
                if !due.is_empty() {
                    return due;
                }
                polls.all.values().map(Changed::wake).min()
            };
            tokio::select! {
                () = self.ready.notified() => {}
                () = async { match wake {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }} => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Polls> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Polls {
    fn changed(&mut self, poll: PollId, room: RoomId) -> &mut Changed {
        let now = Instant::now();
        let new = || Changed { room, counted: Vec::new(), is_changed: true, next: now, next_receipts: now };
        let changed = self.all.entry(poll).or_insert_with(new);
        changed.is_changed = true;
        changed
    }

    /// Takes what is due. Who was told and has not changed since is forgotten when its pause is over.
    fn take_due(&mut self, now: Instant) -> Vec<Due> {
        self.all.retain(|_, changed| changed.is_changed || !changed.counted.is_empty() || changed.next > now);
        let mut due = Vec::new();
        for (poll, changed) in &mut self.all {
            let tally = changed.has_tally(now);
            if !tally && !changed.has_receipts(now) {
                continue;
            }
            if tally {
                changed.is_changed = false;
                changed.next = now + INTERVAL;
            }
            changed.next_receipts = now + RECEIPTS;
            let counted = std::mem::take(&mut changed.counted);
            self.ballots -= counted.len();
            due.push(Due { poll: *poll, room: changed.room, counted, tally });
        }
        due
    }
}

/// Tells what changed, for as long as the node runs.
pub(super) async fn tell(core: Arc<Core>) {
    loop {
        let due = core.dirty.next().await;
        join_all(due.into_iter().map(|due| tell_one(&core, due))).await;
    }
}

/// Receipts go out even where the tally cannot be read now: a pulse brings it later.
async fn tell_one(core: &Core, Due { poll, room, counted, tally }: Due) {
    let read = if tally { core.read_now(poll, room).await } else { Ok(None) };
    let now = read.unwrap_or_else(|error| {
        tracing::debug!(%error, %poll, "a tally could not be read");
        None
    });
    core.bus.publish(Event::Counted { room, poll, now, ballots: counted });
}

#[cfg(test)]
mod tests {
    use domain::{BallotId, Standing, TallyVersion, Timestamp, VoterId};

    use super::*;

    fn counted() -> CountedBallot {
        let at = Timestamp::from_millis(1);
        let standing = Standing { ballot: BallotId::after(None, at, [3; 10]), choice: None };
        let version = TallyVersion::default();
        CountedBallot { voter: VoterId::new(at, [4; 10]), round: 0, standing, version, place: None }
    }

    #[tokio::test(start_paused = true)]
    async fn receipts_do_not_wait_for_the_next_tally() {
        let dirty = Dirty::default();
        let at = Timestamp::from_millis(1);
        let (poll, room) = (PollId::new(at, [1; 10]), RoomId::new(at, [2; 10]));
        dirty.counted(poll, room, counted());
        let first = dirty.next().await;
        assert!(first[0].tally && first[0].counted.len() == 1);
        let started = Instant::now();
        dirty.counted(poll, room, counted());
        dirty.counted(poll, room, counted());
        let receipts = dirty.next().await;
        assert!(!receipts[0].tally && receipts[0].counted.len() == 2);
        assert!(Instant::now() - started < INTERVAL);
        let tally = dirty.next().await;
        assert!(tally[0].tally && tally[0].counted.is_empty());
        assert!(Instant::now() - started >= INTERVAL - RECEIPTS);
        assert_eq!(dirty.lock().ballots, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_is_told_at_once_then_after_a_pause_and_then_forgotten() {
        let dirty = Dirty::default();
        let at = Timestamp::from_millis(1);
        let (poll, room) = (PollId::new(at, [1; 10]), RoomId::new(at, [2; 10]));
        let started = Instant::now();
        dirty.mark(poll, room);
        assert_eq!(dirty.next().await.len(), 1);
        assert_eq!(Instant::now(), started);
        dirty.mark(poll, room);
        dirty.mark(poll, room);
        assert_eq!(dirty.next().await.len(), 1);
        assert!(Instant::now() - started >= INTERVAL);
        tokio::time::advance(INTERVAL * 2).await;
        assert!(dirty.lock().take_due(Instant::now()).is_empty());
        assert!(dirty.lock().all.is_empty());
    }
}
