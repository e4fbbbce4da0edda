//! One room's task: hears what happened, decides who may see what, and tells the members.

mod member;
mod shown;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use domain::{PollId, PollState, Receipt, RoomCode, RoomId, ServerMessage, Status, Tally};
use tokio::time::{Instant, sleep_until};

use self::member::Member;
use self::shown::ShownTally;
use super::hub::{Hub, Shared};
use super::inbox::{Counted, Inbox, Joining, Post, Request, SocketId};
use super::outbox::encode;
use crate::error::Result;
use crate::service::{RoomState, Services};

/// How often the number of people is told at most.
const PRESENCE: Duration = Duration::from_secs(1);

/// When to look again after the store could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// A room with sockets on this node.
pub(super) struct RoomTask {
    id: RoomId,
    services: Services,
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
    /// The room and its polls; loaded for the first member.
    state: Option<RoomState>,
    tallies: HashMap<PollId, ShownTally>,
    members: HashMap<SocketId, Member>,
    /// What could not be read from the store yet.
    stale: Option<(Instant, Post)>,
    presence_told: u64,
    presence_at: Option<Instant>,
}

impl RoomTask {
    /// A room without members.
    pub(super) fn new(id: RoomId, services: Services, inbox: Arc<Inbox>, shared: Arc<Shared>) -> Self {
        Self {
            id,
            services,
            inbox,
            shared,
            state: None,
            tallies: HashMap::new(),
            members: HashMap::new(),
            stale: None,
            presence_told: 0,
            presence_at: None,
        }
    }

    /// Works until no socket is in the room.
    pub(super) async fn run(mut self, hub: Weak<Hub>) {
        loop {
            let next = self.next_due();
            tokio::select! {
                () = self.inbox.ready() => {}
                () = async { match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }} => {}
            }
            self.work().await;
            if self.members.is_empty() && hub.upgrade().is_none_or(|hub| hub.retire(self.id)) {
                return;
            }
        }
    }

    async fn work(&mut self) {
        let mut post = self.inbox.take();
        if let Some((_, older)) = self.stale.take() {
            post = merged(older, post);
        }
        if let Some(code) = post.closed {
            self.close(code);
        }
        for request in std::mem::take(&mut post.requests) {
            match request {
                Request::Join(joining, reply) => {
                    let _gone = reply.send(self.join(joining).await);
                }
                Request::Leave(socket, reply) => {
                    self.members.remove(&socket);
                    let _gone = reply.send(());
                }
            }
        }
        if let Err(error) = self.refresh(&mut post).await {
            tracing::error!(%error, room = %self.id, "a room could not be read again");
            self.stale = Some((Instant::now() + RETRY, post));
            return;
        }
        post.counted.iter().for_each(|counted| self.tell_counted(counted));
        for (_, tally) in post.tallies {
            self.take_tally(tally);
        }
        self.sweep();
        self.tell_presence();
    }

    /// Lets a socket in and shows it the room.
    async fn join(&mut self, joining: Joining) -> Result<()> {
        if self.state.is_none() {
            let state = self.services.room_state_by_id(self.id).await?;
            for tally in self.services.ballots.tallies(&state.shown()).await? {
                self.tallies.insert(tally.poll, ShownTally::new(tally));
            }
            self.set_state(state);
        }
        let Some(state) = &self.state else { return Ok(()) };
        let standings = self.services.ballots.standings(&state.shown(), joining.principal.voter()).await?;
        let socket = joining.socket;
        let member = Member::new(joining, state, standings.into_iter().collect());
        self.members.insert(socket, member);
        let participants = self.participants();
        let now = self.services.clock.now();
        if let (Some(member), Some(state)) = (self.members.get_mut(&socket), &self.state) {
            member.welcome(state, participants, now);
            for poll in state.shown() {
                if let Some(tally) = self.tallies.get_mut(&poll) {
                    member.show_first_tally(state, tally, now);
                }
            }
        }
        Ok(())
    }

    /// Reads again what changed in the store, and tells the members.
    async fn refresh(&mut self, post: &mut Post) -> Result<()> {
        let changed = post.room_changed || !post.changed.is_empty() || !post.removed.is_empty();
        let (true, Some(before)) = (changed, &self.state) else { return Ok(()) };
        let after = match self.services.room_state_by_id(self.id).await {
            Err(crate::error::Error::Problem(problem)) if problem.status == 404 => return Ok(()),
            read => read?,
        };
        let before = before.clone();
        for poll in &post.removed {
            self.tell_removed(&before, *poll);
        }
        for poll in &post.changed {
            self.tell_changed(&before, &after, *poll);
        }
        self.set_state(after);
        let participants = self.participants();
        let now = self.services.clock.now();
        if let Some(state) = &self.state {
            for member in self.members.values_mut() {
                if post.room_changed {
                    member.show_room(state, participants, now);
                    state.shown().into_iter().for_each(|poll| member.tell_yours(state, poll, now));
                }
                post.changed.iter().for_each(|poll| member.tell_yours(state, *poll, now));
            }
        }
        Ok(())
    }

    fn tell_removed(&mut self, before: &RoomState, poll: PollId) {
        let was_draft = before.poll(poll).is_none_or(|poll| poll.lifecycle.state == PollState::Draft);
        let message = encode(&ServerMessage::PollRemoved { poll });
        for member in self.members.values_mut() {
            member.forget(poll);
            if member.is_host || !was_draft {
                member.outbox.send(message.clone());
            }
        }
        self.tallies.remove(&poll);
    }

    /// Tells that a poll was created or changed: a draft to the host only, but a reset to everybody who
    /// had it on the screen.
    fn tell_changed(&mut self, before: &RoomState, after: &RoomState, id: PollId) {
        let Some(poll) = after.poll(id) else { return };
        let known = before.poll(id);
        let is_draft = poll.lifecycle.state == PollState::Draft;
        let was_shown = known.is_some_and(|known| known.lifecycle.state != PollState::Draft);
        let new_round = known.is_some_and(|known| known.lifecycle.round != poll.lifecycle.round);
        let message =
            encode(&ServerMessage::Poll { poll: after.poll_for_all(poll, self.services.clock.now()) });
        for member in self.members.values_mut() {
            if new_round {
                member.standings.remove(&id);
            }
            if member.is_host || !is_draft || was_shown {
                member.outbox.send(message.clone());
            }
        }
        if is_draft {
            self.tallies.remove(&id);
        }
    }

    /// Tells a voter, on every socket, that a ballot is recorded.
    fn tell_counted(&mut self, counted: &Counted) {
        let Some(state) = &self.state else { return };
        let Counted { poll, round, voter, standing } = counted;
        let is_current = state.poll(*poll).is_some_and(|poll| poll.lifecycle.round == *round);
        let receipt = encode(&ServerMessage::Receipt(Receipt {
            ballot: standing.ballot,
            poll: *poll,
            status: Status::Recorded,
            reason: None,
            choice: Some(standing.choice.clone()),
        }));
        let now = self.services.clock.now();
        for member in self.members.values_mut().filter(|member| member.voter() == *voter) {
            member.outbox.send(receipt.clone());
            if is_current {
                member.standings.insert(*poll, standing.clone());
                member.tell_yours(state, *poll, now);
            }
        }
    }

    fn take_tally(&mut self, tally: Tally) {
        match self.tallies.get_mut(&tally.poll) {
            Some(shown) => shown.take(tally),
            None => {
                let mut shown = ShownTally::new(tally);
                shown.mark_due();
                self.tallies.insert(shown.poll(), shown);
            }
        }
    }

    /// Sends every tally that is due, each as one frame an audience.
    fn sweep(&mut self) {
        let Some(state) = &self.state else { return };
        let now = self.services.clock.now();
        for tally in self.tallies.values_mut().filter(|tally| tally.is_due(Instant::now())) {
            let started = Instant::now();
            for member in self.members.values_mut() {
                member.show_tally(state, tally, now);
            }
            tally.sent(started, started.elapsed());
        }
    }

    fn tell_presence(&mut self) {
        let participants = self.participants();
        self.shared.participants.store(participants, Ordering::Relaxed);
        let now = Instant::now();
        let waits = self.presence_at.is_some_and(|at| now < at + PRESENCE);
        let Some(state) = self.state.as_ref().filter(|_| participants != self.presence_told && !waits) else {
            return;
        };
        let message = encode(&ServerMessage::Presence { room: state.room.code, participants });
        self.members.values().for_each(|member| member.outbox.send(message.clone()));
        self.presence_told = participants;
        self.presence_at = Some(now);
    }

    fn close(&mut self, room: RoomCode) {
        let message = encode(&ServerMessage::RoomClosed { room });
        self.members.values().for_each(|member| member.outbox.send(message.clone()));
        self.members.clear();
        self.tallies.clear();
        self.state = None;
    }

    /// How many people are here: a voter counts once, however many sockets; screens do not count.
    fn participants(&self) -> u64 {
        let mut voters: Vec<_> =
            self.members.values().filter(|member| !member.is_screen).map(Member::voter).collect();
        voters.sort_unstable();
        voters.dedup();
        u64::try_from(voters.len()).unwrap_or(u64::MAX)
    }

    fn set_state(&mut self, state: RoomState) {
        let polls = state.polls.iter().map(|poll| poll.id).collect();
        *self.shared.polls.write().unwrap_or_else(PoisonError::into_inner) = polls;
        self.state = Some(state);
    }

    /// When there is something to do without anything coming in.
    fn next_due(&self) -> Option<Instant> {
        let tallies = self.tallies.values().filter_map(ShownTally::due_at);
        let presence = (self.shared.participants.load(Ordering::Relaxed) != self.presence_told)
            .then_some(self.presence_at.map(|at| at + PRESENCE))
            .flatten();
        tallies.chain(presence).chain(self.stale.as_ref().map(|(at, _)| *at)).min()
    }
}

/// Post that waited, with what came later.
fn merged(mut older: Post, newer: Post) -> Post {
    older.requests.extend(newer.requests);
    older.room_changed |= newer.room_changed;
    older.closed = older.closed.or(newer.closed);
    older.changed.extend(newer.changed);
    older.removed.extend(newer.removed);
    older.tallies.extend(newer.tallies);
    older.counted.extend(newer.counted);
    older
}
