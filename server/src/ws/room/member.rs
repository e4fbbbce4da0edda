//! A socket in a room: what it may see, and what it was told of its own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use domain::wire::Role;
use domain::{BallotId, Choice, PollId, PollState, ServerMessage, Timestamp, VoterId};

use super::super::inbox::Joining;
use super::super::outbox::{Outbox, encode};
use super::shown::ShownTally;
use crate::auth::Principal;
use crate::ballot_box::InRound;
use crate::service::{RoomState, Viewer};

/// The room as those see it who have voted nowhere in it: by whether they are its host, and whether they hold a ticket.
pub(super) type Frames = HashMap<(bool, Option<bool>), Utf8Bytes>;

/// A socket in a room.
pub(super) struct Member {
    principal: Principal,
    /// What decides what it may see.
    pub(super) viewer: Viewer,
    /// Whether it shows the room to others.
    pub(super) is_screen: bool,
    /// Where to put what it is told.
    pub(super) outbox: Arc<Outbox>,
    told: HashMap<PollId, Yours>,
}

/// What is personal about a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Yours {
    results_visible: bool,
    choice: Option<Option<Choice>>,
    ballot: Option<BallotId>,
}

impl Member {
    /// A socket that joins, with what stands of its voter.
    pub(super) fn new(
        joining: Joining,
        state: &RoomState,
        has_ticket: Option<bool>,
        standings: HashMap<PollId, InRound>,
    ) -> Self {
        let is_host = joining.principal.user() == Some(state.room.host);
        Self {
            principal: joining.principal,
            viewer: Viewer { is_host, has_ticket, standings },
            is_screen: joining.role == Some(Role::Screen),
            outbox: joining.outbox,
            told: HashMap::new(),
        }
    }

    /// Whose socket it is.
    pub(super) fn voter(&self) -> VoterId {
        self.principal.voter()
    }

    /// Sends the whole room as this member may see it, in answer to a join: nothing needs telling besides.
    pub(super) fn welcome(&mut self, state: &RoomState, participants: u64, now: Timestamp) {
        self.told = state.polls.iter().map(|poll| (poll.id, self.yours(state, poll.id, now))).collect();
        self.show_room(state, participants, now, &mut Frames::default());
    }

    /// Sends the whole room as this member may see it. Whoever has voted nowhere in it sees what others see.
    pub(super) fn show_room(
        &self,
        state: &RoomState,
        participants: u64,
        now: Timestamp,
        frames: &mut Frames,
    ) {
        let frame = || encode(&ServerMessage::Room { room: state.room_for(&self.viewer, now), participants });
        let Viewer { is_host, has_ticket, standings } = &self.viewer;
        self.outbox.send(match standings.is_empty() {
            true => frames.entry((*is_host, *has_ticket)).or_insert_with(frame).clone(),
            false => frame(),
        });
    }

    /// Sends a tally behind the room that it belongs to, in the order of the answer to a join.
    pub(super) fn show_first_tally(&self, state: &RoomState, tally: &mut ShownTally, now: Timestamp) {
        self.outbox.send(tally.frame(self.sees(state, tally.poll(), now)));
    }

    /// Sends a tally, with results or without; it may skip one that still waits.
    pub(super) fn show_tally(&self, state: &RoomState, tally: &mut ShownTally, now: Timestamp) {
        let poll = tally.poll();
        self.outbox.send_tally(poll, tally.frame(self.sees(state, poll, now)));
    }

    /// Tells what is personal about a poll, if it differs from what was told last.
    pub(super) fn tell_yours(&mut self, state: &RoomState, poll: PollId, now: Timestamp) {
        let is_draft = state.poll(poll).is_none_or(|poll| poll.lifecycle.state == PollState::Draft);
        let yours = self.yours(state, poll, now);
        let known = self.told.insert(poll, yours.clone());
        if known.as_ref() == Some(&yours) || (known.is_none() && is_draft) {
            return;
        }
        let Yours { results_visible, choice, ballot } = yours;
        self.outbox.say(&ServerMessage::Yours { poll, results_visible, choice, ballot });
    }

    /// Takes what stands of its voter, unless a later ballot of the voter was heard of before; and says whether it sees
    /// results only because of that.
    pub(super) fn take_standing(
        &mut self,
        state: &RoomState,
        poll: PollId,
        standing: InRound,
        now: Timestamp,
    ) -> bool {
        let saw = self.sees(state, poll, now);
        let order = |standing: &InRound| (standing.round, standing.standing.ballot);
        let known = self.viewer.standings.get(&poll);
        if known.is_none_or(|known| order(known) < order(&standing)) {
            self.viewer.standings.insert(poll, standing);
            self.tell_yours(state, poll, now);
        }
        !saw && self.sees(state, poll, now)
    }

    /// Forgets a ballot that was lost before it was recorded.
    pub(super) fn drop_standing(
        &mut self,
        state: &RoomState,
        poll: PollId,
        ballot: BallotId,
        now: Timestamp,
    ) {
        if self.viewer.standings.get(&poll).is_some_and(|known| known.standing.ballot == ballot) {
            self.viewer.standings.remove(&poll);
            self.tell_yours(state, poll, now);
        }
    }

    /// Forgets a poll that was deleted.
    pub(super) fn forget(&mut self, poll: PollId) {
        self.viewer.standings.remove(&poll);
        self.told.remove(&poll);
    }

    fn yours(&self, state: &RoomState, poll: PollId, now: Timestamp) -> Yours {
        let standing = state.poll(poll).and_then(|poll| self.viewer.standing(poll));
        Yours {
            results_visible: self.sees(state, poll, now),
            choice: standing.map(|standing| standing.choice.clone()),
            ballot: standing.map(|standing| standing.ballot),
        }
    }

    fn sees(&self, state: &RoomState, poll: PollId, now: Timestamp) -> bool {
        state.poll(poll).is_some_and(|poll| state.shows_results(poll, &self.viewer, now))
    }
}
