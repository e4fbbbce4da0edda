//! Rooms and the join codes that were issued for them.

use domain::{PollId, RoomCode, RoomId, RoomSettings, Timestamp, UserId};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Executor, query};

use super::{Dialect, Store, is_new, row};
use crate::error::Result;

/// A room as stored.
#[derive(Clone, Debug)]
pub struct RoomRecord {
    /// Its id.
    pub id: RoomId,
    /// Its join code.
    pub code: RoomCode,
    /// Who owns it.
    pub host: UserId,
    /// Its title.
    pub title: String,
    /// Its settings.
    pub settings: RoomSettings,
    /// How often they were changed.
    pub revision: u64,
    /// What phones and screens show now.
    pub current: Option<PollId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether an operator took it down: it is gone for everybody, and everything is kept.
    pub is_taken_down: bool,
}

macro_rules! columns {
    () => {
        "id, code, host_id, title, results, change_vote, voters, revision, current_poll, created_at, taken_down_at"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM rooms ", $rest)
    };
}

impl Store {
    /// The room with this code, unless it is taken down.
    pub async fn room_by_code(&self, code: RoomCode) -> Result<Option<RoomRecord>> {
        query(select!("WHERE code = ? AND taken_down_at IS NULL"))
            .bind(code.as_str().to_owned())
            .fetch_optional(&self.read)
            .await?
            .map(|found| room(&found))
            .transpose()
    }

    /// The room with this id, unless it is taken down.
    pub async fn room(&self, id: RoomId) -> Result<Option<RoomRecord>> {
        find(&self.read, id).await
    }

    /// At most `limit` rooms of a host that are not taken down, made before `before`, newest first, whose title or code holds
    /// `search`.
    pub async fn rooms_of(
        &self,
        host: UserId,
        search: &str,
        before: Option<RoomId>,
        limit: u32,
    ) -> Result<Vec<RoomRecord>> {
        let pattern = format!("%{}%", search.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
        let before = before.map_or(vec![0xff; 16], |id| id.as_bytes().to_vec());
        query(select!(
            "WHERE host_id = ? AND id < ? AND taken_down_at IS NULL AND (LOWER(title) LIKE LOWER(?) ESCAPE '!' OR code LIKE UPPER(?) ESCAPE '!') \
             ORDER BY id DESC LIMIT ?"
        ))
        .bind(host.as_bytes().to_vec())
        .bind(before)
        .bind(pattern.clone())
        .bind(pattern)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?
        .iter()
        .map(room)
        .collect()
    }
}

/// Asked by every server every few seconds, so it must not read the whole table: `IS NOT NULL` would, in SQLite.
const ACTED_ON: &str = concat!("SELECT ", columns!(), ", acted_on_at FROM rooms WHERE acted_on_at > 0");

/// A room that an operator took down or put back.
#[derive(Clone, Debug)]
pub struct ActedOn {
    /// The room.
    pub room: RoomRecord,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// A room of a host, be it taken down or not.
    pub async fn any_room_of(&self, host: UserId) -> Result<Option<RoomRecord>> {
        query(select!("WHERE host_id = ? LIMIT 1"))
            .bind(host.as_bytes().to_vec())
            .fetch_optional(&self.read)
            .await?
            .map(|found| room(&found))
            .transpose()
    }

    /// Rooms that an operator took down or put back, which servers have not noticed yet.
    pub async fn acted_on(&self) -> Result<Vec<ActedOn>> {
        query(ACTED_ON).fetch_all(&self.read).await?.iter().map(acted_on).collect()
    }

    /// Notes that servers have noticed what an operator did to a room at a time; what was done since, they have not.
    pub async fn note_noticed(&self, id: RoomId, at: Timestamp) -> Result<()> {
        self.change(
            query("UPDATE rooms SET acted_on_at = NULL WHERE id = ? AND acted_on_at = ?")
                .bind(id.as_bytes().to_vec())
                .bind(at.millis()),
        )
        .await
    }

    /// Rooms in which nothing has happened since a time: they were made before it, and so were their polls; none of these is
    /// open, was opened or closed since, or has a ballot from since.
    pub async fn unused_rooms(&self, before: Timestamp, most: u32) -> Result<Vec<RoomRecord>> {
        self.unused_between(&[0; 16], &[0xff; 16], before, most).await
    }

    /// Whether a room is one of these.
    pub async fn is_unused(&self, id: RoomId, before: Timestamp) -> Result<bool> {
        Ok(!self.unused_between(id.as_bytes(), id.as_bytes(), before, 1).await?.is_empty())
    }

    async fn unused_between(
        &self,
        first: &[u8],
        last: &[u8],
        before: Timestamp,
        most: u32,
    ) -> Result<Vec<RoomRecord>> {
        query(select!(
            "WHERE id >= ? AND id <= ? AND created_at < ? AND NOT EXISTS (SELECT 1 FROM polls p WHERE p.room_id = rooms.id AND \
             (p.state = 'open' OR p.opened_at >= ? OR p.closed_at >= ? OR p.id >= ?)) \
             AND NOT EXISTS (SELECT 1 FROM polls p JOIN ballots b ON b.poll_id = p.id \
             WHERE p.room_id = rooms.id AND b.cast_at >= ?) ORDER BY id LIMIT ?"
        ))
        .bind(first.to_vec())
        .bind(last.to_vec())
        .bind(before.millis())
        .bind(before.millis())
        .bind(before.millis())
        // Ids begin with the time when they were made (RFC 9562).
        .bind(PollId::new(before, [0; 10]).as_bytes().to_vec())
        .bind(before.millis())
        .bind(i64::from(most))
        .fetch_all(&self.read)
        .await?
        .iter()
        .map(room)
        .collect()
    }
}

/// The room with this id, as this connection sees it, unless it is taken down.
pub async fn find<'e>(executor: impl Executor<'e, Database = Any>, id: RoomId) -> Result<Option<RoomRecord>> {
    Ok(find_any(executor, id).await?.filter(|room| !room.is_taken_down))
}

/// The same, be it taken down or not: for what has to be known of its polls all the same.
pub async fn find_any<'e>(
    executor: impl Executor<'e, Database = Any>,
    id: RoomId,
) -> Result<Option<RoomRecord>> {
    query(select!("WHERE id = ?"))
        .bind(id.as_bytes().to_vec())
        .fetch_optional(executor)
        .await?
        .map(|found| room(&found))
        .transpose()
}

/// The room with this id, unless it is taken down, locked until the transaction ends. Whoever locks its polls too locks it
/// first.
pub async fn find_locked(connection: &mut AnyConnection, id: RoomId) -> Result<Option<RoomRecord>> {
    let sql = match Dialect::of(connection) {
        Dialect::Sqlite => select!("WHERE id = ?"),
        Dialect::MySql => select!("WHERE id = ? FOR UPDATE"),
    };
    let found = query(sql).bind(id.as_bytes().to_vec()).fetch_optional(connection).await?;
    Ok(found.map(|found| room(&found)).transpose()?.filter(|room| !room.is_taken_down))
}

/// The room with this code, be it taken down or not, locked until the transaction ends.
pub async fn find_by_code_locked(
    connection: &mut AnyConnection,
    code: RoomCode,
) -> Result<Option<RoomRecord>> {
    let sql = match Dialect::of(connection) {
        Dialect::Sqlite => select!("WHERE code = ?"),
        Dialect::MySql => select!("WHERE code = ? FOR UPDATE"),
    };
    let found = query(sql).bind(code.as_str().to_owned()).fetch_optional(connection).await?;
    found.map(|found| room(&found)).transpose()
}

/// Says since when a room is gone for everybody, or that it is back; either is left for servers to notice.
pub async fn set_taken_down(
    connection: &mut AnyConnection,
    id: RoomId,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    query("UPDATE rooms SET taken_down_at = ?, acted_on_at = ? WHERE id = ?")
        .bind(since.map(Timestamp::millis))
        .bind(now.millis())
        .bind(id.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// How many rooms a host has.
pub async fn count_of(connection: &mut AnyConnection, host: UserId) -> Result<usize> {
    let found = query("SELECT COUNT(*) AS n FROM rooms WHERE host_id = ?")
        .bind(host.as_bytes().to_vec())
        .fetch_one(connection)
        .await?;
    row::count(&found, "n")
}

/// Issues a code; false when it was issued before.
pub async fn issue_code(connection: &mut AnyConnection, code: RoomCode, now: Timestamp) -> Result<bool> {
    let inserted = query("INSERT INTO codes (code, issued_at) VALUES (?, ?)")
        .bind(code.as_str().to_owned())
        .bind(now.millis())
        .execute(connection)
        .await;
    is_new(inserted)
}

/// Stores a room.
pub async fn insert(connection: &mut AnyConnection, room: &RoomRecord) -> Result<()> {
    query(
        "INSERT INTO rooms (id, code, host_id, title, results, change_vote, voters, revision, current_poll, \
         created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
    )
    .bind(room.id.as_bytes().to_vec())
    .bind(room.code.as_str().to_owned())
    .bind(room.host.as_bytes().to_vec())
    .bind(room.title.clone())
    .bind(row::to_word(room.settings.results))
    .bind(i32::from(room.settings.change_vote))
    .bind(row::to_word(room.settings.voters))
    .bind(room.current.map(|poll| poll.as_bytes().to_vec()))
    .bind(room.created_at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a room's title and settings, and counts the change.
pub async fn update(
    connection: &mut AnyConnection,
    id: RoomId,
    title: &str,
    settings: RoomSettings,
) -> Result<()> {
    query(
        "UPDATE rooms SET title = ?, results = ?, change_vote = ?, voters = ?, revision = revision + 1 \
         WHERE id = ?",
    )
    .bind(title.to_owned())
    .bind(row::to_word(settings.results))
    .bind(i32::from(settings.change_vote))
    .bind(row::to_word(settings.voters))
    .bind(id.as_bytes().to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores which poll a room shows.
pub async fn set_current(connection: &mut AnyConnection, id: RoomId, poll: Option<PollId>) -> Result<()> {
    query("UPDATE rooms SET current_poll = ? WHERE id = ?")
        .bind(poll.map(|poll| poll.as_bytes().to_vec()))
        .bind(id.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes a room show nothing, if it shows this poll.
pub async fn drop_current(connection: &mut AnyConnection, id: RoomId, poll: PollId) -> Result<()> {
    query("UPDATE rooms SET current_poll = NULL WHERE id = ? AND current_poll = ?")
        .bind(id.as_bytes().to_vec())
        .bind(poll.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Counts a change of what a room's polls go by, besides its settings.
pub async fn raise_revision(connection: &mut AnyConnection, id: RoomId) -> Result<()> {
    query("UPDATE rooms SET revision = revision + 1 WHERE id = ?")
        .bind(id.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a room, which must be locked, with its tickets; its polls must be gone. Its code stays issued. False when it was gone
/// before.
pub async fn delete(connection: &mut AnyConnection, id: RoomId) -> Result<bool> {
    for statement in ["DELETE FROM adoptions WHERE room_id = ?", "DELETE FROM tickets WHERE room_id = ?"] {
        query(statement).bind(id.as_bytes().to_vec()).execute(&mut *connection).await?;
    }
    let deleted = query("DELETE FROM rooms WHERE id = ?").bind(id.as_bytes().to_vec()).execute(connection);
    Ok(deleted.await?.rows_affected() > 0)
}

fn room(found: &AnyRow) -> Result<RoomRecord> {
    Ok(RoomRecord {
        id: row::id(found, "id", RoomId::from_slice)?,
        code: row::word(found, "code")?,
        host: row::id(found, "host_id", UserId::from_slice)?,
        title: row::get(found, "title")?,
        settings: RoomSettings {
            results: row::word(found, "results")?,
            change_vote: row::get::<i32>(found, "change_vote")? != 0,
            voters: row::word(found, "voters")?,
        },
        revision: row::count(found, "revision")?,
        current: row::maybe_id(found, "current_poll", PollId::from_slice)?,
        created_at: row::time(found, "created_at")?,
        is_taken_down: row::maybe_time(found, "taken_down_at")?.is_some(),
    })
}

fn acted_on(found: &AnyRow) -> Result<ActedOn> {
    Ok(ActedOn { room: room(found)?, at: row::time(found, "acted_on_at")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rooms_that_an_operator_acted_on_are_found_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&format!("sqlite://{}", folder.path().join("voxpop.db").display())).await.unwrap();
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ACTED_ON}"));
        let plan = query(explained).fetch_one(&store.read).await.unwrap();
        let plan: String = row::get(&plan, "detail").unwrap();
        assert!(plan.contains("rooms_by_acted_on"), "{plan}");
    }
}
