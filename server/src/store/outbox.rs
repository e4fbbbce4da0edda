//! What hosts did that the shared ballot box has to be told: written in the transaction that does it, taken out once
//! the box's queue of entries shows that it was told. What stays is told again. A node that is alone has none.

use domain::{PollId, RoomId, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, query};

use super::{Dialect, Store, row};
use crate::error::Result;
use crate::shard::Shard;

/// What was done, to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A poll's life changed.
    Poll(PollId),
    /// A poll was deleted.
    Gone(PollId),
    /// A room's settings changed.
    Room(RoomId),
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Poll(_) => "poll",
            Self::Gone(_) => "gone",
            Self::Room(_) => "room",
        }
    }

    fn subject(&self) -> &[u8] {
        match self {
            Self::Poll(poll) | Self::Gone(poll) => poll.as_bytes(),
            Self::Room(room) => room.as_bytes(),
        }
    }
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untold {
    /// What.
    pub kind: Kind,
    /// In which room.
    pub room: RoomId,
}

/// Notes something to tell, in place of what was done to the same before.
pub async fn put(
    connection: &mut AnyConnection,
    kind: Kind,
    room: RoomId,
    revision: u64,
    now: Timestamp,
) -> Result<()> {
    if Dialect::of(connection) == Dialect::Sqlite {
        return Ok(());
    }
    query("DELETE FROM outbox WHERE subject = ?")
        .bind(kind.subject().to_vec())
        .execute(&mut *connection)
        .await?;
    query("INSERT INTO outbox (subject, shard, kind, room_id, revision, made_at) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(kind.subject().to_vec())
        .bind(Shard::of(room).number())
        .bind(kind.word().to_owned())
        .bind(room.as_bytes().to_vec())
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .bind(now.millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes out what was told up to a revision. What was done to the same since, of another kind, is not.
pub async fn take(connection: &mut AnyConnection, kind: Kind, revision: u64) -> Result<()> {
    query("DELETE FROM outbox WHERE subject = ? AND kind = ? AND revision <= ?")
        .bind(kind.subject().to_vec())
        .bind(kind.word().to_owned())
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether something about a poll is untold.
pub async fn has(connection: &mut AnyConnection, poll: PollId) -> Result<bool> {
    let found = query("SELECT 1 AS n FROM outbox WHERE subject = ?").bind(poll.as_bytes().to_vec());
    Ok(found.fetch_optional(connection).await?.is_some())
}

impl Store {
    /// What waits since before a time to be told to a shard; a part of it, if it is much.
    pub async fn untold(&self, shard: Shard, before: Timestamp) -> Result<Vec<Untold>> {
        query("SELECT kind, subject, room_id FROM outbox WHERE shard = ? AND made_at <= ? ORDER BY made_at LIMIT 100")
            .bind(shard.number())
            .bind(before.millis())
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(untold)
            .collect()
    }
}

fn untold(found: &AnyRow) -> Result<Untold> {
    let room = row::id(found, "room_id", RoomId::from_slice)?;
    let poll = || row::id(found, "subject", PollId::from_slice);
    let kind = match row::get::<String>(found, "kind")?.as_str() {
        "poll" => Kind::Poll(poll()?),
        "gone" => Kind::Gone(poll()?),
        _ => Kind::Room(room),
    };
    Ok(Untold { kind, room })
}
