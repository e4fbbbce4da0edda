//! The rates as operators set them.

use clap::Args;

use super::{Door, Limit};

/// How many times as many codes an address may still try in vain once it has used up its misses, before codes that others
/// found from there are refused too: at 100 a second all codes take three weeks.
const GUESSES: u32 = 20;

/// How often somebody may come in, each as a number at once and the time in which that many more are let in, or `off`.
///
/// The defaults let a lecture hall of 2,000 phones behind one address join and vote within a minute, with half as much to
/// spare, and hold up who guesses.
#[derive(Clone, Debug, Args)]
pub struct DoorSettings {
    /// Sign-ins from one address.
    #[arg(long, env = "VOXPOP_LIMIT_LOGINS", default_value = "120/1m")]
    pub limit_logins: Limit,
    /// Accounts made from one address.
    #[arg(long, env = "VOXPOP_LIMIT_ACCOUNTS", default_value = "60/1h")]
    pub limit_accounts: Limit,
    /// New guests from one address.
    #[arg(long, env = "VOXPOP_LIMIT_GUESTS", default_value = "3000/1m")]
    pub limit_guests: Limit,
    /// Sockets opened from one address: a phone opens a few where the network is bad.
    #[arg(long, env = "VOXPOP_LIMIT_SOCKETS", default_value = "6000/1m")]
    pub limit_sockets: Limit,
    /// Rooms joined from one address.
    #[arg(long, env = "VOXPOP_LIMIT_JOINS", default_value = "6000/1m")]
    pub limit_joins: Limit,
    /// Join codes from one address that open no room. Of 191 million codes so many a minute find one of 1,000 rooms in about
    /// ten hours.
    #[arg(long, env = "VOXPOP_LIMIT_MISSES", default_value = "300/1m")]
    pub limit_misses: Limit,
    /// Changes of all kinds from one address: votes, and whatever else is sent over HTTP but to read. Votes over sockets are
    /// counted by each node for itself.
    #[arg(long, env = "VOXPOP_LIMIT_CHANGES", default_value = "30000/1m")]
    pub limit_changes: Limit,
    /// Votes over HTTP by one voter. Votes over sockets do not count here: 60 at once, then 20 a second.
    #[arg(long, env = "VOXPOP_LIMIT_VOTES", default_value = "120/1m")]
    pub limit_votes: Limit,
    /// Rooms made by one account.
    #[arg(long, env = "VOXPOP_LIMIT_ROOMS", default_value = "120/1h")]
    pub limit_rooms: Limit,
    /// Exports of all that is held about one account or guest.
    #[arg(long, env = "VOXPOP_LIMIT_EXPORTS", default_value = "20/1h")]
    pub limit_exports: Limit,
    /// Exports to one address, whoever asks: guests cost nothing.
    #[arg(long, env = "VOXPOP_LIMIT_EXPORTS_FROM", default_value = "120/1h")]
    pub limit_exports_from: Limit,
}

impl DoorSettings {
    /// No limits at all: for measuring, and for tests that are about something else.
    pub fn off() -> Self {
        Self {
            limit_logins: Limit::Off,
            limit_accounts: Limit::Off,
            limit_guests: Limit::Off,
            limit_sockets: Limit::Off,
            limit_joins: Limit::Off,
            limit_misses: Limit::Off,
            limit_changes: Limit::Off,
            limit_votes: Limit::Off,
            limit_rooms: Limit::Off,
            limit_exports: Limit::Off,
            limit_exports_from: Limit::Off,
        }
    }

    /// The limit at a door.
    pub(super) fn limit(&self, door: Door) -> Limit {
        match door {
            Door::Login => self.limit_logins,
            Door::Account => self.limit_accounts,
            Door::Guest => self.limit_guests,
            Door::Socket => self.limit_sockets,
            Door::Join => self.limit_joins,
            Door::Miss => self.limit_misses,
            Door::Guess => self.limit_misses.times(GUESSES),
            Door::Change => self.limit_changes,
            Door::Vote => self.limit_votes,
            Door::Room => self.limit_rooms,
            Door::Export => self.limit_exports,
            Door::ExportFrom => self.limit_exports_from,
        }
    }
}
