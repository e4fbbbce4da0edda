//! The trail of security events.

use domain::{EventId, RoomId, Timestamp, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, query};

use super::{Dialect, Store, row};
use crate::error::Result;

/// An event as stored.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What: a word of [`SecurityEvent`](crate::audit::SecurityEvent).
    pub event: String,
    /// Whose account it is about.
    pub account: Option<UserId>,
    /// Which room.
    pub room: Option<RoomId>,
    /// Where from: a hash that is another one tomorrow.
    pub address_hash: Option<String>,
    /// What with.
    pub device: String,
    /// What else there is to say.
    pub detail: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, at, event, account_id, room_id, address_hash, device, detail FROM audit ", $rest)
    };
}

impl Store {
    /// The newest events, of an account or of all, the newest first.
    pub async fn audit(&self, account: Option<UserId>, most: u32) -> Result<Vec<AuditRow>> {
        let statement = match account {
            Some(account) => query(select!("WHERE account_id = ? ORDER BY at DESC, id DESC LIMIT ?"))
                .bind(account.as_bytes().to_vec()),
            None => query(select!("ORDER BY id DESC LIMIT ?")),
        };
        let found = statement.bind(i64::from(most)).fetch_all(&self.read).await?;
        found.iter().map(audit_row).collect()
    }

    /// Stores events. Those that are stored already stay as they are: whoever does not know whether a commit has worked may
    /// store them again.
    pub async fn insert_audit(&self, rows: &[AuditRow]) -> Result<()> {
        let mut transaction = self.begin().await?;
        for row in rows {
            insert(&mut transaction, row).await?;
        }
        transaction.commit().await
    }

    /// Makes events nobody's whose account is no more. (Deleting an account does so, too; events that were still waiting to
    /// be stored come after it.) They are looked for by reading, for whoever writes keeps votes waiting.
    pub async fn forget_accounts_in_audit(&self) -> Result<()> {
        let gone = query(
            "SELECT DISTINCT account_id FROM audit WHERE account_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = audit.account_id)",
        )
        .fetch_all(&self.read)
        .await?;
        for found in &gone {
            let account = row::id(found, "account_id", UserId::from_slice)?;
            let forget = query("UPDATE audit SET account_id = NULL WHERE account_id = ?");
            self.change(forget.bind(account.as_bytes().to_vec())).await?;
        }
        Ok(())
    }

    /// Deletes events from before a time. Their ids begin with when they were made, and nothing else has to be read.
    pub async fn delete_audit_before(&self, time: Timestamp) -> Result<()> {
        let first = EventId::new(time, [0; 10]);
        self.change(query("DELETE FROM audit WHERE id < ?").bind(first.as_bytes().to_vec())).await
    }
}

/// Stores an event, unless it is stored already.
pub async fn insert(connection: &mut AnyConnection, row: &AuditRow) -> Result<()> {
    macro_rules! insert {
        ($or_not:literal) => {
            concat!(
                "INSERT INTO audit (id, at, event, account_id, room_id, address_hash, device, detail) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ",
                $or_not
            )
        };
    }
    query(match Dialect::of(connection) {
        Dialect::Sqlite => insert!("ON CONFLICT (id) DO NOTHING"),
        Dialect::MySql => insert!("ON DUPLICATE KEY UPDATE id = id"),
    })
    .bind(row.id.as_bytes().to_vec())
    .bind(row.at.millis())
    .bind(row.event.clone())
    .bind(row.account.map(|id| id.as_bytes().to_vec()))
    .bind(row.room.map(|id| id.as_bytes().to_vec()))
    .bind(row.address_hash.clone())
    .bind(row.device.clone())
    .bind(row.detail.clone())
    .execute(connection)
    .await?;
    Ok(())
}

fn audit_row(found: &AnyRow) -> Result<AuditRow> {
    Ok(AuditRow {
        id: row::id(found, "id", EventId::from_slice)?,
        at: row::time(found, "at")?,
        event: row::get(found, "event")?,
        account: row::maybe_id(found, "account_id", UserId::from_slice)?,
        room: row::maybe_id(found, "room_id", RoomId::from_slice)?,
        address_hash: row::get(found, "address_hash")?,
        device: row::get(found, "device")?,
        detail: row::get(found, "detail")?,
    })
}
