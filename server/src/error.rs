//! One error for all use cases: what may meet the user, and what only the log may see.

use domain::Problem;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::Fault;

/// What went wrong inside a use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The asker's: told as it stands.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// The database's.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Redis's.
    #[error("redis: {0}")]
    Redis(#[from] RedisError),
    /// A stored row that cannot be read, or a value that cannot be stored.
    #[error("stored data: {0}")]
    Stored(String),
    /// Anything else inside.
    #[error("{0}")]
    Internal(String),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What the user meets. An inner cause is logged here, once, and told to nobody.
    pub fn into_problem(self) -> Problem {
        if let Self::Problem(problem) = self {
            return problem;
        }
        match self.fault() {
            Fault::Busy => {
                tracing::warn!(error = %self, "the database or Redis has no room or no time");
                Problem::new(503, "overloaded", "The server is very busy. Please try again in a moment.")
            }
            Fault::Away => {
                tracing::warn!(error = %self, "the database or Redis cannot be reached");
                let detail = "The server cannot reach its data just now. Please try again in a moment.";
                Problem::new(503, "unavailable", detail)
            }
            Fault::Data | Fault::Other => {
                tracing::error!(error = %self, "a request failed inside");
                Problem::internal()
            }
        }
    }

    /// Whether what was to be stored is such that it never can be. All else may succeed when tried again.
    pub fn is_bad_data(&self) -> bool {
        self.fault() == Fault::Data
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Sql(error) => Fault::of(error),
            Self::Redis(error) if error.code() == Some("OOM") => Fault::Busy,
            Self::Redis(error) if is_away(error) => Fault::Away,
            Self::Stored(_) => Fault::Data,
            Self::Problem(_) | Self::Redis(_) | Self::Internal(_) => Fault::Other,
        }
    }
}

/// Whether Redis cannot be reached, or says that it cannot serve now.
fn is_away(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};
    let unready = [BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain];
    match error.kind() {
        ErrorKind::Io => true,
        ErrorKind::Server(kind) => unready.contains(&kind),
        _ => false,
    }
}
