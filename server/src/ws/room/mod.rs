//! One room's task: hears what happened, decides who may see what, and tells the members.

mod member;
mod shown;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use domain::wire::{ByeReason, close};
use domain::{PollId, PollState, Receipt, RoomCode, RoomId, ServerMessage, Status, Tally};
use tokio::time::{Instant, sleep_until};

use self::member::Member;
use self::shown::ShownTally;
use super::hub::{Hub, Shared};
use super::inbox::{Counted, Inbox, Joining, Post, Request, SocketId};
use super::outbox::{Farewell, encode};
use crate::ballot_box::InRound;
use crate::error::{Error, Result};
use crate::service::{RoomState, Services};
use crate::store::polls::PollRecord;

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
        let requests = std::mem::take(&mut post.requests);
        match self.refresh(&post).await {
            Ok(()) => {
                // Before anybody leaves: who goes at once after voting still has a receipt to get.
                post.counted.iter().for_each(|counted| self.tell_counted(counted));
                post.tallies.into_values().for_each(|tally| self.take_tally(tally));
            }
            Err(error) => {
                tracing::error!(%error, room = %self.id, "a room could not be read again");
                self.stale = Some((Instant::now() + RETRY, post));
            }
        }
        for request in requests {
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
                if let Some(tally) = self.tallies.get_mut(&poll).filter(|tally| fits(state, tally)) {
                    member.show_first_tally(state, tally, now);
                }
            }
        }
        Ok(())
    }

    /// Reads again what changed in the store, and tells the members. What is read may be newer than what was
    /// heard of: whatever differs from before is told now.
    async fn refresh(&mut self, post: &Post) -> Result<()> {
        let heard = post.room_changed || !post.changed.is_empty() || !post.removed.is_empty();
        let (true, Some(before)) = (heard, self.state.clone()) else { return Ok(()) };
        let after = match self.services.room_state_by_id(self.id).await {
            Err(Error::Problem(problem)) if problem.status == 404 => return Ok(()),
            read => read?,
        };
        let differs =
            |poll: &&PollRecord| before.poll(poll.id).is_none_or(|known| known.lifecycle != poll.lifecycle);
        let mut changed = post.changed.clone();
        changed.extend(after.polls.iter().filter(differs).map(|poll| poll.id));
        for poll in &post.removed {
            self.tell_removed(&before, *poll);
        }
        for poll in &changed {
            self.tell_changed(&before, &after, *poll);
        }
        let participants = self.participants();
        let now = self.services.clock.now();
        if post.room_changed {
            self.members.values().for_each(|member| member.show_room(&after, participants, now));
            changed.extend(after.shown());
        }
        for member in self.members.values_mut() {
            changed.iter().for_each(|poll| member.tell_yours(&after, *poll, now));
        }
        self.set_state(after);
        Ok(())
    }

    fn tell_removed(&mut self, before: &RoomState, poll: PollId) {
        let was_draft = before.poll(poll).is_none_or(|poll| poll.lifecycle.state == PollState::Draft);
        let message = encode(&ServerMessage::PollRemoved { poll });
        for member in self.members.values_mut() {
            member.forget(poll);
            if member.viewer.is_host || !was_draft {
                member.outbox.send(message.clone());
            }
        }
        self.tallies.remove(&poll);
    }

    /// Tells that a poll was created or changed: a draft to the host only, but a reset to everybody who had
    /// it on the screen, and to them with what they knew of it and no word that was written since.
    fn tell_changed(&mut self, before: &RoomState, after: &RoomState, id: PollId) {
        let Some(poll) = after.poll(id) else { return };
        let now = self.services.clock.now();
        let told = |poll: &PollRecord| encode(&ServerMessage::Poll { poll: after.poll_for_all(poll, now) });
        let is_draft = poll.lifecycle.state == PollState::Draft;
        let known = before.poll(id).filter(|known| known.lifecycle.state != PollState::Draft);
        let for_host = told(poll);
        let for_others = match known {
            Some(known) if is_draft => {
                Some(told(&PollRecord { definition: known.definition.clone(), ..poll.clone() }))
            }
            _ => (!is_draft).then(|| for_host.clone()),
        };
        for member in self.members.values() {
            let message = if member.viewer.is_host { Some(&for_host) } else { for_others.as_ref() };
            message.into_iter().for_each(|message| member.outbox.send(message.clone()));
        }
        if is_draft {
            self.tallies.remove(&id);
        }
    }

    /// Tells a voter, on every socket, that a ballot is recorded.
    fn tell_counted(&mut self, counted: &Counted) {
        let Some(state) = &self.state else { return };
        let Counted { poll, round, voter, standing } = counted;
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
            let known = member.viewer.standings.get(poll);
            if known.is_none_or(|known| known.round <= *round) {
                let standing = InRound { round: *round, standing: standing.clone() };
                member.viewer.standings.insert(*poll, standing);
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
        for tally in
            self.tallies.values_mut().filter(|tally| tally.is_due(Instant::now()) && fits(state, tally))
        {
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
        let fits = |tally: &&ShownTally| self.state.as_ref().is_some_and(|state| fits(state, tally));
        let tallies = self.tallies.values().filter(fits).filter_map(ShownTally::due_at);
        let presence = (self.shared.participants.load(Ordering::Relaxed) != self.presence_told)
            .then_some(self.presence_at.map(|at| at + PRESENCE))
            .flatten();
        tallies.chain(presence).chain(self.stale.as_ref().map(|(at, _)| *at)).min()
    }
}

/// Whether a tally is of the round that the room shows. One that was heard of before its poll waits for it.
fn fits(state: &RoomState, tally: &ShownTally) -> bool {
    let shown = state.poll(tally.poll()).filter(|poll| poll.lifecycle.state != PollState::Draft);
    shown.is_some_and(|poll| poll.lifecycle.round == tally.round())
}

/// A task that fails lets its members go, to join the room that is opened next.
impl Drop for RoomTask {
    fn drop(&mut self) {
        for member in self.members.values() {
            let bye = Some((ByeReason::Restart, 1_000));
            member.outbox.close(Farewell { bye, code: Some(close::RESTART) });
        }
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
