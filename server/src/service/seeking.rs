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
    /// other is refused, right or wrong, so that the answer tells nothing. A code that was found from there before is no
    /// guess, and so goes on to open its room: one phone in a hall does not shut the others out. Nor does it its host, who
    /// may always come into rooms of their own.
    pub(super) async fn find(&self, asker: &Asker, code: &str) -> Result<RoomRecord> {
        let code: RoomCode = code.parse().map_err(|_| Problem::no_such_room())?;
        if self.doors.has_found(asker.from, code.as_str()) {
            return self.opened_by(code).await;
        }
        let _turn = self.doors.turn(asker.from).await;
        // Whoever was before in turn may have found it.
        if self.doors.has_found(asker.from, code.as_str()) {
            return self.opened_by(code).await;
        }
        let refused = match self.doors.look(Door::Miss, asker.from) {
            Err(refused) if asker.user().is_err() => return Err(refused),
            looked => looked.err(),
        };
        match (self.store.room_by_code(code).await?, refused) {
            (Some(room), refused) if refused.is_none() || asker.is(room.host) => {
                self.doors.note_found(asker.from, code.as_str());
                Ok(room)
            }
            (_, Some(refused)) => Err(refused),
            (_, None) => {
                self.doors.charge(Door::Miss, asker.from).await;
                Err(Problem::no_such_room().into())
            }
        }
    }

    async fn opened_by(&self, code: RoomCode) -> Result<RoomRecord> {
        Ok(self.store.room_by_code(code).await?.ok_or_else(Problem::no_such_room)?)
    }
}
