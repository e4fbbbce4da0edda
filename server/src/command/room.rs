//! `voxpop room`: taking a room down, and putting it back.

use clap::Subcommand;

use super::{Database, told};

/// Rooms.
#[derive(Debug, Subcommand)]
pub(crate) enum Room {
    /// Take a room down: its polls close, its pages are gone for everybody, its host too. Everything is kept.
    Takedown {
        /// The join code.
        code: String,
        #[command(flatten)]
        database: Database,
    },
    /// Put a room back that was taken down. Its polls stay closed until the host opens them.
    Restore {
        /// The join code.
        code: String,
        #[command(flatten)]
        database: Database,
    },
}

/// Carries it out.
pub(crate) async fn run(room: Room) -> Result<(), String> {
    let done = match room {
        Room::Takedown { code, database } => database.open().await?.take_down(&code).await,
        Room::Restore { code, database } => database.open().await?.restore(&code).await,
    };
    done.map_err(told)
}
