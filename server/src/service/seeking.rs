//! Looking for rooms by their codes, and how often that may be in vain.

use domain::{Problem, RoomCode, RoomId};

use super::Services;
use crate::auth::Asker;
use crate::doors::Door;
use crate::error::Result;
use crate::store::rooms::RoomRecord;

impl Services {
    /// The room that a socket joins by a code as typed.
    pub async fn room_to_join(&self, asker: &Asker, code: &str) -> Result<RoomId> {
        self.doors.enter(Door::Join, asker.from).await?;
        self.room_id(asker, code).await
    }

    /// The room that a code opens, as typed. Who guesses is held up by address: after so many codes that open nothing, any
    /// other is refused, right or wrong, so that the answer tells nothing. What goes on to open its room:
    ///
    /// - a code that the asker has found on this node within the hour;
    /// - a code that was found from the same address likewise, so that one phone in a hall does not shut the others out,
    ///   unless that address goes on guessing at a rate at which it would find out what its neighbours are in;
    /// - a room of the asker's own.
    pub(super) async fn find(&self, asker: &Asker, code: &str) -> Result<RoomRecord> {
        let code: RoomCode = code.parse().map_err(|_| Problem::no_such_room())?;
        if self.is_no_guess(asker, code) {
            return self.opened_by(code, asker).await;
        }
        let _turn = self.doors.turn(asker.from).await;
        // Whoever was before in turn may have found it.
        if self.is_no_guess(asker, code) {
            return self.opened_by(code, asker).await;
        }
        let refused = match self.doors.look(Door::Miss, asker.from) {
            Err(refused) if asker.user().is_err() => {
                self.doors.charge_here(Door::Guess, asker.from);
                return Err(refused);
            }
            looked => looked.err(),
        };
        match (self.store.room_by_code(code).await?, refused) {
            (Some(room), refused) if refused.is_none() || asker.is(room.host) => {
                self.note_found(asker, code);
                Ok(room)
            }
            (_, Some(refused)) => {
                self.doors.charge_here(Door::Guess, asker.from);
                Err(refused)
            }
            (_, None) => {
                self.doors.charge(Door::Miss, asker.from).await;
                Err(Problem::no_such_room().into())
            }
        }
    }

    fn is_no_guess(&self, asker: &Asker, code: RoomCode) -> bool {
        let is_theirs = asker.voter().is_some_and(|voter| self.doors.has_found(voter, code.as_str()));
        let is_found_there = || self.doors.has_found(asker.from, code.as_str());
        is_theirs || (is_found_there() && self.doors.look(Door::Guess, asker.from).is_ok())
    }

    async fn opened_by(&self, code: RoomCode, asker: &Asker) -> Result<RoomRecord> {
        let room = self.store.room_by_code(code).await?.ok_or_else(Problem::no_such_room)?;
        self.note_found(asker, code);
        Ok(room)
    }

    fn note_found(&self, asker: &Asker, code: RoomCode) {
        self.doors.note_found(asker.from, code.as_str());
        if let Some(voter) = asker.voter() {
            self.doors.note_found(voter, code.as_str());
        }
    }
}
