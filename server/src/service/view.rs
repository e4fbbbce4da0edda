//! Rooms and polls as one viewer may see them: pure functions of what is stored and what stands.

use std::collections::HashMap;

use domain::{Poll, PollId, PollOption, PollState, Room, Standing, Tally, Timestamp};

use crate::auth::Asker;
use crate::ballot_box::{InRound, PollNow};
use crate::store::polls::PollRecord;
use crate::store::rooms::RoomRecord;

/// A room with its polls, as stored.
#[derive(Clone, Debug)]
pub struct RoomState {
    /// The room.
    pub room: RoomRecord,
    /// Its polls in order.
    pub polls: Vec<PollRecord>,
}

/// Who looks at a room, and what stands of them in its polls.
#[derive(Clone, Debug, Default)]
pub struct Viewer {
    /// Whether it is the room's host.
    pub is_host: bool,
    /// Whether it holds a voting ticket; known only where the room asks for tickets.
    pub has_ticket: Option<bool>,
    /// What stands, by poll.
    pub standings: HashMap<PollId, InRound>,
}

impl Viewer {
    /// What stands in a poll's present round.
    pub fn standing(&self, poll: &PollRecord) -> Option<&Standing> {
        let known = self.standings.get(&poll.id).filter(|known| known.round == poll.lifecycle.round);
        known.map(|known| &known.standing)
    }
}

impl RoomState {
    /// Whether what the room shows of itself to everybody differs: title, settings, current poll, order.
    pub fn differs_from(&self, other: &Self) -> bool {
        let room = |state: &Self| (state.room.title.clone(), state.room.settings, state.room.current);
        // Polls that came or went are told of themselves.
        let order = |state: &Self, other: &Self| {
            let other = other.shown();
            state.shown().into_iter().filter(|poll| other.contains(poll)).collect::<Vec<_>>()
        };
        room(self) != room(other) || order(self, other) != order(other, self)
    }

    /// The poll with this id.
    pub fn poll(&self, id: PollId) -> Option<&PollRecord> {
        self.polls.iter().find(|poll| poll.id == id)
    }

    /// Takes over what was read together with a tally, where that knows more than the store said: who may see a tally
    /// is decided by what held when it was counted.
    pub fn overlay(&mut self, now: &PollNow) {
        if now.settings_revision > self.room.revision {
            (self.room.settings, self.room.revision) = (now.settings, now.settings_revision);
        }
        if let Some(poll) = self.polls.iter_mut().find(|poll| poll.id == now.tally.poll)
            && now.is_ahead_of(&poll.lifecycle)
        {
            poll.lifecycle = now.life;
        }
    }

    /// Whether an asker is the host.
    pub fn is_host(&self, asker: &Asker) -> bool {
        asker.is(self.room.host)
    }

    /// The polls that are not drafts: those that have tallies.
    pub fn shown(&self) -> Vec<PollId> {
        let shown = self.polls.iter().filter(|poll| poll.lifecycle.state != PollState::Draft);
        shown.map(|poll| poll.id).collect()
    }

    /// The room as a viewer may see it.
    pub fn room_for(&self, viewer: &Viewer, now: Timestamp) -> Room {
        let visible = |poll: &&PollRecord| viewer.is_host || poll.lifecycle.at(now).state != PollState::Draft;
        let current = self.room.current.filter(|id| self.poll(*id).as_ref().is_some_and(visible));
        Room {
            id: self.room.id,
            code: self.room.code,
            title: self.room.title.clone(),
            is_host: viewer.is_host,
            settings: self.room.settings,
            current,
            polls: self.polls.iter().filter(visible).map(|poll| self.poll_for(poll, viewer, now)).collect(),
            created_at: self.room.created_at,
            has_ticket: viewer.has_ticket,
        }
    }

    /// A poll as a viewer may see it, with what is personal.
    pub fn poll_for(&self, poll: &PollRecord, viewer: &Viewer, now: Timestamp) -> Poll {
        let standing = viewer.standing(poll);
        Poll {
            results_visible: Some(self.shows_results(poll, viewer, now)),
            your_choice: standing.map(|standing| standing.choice.clone()),
            your_ballot: standing.map(|standing| standing.ballot),
            ..self.poll_for_all(poll, now)
        }
    }

    /// A poll without what is personal.
    pub fn poll_for_all(&self, poll: &PollRecord, now: Timestamp) -> Poll {
        let life = poll.lifecycle.at(now);
        let option = |label: &String| PollOption { label: label.clone() };
        // Deleted polls leave gaps in what is stored, and none in what is shown.
        let place = self.polls.iter().position(|other| other.id == poll.id).and_then(|at| at.try_into().ok());
        Poll {
            id: poll.id,
            room: self.room.code,
            position: place.unwrap_or(poll.position),
            question: poll.definition.question().to_owned(),
            kind: poll.definition.kind(),
            options: poll.definition.options().iter().map(option).collect(),
            state: life.state,
            round: life.round,
            opened_at: life.opened_at,
            closes_at: life.closes_at,
            closed_at: life.closed_at,
            revealed: life.revealed,
            server_time: now,
            results_visible: None,
            your_choice: None,
            your_ballot: None,
        }
    }

    /// Whether a viewer may see a poll's results.
    pub fn shows_results(&self, poll: &PollRecord, viewer: &Viewer, now: Timestamp) -> bool {
        let has_voted = viewer.standing(poll).is_some_and(|standing| standing.choice.is_some());
        poll.lifecycle.at(now).shows_results(self.room.settings.results, viewer.is_host, has_voted)
    }

    /// A tally as a viewer may see it. What was read of another round than the poll's says nothing about who
    /// may see it, and is hidden.
    pub fn tally_for(&self, tally: &Tally, viewer: &Viewer, now: Timestamp) -> Tally {
        match self.poll(tally.poll).filter(|poll| poll.lifecycle.round == tally.round) {
            Some(poll) if self.shows_results(poll, viewer, now) => tally.clone(),
            _ => tally.hidden(),
        }
    }
}
