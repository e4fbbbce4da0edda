//! Voting tickets: made by a room's host, used by one voter each.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use domain::{FieldError, PollId, Problem, RoomId, TicketCode, Timestamp, VoterId, limits};
use sqlx::AnyConnection;

use super::Services;
use crate::audit::{About, SecurityEvent};
use crate::auth::Asker;
use crate::error::Result;
use crate::store::tickets::{self, TicketRecord};
use crate::store::{adoptions, rooms};

/// How many pairs of poll and voter, and how many voters that had none, are remembered at most. Beyond it all are forgotten,
/// and looked for again.
const MOST: usize = 100_000;

/// For how long it is remembered that a voter had none: whoever gets one can vote after that on any node.
const LACK: Duration = Duration::from_secs(1);

/// Voters that are known to hold a ticket for a poll, and for a moment those that had none. Who has one keeps it as long as the
/// room is there, or was a guest that has become an account: the ballot box refuses that before it looks at tickets. Clones
/// share it.
#[derive(Clone, Default)]
pub struct TicketHolders(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    holders: HashSet<(PollId, VoterId)>,
    /// Until when it is taken that a voter has none, by poll.
    lacking: HashMap<VoterId, HashMap<PollId, Timestamp>>,
}

impl TicketHolders {
    /// Whether a voter is known to hold one.
    pub fn knows(&self, poll: PollId, voter: VoterId) -> bool {
        self.read().holders.contains(&(poll, voter))
    }

    /// Whether a voter was found to have none just now.
    pub fn lacks(&self, poll: PollId, voter: VoterId, now: Timestamp) -> bool {
        let known = self.read();
        let until = known.lacking.get(&voter).and_then(|polls| polls.get(&poll));
        until.is_some_and(|until| now < *until)
    }

    /// Remembers that a voter holds one.
    pub fn learn(&self, poll: PollId, voter: VoterId) {
        let mut known = self.write();
        if known.holders.len() >= MOST {
            known.holders.clear();
        }
        known.holders.insert((poll, voter));
    }

    /// Remembers that a voter has none.
    pub fn learn_lack(&self, poll: PollId, voter: VoterId, now: Timestamp) {
        let mut known = self.write();
        if known.lacking.len() >= MOST {
            known.lacking.clear();
        }
        let polls = known.lacking.entry(voter).or_default();
        polls.retain(|_, until| now < *until);
        polls.insert(poll, now.plus(LACK));
    }

    /// Forgets that a voter had none: it has got one.
    pub fn forget_lack(&self, voter: VoterId) {
        self.write().lacking.remove(&voter);
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services {
    /// Makes tickets for a room of the asker's, and answers with them.
    pub async fn make_tickets(&self, asker: &Asker, code: &str, count: usize) -> Result<Vec<TicketRecord>> {
        let room = self.hosted(asker, code).await?;
        let most = limits::TICKETS_IN_ROOM;
        if !(1..=most).contains(&count) {
            let error = FieldError::new("count", format!("must be 1 to {most}"));
            return Err(Problem::invalid(vec![error]).into());
        }
        let now = self.clock.now();
        let mut transaction = self.store.begin().await?;
        rooms::find_locked(&mut transaction, room.id).await?.ok_or_else(Problem::no_such_room)?;
        if tickets::count_of(&mut transaction, room.id).await? + count > most {
            let detail = format!("A room has at most {most} tickets. Unused ones can be deleted.");
            return Err(Problem::new(409, "too_many_tickets", detail).into());
        }
        let mut made = Vec::with_capacity(count);
        while made.len() < count {
            let code = TicketCode::from_number(u64::from_be_bytes(self.clock.random()));
            if tickets::insert(&mut transaction, room.id, &code, now).await? {
                made.push(TicketRecord { code, used: false });
            }
        }
        transaction.commit().await?;
        let detail = format!("{count} tickets");
        let about = About { detail: &detail, ..About::by(asker).in_room(room.id) };
        self.audit.note(SecurityEvent::TicketsMade, about);
        Ok(made)
    }

    /// The tickets of a room of the asker's, the oldest first.
    pub async fn tickets(&self, asker: &Asker, code: &str) -> Result<Vec<TicketRecord>> {
        let room = self.hosted(asker, code).await?;
        self.store.tickets_of(room.id).await
    }

    /// Deletes the tickets of a room of the asker's that nobody has used.
    pub async fn delete_unused_tickets(&self, asker: &Asker, code: &str) -> Result<()> {
        let room = self.hosted(asker, code).await?;
        let mut transaction = self.store.begin().await?;
        // Somebody may be taking one: whoever does has the room locked.
        rooms::find_locked(&mut transaction, room.id).await?.ok_or_else(Problem::no_such_room)?;
        let deleted = tickets::delete_unused(&mut transaction, room.id).await?;
        transaction.commit().await?;
        if deleted > 0 {
            let detail = format!("{deleted} tickets");
            let about = About { detail: &detail, ..About::by(asker).in_room(room.id) };
            self.audit.note(SecurityEvent::TicketsDeleted, about);
        }
        Ok(())
    }

    /// Makes a ticket the asker's. Who has one for the room already keeps that, and uses up no other.
    pub async fn use_ticket(&self, asker: &Asker, code: &str, ticket: &str) -> Result<()> {
        let voter = asker.principal()?.voter();
        let room = self.room_id(asker, code).await?;
        let ticket: TicketCode = ticket.parse().map_err(|_| no_such_ticket())?;
        // Most that come to nothing are found out by reading: a flood of them must not take turns among those who write.
        if !needs_ticket(&mut *self.store.reader().await?, room, voter, &ticket).await? {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        rooms::find_locked(&mut transaction, room).await?.ok_or_else(Problem::no_such_room)?;
        if !needs_ticket(&mut transaction, room, voter, &ticket).await? {
            return Ok(());
        }
        tickets::hold(&mut transaction, room, &ticket, voter, self.clock.now()).await?;
        transaction.commit().await?;
        self.ticket_holders.forget_lack(voter);
        Ok(())
    }
}

/// Whether a voter has no ticket of a room yet and may have this one; refuses who may not.
async fn needs_ticket(
    connection: &mut AnyConnection,
    room: RoomId,
    voter: VoterId,
    ticket: &TicketCode,
) -> Result<bool> {
    if tickets::holds(&mut *connection, room, voter).await? {
        return Ok(false);
    }
    if adoptions::account_of(&mut *connection, room, voter).await?.is_some() {
        let detail = "You have signed in here since. Please sign in again to use your ticket.";
        return Err(
            refused(409, "signed_in_since", detail, "can be used once you have signed in again").into()
        );
    }
    match tickets::is_held(connection, room, ticket).await? {
        Some(false) => Ok(true),
        Some(true) => {
            let detail = "This ticket was used already, on another device or by somebody else.";
            let why = "was used already, on another device or by somebody else";
            Err(refused(409, "ticket_used", detail, why).into())
        }
        None => Err(no_such_ticket().into()),
    }
}

fn no_such_ticket() -> Problem {
    let detail = "This is no ticket of this room. Check it and try again.";
    refused(404, "no_such_ticket", detail, "is none of this room's; check it and try again")
}

fn refused(status: u16, code: &'static str, detail: &'static str, why: &str) -> Problem {
    Problem::new(status, code, detail).with_field(FieldError::new("ticket", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_somebody_had_no_ticket_is_remembered_for_a_moment() {
        let now = Timestamp::from_millis(1_000_000);
        let (poll, voter) = (PollId::new(now, [1; 10]), VoterId::new(now, [2; 10]));
        let other = PollId::new(now, [3; 10]);
        let holders = TicketHolders::default();
        holders.learn_lack(poll, voter, now);
        assert!(holders.lacks(poll, voter, now) && !holders.lacks(other, voter, now));
        assert!(!holders.lacks(poll, voter, now.plus(LACK)));
        holders.learn_lack(other, voter, now.plus(LACK));
        assert_eq!(holders.read().lacking[&voter].len(), 1, "what is over is not kept");
        holders.forget_lack(voter);
        assert!(!holders.lacks(other, voter, now.plus(LACK)));
    }
}
