//! Accounts, and guests that have a name.

use std::collections::HashSet;

use domain::{DisplayName, Timestamp, UserId, Username, VoterId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, query};

use super::{Dialect, Store, is_new, rooms, row};
use crate::error::Result;

/// An account as stored.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// Its id.
    pub id: UserId,
    /// Its folded user name.
    pub username: String,
    /// What others are shown.
    pub display_name: Option<String>,
    /// The PHC string of its password.
    pub password_hash: String,
    /// Whether the operator lets it sign in no more.
    pub disabled: bool,
}

/// An account to store.
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// Its user name.
    pub username: &'a Username,
    /// What others are shown.
    pub display_name: Option<&'a DisplayName>,
    /// The PHC string of its password.
    pub password_hash: &'a str,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, username, display_name, password_hash, disabled_at FROM users ", $rest)
    };
}

impl Store {
    /// All accounts by name.
    pub async fn users(&self) -> Result<Vec<UserRecord>> {
        query(select!("ORDER BY username")).fetch_all(&self.read).await?.iter().map(user).collect()
    }

    /// The account with this id.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRecord>> {
        query(select!("WHERE id = ?"))
            .bind(id.as_bytes().to_vec())
            .fetch_optional(&self.read)
            .await?
            .map(|found| user(&found))
            .transpose()
    }

    /// The account with this user name.
    pub async fn user_named(&self, username: &Username) -> Result<Option<UserRecord>> {
        query(select!("WHERE username = ?"))
            .bind(username.as_str().to_owned())
            .fetch_optional(&self.read)
            .await?
            .map(|found| user(&found))
            .transpose()
    }

    /// Stores another hash of the same password; false when there is another by now.
    pub async fn replace_password(&self, user: UserId, old: &str, new: &str) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let replaced = query("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?")
            .bind(new.to_owned())
            .bind(user.as_bytes().to_vec())
            .bind(old.to_owned())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(replaced.rows_affected() > 0)
    }

    /// Changes what others are shown of an account.
    pub async fn rename_user(&self, user: UserId, name: &DisplayName) -> Result<()> {
        self.change(
            query("UPDATE users SET display_name = ? WHERE id = ?")
                .bind(name.as_str().to_owned())
                .bind(user.as_bytes().to_vec()),
        )
        .await
    }

    /// Deletes an account with its sessions; false, and nothing is done, while it has rooms. What the audit trail says of it stays and is nobody's;
    /// so do its ballots and tickets elsewhere, under an id that names nobody any more, and under the same which guests it
    /// was, or a poll that is opened again would count it twice.
    pub async fn delete_user(&self, user: UserId) -> Result<bool> {
        let mut transaction = self.begin().await?;
        // Before its sessions, as whoever signs in locks them; and whoever makes a room locks it, too.
        find_locked(&mut transaction, user).await?;
        if rooms::count_of(&mut transaction, user).await? > 0 {
            return Ok(false);
        }
        for statement in [
            "DELETE FROM sessions WHERE user_id = ?",
            "UPDATE audit SET account_id = NULL WHERE account_id = ?",
            "UPDATE invitations SET used_by = NULL WHERE used_by = ?",
            "DELETE FROM users WHERE id = ?",
        ] {
            query(statement).bind(user.as_bytes().to_vec()).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// A guest's name: `None` when the guest has left for good, `Some(None)` when it has no name.
    pub async fn guest_name(&self, guest: VoterId) -> Result<Option<Option<String>>> {
        let found = query("SELECT display_name, ended_at FROM guests WHERE id = ?")
            .bind(guest.as_bytes().to_vec())
            .fetch_optional(&self.read)
            .await?;
        let Some(found) = found else { return Ok(Some(None)) };
        let gone = row::maybe_time(&found, "ended_at")?.is_some();
        if gone { Ok(None) } else { Ok(Some(row::get(&found, "display_name")?)) }
    }

    /// Gives a guest a name; false when it has left for good.
    pub async fn name_guest(&self, guest: VoterId, name: &DisplayName) -> Result<bool> {
        let mut transaction = self.begin().await?;
        query(name_guest_statement(self.dialect))
            .bind(guest.as_bytes().to_vec())
            .bind(name.as_str().to_owned())
            .execute(&mut *transaction)
            .await?;
        let found = query("SELECT ended_at FROM guests WHERE id = ?")
            .bind(guest.as_bytes().to_vec())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(row::maybe_time(&found, "ended_at")?.is_none())
    }

    /// Forgets a guest's name and makes its token worthless.
    pub async fn end_guest(&self, guest: VoterId, now: Timestamp) -> Result<()> {
        let statement = query(end_guest_statement(self.dialect));
        self.change(statement.bind(guest.as_bytes().to_vec()).bind(now.millis())).await
    }

    /// Which guests have left for good since a time.
    pub async fn ended_guests(&self, since: Timestamp) -> Result<HashSet<VoterId>> {
        query("SELECT id FROM guests WHERE ended_at >= ?")
            .bind(since.millis())
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(|found| row::id(found, "id", VoterId::from_slice))
            .collect()
    }

    /// Forgets guests that left before a time: by then their tokens have expired.
    pub async fn delete_ended_guests(&self, before: Timestamp) -> Result<()> {
        self.change(query("DELETE FROM guests WHERE ended_at < ?").bind(before.millis())).await
    }

    /// Forgets guests that are older than a time and have not left: only their names are stored.
    pub async fn delete_named_guests(&self, before: Timestamp) -> Result<()> {
        self.change(
            query("DELETE FROM guests WHERE ended_at IS NULL AND id < ?")
                .bind(VoterId::new(before, [0; 10]).as_bytes().to_vec()),
        )
        .await
    }
}

/// Stores an account; false when its user name is taken.
pub async fn insert(connection: &mut AnyConnection, user: NewUser<'_>, now: Timestamp) -> Result<bool> {
    let inserted = query(
        "INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(user.id.as_bytes().to_vec())
    .bind(user.username.as_str().to_owned())
    .bind(user.display_name.map(|name| name.as_str().to_owned()))
    .bind(user.password_hash.to_owned())
    .bind(now.millis())
    .execute(connection)
    .await;
    is_new(inserted)
}

/// Says since when an account may not sign in; never mind when it may.
pub async fn set_disabled(
    connection: &mut AnyConnection,
    user: UserId,
    since: Option<Timestamp>,
) -> Result<()> {
    query("UPDATE users SET disabled_at = ? WHERE id = ?")
        .bind(since.map(Timestamp::millis))
        .bind(user.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores another password of an account.
pub async fn set_password(connection: &mut AnyConnection, user: UserId, hash: &str) -> Result<()> {
    query("UPDATE users SET password_hash = ? WHERE id = ?")
        .bind(hash.to_owned())
        .bind(user.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// The account with this id. It stays as it is, and nobody else who asks this goes on, until the transaction ends: whoever
/// changes who may sign in to it, or stores what depends on that, asks first.
pub async fn find_locked(connection: &mut AnyConnection, user: UserId) -> Result<Option<UserRecord>> {
    let sql = match Dialect::of(connection) {
        Dialect::Sqlite => select!("WHERE id = ?"),
        Dialect::MySql => select!("WHERE id = ? FOR UPDATE"),
    };
    let found = query(sql).bind(user.as_bytes().to_vec()).fetch_optional(connection).await?;
    found.map(|found| self::user(&found)).transpose()
}

/// A guest that has left keeps no name and does not come back.
fn name_guest_statement(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "INSERT INTO guests (id, display_name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE \
             SET display_name = excluded.display_name WHERE ended_at IS NULL"
        }
        Dialect::MySql => {
            "INSERT INTO guests (id, display_name) VALUES (?, ?) ON DUPLICATE KEY UPDATE \
             display_name = IF(ended_at IS NULL, VALUES(display_name), display_name)"
        }
    }
}

fn end_guest_statement(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "INSERT INTO guests (id, ended_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE \
             SET display_name = NULL, ended_at = excluded.ended_at"
        }
        Dialect::MySql => {
            "INSERT INTO guests (id, ended_at) VALUES (?, ?) ON DUPLICATE KEY UPDATE \
             display_name = NULL, ended_at = VALUES(ended_at)"
        }
    }
}

/// An account from a row with all its columns.
pub(super) fn user(found: &AnyRow) -> Result<UserRecord> {
    Ok(UserRecord {
        id: row::id(found, "id", UserId::from_slice)?,
        username: row::get(found, "username")?,
        display_name: row::get(found, "display_name")?,
        password_hash: row::get(found, "password_hash")?,
        disabled: row::maybe_time(found, "disabled_at")?.is_some(),
    })
}
