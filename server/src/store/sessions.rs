//! Sessions: accounts signed in on devices.

use std::collections::HashSet;

use domain::{SessionId, Timestamp, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, query};

use super::users::{UserRecord, user};
use super::{Dialect, Store, row};
use crate::error::Result;

/// How many sessions are looked for with one statement.
const SESSIONS: usize = 500;

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A session as stored.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// What it was begun with, in words for people.
    pub device: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last used, as far as that is noted: it is when tokens are renewed.
    pub seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The refresh token that is good.
    pub refresh: TokenHash,
    /// The one before it, and since when it is not.
    pub previous: Option<TokenHash>,
    /// See `previous`.
    pub rotated_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, device, created_at, seen_at, expires_at, refresh_hash, previous_hash, rotated_at \
             FROM sessions ",
            $rest
        )
    };
}

impl Store {
    /// The account behind a session, if the session is alive, and when it was begun.
    pub async fn user_of_session(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<(UserRecord, Timestamp)>> {
        query(
            "SELECT u.id, u.username, u.display_name, u.password_hash, u.disabled_at, s.created_at FROM sessions s \
             JOIN users u ON u.id = s.user_id WHERE s.id = ? AND u.disabled_at IS NULL AND s.ended_at IS NULL AND s.expires_at > ?",
        )
        .bind(session.as_bytes().to_vec())
        .bind(now.millis())
        .fetch_optional(&self.read)
        .await?
        .map(|found| Ok((user(&found)?, row::time(&found, "created_at")?)))
        .transpose()
    }

    /// A session that is alive.
    pub async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<SessionRecord>> {
        query(select!("WHERE id = ? AND ended_at IS NULL AND expires_at > ?"))
            .bind(id.as_bytes().to_vec())
            .bind(now.millis())
            .fetch_optional(&self.read)
            .await?
            .map(|found| session(&found))
            .transpose()
    }

    /// Which of these sessions are alive.
    pub async fn alive_of(&self, sessions: &[SessionId], now: Timestamp) -> Result<HashSet<SessionId>> {
        let mut alive = HashSet::new();
        for some in sessions.chunks(SESSIONS) {
            let places = vec!["?"; some.len()].join(", ");
            let sql = format!(
                "SELECT id FROM sessions WHERE ended_at IS NULL AND expires_at > ? AND id IN ({places})"
            );
            let mut statement = query(AssertSqlSafe(sql)).bind(now.millis());
            for session in some {
                statement = statement.bind(session.as_bytes().to_vec());
            }
            for found in statement.fetch_all(&self.read).await? {
                alive.insert(row::id(&found, "id", SessionId::from_slice)?);
            }
        }
        Ok(alive)
    }

    /// The sessions of an account that are alive, the one used last first.
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRecord>> {
        query(select!(
            "WHERE user_id = ? AND ended_at IS NULL AND expires_at > ? ORDER BY seen_at DESC, id DESC"
        ))
        .bind(user.as_bytes().to_vec())
        .bind(now.millis())
        .fetch_all(&self.read)
        .await?
        .iter()
        .map(session)
        .collect()
    }

    /// Notes that a session was used, and until when it lasts now.
    pub async fn touch_session(&self, id: SessionId, now: Timestamp, expires_at: Timestamp) -> Result<()> {
        self.change(
            query("UPDATE sessions SET seen_at = ?, expires_at = ? WHERE id = ? AND ended_at IS NULL")
                .bind(now.millis())
                .bind(expires_at.millis())
                .bind(id.as_bytes().to_vec()),
        )
        .await
    }

    /// Ends a session.
    pub async fn end_session(&self, id: SessionId, now: Timestamp) -> Result<()> {
        let mut transaction = self.begin().await?;
        end(&mut transaction, id, now).await?;
        transaction.commit().await
    }

    /// Deletes sessions that ended by themselves.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<()> {
        self.change(query("DELETE FROM sessions WHERE expires_at <= ?").bind(now.millis())).await
    }
}

/// Stores a session. Its account must be locked.
pub async fn insert(connection: &mut AnyConnection, session: &SessionRecord) -> Result<()> {
    query(
        "INSERT INTO sessions (id, user_id, device, created_at, seen_at, expires_at, refresh_hash, rotated_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.id.as_bytes().to_vec())
    .bind(session.user.as_bytes().to_vec())
    .bind(session.device.clone())
    .bind(session.created_at.millis())
    .bind(session.seen_at.millis())
    .bind(session.expires_at.millis())
    .bind(session.refresh.to_vec())
    .bind(session.rotated_at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends those sessions of an account that were used longest ago, so that at most so many stay; says which.
pub async fn end_surplus(
    connection: &mut AnyConnection,
    user: UserId,
    most: usize,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    let found = query(
        "SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ? \
         ORDER BY seen_at DESC, id DESC",
    )
    .bind(user.as_bytes().to_vec())
    .bind(now.millis())
    .fetch_all(&mut *connection)
    .await?;
    let mut ended = Vec::new();
    for session in found.iter().skip(most) {
        let id = row::id(session, "id", SessionId::from_slice)?;
        end(&mut *connection, id, now).await?;
        ended.push(id);
    }
    Ok(ended)
}

/// A session that is alive, locked until the transaction ends.
pub async fn find_locked(
    connection: &mut AnyConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<SessionRecord>> {
    let sql = match Dialect::of(connection) {
        Dialect::Sqlite => select!("WHERE id = ? AND ended_at IS NULL AND expires_at > ?"),
        Dialect::MySql => select!("WHERE id = ? AND ended_at IS NULL AND expires_at > ? FOR UPDATE"),
    };
    let found = query(sql).bind(id.as_bytes().to_vec()).bind(now.millis()).fetch_optional(connection).await?;
    found.map(|found| session(&found)).transpose()
}

/// Puts another refresh token in the place of the one that was good.
pub async fn rotate(connection: &mut AnyConnection, session: &SessionRecord) -> Result<()> {
    query(
        "UPDATE sessions SET refresh_hash = ?, previous_hash = ?, rotated_at = ?, seen_at = ?, expires_at = ?, \
         device = ? WHERE id = ?",
    )
    .bind(session.refresh.to_vec())
    .bind(session.previous.map(|hash| hash.to_vec()))
    .bind(session.rotated_at.millis())
    .bind(session.seen_at.millis())
    .bind(session.expires_at.millis())
    .bind(session.device.clone())
    .bind(session.id.as_bytes().to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a session.
pub async fn end(connection: &mut AnyConnection, id: SessionId, now: Timestamp) -> Result<()> {
    query("UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL")
        .bind(now.millis())
        .bind(id.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends all sessions of an account but one, and says which.
pub async fn end_all_of(
    connection: &mut AnyConnection,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    let found = query("SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL")
        .bind(user.as_bytes().to_vec())
        .fetch_all(&mut *connection)
        .await?;
    let mut ended = Vec::with_capacity(found.len());
    for session in &found {
        let id = row::id(session, "id", SessionId::from_slice)?;
        if Some(id) != but {
            end(&mut *connection, id, now).await?;
            ended.push(id);
        }
    }
    Ok(ended)
}

fn session(found: &AnyRow) -> Result<SessionRecord> {
    let hash = |bytes: &[u8]| TokenHash::try_from(bytes).ok();
    Ok(SessionRecord {
        id: row::id(found, "id", SessionId::from_slice)?,
        user: row::id(found, "user_id", UserId::from_slice)?,
        device: row::get(found, "device")?,
        created_at: row::time(found, "created_at")?,
        seen_at: row::time(found, "seen_at")?,
        expires_at: row::time(found, "expires_at")?,
        refresh: row::id(found, "refresh_hash", hash)?,
        previous: row::maybe_id(found, "previous_hash", hash)?,
        rotated_at: row::time(found, "rotated_at")?,
    })
}
