//! What a room's task has not handled yet. Who puts something here never waits: what repeats is merged.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::wire::Role;
use domain::{PollId, RoomCode};
use tokio::sync::{Notify, oneshot};

use super::outbox::Outbox;
use crate::auth::Principal;
use crate::ballot_box::{CountedBallot, PollNow, Pulse, Watermark};
use crate::bus::Event;
use crate::error::Result;

/// How many counted ballots wait to be told to their voters at most. Beyond it a receipt is left out:
/// its client sends the ballot again and is answered then.
const MOST_COUNTED: usize = 100_000;

/// Names a socket of this node.
pub(super) type SocketId = u64;

/// A room task's post.
#[derive(Default)]
pub(super) struct Inbox {
    post: Mutex<Post>,
    ready: Notify,
}

/// What has come in since the last look.
#[derive(Default)]
pub(super) struct Post {
    /// Sockets that come and go, in order.
    pub(super) requests: Vec<Request>,
    /// Title, settings, order or current poll changed.
    pub(super) room_changed: bool,
    /// The room was deleted.
    pub(super) closed: Option<RoomCode>,
    /// Polls that were created or changed.
    pub(super) changed: BTreeSet<PollId>,
    /// Polls that were deleted.
    pub(super) removed: BTreeSet<PollId>,
    /// How polls stand, as far as anything newer was heard.
    pub(super) nows: HashMap<PollId, PollNow>,
    /// Ballots that were counted, in order, and their polls.
    pub(super) counted: Vec<(PollId, CountedBallot)>,
    /// How far the room's shard is recorded: the last of each epoch, in order.
    pub(super) watermarks: Vec<Watermark>,
    /// What was heard of other nodes.
    pub(super) pulse: Option<Pulse>,
}

impl Post {
    /// Takes in how a poll stands; what is older than what waits changes nothing.
    pub(super) fn take_now(&mut self, now: PollNow) {
        let waiting = self.nows.get(&now.tally.poll);
        if waiting.is_none_or(|waiting| waiting.tally.version < now.tally.version) {
            self.nows.insert(now.tally.poll, now);
        }
    }

    /// Takes in how far the shard is recorded. What is heard of a new epoch must not hide how the last one ended.
    fn take_watermark(&mut self, mark: Watermark) {
        match self.watermarks.last_mut().filter(|last| last.upto.epoch >= mark.upto.epoch) {
            Some(last) => last.advance(&mark),
            None => self.watermarks.push(mark),
        }
    }

    /// Whether the store has to be read for it.
    pub(super) fn speaks_of_store(&self) -> bool {
        self.room_changed || !self.changed.is_empty() || !self.removed.is_empty()
    }

    /// Adds what came in later.
    pub(super) fn merge(&mut self, newer: Self) {
        self.requests.extend(newer.requests);
        self.room_changed |= newer.room_changed;
        self.closed = self.closed.or(newer.closed);
        self.changed.extend(newer.changed);
        self.removed.extend(newer.removed);
        newer.nows.into_values().for_each(|now| self.take_now(now));
        self.counted.extend(newer.counted);
        newer.watermarks.into_iter().for_each(|mark| self.take_watermark(mark));
        self.pulse = newer.pulse.or(self.pulse.take());
    }
}

/// A socket that comes or goes.
pub(super) enum Request {
    /// It wants to see the room.
    Join(Joining, oneshot::Sender<Result<()>>),
    /// It wants to see it no more. The reply says that it is out.
    Leave(SocketId, oneshot::Sender<()>),
}

/// A socket that wants to see a room.
pub(super) struct Joining {
    pub(super) socket: SocketId,
    pub(super) principal: Principal,
    pub(super) role: Option<Role>,
    pub(super) outbox: Arc<Outbox>,
}

impl Inbox {
    /// Puts an event in.
    pub(super) fn hear(&self, event: Event) {
        let mut post = self.lock();
        match event {
            Event::Counted { poll, now, ballots, .. } => {
                let room = MOST_COUNTED.saturating_sub(post.counted.len());
                post.counted.extend(ballots.into_iter().take(room).map(|counted| (poll, counted)));
                now.into_iter().for_each(|now| post.take_now(now));
            }
            Event::Recorded(mark) => post.take_watermark(mark),
            Event::PollChanged { poll, now, .. } => {
                post.changed.insert(poll);
                // A draft brings none; an older one is told apart by its round.
                now.into_iter().for_each(|now| post.take_now(now));
            }
            Event::PollRemoved { poll, .. } => {
                post.removed.insert(poll);
                post.changed.remove(&poll);
                post.nows.remove(&poll);
            }
            Event::RoomChanged { .. } => post.room_changed = true,
            Event::RoomClosed { code, .. } => post.closed = Some(code),
            Event::SessionEnded(_) | Event::GuestEnded(_) | Event::Missed => return,
        }
        drop(post);
        self.ready.notify_one();
    }

    /// Puts what was heard of other nodes in.
    pub(super) fn hear_pulse(&self, mut pulse: Pulse) {
        let mut post = self.lock();
        std::mem::take(&mut pulse.changed).into_iter().for_each(|now| post.take_now(now));
        post.take_watermark(pulse.watermark.clone());
        post.pulse = Some(pulse);
        drop(post);
        self.ready.notify_one();
    }

    /// Puts a request in.
    pub(super) fn ask(&self, request: Request) {
        self.lock().requests.push(request);
        self.ready.notify_one();
    }

    /// Takes all that is here.
    pub(super) fn take(&self) -> Post {
        std::mem::take(&mut *self.lock())
    }

    /// Waits for something to come in.
    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
