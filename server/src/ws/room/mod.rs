//! One room's task: hears what happened, decides who may see what, and tells the members.

mod member;
mod pending;
mod pulse;
mod refresh;
mod shown;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use domain::wire::{ByeReason, close};
use domain::{PollId, PollState, RoomCode, RoomId, ServerMessage, TallyVersion};
use tokio::time::{Instant, sleep_until};

use self::member::Member;
use self::pending::Pending;
use self::shown::ShownTally;
use super::hub::{Hub, Shared};
use super::inbox::{Inbox, Joining, Post, Request, SocketId};
use super::outbox::{Farewell, encode};
use crate::ballot_box::{CountedBallot, InRound, PollNow, Pulse, Watermark};
use crate::error::Result;
use crate::service::{RoomState, Services};
use crate::work::in_time;

/// How often the number of people is told at most.
const PRESENCE: Duration = Duration::from_secs(1);
/// How long letting somebody in may take, while who is in the room already waits.
const JOIN: Duration = Duration::from_secs(5);
/// How long letting the first in may take: large polls may have to be loaded, which would begin anew with the next.
const FIRST_JOIN: Duration = Duration::from_secs(30);

/// A room with sockets on this node.
pub(super) struct RoomTask {
    id: RoomId,
    services: Services,
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
    /// The room and its polls; loaded for the first member.
    state: Option<RoomState>,
    tallies: HashMap<PollId, ShownTally>,
    /// What was last read together with each tally: it may know more than the store has said.
    nows: HashMap<PollId, PollNow>,
    /// Ballots that are counted and not recorded yet.
    pending: Pending,
    members: HashMap<SocketId, Member>,
    /// What could not be read from the store yet.
    stale: Option<(Instant, Post)>,
    /// How many people are in the room on other nodes.
    others: u64,
    /// What the last pulse said of changes that only the store holds.
    tick: Option<String>,
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
            nows: HashMap::new(),
            pending: Pending::default(),
            members: HashMap::new(),
            stale: None,
            others: 0,
            tick: None,
            presence_told: 0,
            presence_at: None,
        }
    }

    /// Works until no socket is in the room.
    pub(super) async fn run(mut self, hub: Weak<Hub>) {
        let (inbox, shared) = (Arc::downgrade(&self.inbox), Arc::downgrade(&self.shared));
        tokio::spawn(pulse::keep(self.services.ballots.clone(), self.id, inbox, shared));
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
        let is_due = self.stale.as_ref().is_some_and(|(at, _)| *at <= Instant::now());
        if (is_due || post.speaks_of_store())
            && let Some((_, older)) = self.stale.take()
        {
            let newer = std::mem::replace(&mut post, older);
            post.merge(newer);
        }
        if let Some(code) = post.closed {
            self.close(code);
        }
        let requests = std::mem::take(&mut post.requests);
        let looks_again = post.pulse.take().is_some_and(|pulse| self.take_pulse(pulse));
        self.refresh(&post, looks_again).await;
        // Before anybody leaves: who goes at once after voting still has a receipt to get.
        post.counted.into_iter().for_each(|(poll, counted)| self.tell_counted(poll, counted));
        self.tell_recorded(&post.watermarks);
        post.nows.into_values().for_each(|now| self.take_now(now));
        for request in requests {
            match request {
                // Nobody waits for it any more; whoever comes again asks anew.
                Request::Join(_, reply) if reply.is_closed() => {}
                Request::Join(joining, reply) => {
                    let patience = if self.state.is_none() { FIRST_JOIN } else { JOIN };
                    let _gone = reply.send(in_time(patience, self.join(joining)).await);
                }
                Request::Leave(socket, reply) => {
                    self.members.remove(&socket);
                    let _gone = reply.send(());
                }
            }
        }
        self.sweep();
        self.tell_presence();
        self.share();
    }

    /// Lets a socket in and shows it the room.
    async fn join(&mut self, joining: Joining) -> Result<()> {
        if self.state.is_none() {
            let mut state = self.services.room_state_by_id(self.id).await?;
            for now in self.services.ballots.now(&state.shown()).await? {
                state.overlay(&now);
                self.tallies.insert(now.tally.poll, ShownTally::new(now.tally.clone()));
                self.nows.insert(now.tally.poll, now);
            }
            self.set_state(state);
        }
        let Some(state) = &self.state else { return Ok(()) };
        let standings = self.services.ballots.standings(&state.shown(), joining.principal.voter()).await?;
        let has_ticket = self.services.has_ticket(state, joining.principal.voter()).await?;
        let socket = joining.socket;
        let member = Member::new(joining, state, has_ticket, standings.into_iter().collect());
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

    /// Takes in what was heard of other nodes. Whether something may have changed that was not heard of.
    fn take_pulse(&mut self, pulse: Pulse) -> bool {
        self.others = pulse.others;
        let known = self.tick.replace(pulse.tick);
        known != self.tick
    }

    /// Tells a voter, on every socket, that a ballot is counted.
    fn tell_counted(&mut self, poll: PollId, counted: CountedBallot) {
        let Some(state) = &self.state else { return };
        let now = self.services.clock.now();
        let receipt = self.pending.receipt(poll, &counted);
        let CountedBallot { voter, round, standing, version, .. } = &counted;
        let mut sees_now = false;
        let mut is_here = false;
        for member in self.members.values_mut().filter(|member| member.voter() == *voter) {
            member.outbox.send(receipt.clone());
            let standing = InRound { round: *round, standing: standing.clone() };
            sees_now |= member.take_standing(state, poll, standing, now);
            is_here = true;
        }
        if is_here {
            self.pending.put(poll, &counted);
        }
        // Who sees results from now on may have been sent this very version without them.
        let shown = self.tallies.get(&poll).map(ShownTally::version);
        if sees_now && shown.is_some_and(|shown| shown >= *version) {
            let ballots = self.services.ballots.clone();
            tokio::spawn(async move { ballots.touch(poll).await });
        }
    }

    /// Tells voters whose ballots are recorded, and those whose are lost, to send them again.
    fn tell_recorded(&mut self, marks: &[Watermark]) {
        for mark in marks {
            for settled in self.pending.settle(mark) {
                let now = self.services.clock.now();
                for member in self.members.values_mut().filter(|member| member.voter() == settled.voter) {
                    member.outbox.send(settled.receipt.clone());
                    if let (Some(state), true) = (&self.state, settled.is_lost) {
                        member.drop_standing(state, settled.poll, settled.ballot, now);
                    }
                }
            }
        }
    }

    fn take_now(&mut self, now: PollNow) {
        let known = self.nows.get(&now.tally.poll);
        if known.is_some_and(|known| known.tally.version > now.tally.version) {
            return;
        }
        let tally = now.tally.clone();
        match self.tallies.get_mut(&tally.poll) {
            Some(shown) => shown.take(tally),
            None => {
                let mut shown = ShownTally::new(tally);
                shown.mark_due();
                self.tallies.insert(shown.poll(), shown);
            }
        }
        self.nows.insert(now.tally.poll, now);
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
        self.nows.clear();
        self.state = None;
    }

    /// How many people are in the room. Who is on two nodes counts on both.
    fn participants(&self) -> u64 {
        self.here() + self.others
    }

    /// How many people are here: a voter counts once, however many sockets; screens do not count.
    fn here(&self) -> u64 {
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

    /// Lets the pulse know what is here, where there is one.
    fn share(&self) {
        if self.tick.is_none() {
            return;
        }
        self.shared.here.store(self.here(), Ordering::Relaxed);
        let known = |poll| self.tallies.get(&poll).map_or(TallyVersion::default(), ShownTally::version);
        let shown = self.state.iter().flat_map(RoomState::shown).map(|poll| (poll, known(poll))).collect();
        *self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// When there is something to do without anything coming in.
    fn next_due(&self) -> Option<Instant> {
        let fits = |tally: &&ShownTally| self.state.as_ref().is_some_and(|state| fits(state, tally));
        let tallies = self.tallies.values().filter(fits).filter_map(ShownTally::due_at);
        let tells = self.state.is_some();
        let presence = (tells && self.shared.participants.load(Ordering::Relaxed) != self.presence_told)
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
