//! The commands beside `serve`.

pub(crate) mod audit;
pub(crate) mod invite;
pub(crate) mod keys;
pub(crate) mod room;
pub(crate) mod user;

use std::path::PathBuf;

use clap::Args;
use server::operator::Operator;
use server::secret::Secret;

/// Which database a command works on.
#[derive(Debug, Args)]
pub(crate) struct Database {
    /// The same as the server's.
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite://data/voxpop.db", hide_env_values = true)]
    database_url: Secret,
}

impl Database {
    async fn open(&self) -> Result<Operator, String> {
        Operator::open(self.database_url.reveal()).await.map_err(told)
    }

    /// Where its signing keys are: beside it, if it is a file.
    fn key_file(&self) -> Option<PathBuf> {
        server::key_file(self.database_url.reveal())
    }
}

/// An error as the command's last words: the sentence, and what is wrong with the input.
fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
