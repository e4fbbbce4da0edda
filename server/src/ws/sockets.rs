//! The sockets of a node, and how many each account or guest has.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{SessionId, VoterId};

use super::bucket::SharedBucket;
use super::inbox::SocketId;
use super::outbox::Outbox;
use crate::auth::Principal;

/// How many sockets one account or guest may have on a node: far more than tabs, devices and screens in halls, so that only a
/// client that has lost its way is stopped from filling the node.
const MOST_OF_ONE: usize = 1_000;

/// How many owners, beside twice as many as there are sockets, are kept before it is looked who can be forgotten.
const SPARE: usize = 1_000;

/// All sockets here.
#[derive(Default)]
pub(super) struct Sockets {
    all: HashMap<SocketId, Socket>,
    /// What those have together whose they are. Who has no socket any more is kept until they could vote as fast as somebody
    /// new: else coming back would be a way to vote faster.
    of: HashMap<VoterId, Owner>,
}

#[derive(Default)]
struct Owner {
    sockets: usize,
    votes: SharedBucket,
}

impl Owner {
    fn is_forgotten(&self) -> bool {
        self.sockets == 0 && self.votes.is_full()
    }
}

/// A socket.
pub(super) struct Socket {
    /// Whose it is, once that is known.
    pub(super) owner: Option<(VoterId, Option<SessionId>)>,
    /// What waits to be sent to it.
    pub(super) outbox: Arc<Outbox>,
}

impl Sockets {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.all.values()
    }

    /// Takes in a socket of somebody yet unknown.
    pub(super) fn add(&mut self, id: SocketId, outbox: Arc<Outbox>) {
        self.all.insert(id, Socket { owner: None, outbox });
    }

    /// Whether somebody may have another.
    pub(super) fn may_have_another(&self, voter: VoterId) -> bool {
        self.of.get(&voter).is_none_or(|owner| owner.sockets < MOST_OF_ONE)
    }

    /// Says whose a socket is, and answers how fast they may vote; none when they have too many, or the socket is
    /// gone.
    pub(super) fn own(&mut self, id: SocketId, principal: &Principal) -> Option<SharedBucket> {
        let voter = principal.voter();
        let another = self.may_have_another(voter);
        let socket = self.all.get_mut(&id)?;
        match socket.owner {
            Some((owner, _)) if owner == voter => {}
            _ if another => self.of.entry(voter).or_default().sockets += 1,
            _ => return None,
        }
        let before = socket.owner.replace((voter, principal.session));
        if let Some((owner, _)) = before.filter(|(owner, _)| *owner != voter) {
            self.release(owner);
        }
        Some(self.of.get(&voter)?.votes.clone())
    }

    /// Lets a socket go.
    pub(super) fn remove(&mut self, id: SocketId) {
        if let Some((owner, _)) = self.all.remove(&id).and_then(|socket| socket.owner) {
            self.release(owner);
        }
    }

    fn release(&mut self, owner: VoterId) {
        if let Some(known) = self.of.get_mut(&owner) {
            known.sockets -= 1;
            if known.is_forgotten() {
                self.of.remove(&owner);
            }
        }
        if self.of.len() > 2 * self.all.len() + SPARE {
            self.of.retain(|_, known| !known.is_forgotten());
        }
    }
}
