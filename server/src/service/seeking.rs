//! Looking for rooms by their codes, and how often that may be in vain.

use domain::RoomId;

use super::Services;
use crate::auth::{Asker, Sender};
use crate::doors::{Door, Who};
use crate::error::{Error, Result};

impl Services {
    /// Who has to answer for it should nothing be found: the address, and where that has missed too often, an account has
    /// some misses of its own, so that somebody who guesses in a hall does not lock out its host. Refuses whoever has none
    /// left, whether there is something to find or not: a guesser must not learn which codes are right.
    pub fn seeking(&self, asker: &Asker, sender: &Sender) -> Result<Who> {
        let refused = match self.doors.look(Door::Miss, sender.address) {
            Ok(()) => return Ok(sender.address.into()),
            Err(refused) => refused,
        };
        let account = Who::from(asker.user().map_err(|_| refused)?);
        self.doors.look(Door::Miss, account.clone())?;
        Ok(account)
    }

    /// The room that a socket joins by a code as typed.
    pub async fn room_to_join(&self, asker: &Asker, sender: &Sender, code: &str) -> Result<RoomId> {
        self.doors.enter(Door::Join, sender.address).await?;
        let seeking = self.seeking(asker, sender)?;
        let found = self.room_id(code).await;
        if matches!(&found, Err(Error::Problem(problem)) if problem.status == 404) {
            self.doors.enter(Door::Miss, seeking).await?;
        }
        found
    }
}
