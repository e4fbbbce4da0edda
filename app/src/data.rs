//! What pages are drawn from.

use domain::{Identity, IdentityKind, Me, Problem, Room, SessionId, Tally, Timestamp};
use serde::{Deserialize, Serialize};

/// Who looks at a page, and what the site allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// The account or guest; nobody yet on pages that need no identity.
    pub me: Option<Me>,
    /// Who may make an account here.
    pub registration: Registration,
    /// Links for the foot of the page.
    #[serde(default)]
    pub legal: Legal,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Anybody.
    Open,
    /// Whoever has an invitation.
    Invite,
    /// Nobody.
    Closed,
}

impl Registration {
    /// Whether somebody new may make an account.
    pub fn lets_in(self) -> bool {
        self != Self::Closed
    }
}

/// What the operator has to say about the site, elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legal {
    /// Who is responsible for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imprint: Option<String>,
    /// What is done with what people leave here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<String>,
}

impl Visitor {
    /// Nobody that anything is known of, on a site that nothing is known of.
    pub fn nobody() -> Self {
        Self { me: None, registration: Registration::Open, legal: Legal::default() }
    }

    /// The name of whoever is signed in; `None` for a guest.
    pub fn account_name(&self) -> Option<String> {
        let me = self.me.as_ref().filter(|me| me.kind == IdentityKind::User)?;
        me.identity().name
    }
}

/// One's own account as its page shows it, or what is known of a guest.
#[derive(Clone, Debug)]
pub struct AccountPage {
    /// The user name; a guest has none.
    pub username: Option<String>,
    /// What others are shown; empty where it was not given.
    pub display_name: String,
    /// Where it is signed in, the session used last first. Guests are nowhere.
    pub sessions: Vec<Session>,
    /// The time now.
    pub now: Timestamp,
}

/// A session as its owner sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What it was last renewed with: a browser and a system, or a program's name. It may be empty.
    pub device: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last used, to within ten minutes.
    pub seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// A room's voting tickets as their page shows them.
#[derive(Clone, Debug)]
pub struct TicketsPage {
    /// The room's title.
    pub title: String,
    /// Its join code.
    pub code: String,
    /// How many tickets there are.
    pub total: usize,
    /// The codes of those that are used, in two groups each.
    pub used: Vec<String>,
    /// Where to type a code, for those who cannot scan.
    pub address: String,
    /// A sheet of unused ones.
    pub sheet: Vec<Ticket>,
    /// Which page has the next sheet.
    pub next: Option<usize>,
    /// Whether the room lets ticket holders vote only.
    pub asks_for_tickets: bool,
}

/// An unused ticket, ready to be printed.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its code, in two groups.
    pub code: String,
    /// Its link as a QR code: SVG that the server drew.
    pub qr: String,
}

/// A room as a page shows it first: the same state that a socket's `join` is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPage {
    /// The room as this viewer may see it.
    pub room: Room,
    /// The tally of each poll that is not a draft, without results where this viewer may not see them.
    pub tallies: Vec<Tally>,
    /// How many people are in the room.
    pub participants: u64,
    /// Who looks.
    pub you: Identity,
    /// Where others join, for people to read and scan: never `localhost`.
    pub join_url: String,
    /// The voting ticket that somebody followed the link of; it is not used yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A form that was sent and refused: the page is drawn again with what was typed and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentForm {
    /// The form's `action` field: which of the page's forms it was. Empty where a page has one form only.
    pub action: String,
    /// The fields in order, passwords left out. A field may come more than once.
    pub fields: Vec<(String, String)>,
    /// What is wrong.
    pub problem: Problem,
}

impl SentForm {
    /// What was typed into a field, the first where there are several.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All that was typed or ticked under a name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a host tells a poll to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostAction {
    /// Take votes, for so many seconds where a number is given, and be the room's current poll.
    Open(Option<u64>),
    /// Take no more votes.
    Close,
    /// Show results to everybody.
    Reveal,
    /// Show results to the host only.
    Hide,
    /// Drop all ballots and be a draft again.
    Reset,
}
