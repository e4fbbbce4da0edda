//! Invitations to make an account.

use domain::{Timestamp, UserId};
use sqlx::{AnyConnection, query};

use super::Store;
use crate::error::Result;

/// SHA-256 of an invitation's code.
pub type CodeHash = [u8; 32];

impl Store {
    /// Deletes invitations that could last be used before a time.
    pub async fn delete_old_invitations(&self, before: Timestamp) -> Result<()> {
        self.change(query("DELETE FROM invitations WHERE expires_at < ?").bind(before.millis())).await
    }

    /// Whether an invitation is there, in time and not used.
    pub async fn is_invitation_good(&self, hash: CodeHash, now: Timestamp) -> Result<bool> {
        let found = query(
            "SELECT made_at FROM invitations WHERE code_hash = ? AND used_at IS NULL AND expires_at > ?",
        )
        .bind(hash.to_vec())
        .bind(now.millis())
        .fetch_optional(&self.read)
        .await?;
        Ok(found.is_some())
    }
}

/// Stores an invitation.
pub async fn insert(
    connection: &mut AnyConnection,
    hash: CodeHash,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    query("INSERT INTO invitations (code_hash, made_at, expires_at) VALUES (?, ?, ?)")
        .bind(hash.to_vec())
        .bind(now.millis())
        .bind(expires_at.millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Uses an invitation up for an account; false when it is not good. Of two who race the second waits and finds it used.
pub async fn take(
    connection: &mut AnyConnection,
    hash: CodeHash,
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let done = query(
        "UPDATE invitations SET used_at = ?, used_by = ? WHERE code_hash = ? AND used_at IS NULL AND expires_at > ?",
    )
    .bind(now.millis())
    .bind(user.as_bytes().to_vec())
    .bind(hash.to_vec())
    .bind(now.millis())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
