//! Looking for rooms by their codes, and how often that may be in vain.

use domain::{Problem, RoomCode, RoomId};

use super::Services;
use crate::auth::Asker;
use crate::doors::{Door, Turn};
use crate::error::{Error, Result};
use crate::store::rooms::RoomRecord;
use crate::work::to_the_end;

impl Services {
    /// The room that a socket joins by a code as typed.
    pub async fn room_to_join(&self, asker: &Asker, code: &str) -> Result<RoomId> {
        self.doors.enter(Door::Join, asker.sender.address).await?;
        self.room_id(asker, code).await
    }

    /// The room that a code opens, as typed. Who guesses is held up by address: after so many codes that open nothing, any
    /// other is refused, right or wrong, so that the answer tells nothing. What goes on to open its room:
    ///
    /// - a code that the asker has found on this node within a day;
    /// - a code that was found from the same address within the hour, so that one phone in a hall does not shut the others out,
    ///   unless that address goes on guessing at a rate at which it would find out what its neighbours are in;
    /// - a room of the asker's own.
    pub(super) async fn find(&self, asker: &Asker, code: &str) -> Result<RoomRecord> {
        let code: RoomCode = code.parse().map_err(|_| Problem::no_such_room())?;
        if self.is_known_to(asker, code) {
            return self.opened_by(code, asker).await;
        }
        // Without a turn: of these, however many come, none opens a room of others. Accounts look for their own.
        if let Err(refused) = self.doors.look(Door::Miss, asker.sender.address) {
            let own = self.own_room_or_guess(code, asker, refused).await?;
            self.note_found(asker, code);
            return Ok(own);
        }
        let turn = self.doors.turn(asker.sender.address).await?;
        // Else who hangs up could make guesses that are not counted.
        let (services, asker) = (self.clone(), asker.clone());
        to_the_end(async move { services.find_in_turn(&asker, code, turn).await }).await
    }

    async fn find_in_turn(&self, asker: &Asker, code: RoomCode, _turn: Turn) -> Result<RoomRecord> {
        // Whoever was before in turn may have found it.
        if self.is_known_to(asker, code) {
            return self.opened_by(code, asker).await;
        }
        let room = match self.doors.look(Door::Miss, asker.sender.address) {
            Ok(()) => self.look_for(code, asker).await?,
            Err(refused) => self.own_room_or_guess(code, asker, refused).await?,
        };
        self.note_found(asker, code);
        Ok(room)
    }

    /// A room by a code that the asker is not known to have found. Where there is none, that is a miss.
    async fn look_for(&self, code: RoomCode, asker: &Asker) -> Result<RoomRecord> {
        let found = self.store.room_by_code(code).await?;
        if found.is_none() {
            self.doors.charge(Door::Miss, asker.sender.address).await;
        }
        Ok(found.ok_or_else(Problem::no_such_room)?)
    }

    /// A room of the asker's own; any other code is refused, whether it opens a room or not, and counts as a guess.
    async fn own_room_or_guess(&self, code: RoomCode, asker: &Asker, refused: Error) -> Result<RoomRecord> {
        // Only accounts have rooms: for guests nothing has to be read.
        let found = if asker.user().is_ok() { self.store.room_by_code(code).await? } else { None };
        let own = found.filter(|room| asker.is(room.host));
        if own.is_none() {
            self.doors.charge_here(Door::Guess, asker.sender.address);
        }
        own.ok_or(refused)
    }

    /// A room by a code that was found before.
    async fn opened_by(&self, code: RoomCode, asker: &Asker) -> Result<RoomRecord> {
        let room = self.store.room_by_code(code).await?.ok_or_else(Problem::no_such_room)?;
        self.note_found(asker, code);
        Ok(room)
    }

    /// Whether a code was found before, by the asker or from where they are.
    fn is_known_to(&self, asker: &Asker, code: RoomCode) -> bool {
        let is_theirs = asker.voter().is_some_and(|voter| self.doors.is_found_by(voter, code));
        let is_found_there = || self.doors.is_found_from(asker.sender.address, code);
        is_theirs || (is_found_there() && self.doors.look(Door::Guess, asker.sender.address).is_ok())
    }

    fn note_found(&self, asker: &Asker, code: RoomCode) {
        self.doors.note_found(asker.sender.address, asker.voter(), code);
    }
}
