//! Guests that signed in inside a room.

use std::collections::BTreeMap;

use domain::{RoomId, Timestamp, UserId, VoterId};
use sqlx::{AnyConnection, query};

use super::row;
use crate::error::Result;

/// Notes that a guest is an account from now on in a room, which must be locked. Answers whose the guest is: another's
/// where it was noted before.
pub async fn put(
    connection: &mut AnyConnection,
    room: RoomId,
    guest: VoterId,
    user: UserId,
    now: Timestamp,
) -> Result<UserId> {
    let known = query("SELECT user_id FROM adoptions WHERE room_id = ? AND guest_id = ?")
        .bind(room.as_bytes().to_vec())
        .bind(guest.as_bytes().to_vec())
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(known) = known {
        return row::id(&known, "user_id", UserId::from_slice);
    }
    query("INSERT INTO adoptions (room_id, guest_id, user_id, adopted_at) VALUES (?, ?, ?, ?)")
        .bind(room.as_bytes().to_vec())
        .bind(guest.as_bytes().to_vec())
        .bind(user.as_bytes().to_vec())
        .bind(now.millis())
        .execute(connection)
        .await?;
    Ok(user)
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
