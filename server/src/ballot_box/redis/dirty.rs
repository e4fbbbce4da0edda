//! Polls that changed and are to be told: each at most 20 times a second, the first change at once and the last always.

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
    async fn next(&self) -> Vec<(PollId, RoomId, Vec<CountedBallot>)> {
        loop {
            let wake = {
                let mut polls = self.lock();
                let due = polls.take_due(Instant::now());
                if !due.is_empty() {
                    return due;
                }
                polls.all.values().map(|changed| changed.next).min()
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
        let new = || Changed { room, counted: Vec::new(), is_changed: true, next: Instant::now() };
        let changed = self.all.entry(poll).or_insert_with(new);
        changed.is_changed = true;
        changed
    }

    /// Takes what is due. Who was told and has not changed since is forgotten when its pause is over.
    fn take_due(&mut self, now: Instant) -> Vec<(PollId, RoomId, Vec<CountedBallot>)> {
        self.all.retain(|_, changed| changed.is_changed || changed.next > now);
        let mut due = Vec::new();
        for (poll, changed) in
            self.all.iter_mut().filter(|(_, changed)| changed.is_changed && changed.next <= now)
        {
            changed.is_changed = false;
            changed.next = now + INTERVAL;
            due.push((*poll, changed.room, std::mem::take(&mut changed.counted)));
        }
        self.ballots -= due.iter().map(|(_, _, counted)| counted.len()).sum::<usize>();
        due
    }
}

/// Tells what changed, for as long as the node runs.
pub(super) async fn tell(core: Arc<Core>) {
    loop {
        let due = core.dirty.next().await;
        join_all(due.into_iter().map(|(poll, room, counted)| tell_one(&core, poll, room, counted))).await;
    }
}

/// Receipts go out even where the tally cannot be read now: a pulse brings it later.
async fn tell_one(core: &Core, poll: PollId, room: RoomId, counted: Vec<CountedBallot>) {
    let now = match core.read_now(poll, room).await {
        Ok(now) => now,
        Err(error) => {
            tracing::debug!(%error, %poll, "a tally could not be read");
            None
        }
    };
    core.bus.publish(Event::Counted { room, poll, now, ballots: counted });
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

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
