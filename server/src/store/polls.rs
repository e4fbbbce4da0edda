//! Polls: their definitions, where they are in their lives, and their places in their rooms.

use std::collections::BTreeSet;

use domain::{Definition, Lifecycle, NewPoll, PollId, RoomId, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Executor, query};

use super::{Dialect, Store, row};
use crate::error::{Error, Result};

/// A poll as stored.
#[derive(Clone, Debug)]
pub struct PollRecord {
    /// Its id.
    pub id: PollId,
    /// Its room.
    pub room: RoomId,
    /// Its place in the room, from 0.
    pub position: u32,
    /// What it asks.
    pub definition: Definition,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, room_id, position, question, kind, options, state, round, revision, revealed, opened_at, \
             closes_at, closed_at FROM polls ",
            $rest
        )
    };
}

impl Store {
    /// The poll with this id.
    pub async fn poll(&self, id: PollId) -> Result<Option<PollRecord>> {
        find(&self.read, id).await
    }

    /// A room's polls in order.
    pub async fn polls_of(&self, room: RoomId) -> Result<Vec<PollRecord>> {
        of_room(&self.read, room).await
    }

    /// Open polls that close by themselves, and when.
    pub async fn deadlines(&self) -> Result<Vec<(PollId, Timestamp)>> {
        query("SELECT id, closes_at FROM polls WHERE state = 'open' AND closes_at IS NOT NULL")
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(|found| Ok((row::id(found, "id", PollId::from_slice)?, row::time(found, "closes_at")?)))
            .collect()
    }
}

impl Store {
    /// Open polls whose time is over, and their rooms.
    pub async fn overdue(&self, now: Timestamp) -> Result<Vec<(PollId, RoomId)>> {
        query("SELECT id, room_id FROM polls WHERE closes_at <= ? AND state = 'open'")
            .bind(now.millis())
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(|found| {
                Ok((
                    row::id(found, "id", PollId::from_slice)?,
                    row::id(found, "room_id", RoomId::from_slice)?,
                ))
            })
            .collect()
    }
}

/// Which of these polls are there.
pub async fn present(connection: &mut AnyConnection, named: &BTreeSet<PollId>) -> Result<BTreeSet<PollId>> {
    if named.is_empty() {
        return Ok(BTreeSet::new());
    }
    let places = vec!["?"; named.len()].join(", ");
    let mut statement = query(AssertSqlSafe(format!("SELECT id FROM polls WHERE id IN ({places})")));
    for poll in named {
        statement = statement.bind(poll.as_bytes().to_vec());
    }
    let found = statement.fetch_all(connection).await?;
    found.iter().map(|found| row::id(found, "id", PollId::from_slice)).collect()
}

/// The poll with this id, as this connection sees it.
pub async fn find<'e>(executor: impl Executor<'e, Database = Any>, id: PollId) -> Result<Option<PollRecord>> {
    query(select!("WHERE id = ?"))
        .bind(id.as_bytes().to_vec())
        .fetch_optional(executor)
        .await?
        .map(|found| poll(&found))
        .transpose()
}

/// The poll with this id, locked until the transaction ends. Whoever locks its room too locks the room first.
pub async fn find_locked(connection: &mut AnyConnection, id: PollId) -> Result<Option<PollRecord>> {
    let sql = match Dialect::of(connection) {
        Dialect::Sqlite => select!("WHERE id = ?"),
        Dialect::MySql => select!("WHERE id = ? FOR UPDATE"),
    };
    let found = query(sql).bind(id.as_bytes().to_vec()).fetch_optional(connection).await?;
    found.map(|found| poll(&found)).transpose()
}

/// A room's polls in order, as this connection sees them.
pub async fn of_room<'e>(
    executor: impl Executor<'e, Database = Any>,
    room: RoomId,
) -> Result<Vec<PollRecord>> {
    query(select!("WHERE room_id = ? ORDER BY position, id"))
        .bind(room.as_bytes().to_vec())
        .fetch_all(executor)
        .await?
        .iter()
        .map(poll)
        .collect()
}

/// Stores a new poll.
pub async fn insert(connection: &mut AnyConnection, poll: &PollRecord) -> Result<()> {
    query(
        "INSERT INTO polls (id, room_id, position, question, kind, options, state, round, revision, epoch) \
         VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
    )
    .bind(poll.id.as_bytes().to_vec())
    .bind(poll.room.as_bytes().to_vec())
    .bind(i64::from(poll.position))
    .bind(poll.definition.question().to_owned())
    .bind(row::to_json(&poll.definition.kind())?)
    .bind(row::to_json(&poll.definition.options())?)
    .bind(row::to_word(poll.lifecycle.state))
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores what a poll asks.
pub async fn define(connection: &mut AnyConnection, id: PollId, definition: &Definition) -> Result<()> {
    query("UPDATE polls SET question = ?, kind = ?, options = ? WHERE id = ?")
        .bind(definition.question().to_owned())
        .bind(row::to_json(&definition.kind())?)
        .bind(row::to_json(&definition.options())?)
        .bind(id.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores where a poll is in its life.
pub async fn set_lifecycle(connection: &mut AnyConnection, id: PollId, life: &Lifecycle) -> Result<()> {
    query(
        "UPDATE polls SET state = ?, round = ?, revision = ?, revealed = ?, opened_at = ?, closes_at = ?, \
         closed_at = ? WHERE id = ?",
    )
    .bind(row::to_word(life.state))
    .bind(i64::from(life.round))
    .bind(i64::try_from(life.revision).unwrap_or(i64::MAX))
    .bind(life.revealed.map(i32::from))
    .bind(life.opened_at.map(Timestamp::millis))
    .bind(life.closes_at.map(Timestamp::millis))
    .bind(life.closed_at.map(Timestamp::millis))
    .bind(id.as_bytes().to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a poll's place in its room.
pub async fn set_position(connection: &mut AnyConnection, id: PollId, position: u32) -> Result<()> {
    query("UPDATE polls SET position = ? WHERE id = ?")
        .bind(i64::from(position))
        .bind(id.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Raises a poll's epoch, because its count is about to be made anew, and says the new one.
pub async fn raise_epoch(connection: &mut AnyConnection, id: PollId) -> Result<u64> {
    query("UPDATE polls SET epoch = epoch + 1 WHERE id = ?")
        .bind(id.as_bytes().to_vec())
        .execute(&mut *connection)
        .await?;
    epoch(connection, id).await
}

/// The epoch of a poll's count.
pub async fn epoch(connection: &mut AnyConnection, id: PollId) -> Result<u64> {
    let found = query("SELECT epoch FROM polls WHERE id = ?")
        .bind(id.as_bytes().to_vec())
        .fetch_one(connection)
        .await?;
    row::count(&found, "epoch")
}

/// Deletes a poll with its ballots of every round.
pub async fn delete(connection: &mut AnyConnection, id: PollId) -> Result<()> {
    for statement in ["DELETE FROM ballots WHERE poll_id = ?", "DELETE FROM polls WHERE id = ?"] {
        query(statement).bind(id.as_bytes().to_vec()).execute(&mut *connection).await?;
    }
    Ok(())
}

fn poll(found: &AnyRow) -> Result<PollRecord> {
    let written = NewPoll {
        question: row::get(found, "question")?,
        kind: row::json(found, "kind")?,
        options: row::json(found, "options")?,
    };
    let revealed = row::get::<Option<i32>>(found, "revealed")?;
    Ok(PollRecord {
        id: row::id(found, "id", PollId::from_slice)?,
        room: row::id(found, "room_id", RoomId::from_slice)?,
        position: row::count(found, "position")?,
        definition: Definition::parse(written).map_err(|_| Error::Stored("a poll's definition".into()))?,
        lifecycle: Lifecycle {
            state: row::word(found, "state")?,
            round: row::count(found, "round")?,
            revision: row::count(found, "revision")?,
            revealed: revealed.map(|revealed| revealed != 0),
            opened_at: row::maybe_time(found, "opened_at")?,
            closes_at: row::maybe_time(found, "closes_at")?,
            closed_at: row::maybe_time(found, "closed_at")?,
        },
    })
}
