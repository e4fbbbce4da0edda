//! What differs between the databases that the one SQL runs on.

use sqlx::AnyConnection;

use crate::error::{Error, Result};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A file with one writer.
    Sqlite,
    /// MySQL or MariaDB: many writers, of many nodes, so that what is read to be written is locked first.
    MySql,
}

/// How many connections a store has.
pub(super) struct Sizes {
    /// That read.
    pub(super) readers: u32,
    /// That write.
    pub(super) writers: u32,
    /// How many of the writers use cases take at once. The others are left to the ballots.
    pub(super) turns: usize,
}

impl Dialect {
    /// The one behind a connection.
    pub fn of(connection: &AnyConnection) -> Self {
        if connection.backend_name() == "SQLite" { Self::Sqlite } else { Self::MySql }
    }

    /// The one that a URL names.
    pub(super) fn of_url(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            Some(("mysql" | "mariadb", _)) => Ok(Self::MySql),
            _ => Err(Error::Internal("DATABASE_URL must begin with sqlite:, mysql:// or mariadb://".into())),
        }
    }

    pub(super) fn sizes(self) -> Sizes {
        match self {
            Self::Sqlite => Sizes { readers: 4, writers: 1, turns: 1 },
            Self::MySql => Sizes { readers: 12, writers: 16, turns: 8 },
        }
    }

    /// What a connection is told before anything else.
    pub(super) fn session(self) -> &'static [&'static str] {
        match self {
            // WAL lets readers go on beside the writer; FULL makes a commit mean that it is on the disk.
            Self::Sqlite => &[
                "PRAGMA busy_timeout = 5000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA cache_size = -16000",
                "PRAGMA temp_store = MEMORY",
            ],
            // READ COMMITTED: once a row is locked, what is read next is what the last holder committed; and
            // writers do not lock the gaps between rows against each other. Strict: nothing is cut to fit.
            Self::MySql => &[
                "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET SESSION innodb_lock_wait_timeout = 5",
                // A node that vanished in the middle of a transaction gives its locks back after so many seconds.
                "SET SESSION wait_timeout = 60",
                "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')",
            ],
        }
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::MySql => "BEGIN",
        }
    }
}
