//! Room events between nodes. Publishing never waits: a slow listener must not hold up a vote, so who
//! listens merges what it has not handled yet.

mod local;
mod redis;

use std::sync::Weak;

use domain::{PollId, RoomCode, RoomId, SessionId, VoterId};
use serde::{Deserialize, Serialize};

pub use local::LocalBus;
pub use redis::RedisBus;

use crate::ballot_box::{CountedBallot, PollNow, Watermark};

/// Something happened that sockets want to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// Ballots were counted, or a poll's tally changed for another reason.
    Counted {
        /// In this room.
        room: RoomId,
        /// In this poll.
        poll: PollId,
        /// How the poll stands with them, where that could be read.
        now: Option<PollNow>,
        /// The ballots, in the order of counting.
        ballots: Vec<CountedBallot>,
    },
    /// Ballots were recorded.
    Recorded(Watermark),
    /// A poll was created or changed; what it is now is in the store.
    PollChanged {
        /// In this room.
        room: RoomId,
        /// This poll.
        poll: PollId,
        /// How it stands; drafts have none.
        now: Option<PollNow>,
    },
    /// A poll was deleted.
    PollRemoved {
        /// In this room.
        room: RoomId,
        /// This poll.
        poll: PollId,
    },
    /// A room's title, settings, order or current poll changed; what it is now is in the store.
    RoomChanged {
        /// This room.
        room: RoomId,
    },
    /// A room was deleted.
    RoomClosed {
        /// This room.
        room: RoomId,
        /// Its code.
        code: RoomCode,
    },
    /// A session ended: its sockets close.
    SessionEnded(SessionId),
    /// A guest left for good: its sockets close.
    GuestEnded(VoterId),
    /// Other nodes could not be heard for a while: who was told to go may be here still.
    Missed,
}

impl Event {
    /// The room it happened in, if it happened in one.
    pub fn room(&self) -> Option<RoomId> {
        match self {
            Self::Counted { room, .. }
            | Self::PollChanged { room, .. }
            | Self::PollRemoved { room, .. }
            | Self::RoomChanged { room }
            | Self::RoomClosed { room, .. } => Some(*room),
            Self::Recorded(_) | Self::SessionEnded(_) | Self::GuestEnded(_) | Self::Missed => None,
        }
    }
}

/// Carries events to every node's listeners, each in the order of publishing. On the way to other nodes some may
/// be lost.
pub trait Bus: Send + Sync {
    /// Tells everybody. Never waits.
    fn publish(&self, event: Event);

    /// Listens, as long as the listener lives.
    fn subscribe(&self, listener: Weak<dyn Listener>);

    /// Wants to hear of a room, from other nodes too.
    fn follow(&self, room: RoomId);

    /// Does not any more.
    fn unfollow(&self, room: RoomId);
}

/// Hears events. It must return at once.
pub trait Listener: Send + Sync {
    /// An event.
    fn hear(&self, event: Event);
}
