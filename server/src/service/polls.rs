//! Polls: written, changed, opened, closed and deleted by their host.

use std::time::Duration;

use app::data::HostAction;
use domain::{
    Command, Definition, FieldError, Lifecycle, NewPoll, Poll, PollId, PollPatch, PollState, Problem, limits,
};

use super::{RoomState, Services, Viewer};
use crate::audit::{About, SecurityEvent};
use crate::auth::Asker;
use crate::ballot_box::is_committed;
use crate::bus::Event;
use crate::error::Result;
use crate::store::polls::PollRecord;
use crate::store::{polls, rooms};

impl Services {
    /// Adds a poll at the end of a room.
    pub async fn add_poll(&self, asker: &Asker, code: &str, new: NewPoll) -> Result<Poll> {
        let room = self.hosted(asker, code).await?;
        let definition = Definition::parse(new).map_err(Problem::invalid)?;
        let mut transaction = self.store.begin().await?;
        let room = rooms::find_locked(&mut transaction, room.id).await?.ok_or_else(Problem::no_such_room)?;
        let mut present = polls::of_room(&mut *transaction, room.id).await?;
        if present.len() >= limits::POLLS_IN_ROOM {
            let detail = format!("A room holds at most {} polls.", limits::POLLS_IN_ROOM);
            return Err(Problem::new(409, "too_many_polls", detail).into());
        }
        let poll = PollRecord {
            id: PollId::new(self.clock.now(), self.clock.random()),
            room: room.id,
            position: present.last().map_or(0, |last| last.position + 1),
            definition,
            lifecycle: Lifecycle::DRAFT,
        };
        polls::insert(&mut transaction, &poll).await?;
        self.note_change(&mut transaction, room.id, room.revision).await?;
        present.push(poll.clone());
        let state = RoomState { room, polls: present };
        self.check_size(&state)?;
        transaction.commit().await?;
        self.bus.publish(Event::PollChanged { room: poll.room, poll: poll.id, now: None });
        self.poll_for(asker, &state, &poll).await
    }

    /// Changes what a draft asks.
    pub async fn change_poll(&self, asker: &Asker, id: PollId, patch: PollPatch) -> Result<Poll> {
        let (state, _) = self.hosted_poll(asker, id).await?;
        let mut transaction = self.store.begin().await?;
        let room =
            rooms::find_locked(&mut transaction, state.room.id).await?.ok_or_else(Problem::no_such_room)?;
        let stored = polls::find_locked(&mut transaction, id).await?.ok_or_else(Problem::no_such_poll)?;
        if stored.lifecycle.state != PollState::Draft {
            let detail = "Only a draft can be changed. Reset the poll first; that drops its votes.";
            return Err(Problem::new(409, "not_draft", detail).into());
        }
        let definition = stored.definition.patched(patch).map_err(Problem::invalid)?;
        let poll = PollRecord { definition, ..stored };
        polls::define(&mut transaction, id, &poll.definition).await?;
        self.note_change(&mut transaction, room.id, room.revision).await?;
        let state = RoomState { polls: polls::of_room(&mut *transaction, room.id).await?, room };
        self.check_size(&state)?;
        transaction.commit().await?;
        self.bus.publish(Event::PollChanged { room: poll.room, poll: id, now: None });
        self.poll_for(asker, &state, &poll).await
    }

    /// Deletes a poll with its ballots.
    pub async fn delete_poll(&self, asker: &Asker, id: PollId) -> Result<()> {
        let (state, _) = self.hosted_poll(asker, id).await?;
        let deleted = self.ballots.delete(id).await;
        if is_committed(&deleted) {
            self.note(asker, SecurityEvent::PollDeleted, &state, id);
        }
        deleted?;
        self.bus.publish(Event::RoomChanged { room: state.room.id });
        Ok(())
    }

    /// Opens, closes, reveals, hides or resets a poll.
    pub async fn act(&self, asker: &Asker, id: PollId, action: HostAction) -> Result<Poll> {
        let (state, before) = self.hosted_poll(asker, id).await?;
        let command = match action {
            HostAction::Open(None) => Command::Open { closes_at: None },
            HostAction::Open(Some(secs)) if limits::DURATION_SECS.contains(&secs) => {
                Command::Open { closes_at: Some(self.clock.now().plus(Duration::from_secs(secs))) }
            }
            HostAction::Open(Some(_)) => {
                let message = format!("must be from 1 to {} seconds", limits::DURATION_SECS.end());
                return Err(Problem::invalid(vec![FieldError::new("duration_secs", message)]).into());
            }
            HostAction::Close => Command::Close,
            HostAction::Reveal => Command::Reveal,
            HostAction::Hide => Command::Hide,
            HostAction::Reset => Command::Reset,
        };
        let poll = self.ballots.command(id, command).await;
        // A draft has no votes that would be dropped.
        if command == Command::Reset && before.lifecycle.state != PollState::Draft && is_committed(&poll) {
            self.note(asker, SecurityEvent::PollReset, &state, id);
        }
        self.poll_for(asker, &state, &poll?).await
    }

    /// A poll of the asker's, with its room. Others' polls are forbidden; others' drafts are not there.
    async fn hosted_poll(&self, asker: &Asker, id: PollId) -> Result<(RoomState, PollRecord)> {
        // Before anything is looked up: the answer to nobody must not tell which drafts there are.
        asker.principal()?;
        let poll = self.store.poll(id).await?.ok_or_else(Problem::no_such_poll)?;
        let state = self.room_state_by_id(poll.room).await?;
        if state.is_host(asker) {
            return Ok((state, poll));
        }
        let draft = poll.lifecycle.state == PollState::Draft;
        Err(if draft { Problem::no_such_poll() } else { Problem::forbidden() }.into())
    }

    /// Notes what drops votes.
    fn note(&self, asker: &Asker, event: SecurityEvent, state: &RoomState, poll: PollId) {
        let detail = poll.to_string();
        let about = About { detail: &detail, ..About::by(asker).in_room(state.room.id) };
        self.audit.note(event, about);
    }

    async fn poll_for(&self, asker: &Asker, state: &RoomState, poll: &PollRecord) -> Result<Poll> {
        let standings = match asker.voter() {
            Some(voter) => self.ballots.standings(&[poll.id], voter).await?.into_iter().collect(),
            None => Default::default(),
        };
        let viewer = Viewer { is_host: state.is_host(asker), has_ticket: None, standings };
        Ok(state.poll_for(poll, &viewer, self.clock.now()))
    }
}
