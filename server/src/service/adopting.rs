//! Who was a guest in a room and has signed in there.

use domain::{IdentityKind, Problem, RoomCode, UserId, VoterId};

use super::{Services, SignedIn};
use crate::audit::{About, SecurityEvent};
use crate::auth::Asker;
use crate::error::{Error, Result};
use crate::store::adoptions;
use crate::store::rooms::RoomRecord;

impl Services {
    /// Makes what a guest chose in a room's open polls the account's that it has signed in with, and its ticket. Where
    /// there is no such room, or nobody was a guest, there is nothing to do. Who has signed in is signed in whatever comes
    /// of it; what becomes of a guest that could not be adopted says docs/adr/0017.
    pub async fn adopt(&self, before: &Asker, signed: &SignedIn, code: Option<&str>) {
        let was_guest = before.known.as_ref().filter(|before| before.me.kind == IdentityKind::Guest);
        let code = code.and_then(|code| code.parse::<RoomCode>().ok());
        let (Some(guest), Some(account), Some(code)) = (was_guest, signed.principal.user(), code) else {
            return;
        };
        if let Err(error) = self.adopt_in(before, code, guest.voter(), account).await {
            tracing::warn!(%error, %account, "what a guest chose did not become its account's");
        }
    }

    async fn adopt_in(&self, before: &Asker, code: RoomCode, guest: VoterId, account: UserId) -> Result<()> {
        let room = match self.find(before, code.as_str()).await {
            Err(Error::Problem(none)) if none.status == 404 => return Ok(()),
            Err(Error::Problem(refused)) => match self.room_of(guest, code).await? {
                Some(room) => room,
                None => {
                    tracing::debug!(%account, code = %refused.code, "a guest did not become its account");
                    return Ok(());
                }
            },
            found => found?,
        };
        self.doors.note_found(before.sender.address, Some(account.into()), code);
        let adoption = match self.ballots.adopt(room.id, guest, account).await {
            // Deleted just now.
            Err(Error::Problem(problem)) if problem.code == Problem::no_such_room().code => return Ok(()),
            adoption => adoption?,
        };
        // The guest's ticket went with it.
        self.ticket_holders.forget_lack(account.into());
        if adoption.is_new {
            let about = About { account: Some(account), ..About::by(before).in_room(room.id) };
            self.audit.note(SecurityEvent::GuestAdopted, about);
        }
        Ok(())
    }

    /// The room with a code, if a guest has taken part in it. Whoever has knows the code, and does not find it out by signing
    /// in; so it opens the room also where so many were tried that others are refused.
    async fn room_of(&self, guest: VoterId, code: RoomCode) -> Result<Option<RoomRecord>> {
        let Some(room) = self.store.room_by_code(code).await? else { return Ok(None) };
        let has_taken_part =
            adoptions::has_taken_part(&mut *self.store.reader().await?, room.id, guest).await?;
        Ok(Some(room).filter(|_| has_taken_part))
    }
}
