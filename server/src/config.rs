//! Settings: one struct a concern, read from flags and the environment.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// All settings of a server.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Where to listen.
    #[arg(long, env = "VOXPOP_LISTEN", default_value = "0.0.0.0:3000")]
    pub listen: SocketAddr,
    /// Where people reach this server, as `https://vote.example`. Without it join links use the address that
    /// the page was asked for at, or on `localhost` the machine's address on its network.
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<String>,
    /// The built browser files.
    #[arg(long, env = "VOXPOP_SITE_ROOT", default_value = "target/site")]
    pub site_root: PathBuf,
    /// The database: `sqlite://` and a file.
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite://data/voxpop.db")]
    pub database_url: String,
    /// Who may make an account.
    #[arg(long, env = "VOXPOP_REGISTRATION", value_enum, default_value = "open")]
    pub registration: Registration,
    /// The key that signs tokens, at least 32 characters. Without it one is made at the first start and
    /// kept beside the database.
    #[arg(long, env = "VOXPOP_JWT_KEY", hide_env_values = true)]
    pub jwt_key: Option<Secret>,
    /// Sockets' limits; no flags, for they are part of the contract's behaviour.
    #[arg(skip)]
    pub sockets: Sockets,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// Anybody.
    Open,
    /// Nobody.
    Closed,
}

/// Limits of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Sockets {
    /// How often a client is asked to be heard.
    pub heartbeat: Duration,
    /// How long a client may be silent.
    pub idle: Duration,
    /// How long one send may take.
    pub send: Duration,
    /// How long a client without cookie or header may take to say who it is.
    pub auth: Duration,
    /// How many sockets a node holds; the next is answered with 503.
    pub most: usize,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            send: Duration::from_secs(10),
            auth: Duration::from_secs(5),
            most: 20_000,
        }
    }
}

/// A text that shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret, for whom it is meant.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
