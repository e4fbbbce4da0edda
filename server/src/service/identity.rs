//! Who was a guest in a room and has signed in there.

use domain::{IdentityKind, Problem, RoomCode};

use super::{Services, SignedIn};
use crate::audit::{About, SecurityEvent};
use crate::auth::Asker;
use crate::error::{Error, Result};

impl Services {
    /// Makes what a guest chose in a room's open polls the account's that it has signed in with, and its ticket. Where
    /// there is no such room, or nobody was a guest, there is nothing to do.
    pub async fn adopt(&self, before: &Asker, signed: &SignedIn, code: Option<&str>) -> Result<()> {
        let was_guest = before.known.as_ref().filter(|before| before.me.kind == IdentityKind::Guest);
        let code = code.and_then(|code| code.parse::<RoomCode>().ok());
        let (Some(guest), Some(account), Some(code)) = (was_guest, signed.principal.user(), code) else {
            return Ok(());
        };
        let Some(room) = self.store.room_by_code(code).await? else { return Ok(()) };
        let about = About { account: Some(account), room: Some(room.id), ..About::default() };
        self.audit.note(SecurityEvent::GuestAdopted, about);
        match self.ballots.adopt(room.id, guest.voter(), account).await {
            // Deleted just now.
            Err(Error::Problem(problem)) if problem.code == Problem::no_such_room().code => Ok(()),
            adopted => adopted,
        }
    }
}
