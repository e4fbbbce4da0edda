//! Voting tickets.

use std::collections::HashSet;

use domain::{PollId, RoomId, TicketCode, Timestamp, VoterId};
use sqlx::{AnyConnection, query};

use super::{Store, is_new, row};
use crate::error::Result;

/// A ticket as its host sees it: not who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRecord {
    /// What is on it.
    pub code: TicketCode,
    /// Whether somebody holds it.
    pub used: bool,
}

impl Store {
    /// A room's tickets, the oldest first.
    pub async fn tickets_of(&self, room: RoomId) -> Result<Vec<TicketRecord>> {
        query("SELECT code, used_at FROM tickets WHERE room_id = ? ORDER BY made_at, code")
            .bind(room.as_bytes().to_vec())
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(|found| {
                Ok(TicketRecord {
                    code: row::word(found, "code")?,
                    used: row::maybe_time(found, "used_at")?.is_some(),
                })
            })
            .collect()
    }

    /// Who holds a ticket of a room.
    pub async fn ticket_holders(&self, room: RoomId) -> Result<HashSet<VoterId>> {
        query("SELECT holder_id FROM tickets WHERE room_id = ? AND holder_id IS NOT NULL")
            .bind(room.as_bytes().to_vec())
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(|found| row::id(found, "holder_id", VoterId::from_slice))
            .collect()
    }

    /// Whether a voter holds a ticket of a room.
    pub async fn holds_ticket(&self, room: RoomId, voter: VoterId) -> Result<bool> {
        holds(&mut *self.reader().await?, room, voter).await
    }

    /// Whether a voter holds a ticket of a poll's room.
    pub async fn holds_ticket_for(&self, poll: PollId, voter: VoterId) -> Result<bool> {
        let found = query(
            "SELECT t.used_at FROM tickets t JOIN polls p ON p.room_id = t.room_id WHERE p.id = ? AND t.holder_id = ?",
        )
        .bind(poll.as_bytes().to_vec())
        .bind(voter.as_bytes().to_vec())
        .fetch_optional(&self.read)
        .await?;
        Ok(found.is_some())
    }
}

/// Stores a ticket; false when the room has one with this code.
pub async fn insert(
    connection: &mut AnyConnection,
    room: RoomId,
    code: &TicketCode,
    now: Timestamp,
) -> Result<bool> {
    let inserted = query("INSERT INTO tickets (room_id, code, made_at) VALUES (?, ?, ?)")
        .bind(room.as_bytes().to_vec())
        .bind(code.as_str().to_owned())
        .bind(now.millis())
        .execute(connection)
        .await;
    is_new(inserted)
}

/// How many tickets a room has.
pub async fn count_of(connection: &mut AnyConnection, room: RoomId) -> Result<usize> {
    let found = query("SELECT COUNT(*) AS n FROM tickets WHERE room_id = ?")
        .bind(room.as_bytes().to_vec())
        .fetch_one(connection)
        .await?;
    row::count(&found, "n")
}

/// Whether a voter holds a ticket of a room.
pub async fn holds(connection: &mut AnyConnection, room: RoomId, voter: VoterId) -> Result<bool> {
    let found = query("SELECT used_at FROM tickets WHERE holder_id = ? AND room_id = ?")
        .bind(voter.as_bytes().to_vec())
        .bind(room.as_bytes().to_vec())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Whether a ticket is held; `None` when the room has no such ticket. That is sure to stay so only while the room is locked.
pub async fn is_held(
    connection: &mut AnyConnection,
    room: RoomId,
    code: &TicketCode,
) -> Result<Option<bool>> {
    query("SELECT used_at FROM tickets WHERE room_id = ? AND code = ?")
        .bind(room.as_bytes().to_vec())
        .bind(code.as_str().to_owned())
        .fetch_optional(connection)
        .await?
        .map(|found| Ok(row::maybe_time(&found, "used_at")?.is_some()))
        .transpose()
}

/// Gives a ticket, which nobody holds while the room is locked, a holder.
pub async fn hold(
    connection: &mut AnyConnection,
    room: RoomId,
    code: &TicketCode,
    voter: VoterId,
    now: Timestamp,
) -> Result<()> {
    query(
        "UPDATE tickets SET holder_id = ?, used_at = ? WHERE room_id = ? AND code = ? AND holder_id IS NULL",
    )
    .bind(voter.as_bytes().to_vec())
    .bind(now.millis())
    .bind(room.as_bytes().to_vec())
    .bind(code.as_str().to_owned())
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes one voter's ticket of a room another's. Who has one needs no second.
pub async fn hand_over(
    connection: &mut AnyConnection,
    room: RoomId,
    from: VoterId,
    to: VoterId,
) -> Result<()> {
    if holds(&mut *connection, room, to).await? {
        return Ok(());
    }
    query("UPDATE tickets SET holder_id = ? WHERE room_id = ? AND holder_id = ?")
        .bind(to.as_bytes().to_vec())
        .bind(room.as_bytes().to_vec())
        .bind(from.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes the tickets of a room, which must be locked, that nobody holds; says how many.
pub async fn delete_unused(connection: &mut AnyConnection, room: RoomId) -> Result<u64> {
    let deleted = query("DELETE FROM tickets WHERE room_id = ? AND holder_id IS NULL")
        .bind(room.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}
