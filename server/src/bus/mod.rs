//! Room events between nodes. Publishing never waits: a slow listener must not hold up a vote, so who
//! listens merges what it has not handled yet.

mod local;

use std::sync::Weak;

use domain::{PollId, RoomCode, RoomId, SessionId, Standing, Tally, VoterId};

pub use local::LocalBus;

/// Something happened that sockets want to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// Ballots were recorded and counted.
    Counted {
        /// In this room.
        room: RoomId,
        /// How the poll stands with them.
        tally: Tally,
        /// Whose they are and what they say, in the order of counting.
        standings: Vec<(VoterId, Standing)>,
    },
    /// A poll was created or changed; what it is now is in the store.
    PollChanged {
        /// In this room.
        room: RoomId,
        /// This poll.
        poll: PollId,
        /// How it stands; drafts have none.
        tally: Option<Tally>,
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
            Self::SessionEnded(_) | Self::GuestEnded(_) => None,
        }
    }
}

/// Carries events to every node's listeners, each in the order of publishing.
pub trait Bus: Send + Sync {
    /// Tells everybody. Never waits.
    fn publish(&self, event: Event);

    /// Listens, as long as the listener lives.
    fn subscribe(&self, listener: Weak<dyn Listener>);
}

/// Hears events. It must return at once.
pub trait Listener: Send + Sync {
    /// An event.
    fn hear(&self, event: Event);
}
