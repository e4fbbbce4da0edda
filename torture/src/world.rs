//! What voters, screens, hosts and faults share.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{PollId, PollKind, Receipt, RoomCode, Timestamp};
use tokio::time::Instant;

use crate::api::Api;
use crate::gate::Gate;
use crate::history::{History, Moment, PollNo};

/// The world of a run.
pub(crate) struct World {
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) rooms: Vec<RoomCode>,
    pub(crate) polls: Vec<PollInfo>,
    pub(crate) api: Api,
    pub(crate) gate: Gate,
    started: Instant,
    history: Mutex<History>,
}

/// A poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollInfo {
    pub(crate) number: PollNo,
    pub(crate) id: PollId,
    pub(crate) room: usize,
    pub(crate) kind: PollKind,
}

impl World {
    /// A world that begins now.
    pub(crate) fn new(
        rooms: Vec<RoomCode>,
        polls: Vec<PollInfo>,
        api: Api,
        gate: Gate,
        history: History,
    ) -> Self {
        let nodes = api.nodes.clone();
        Self { nodes, rooms, polls, api, gate, started: Instant::now(), history: Mutex::new(history) }
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Moment {
        Moment::try_from(self.started.elapsed().as_micros()).unwrap_or(Moment::MAX)
    }

    /// The same for ballot ids: they only have to rise.
    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp::default().plus(self.started.elapsed()).plus(Duration::from_millis(1))
    }

    /// What has happened so far.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a receipt.
    pub(crate) fn told(&self, receipt: &Receipt) {
        let mut history = self.history();
        history.told(receipt, self.now());
    }

    /// Notes something that should not have happened, and says so at once.
    pub(crate) fn trouble(&self, what: String) {
        self.say(&what);
        self.history().troubles.push(what);
    }

    /// Tells who looks on how it goes.
    pub(crate) fn say(&self, what: &str) {
        println!("{:8.3} {what}", self.started.elapsed().as_secs_f64());
    }

    /// A room's polls.
    pub(crate) fn polls_of(&self, room: usize) -> Vec<PollInfo> {
        self.polls.iter().filter(|poll| poll.room == room).copied().collect()
    }
}
