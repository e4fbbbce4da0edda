//! Settings: one struct a concern, read from flags and the environment.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::ballot_box::Limits;
use crate::doors::DoorSettings;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::serve::Patience;

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
    /// The database: `sqlite://` and a file; or, with Redis beside it, `mysql://` or `mariadb://` with user,
    /// password, host and database. A secret, since it may hold a password.
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite://data/voxpop.db", hide_env_values = true)]
    pub database_url: Secret,
    /// The Redis that all nodes share, as `redis://` or `rediss://`. With it this server is one of many.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<Secret>,
    /// What every key and channel in Redis begins with, so that several Voxpops can share one Redis.
    #[arg(long, env = "VOXPOP_REDIS_PREFIX", default_value = "voxpop")]
    pub redis_prefix: String,
    /// Refuse to start where the database or Redis is set up in a way that could lose a recorded vote;
    /// without it, only warn.
    #[arg(long, env = "VOXPOP_STRICT", value_parser = FalseyValueParser::new())]
    pub strict: bool,
    /// Who may make an account.
    #[arg(long, env = "VOXPOP_REGISTRATION", value_enum, default_value = "open")]
    pub registration: Registration,
    /// The key that signs tokens, at least 32 characters. Without it one is made at the first start and
    /// kept beside the database; nodes that share Redis must share it, so there it has to be set.
    #[arg(long, env = "VOXPOP_JWT_KEY", hide_env_values = true)]
    pub jwt_key: Option<Secret>,
    /// A page with who is responsible for this site, linked at the foot of every page: a URL, or a path on this site's host.
    #[arg(long, env = "VOXPOP_IMPRINT_URL")]
    pub imprint_url: Option<String>,
    /// A page with what is done with what people leave here, linked beside it.
    #[arg(long, env = "VOXPOP_PRIVACY_URL")]
    pub privacy_url: Option<String>,
    /// Delete rooms in which nothing happened for so many days (no poll was made, opened, closed or voted in), and the
    /// names of guests that were given before that and more than a year ago. Without it they are kept.
    #[arg(long, env = "VOXPOP_RETENTION_DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,
    /// Proxies in front of this server, as addresses or networks: `10.0.0.0/8,::1`. Only what these say in
    /// `X-Forwarded-For` is believed about where requests come from.
    #[arg(long, env = "VOXPOP_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Proxy>,
    /// How often somebody may come in.
    #[command(flatten)]
    pub doors: DoorSettings,
    /// How long connections may dawdle; no flags.
    #[arg(skip)]
    pub patience: Patience,
    /// Sockets' limits; no flags, for they are part of the contract's behaviour.
    #[arg(skip)]
    pub sockets: Sockets,
    /// What waits for Redis and SQL at most, scaled out.
    #[arg(skip)]
    pub limits: Limits,
}

impl Config {
    /// Whether the settings fit together. What is wrong is named by its setting, and no value is repeated.
    pub fn check(&self) -> Result<()> {
        let begins = |url: &Secret, with: &[&str]| with.iter().any(|start| url.reveal().starts_with(start));
        let sqlite = begins(&self.database_url, &["sqlite:"]);
        let mysql = begins(&self.database_url, &["mysql://", "mariadb://"]);
        let redis = self.redis_url.as_ref();
        let wrong = if !sqlite && !mysql {
            "DATABASE_URL must begin with sqlite:, mysql:// or mariadb://"
        } else if redis.is_some_and(|url| !begins(url, &["redis://", "rediss://"])) {
            "REDIS_URL must begin with redis:// or rediss://"
        } else if sqlite && redis.is_some() {
            "REDIS_URL is set, so DATABASE_URL must be mysql:// or mariadb://: nodes cannot share an SQLite file"
        } else if mysql && redis.is_none() {
            "DATABASE_URL is MySQL or MariaDB, so REDIS_URL must be set: nodes count votes in Redis"
        } else if mysql && self.jwt_key.is_none() {
            "VOXPOP_JWT_KEY must be set, to the same on every node: each must know the others' tokens"
        } else if self.public_url.as_deref().is_some_and(|url| !is_site(url)) {
            "PUBLIC_URL must be http:// or https:// and a host, without a path, as in https://vote.example.org"
        } else if ![&self.imprint_url, &self.privacy_url].into_iter().flatten().all(|url| is_link(url)) {
            "VOXPOP_IMPRINT_URL and VOXPOP_PRIVACY_URL must begin with https://, http:// or a single /"
        } else if !is_prefix(&self.redis_prefix) {
            "VOXPOP_REDIS_PREFIX must be 1 to 32 characters of A-Z, a-z, 0-9, '_', '-' and '.'"
        } else {
            return Ok(());
        };
        Err(Error::Internal(wrong.into()))
    }

    /// How long a room may lie unused.
    pub fn retention(&self) -> Option<Duration> {
        self.retention_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60))
    }
}

/// Where a whole site is: origins, cookies and links are made of it.
fn is_site(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.map(|host| host.trim_end_matches('/'));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte))
    })
}

/// What may stand in a link: nothing that would run.
fn is_link(text: &str) -> bool {
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
    is_path || text.starts_with("https://") || text.starts_with("http://")
}

/// Braces would change which part of a key Redis hashes, and a star would match others' keys.
fn is_prefix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// The address or network of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy(pub IpNet);

impl FromStr for Proxy {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let text = text.trim();
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse()
            .ok()
            .or_else(address)
            .map(Self)
            .ok_or("must be addresses or networks, such as 10.0.0.0/8,::1")
    }
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// Anybody.
    Open,
    /// Whoever has an invitation.
    Invite,
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    fn parsed(arguments: &[&str]) -> Config {
        Cli::parse_from([&["voxpop"], arguments].concat()).config
    }

    const MYSQL: &str = "--database-url=mysql://voxpop:hush@db/voxpop";
    const REDIS: &str = "--redis-url=rediss://:hush@redis:6380";
    const KEY: &str = "--jwt-key=hush-0123456789-0123456789-0123456789";

    #[test]
    fn parts_that_belong_together_are_set_together() {
        let sqlite = "--database-url=sqlite://voxpop.db";
        let strange = "--database-url=postgres://voxpop:hush@db/voxpop";
        for (arguments, names) in [
            (&[sqlite][..], None),
            (&[MYSQL, REDIS, KEY], None),
            (&["--database-url=mariadb://db/voxpop", REDIS, KEY], None),
            (&[strange], Some("DATABASE_URL")),
            (&[sqlite, REDIS, KEY], Some("REDIS_URL is set")),
            (&[MYSQL, KEY], Some("REDIS_URL must be set")),
            (&[MYSQL, "--redis-url=http://:hush@redis", KEY], Some("REDIS_URL must begin")),
            (&[MYSQL, REDIS], Some("VOXPOP_JWT_KEY")),
            (&[MYSQL, REDIS, KEY, "--redis-prefix=a{b}"], Some("VOXPOP_REDIS_PREFIX")),
            (&[MYSQL, REDIS, KEY, "--redis-prefix="], Some("VOXPOP_REDIS_PREFIX")),
            (&[sqlite, "--public-url="], Some("PUBLIC_URL")),
            (&[sqlite, "--public-url=vote.example.org"], Some("PUBLIC_URL")),
            (&[sqlite, "--public-url=https://vote.example.org/polls"], Some("PUBLIC_URL")),
            (&[sqlite, "--public-url=http://[2001:db8::1]:3000/"], None),
            (&[sqlite, "--imprint-url=javascript:alert(1)"], Some("VOXPOP_IMPRINT_URL")),
            (&[sqlite, "--privacy-url=//elsewhere.example"], Some("VOXPOP_PRIVACY_URL")),
            (&[sqlite, "--imprint-url=/about.html", "--privacy-url=https://example.org/privacy"], None),
        ] {
            let wrong = parsed(arguments).check().err().map(|error| error.to_string());
            assert!(!wrong.as_ref().is_some_and(|wrong| wrong.contains("hush")), "{wrong:?}");
            match names {
                None => assert_eq!(wrong, None),
                Some(names) => assert!(wrong.as_ref().unwrap().contains(names), "{wrong:?}"),
            }
        }
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let proxies = |text| parsed(&[&format!("--trusted-proxies={text}")]).trusted_proxies;
        let shown: Vec<String> =
            proxies("10.0.0.0/8,::1, 192.0.2.1").iter().map(|proxy| proxy.0.to_string()).collect();
        assert_eq!(shown, ["10.0.0.0/8", "::1/128", "192.0.2.1/32"]);
        assert!("proxy.example".parse::<Proxy>().is_err());
    }

    #[test]
    fn no_secret_shows_itself() {
        let shown = format!("{:?}", parsed(&[MYSQL, REDIS, KEY]));
        assert!(!shown.contains("hush"), "{shown}");
    }
}
