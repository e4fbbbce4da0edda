//! One error for all use cases: what may meet the user, and what only the log may see.

use domain::Problem;

/// What went wrong inside a use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The asker's: told as it stands.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// The database's.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A stored row that cannot be read.
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
        match self {
            Self::Problem(problem) => problem,
            Self::Sql(sqlx::Error::PoolTimedOut) => {
                tracing::warn!("the database is too busy to answer in time");
                Problem::new(503, "overloaded", "The server is very busy. Please try again in a moment.")
            }
            inner => {
                tracing::error!(error = %inner, "a request failed inside");
                Problem::internal()
            }
        }
    }
}
