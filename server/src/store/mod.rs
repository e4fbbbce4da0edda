//! All SQL. One body a query for every database, in the vocabulary that sqlx's `Any` driver shares.

pub mod adoptions;
pub mod audit;
pub mod ballots;
mod dialect;
mod fault;
pub mod held;
pub mod invitations;
mod mysql;
pub mod outbox;
pub mod poison;
pub mod polls;
pub mod rooms;
mod row;
pub mod sessions;
pub mod shards;
pub mod tickets;
pub mod users;

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyQueryResult};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::dialect::Dialect;
pub(crate) use self::fault::Fault;
pub(crate) use self::row::to_word;
use crate::error::{Error, Result};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// How long a use case waits for a connection before it is told that the server is too busy.
const ACQUIRE: Duration = Duration::from_secs(10);

/// How long a connection to a server lives, and how long an idle one: a server, or what stands between, drops
/// old ones. A file does not.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
const IDLE: Duration = Duration::from_secs(40);

/// The database. SQLite has one writer: every write, of ballots too, goes over the one connection of
/// `write`, so that their order is the order of the file.
#[derive(Clone, Debug)]
pub struct Store {
    dialect: Dialect,
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
    /// Opens the database that a URL names and brings its schema up to date. An SQLite file is made where
    /// there is none; a database of a server must be there.
    pub async fn open(url: &str) -> Result<Self> {
        let (dialect, options) = options(url, "rwc")?;
        let write = connect(dialect, &options).await?;
        match dialect {
            Dialect::Sqlite => migrate(&mut *write.acquire().await?).await?,
            Dialect::MySql => mysql::set_up(&write).await?,
        }
        Self::of(dialect, options, write).await
    }

    /// Opens the database that a URL names as it is: one that a server of this version has served.
    pub async fn open_existing(url: &str) -> Result<Self> {
        let (dialect, options) = options(url, "rw")?;
        check_version(dialect, &options).await?;
        let write = connect(dialect, &options).await?;
        Self::of(dialect, options, write).await
    }

    async fn of(dialect: Dialect, options: AnyConnectOptions, write: AnyPool) -> Result<Self> {
        let sizes = dialect.sizes();
        let read = pool(dialect, sizes.readers).connect_with(options).await?;
        Ok(Self { dialect, read, write, turn: Arc::new(Semaphore::new(sizes.turns)) })
    }

    /// A transaction that writes, when its turn has come.
    pub async fn begin(&self) -> Result<Write> {
        let turn = tokio::time::timeout(ACQUIRE, self.turn.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Write { _turn: Some(turn), ..self.begin_ballots().await? })
    }

    /// The same, for the writers of ballots: they wait for transactions under way and for no others.
    pub async fn begin_ballots(&self) -> Result<Write> {
        Ok(Write { transaction: self.write.begin_with(self.dialect.begin()).await?, _turn: None })
    }

    /// Carries out one statement that writes, when its turn has come.
    async fn change(&self, statement: Query<'_, Any, AnyArguments>) -> Result<()> {
        let mut transaction = self.begin().await?;
        statement.execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// A connection for reading several things.
    pub async fn reader(&self) -> Result<PoolConnection<Any>> {
        Ok(self.read.acquire().await?)
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
}

/// Whether a row was stored; false when there is one with its key.
fn is_new(inserted: sqlx::Result<AnyQueryResult>) -> Result<bool> {
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// How to connect to what a URL names, with SQLite in this mode.
fn options(url: &str, mode: &str) -> Result<(Dialect, AnyConnectOptions)> {
    sqlx::any::install_default_drivers();
    let dialect = Dialect::of_url(url)?;
    let options = AnyConnectOptions::from_str(&match dialect {
        Dialect::Sqlite => in_mode(url, mode),
        Dialect::MySql => url.to_owned(),
    })?;
    Ok((dialect, options))
}

async fn connect(dialect: Dialect, options: &AnyConnectOptions) -> Result<AnyPool> {
    let write = pool(dialect, dialect.sizes().writers).connect_with(options.clone());
    write.await.map_err(no_answer)
}

/// Whether a server of this version has served a database. Nothing is set on it before that is known: it may be another
/// program's.
async fn check_version(dialect: Dialect, options: &AnyConnectOptions) -> Result<()> {
    let connecting = tokio::time::timeout(ACQUIRE, AnyConnection::connect_with(options)).await;
    let mut connection = match connecting.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
        // The file is not there; a server that does not answer is told by its own words.
        Err(_) if dialect == Dialect::Sqlite => return Err(no_database()),
        connected => connected.map_err(no_answer)?,
    };
    let found = sqlx::query("SELECT version FROM _sqlx_migrations WHERE success <> 0 ORDER BY version")
        .fetch_all(&mut connection)
        .await
        .map_err(|error| match error {
            sqlx::Error::Database(_) => no_database(),
            error => error.into(),
        })?;
    connection.close().await?;
    let found: Vec<i64> = found.iter().map(|found| row::get(found, "version")).collect::<Result<_>>()?;
    let ours: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    if found == ours {
        return Ok(());
    }
    let wrong = match found.last() > ours.last() {
        true => "The database is of a newer version of Voxpop. Use that version's `voxpop`.",
        false => "The database is of an older version of Voxpop. Start `voxpop serve` of this one once.",
    };
    Err(Error::Internal(wrong.into()))
}

fn no_database() -> Error {
    let wrong = "There is no Voxpop database there. Start `voxpop serve` once, or check DATABASE_URL.";
    Error::Internal(wrong.into())
}

/// At start nobody else is busy.
fn no_answer(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::PoolTimedOut => Error::Internal("the database of DATABASE_URL does not answer".into()),
        error => error.into(),
    }
}

/// Applies what is missing of the schema. The migrator's `run` takes a connection too, but makes a future
/// that cannot be spawned.
async fn migrate(connection: &mut AnyConnection) -> Result<()> {
    Ok(MIGRATIONS.run_direct(None, connection, false).await.map_err(sqlx::Error::from)?)
}

/// A URL that names a mode itself keeps it, but that nothing is made where nothing is to be.
fn in_mode(url: &str, mode: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    match url.contains("mode=") {
        true if mode == "rw" => url.replace("mode=rwc", "mode=rw"),
        true => url.to_owned(),
        false => format!("{url}{separator}mode={mode}"),
    }
}

fn pool(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    let server = dialect == Dialect::MySql;
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(server.then_some(IDLE))
        .max_lifetime(server.then_some(LIFETIME))
        .acquire_timeout(ACQUIRE)
        .after_connect(|connection, _| Box::pin(prepare(connection)))
}

async fn prepare(connection: &mut AnyConnection) -> sqlx::Result<()> {
    for setting in Dialect::of(connection).session() {
        connection.execute(*setting).await?;
    }
    Ok(())
}
