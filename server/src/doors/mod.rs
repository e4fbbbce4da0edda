//! Doors: how often somebody may come in, by where from or by who. What is over the rate is told when to come again.
//!
//! Counted by the generic cell rate algorithm (ITU-T I.371): one time a key says how much has been used. Where there is a
//! Redis all nodes count together in it; should that not answer at once, a node counts by itself, since no vote may
//! wait for a limit.

mod admitted;
mod bounded;
mod memory;
mod rate;
mod seeking;
mod settings;
mod throttle;
mod until;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{Problem, UserId, VoterId};
use tokio::time::timeout;

use self::memory::Memory;
pub use self::rate::{Limit, Rate};
use self::seeking::Seeking;
pub use self::seeking::Turn;
pub use self::settings::DoorSettings;
pub use self::throttle::Attempt;
use self::until::Until;
use crate::ballot_box::Link;
use crate::clock::Clock;
use crate::error::Result;

/// How long Redis may take to say how much was used.
const PATIENCE: Duration = Duration::from_millis(200);

/// For how long Redis is left alone after it did not.
const PAUSE: Duration = Duration::from_secs(1);

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// Signing in, by address.
    Login,
    /// Making an account, by address.
    Account,
    /// Becoming a new guest, by address.
    Guest,
    /// Opening a socket, by address.
    Socket,
    /// Joining a room on a socket, by address.
    Join,
    /// Asking for a room by a code that opens none, by address.
    Miss,
    /// Going on with wrong codes once `Miss` is used up, by address. Beyond it codes are refused that others found from
    /// there, too.
    Guess,
    /// Changing anything, by address: requests over HTTP whose method is not one for reading, sessions renewed on the way of
    /// others, and votes over sockets.
    Change,
    /// Voting over HTTP, by voter. Sockets have a rate of their own.
    Vote,
    /// Making a room, by account.
    Room,
    /// Having all that is held about one written out, by account or guest.
    Export,
    /// The same, by address: guests cost nothing.
    ExportFrom,
}

impl Door {
    /// What it is called in keys.
    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Account => "account",
            Self::Guest => "guest",
            Self::Socket => "socket",
            Self::Join => "join",
            Self::Miss => "miss",
            Self::Guess => "guess",
            Self::Change => "change",
            Self::Vote => "vote",
            Self::Room => "room",
            Self::Export => "export",
            Self::ExportFrom => "export-from",
        }
    }
}

/// Whose use is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who(String);

impl From<IpAddr> for Who {
    /// An IPv4 address, or the network of 64 bits that an IPv6 address is in: a household or a server has at least that
    /// much, so that single addresses tell nothing (RFC 6177).
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        })
    }
}

impl From<VoterId> for Who {
    fn from(id: VoterId) -> Self {
        Self(id.to_string())
    }
}

impl From<UserId> for Who {
    fn from(id: UserId) -> Self {
        Self(id.to_string())
    }
}

/// Keeps the rates. Clones share what is counted.
#[derive(Clone)]
pub struct Doors {
    settings: DoorSettings,
    memory: Memory,
    /// Who has used up what is charged at a door.
    waiting: Until,
    seeking: Seeking,
    shared: Option<Link>,
    /// Until when Redis is left alone, in milliseconds, after it did not answer.
    away_until: Arc<AtomicI64>,
    clock: Clock,
}

impl Doors {
    /// With nothing counted; with a link, counted together with other nodes.
    pub fn new(settings: DoorSettings, shared: Option<Link>, clock: Clock) -> Self {
        Self {
            settings,
            memory: Memory::default(),
            waiting: Until::default(),
            seeking: Seeking::default(),
            shared,
            away_until: Arc::default(),
            clock,
        }
    }

    /// Lets somebody in, or refuses with 429 `rate_limited` and when to come again.
    pub async fn enter(&self, door: Door, who: impl Into<Who>) -> Result<()> {
        let Limit::At(rate) = self.settings.limit(door) else { return Ok(()) };
        match self.take(&key(door, &who.into()), rate).await {
            None => Ok(()),
            Some(wait) => Err(too_many(door, wait).into()),
        }
    }

    /// The same, counted by this node alone: for what comes too often to ask Redis each time.
    pub fn enter_here(&self, door: Door, who: impl Into<Who>) -> Result<()> {
        let Limit::At(rate) = self.settings.limit(door) else { return Ok(()) };
        match self.memory.take(&key(door, &who.into()), rate, self.clock.now()) {
            None => Ok(()),
            Some(wait) => Err(too_many(door, wait).into()),
        }
    }

    /// Counts what has happened already. Whoever has used the rate up is held up by [`look`](Self::look) until there is one
    /// left; however often they are charged beyond it, the wait is no longer.
    pub async fn charge(&self, door: Door, who: impl Into<Who>) {
        let Limit::At(rate) = self.settings.limit(door) else { return };
        let key = key(door, &who.into());
        let wait = match self.ask("charge", &key, &[rate.interval_micros(), rate.window_micros()]).await {
            Some(wait) => Duration::from_micros(wait),
            None => self.memory.charge(&key, rate, self.clock.now()),
        };
        self.hold_up(key, wait);
    }

    /// The same, counted by this node alone.
    pub fn charge_here(&self, door: Door, who: impl Into<Who>) {
        let Limit::At(rate) = self.settings.limit(door) else { return };
        let key = key(door, &who.into());
        let wait = self.memory.charge(&key, rate, self.clock.now());
        self.hold_up(key, wait);
    }

    fn hold_up(&self, key: String, wait: Duration) {
        if !wait.is_zero() {
            let now = self.clock.now();
            self.waiting.remember(key, now.plus(wait), now);
        }
    }

    /// Refuses whoever was charged at this door by this node, had used up the rate, and has not waited since. It counts
    /// nothing.
    pub fn look(&self, door: Door, who: impl Into<Who>) -> Result<()> {
        match self.waiting.left(&key(door, &who.into()), self.clock.now()) {
            None => Ok(()),
            Some(wait) => Err(too_many(door, wait).into()),
        }
    }

    async fn take(&self, key: &str, rate: Rate) -> Option<Duration> {
        match self.ask("take", key, &[rate.interval_micros(), rate.window_micros()]).await {
            Some(0) => None,
            Some(wait) => Some(Duration::from_micros(wait)),
            None => self.memory.take(key, rate, self.clock.now()),
        }
    }

    /// Has Redis count. None where there is none, or it does not answer in time: then it is not asked for a moment, so that
    /// not everybody waits for it.
    async fn ask(&self, function: &str, key: &str, numbers: &[u64]) -> Option<u64> {
        let link = self.shared.as_ref()?;
        let now = self.clock.now();
        if now.millis() < self.away_until.load(Ordering::Relaxed) {
            return None;
        }
        let key = link.keys.count(key);
        let asked =
            link.call_on(function, &key, |call| numbers.iter().for_each(|number| _ = call.arg(*number)));
        match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%error, function, "Redis does not count; this node does"),
            Err(_) => tracing::debug!(function, "Redis does not count in time; this node does"),
        }
        self.away_until.store(now.plus(PAUSE).millis(), Ordering::Relaxed);
        None
    }
}

fn key(door: Door, who: &Who) -> String {
    format!("{}:{}", door.name(), who.0)
}

/// More than is let in: 429 `rate_limited`.
fn too_many(door: Door, wait: Duration) -> Problem {
    let detail = match door {
        Door::Miss => "Too many codes that open no room were tried from your network. Please wait a little.",
        _ => "That is too much at once from here. Please try again a little later.",
    };
    Problem::new(429, "rate_limited", detail).with_retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_as_what_its_owner_has() {
        let who = |address: &str| Who::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(who("2001:db8:1:2:3:4:5:6"), who("2001:db8:1:2::9"));
        assert_ne!(who("2001:db8:1:2::1"), who("2001:db8:1:3::1"));
        assert_eq!(who("::ffff:192.0.2.7"), who("192.0.2.7"));
        assert_ne!(who("192.0.2.7"), who("192.0.2.8"));
    }
}
