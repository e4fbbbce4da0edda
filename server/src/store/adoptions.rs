//! Guests that signed in inside a room.

use std::collections::BTreeMap;

use domain::{RoomId, Timestamp, UserId, VoterId};
use sqlx::{AnyConnection, query};

use super::{row, tickets};
use crate::error::Result;

/// How many guests may become the same account in a room: as many as somebody has devices, and then some.
const OF_ACCOUNT: usize = 20;
/// How many guests may become accounts in a room. All of them are told at once where the count is made anew.
const IN_ROOM: usize = 2_000;
/// Up to how many of these may be guests that brought neither a vote nor a ticket: whoever makes such by the hundred leaves
/// half of the places to others.
const IDLE_IN_ROOM: usize = IN_ROOM / 2;

/// What came of noting that a guest is an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is, from now on.
    Now,
    /// It was before.
    Before,
    /// It is another account's.
    Anothers,
    /// So many have become accounts here that this one stays a guest.
    Full,
}

/// Notes that a guest is an account from now on in a room, which must be locked.
pub async fn put(
    connection: &mut AnyConnection,
    room: RoomId,
    guest: VoterId,
    user: UserId,
    now: Timestamp,
) -> Result<Noted> {
    if let Some(known) = account_of(&mut *connection, room, guest).await? {
        return Ok(if known == user { Noted::Before } else { Noted::Anothers });
    }
    let found = query(
        "SELECT COUNT(*) AS n, COUNT(CASE WHEN user_id = ? THEN 1 END) AS own FROM adoptions WHERE room_id = ?",
    )
    .bind(user.as_bytes().to_vec())
    .bind(room.as_bytes().to_vec())
    .fetch_one(&mut *connection)
    .await?;
    let (all, own): (usize, usize) = (row::count(&found, "n")?, row::count(&found, "own")?);
    let is_idle = all >= IDLE_IN_ROOM && !has_taken_part(&mut *connection, room, guest).await?;
    if own >= OF_ACCOUNT || all >= IN_ROOM || is_idle {
        return Ok(Noted::Full);
    }
    query("INSERT INTO adoptions (room_id, guest_id, user_id, adopted_at) VALUES (?, ?, ?, ?)")
        .bind(room.as_bytes().to_vec())
        .bind(guest.as_bytes().to_vec())
        .bind(user.as_bytes().to_vec())
        .bind(now.millis())
        .execute(connection)
        .await?;
    Ok(Noted::Now)
}

/// Whether a guest holds a ticket of a room, or has a ballot in one of its polls as they stand, as far as that is recorded.
pub async fn has_taken_part(connection: &mut AnyConnection, room: RoomId, guest: VoterId) -> Result<bool> {
    if tickets::holds(&mut *connection, room, guest).await? {
        return Ok(true);
    }
    let found = query(
        "SELECT p.id FROM polls p JOIN ballots b ON b.poll_id = p.id AND b.round = p.round AND b.voter_id = ? \
         WHERE p.room_id = ? LIMIT 1",
    )
    .bind(guest.as_bytes().to_vec())
    .bind(room.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The account that a guest has become in a room.
pub async fn account_of(
    connection: &mut AnyConnection,
    room: RoomId,
    guest: VoterId,
) -> Result<Option<UserId>> {
    query("SELECT user_id FROM adoptions WHERE room_id = ? AND guest_id = ?")
        .bind(room.as_bytes().to_vec())
        .bind(guest.as_bytes().to_vec())
        .fetch_optional(connection)
        .await?
        .map(|found| row::id(&found, "user_id", UserId::from_slice))
        .transpose()
}

/// The guests that vote no more in a room, and the accounts that they have become.
pub async fn of_room(connection: &mut AnyConnection, room: RoomId) -> Result<BTreeMap<VoterId, UserId>> {
    let found = query("SELECT guest_id, user_id FROM adoptions WHERE room_id = ?")
        .bind(room.as_bytes().to_vec())
        .fetch_all(connection)
        .await?;
    let pair = |found| {
        Ok((row::id(found, "guest_id", VoterId::from_slice)?, row::id(found, "user_id", UserId::from_slice)?))
    };
    found.iter().map(pair).collect()
}
