//! Rooms: made, found, changed, copied and deleted.

use domain::{
    Definition, FieldError, Lifecycle, NewPoll, NewRoom, PollId, Problem, Room, RoomCode, RoomId, RoomList,
    RoomPatch, RoomSettings, Tally, VoterId, VotersPolicy, limits, text,
};
use sqlx::AnyConnection;

use super::{RoomState, Services, Viewer};
use crate::audit::{About, SecurityEvent};
use crate::auth::Asker;
use crate::ballot_box::is_committed;
use crate::bus::Event;
use crate::doors::Door;
use crate::error::{Error, Result};
use crate::store::outbox::{self, Kind};
use crate::store::polls::PollRecord;
use crate::store::rooms::RoomRecord;
use crate::store::{polls, rooms, users};

/// How many rooms a page of the list has, and at most.
const PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 100;

/// How large a page of the list is, in bytes of JSON: it ends with the room that reaches it. So no answer is more than twice as
/// large as the largest room.
const PAGE_BYTES: usize = limits::SNAPSHOT_BYTES;

/// How often a new code is tried: with 191 million of them the second try is already unlikely.
const CODE_TRIES: usize = 20;

impl Services {
    /// Makes a room with its first polls.
    pub async fn create_room(&self, asker: &Asker, new: NewRoom) -> Result<Room> {
        let host = asker.user()?;
        let mut errors = Vec::new();
        let title = text::checked("title", &new.title, limits::TITLE).map_err(|error| errors.push(error));
        if new.polls.len() > limits::POLLS_IN_ROOM {
            let message = format!("must be at most {}, not {}", limits::POLLS_IN_ROOM, new.polls.len());
            return Err(Problem::invalid(vec![FieldError::new("polls", message)]).into());
        }
        let definitions = parse_polls(new.polls, &mut errors);
        let (Ok(title), true) = (title, errors.is_empty()) else {
            return Err(Problem::invalid(errors).into());
        };
        self.doors.enter(Door::Room, host).await?;
        let room = self.new_room(host, title, RoomSettings::default().patched(new.settings));
        self.store_room(asker, room, definitions).await
    }

    /// A room and what the asker may see in it.
    pub async fn room(&self, asker: &Asker, code: &str) -> Result<Room> {
        let state = self.room_state(asker, code).await?;
        let viewer = self.viewer(asker, &state).await?;
        Ok(state.room_for(&viewer, self.clock.now()))
    }

    /// A room with the tallies of its polls, as the asker may see them.
    pub async fn room_and_tallies(&self, asker: &Asker, code: &str) -> Result<(RoomId, Room, Vec<Tally>)> {
        let mut state = self.room_state(asker, code).await?;
        let viewer = self.viewer(asker, &state).await?;
        let read = self.ballots.now(&state.shown()).await?;
        read.iter().for_each(|read| state.overlay(read));
        let now = self.clock.now();
        let tallies = read.iter().map(|read| state.tally_for(&read.tally, &viewer, now)).collect();
        Ok((state.room.id, state.room_for(&viewer, now), tallies))
    }

    /// The asker's rooms, newest first: as many as are asked for, or fewer where they are large.
    pub async fn rooms(
        &self,
        asker: &Asker,
        search: &str,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<RoomList> {
        let host = asker.user()?;
        let unknown =
            |_| Problem::invalid(vec![FieldError::new("cursor", "is not one that a list handed out")]);
        let before = cursor.map(|cursor| cursor.parse().map_err(unknown)).transpose()?;
        if search.chars().count() > *limits::TITLE.end() {
            return Err(Problem::invalid(vec![FieldError::new("q", "is longer than any title")]).into());
        }
        let limit = limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
        let found = self.store.rooms_of(host, search.trim(), before, limit + 1).await?;
        let (read, most) = (found.len(), usize::try_from(limit).unwrap_or(usize::MAX));
        let (mut rooms, mut size) = (Vec::new(), 0);
        // The host's own votes are left out: a list must not bring every poll into memory.
        let viewer = Viewer { is_host: true, ..Viewer::default() };
        for room in found.into_iter().take(most) {
            let state = RoomState { polls: self.store.polls_of(room.id).await?, room };
            let room = state.room_for(&viewer, self.clock.now());
            size += size_of(&room)?;
            rooms.push(room);
            if size >= PAGE_BYTES {
                break;
            }
        }
        let next_cursor = rooms.last().filter(|_| rooms.len() < read).map(|room| room.id.to_string());
        Ok(RoomList { rooms, next_cursor })
    }

    /// Changes a room's title, settings or order.
    pub async fn change_room(&self, asker: &Asker, code: &str, patch: RoomPatch) -> Result<Room> {
        let room = self.hosted(asker, code).await?;
        let title =
            patch.title.as_deref().map(|title| text::checked("title", title, limits::TITLE)).transpose();
        let title = title.map_err(|error| Problem::invalid(vec![error]))?;
        let wanted = patch.settings.unwrap_or_default();
        let is_same = title.as_ref().is_none_or(|title| *title == room.title)
            && room.settings.patched(wanted) == room.settings
            && patch.poll_order.is_none();
        if is_same {
            // Whoever asks again may have heard that the ballot box did not take it over the last time.
            if patch.settings.is_some() {
                self.ballots.settings_changed(room.id).await?;
            }
            return self.room(asker, code).await;
        }
        let mut transaction = self.store.begin().await?;
        let room = rooms::find_locked(&mut transaction, room.id).await?.ok_or_else(Problem::no_such_room)?;
        let title = title.unwrap_or(room.title);
        let settings = room.settings.patched(wanted);
        rooms::update(&mut transaction, room.id, &title, settings).await?;
        if let Some(order) = &patch.poll_order {
            reorder(&mut transaction, room.id, order).await?;
        }
        self.note_change(&mut transaction, room.id, room.revision + 1).await?;
        transaction.commit().await?;
        self.bus.publish(Event::RoomChanged { room: room.id });
        if settings != room.settings {
            let detail = serde_json::to_string(&settings).unwrap_or_default();
            let about = About { detail: &detail, ..About::by(asker).in_room(room.id) };
            self.audit.note(SecurityEvent::SettingsChanged, about);
        }
        if patch.settings.is_some() {
            self.ballots.settings_changed(room.id).await?;
        }
        self.room(asker, code).await
    }

    /// Deletes a room with its polls and ballots. Its code opens nothing any more.
    pub async fn delete_room(&self, asker: &Asker, code: &str) -> Result<()> {
        let room = self.hosted(asker, code).await?;
        self.remove_room(&room, About::by(asker).in_room(room.id)).await
    }

    /// Deletes a room without asking who may, and notes that, unless somebody else was faster. Where it fails half way it notes
    /// the polls that are gone.
    pub async fn remove_room(&self, room: &RoomRecord, about: About<'_>) -> Result<()> {
        let mut gone = Vec::new();
        match self.remove_all_of(room, &mut gone).await {
            Ok(true) => self.audit.note(SecurityEvent::RoomDeleted, about),
            Ok(false) => {}
            Err(error) => {
                for poll in gone {
                    let detail = poll.to_string();
                    self.audit.note(SecurityEvent::PollDeleted, About { detail: &detail, ..about });
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Deletes a room's polls, noting which, and then the room. False when that was gone.
    async fn remove_all_of(&self, room: &RoomRecord, gone: &mut Vec<PollId>) -> Result<bool> {
        let is_deleted = loop {
            for poll in self.store.polls_of(room.id).await? {
                let deleted = self.ballots.delete(poll.id).await;
                if is_committed(&deleted) {
                    gone.push(poll.id);
                }
                match deleted {
                    // Somebody else, a node that sweeps at the same time, was faster.
                    Err(Error::Problem(problem)) if problem.status == 404 => {}
                    deleted => deleted?,
                }
            }
            let mut transaction = self.store.begin().await?;
            rooms::find_locked(&mut transaction, room.id).await?;
            // Its host may have added one meanwhile.
            if polls::of_room(&mut *transaction, room.id).await?.is_empty() {
                let is_deleted = rooms::delete(&mut transaction, room.id).await?;
                transaction.commit().await?;
                break is_deleted;
            }
        };
        self.bus.publish(Event::RoomClosed { room: room.id, code: room.code });
        Ok(is_deleted)
    }

    /// Makes a copy of a room, with its polls as drafts.
    pub async fn duplicate_room(&self, asker: &Asker, code: &str) -> Result<Room> {
        let room = self.hosted(asker, code).await?;
        let definitions =
            self.store.polls_of(room.id).await?.into_iter().map(|poll| poll.definition).collect();
        self.doors.enter(Door::Room, room.host).await?;
        let copy = self.new_room(room.host, room.title, room.settings);
        self.store_room(asker, copy, definitions).await
    }

    /// Chooses what phones and screens show now.
    pub async fn set_current(&self, asker: &Asker, code: &str, poll: Option<PollId>) -> Result<Room> {
        let room = self.hosted(asker, code).await?;
        let mut transaction = self.store.begin().await?;
        let room = rooms::find_locked(&mut transaction, room.id).await?.ok_or_else(Problem::no_such_room)?;
        if let Some(poll) = poll {
            let found = polls::find(&mut *transaction, poll).await?;
            found.filter(|found| found.room == room.id).ok_or_else(Problem::no_such_poll)?;
        }
        rooms::set_current(&mut transaction, room.id, poll).await?;
        self.note_change(&mut transaction, room.id, room.revision).await?;
        transaction.commit().await?;
        self.bus.publish(Event::RoomChanged { room: room.id });
        self.room(asker, code).await
    }

    /// Notes that other nodes are to read a room again, in case that they are not told.
    pub(super) async fn note_change(
        &self,
        transaction: &mut AnyConnection,
        room: RoomId,
        revision: u64,
    ) -> Result<()> {
        outbox::put(transaction, Kind::Room(room), room, revision, self.clock.now()).await
    }

    /// Which room a code, as typed, opens.
    pub async fn room_id(&self, asker: &Asker, code: &str) -> Result<RoomId> {
        Ok(self.find(asker, code).await?.id)
    }

    /// The code of the room that a code, as typed, opens.
    pub async fn join_code(&self, asker: &Asker, code: &str) -> Result<RoomCode> {
        Ok(self.find(asker, code).await?.code)
    }

    /// A room as stored, by its code as typed.
    pub async fn room_state(&self, asker: &Asker, code: &str) -> Result<RoomState> {
        let room = self.find(asker, code).await?;
        Ok(RoomState { polls: self.store.polls_of(room.id).await?, room })
    }

    /// A room as stored, by its id.
    pub async fn room_state_by_id(&self, id: RoomId) -> Result<RoomState> {
        let room = self.store.room(id).await?.ok_or_else(Problem::no_such_room)?;
        Ok(RoomState { polls: self.store.polls_of(room.id).await?, room })
    }

    /// The asker as a viewer of a room.
    pub async fn viewer(&self, asker: &Asker, state: &RoomState) -> Result<Viewer> {
        let standings = match asker.voter() {
            Some(voter) => self.ballots.standings(&state.shown(), voter).await?.into_iter().collect(),
            None => Default::default(),
        };
        let has_ticket = match asker.voter() {
            Some(voter) => self.has_ticket(state, voter).await?,
            None => None,
        };
        Ok(Viewer { is_host: state.is_host(asker), has_ticket, standings })
    }

    /// Whether a voter holds a ticket, where the room asks for one.
    pub async fn has_ticket(&self, state: &RoomState, voter: VoterId) -> Result<Option<bool>> {
        match state.room.settings.voters {
            VotersPolicy::Ticket => Ok(Some(self.store.holds_ticket(state.room.id, voter).await?)),
            VotersPolicy::Guest | VotersPolicy::Account => Ok(None),
        }
    }

    /// A room of the asker's.
    pub(super) async fn hosted(&self, asker: &Asker, code: &str) -> Result<RoomRecord> {
        let room = self.find(asker, code).await?;
        asker.principal()?;
        if asker.is(room.host) { Ok(room) } else { Err(Problem::forbidden().into()) }
    }

    fn new_room(&self, host: domain::UserId, title: String, settings: RoomSettings) -> RoomRecord {
        let created_at = self.clock.now();
        RoomRecord {
            id: RoomId::new(created_at, self.clock.random()),
            code: RoomCode::from_number(u64::from_be_bytes(self.clock.random())),
            host,
            title,
            settings,
            revision: 0,
            current: None,
            created_at,
            is_taken_down: false,
        }
    }

    /// Stores a new room under a code that was never issued.
    async fn store_room(
        &self,
        asker: &Asker,
        mut room: RoomRecord,
        definitions: Vec<Definition>,
    ) -> Result<Room> {
        let mut transaction = self.store.begin().await?;
        let host = users::find_locked(&mut transaction, room.host).await?;
        if host.is_none_or(|host| host.disabled) {
            return Err(Problem::not_authenticated().into());
        }
        if rooms::count_of(&mut transaction, room.host).await? >= limits::ROOMS_OF_HOST {
            let detail =
                format!("An account holds at most {} rooms. Please delete some.", limits::ROOMS_OF_HOST);
            return Err(Problem::new(409, "too_many_rooms", detail).into());
        }
        let mut tries = 0;
        while !rooms::issue_code(&mut transaction, room.code, room.created_at).await? {
            tries += 1;
            if tries == CODE_TRIES {
                return Err(Error::Internal("no unused join code was found".into()));
            }
            room.code = RoomCode::from_number(u64::from_be_bytes(self.clock.random()));
        }
        rooms::insert(&mut transaction, &room).await?;
        let mut stored = Vec::with_capacity(definitions.len());
        for (position, definition) in (0..).zip(definitions) {
            let id = PollId::new(room.created_at, self.clock.random());
            let poll = PollRecord { id, room: room.id, position, definition, lifecycle: Lifecycle::DRAFT };
            polls::insert(&mut transaction, &poll).await?;
            stored.push(poll);
        }
        let state = RoomState { room, polls: stored };
        self.check_size(&state)?;
        transaction.commit().await?;
        let viewer = Viewer { is_host: state.is_host(asker), ..Viewer::default() };
        Ok(state.room_for(&viewer, self.clock.now()))
    }

    /// Whether a room is small enough to be sent to everybody who joins.
    pub(super) fn check_size(&self, state: &RoomState) -> Result<()> {
        let host = Viewer { is_host: true, ..Viewer::default() };
        if size_of(&state.room_for(&host, self.clock.now()))? <= limits::SNAPSHOT_BYTES {
            return Ok(());
        }
        let kib = limits::SNAPSHOT_BYTES / 1024;
        let detail = format!("The room would hold more than {kib} KiB of questions and options.");
        Err(Problem::new(422, "room_too_large", detail).into())
    }
}

/// How large a room is as JSON, in bytes.
fn size_of(room: &Room) -> Result<usize> {
    Ok(serde_json::to_vec(room).map_err(|error| Error::Internal(error.to_string()))?.len())
}

fn parse_polls(written: Vec<NewPoll>, errors: &mut Vec<FieldError>) -> Vec<Definition> {
    let mut definitions = Vec::with_capacity(written.len());
    for (index, poll) in written.into_iter().enumerate() {
        match Definition::parse(poll) {
            Ok(definition) => definitions.push(definition),
            Err(wrong) => errors.extend(
                wrong
                    .into_iter()
                    .map(|error| FieldError::new(format!("polls[{index}].{}", error.field), error.message)),
            ),
        }
    }
    definitions
}

async fn reorder(connection: &mut AnyConnection, room: RoomId, order: &[PollId]) -> Result<()> {
    let mut known: Vec<PollId> =
        polls::of_room(&mut *connection, room).await?.iter().map(|poll| poll.id).collect();
    let mut named = order.to_vec();
    known.sort();
    named.sort();
    if known != named {
        let error = FieldError::new("poll_order", "must name each poll of the room once");
        return Err(Problem::invalid(vec![error]).into());
    }
    for (position, poll) in (0..).zip(order) {
        polls::set_position(&mut *connection, *poll, position).await?;
    }
    Ok(())
}
