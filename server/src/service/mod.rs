//! The use cases. HTTP, sockets and server functions all come through here, so that a rule is written
//! once. Every use case takes who asks and authorises by loading what it names through the asker.

mod accounts;
mod adopting;
mod export;
mod invitations;
mod polls;
mod rooms;
mod seeking;
mod sessions;
mod tickets;
mod view;
mod voting;

use std::sync::Arc;

pub use accounts::{GUEST_LASTS, NewAccount, SignedIn};
pub use export::ExportQueue;
pub(crate) use invitations::invitation_hash;
pub use sessions::Refresh;
pub(crate) use sessions::no_such_session;
pub use tickets::TicketHolders;
pub use view::{RoomState, Viewer};

use crate::audit::Audit;
use crate::auth::key::KeyRing;
use crate::auth::password::Passwords;
use crate::auth::token::Tokens;
use crate::ballot_box::BallotBox;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Registration;
use crate::doors::Doors;
use crate::store::Store;

/// The use cases over their parts. Clones share them.
#[derive(Clone)]
pub struct Services {
    /// All SQL.
    pub store: Store,
    /// Where votes are judged, recorded and counted.
    pub ballots: Arc<dyn BallotBox>,
    /// Tells sockets what happened.
    pub bus: Arc<dyn Bus>,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// The keys that sign.
    pub keys: KeyRing,
    /// Signs and verifies access tokens.
    pub tokens: Tokens,
    /// How often somebody may come in.
    pub doors: Doors,
    /// Whose turn it is to have all that is held about one written out.
    pub exports: ExportQueue,
    /// Voters that are known to hold a ticket.
    pub ticket_holders: TicketHolders,
    /// The trail of security events.
    pub audit: Audit,
    /// Time and randomness.
    pub clock: Clock,
    /// Who may make an account.
    pub registration: Registration,
}
