//! All SQL. One body a query for every database, in the vocabulary that sqlx's `Any` driver shares.

pub mod ballots;
pub mod polls;
pub mod rooms;
mod row;
pub mod users;

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// How many connections read side by side.
const READERS: u32 = 4;

/// How long a use case waits for a connection before it is told that the server is too busy.
const ACQUIRE: Duration = Duration::from_secs(10);

/// The database. SQLite has one writer: every write, of ballots too, goes over the one connection of
/// `write`, so that their order is the order of the file.
#[derive(Clone, Debug)]
pub struct Store {
    read: AnyPool,
    write: AnyPool,
    /// Whose turn it is among writers other than the ballots': a crowd of them must not keep votes waiting.
    turn: Arc<Semaphore>,
}

/// A transaction that writes.
pub struct Write {
    transaction: Transaction<'static, Any>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Write {
    /// Makes it last.
    pub async fn commit(self) -> Result<()> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Store {
    /// Opens the database that a URL names, makes it where there is none, and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let url = Self::sqlite_url(url)?;
        let options = AnyConnectOptions::from_str(&url)?;
        let write = pool(1).connect_with(options.clone()).await?;
        sqlx::migrate!("../migrations").run(&write).await.map_err(sqlx::Error::from)?;
        let read = pool(READERS).connect_with(options).await?;
        Ok(Self { read, write, turn: Arc::new(Semaphore::new(1)) })
    }

    /// A transaction that writes, when its turn has come.
    pub async fn begin(&self) -> Result<Write> {
        let turn = tokio::time::timeout(ACQUIRE, self.turn.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Write { _turn: Some(turn), ..self.begin_ballots().await? })
    }

    /// The same, for the writer of ballots: it waits for the one transaction under way and for no other.
    pub async fn begin_ballots(&self) -> Result<Write> {
        Ok(Write { transaction: self.write.begin_with("BEGIN IMMEDIATE").await?, _turn: None })
    }

    /// Whether the database answers.
    pub async fn check(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.read).await?;
        Ok(())
    }

    /// Ends all connections, so that SQLite folds its log into the file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    fn sqlite_url(url: &str) -> Result<String> {
        if !url.starts_with("sqlite:") {
            return Err(Error::Internal("DATABASE_URL must begin with sqlite:".into()));
        }
        let separator = if url.contains('?') { '&' } else { '?' };
        Ok(if url.contains("mode=") { url.to_owned() } else { format!("{url}{separator}mode=rwc") })
    }
}

fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE)
        .after_connect(|connection, _| Box::pin(prepare(connection)))
}

/// WAL lets readers go on beside the writer; FULL makes a commit mean that it is on the disk.
async fn prepare(connection: &mut AnyConnection) -> sqlx::Result<()> {
    for pragma in [
        "PRAGMA busy_timeout = 5000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA cache_size = -16000",
        "PRAGMA temp_store = MEMORY",
    ] {
        connection.execute(pragma).await?;
    }
    Ok(())
}
