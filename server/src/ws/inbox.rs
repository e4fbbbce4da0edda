//! What a room's task has not handled yet. Who puts something here never waits: what repeats is merged.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::wire::Role;
use domain::{PollId, RoomCode, Standing, Tally, VoterId};
use tokio::sync::{Notify, oneshot};

use super::outbox::Outbox;
use crate::auth::Principal;
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
    /// The newest tallies.
    pub(super) tallies: HashMap<PollId, Tally>,
    /// Ballots that were counted, in order.
    pub(super) counted: Vec<Counted>,
}

/// A ballot that was counted.
pub(super) struct Counted {
    pub(super) poll: PollId,
    pub(super) round: u32,
    pub(super) voter: VoterId,
    pub(super) standing: Standing,
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
            Event::Counted { tally, standings, .. } => {
                let (poll, round) = (tally.poll, tally.round);
                let room = MOST_COUNTED.saturating_sub(post.counted.len());
                let counted = standings.into_iter().take(room);
                post.counted.extend(counted.map(|(voter, standing)| Counted {
                    poll,
                    round,
                    voter,
                    standing,
                }));
                post.tallies.insert(poll, tally);
            }
            Event::PollChanged { poll, tally, .. } => {
                post.changed.insert(poll);
                // A draft brings none; an older one is told apart by its round.
                post.tallies.extend(tally.map(|tally| (poll, tally)));
            }
            Event::PollRemoved { poll, .. } => {
                post.removed.insert(poll);
                post.changed.remove(&poll);
                post.tallies.remove(&poll);
            }
            Event::RoomChanged { .. } => post.room_changed = true,
            Event::RoomClosed { code, .. } => post.closed = Some(code),
            Event::SessionEnded(_) | Event::GuestEnded(_) => return,
        }
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
