//! `voxpop keys`: the keys that sign tokens.

use std::io::{Write, stdout};

use clap::Subcommand;
use server::auth::key;
use server::clock::Clock;
use server::secret::Secret;

use super::{Database, told};

/// Signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Put a new key first: it signs from the next start on, the old ones still verify. Where keys are set by
    /// VOXPOP_JWT_KEY the new one is printed: put it behind the old one there, with a comma, on every node, and only then
    /// before it.
    Rotate {
        /// Keep none of the old keys: for when one may have leaked. Guests are strangers then; accounts stay signed in.
        #[arg(long)]
        drop_old: bool,
        /// Keys that are set.
        #[arg(long, env = "VOXPOP_JWT_KEY", hide_env_values = true)]
        jwt_key: Option<Secret>,
        #[command(flatten)]
        database: Database,
    },
}

/// Carries it out.
pub(crate) async fn run(keys: Keys) -> Result<(), String> {
    let Keys::Rotate { drop_old, jwt_key, database } = keys;
    let file = database.key_file().filter(|_| jwt_key.is_none());
    if drop_old && jwt_key.is_some() {
        let advice = "VOXPOP_JWT_KEY is set, so no key is dropped here. Make one (voxpop keys rotate), set it alone on every \
                      node, and start them anew.";
        return Err(advice.into());
    }
    match file {
        // Keys are made by the server: here it would be a mistyped database that gets some, and says that all is well.
        Some(file) if !file.exists() => Err(format!(
            "There are no signing keys in {}. Start `voxpop serve` once, or check DATABASE_URL.",
            file.display()
        )),
        Some(file) => {
            let id = database.open().await?.rotate_keys(&file, !drop_old).await.map_err(told)?;
            writeln!(stdout(), "The key {id} signs from the next start on.").map_err(told)
        }
        None => writeln!(stdout(), "{}", key::fresh_text(&Clock::system())).map_err(told),
    }
}
