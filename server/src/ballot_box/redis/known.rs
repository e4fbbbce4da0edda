//! What a node remembers of polls, so that a vote needs no SQL: their room, and what they ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Definition, PollId, PollState, RoomId};

use crate::shard::Shard;
use crate::store::polls::PollRecord;

/// How many polls are remembered; beyond it all are forgotten, to be read again when they are asked for.
const MOST: usize = 20_000;

/// What is remembered of a poll.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its room.
    pub(super) room: RoomId,
    /// What it asks.
    pub(super) definition: Arc<Definition>,
    /// The round in which it asks that. None while it is a draft: that can still be changed.
    pub(super) round: Option<u32>,
}

impl Known {
    /// The shard that the poll lies in.
    pub(super) fn shard(&self) -> Shard {
        Shard::of(self.room)
    }
}

impl From<&PollRecord> for Known {
    fn from(poll: &PollRecord) -> Self {
        let is_draft = poll.lifecycle.state == PollState::Draft;
        Self {
            room: poll.room,
            definition: Arc::new(poll.definition.clone()),
            round: (!is_draft).then_some(poll.lifecycle.round),
        }
    }
}

/// The polls that a node remembers.
#[derive(Default)]
pub(super) struct KnownPolls(Mutex<HashMap<PollId, Known>>);

impl KnownPolls {
    /// What is remembered of a poll.
    pub(super) fn get(&self, poll: PollId) -> Option<Known> {
        self.lock().get(&poll).cloned()
    }

    /// Remembers a poll.
    pub(super) fn put(&self, poll: &PollRecord) -> Known {
        let known = Known::from(poll);
        let mut all = self.lock();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(poll.id, known.clone());
        known
    }

    /// Forgets a poll.
    pub(super) fn forget(&self, poll: PollId) {
        self.lock().remove(&poll);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PollId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
