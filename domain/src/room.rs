//! A room: what people join, and its settings.

use serde::{Deserialize, Serialize};

use crate::{NewPoll, Poll, PollId, RoomCode, RoomId, Timestamp};

/// Who sees results, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultsPolicy {
    /// Everybody at once.
    Always,
    /// Whoever has voted; everybody after the close.
    #[default]
    AfterVote,
    /// Everybody, after the close.
    AfterClose,
    /// The host.
    HostOnly,
}

/// Who may vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VotersPolicy {
    /// Anybody who joins.
    #[default]
    Guest,
    /// Only who is signed in.
    Account,
    /// Only who holds a voting ticket of the room, signed in or not.
    Ticket,
}

/// A room's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomSettings {
    /// Who sees results, and when.
    pub results: ResultsPolicy,
    /// Whether a voter may vote again in place of the first vote.
    pub change_vote: bool,
    /// Who may vote.
    pub voters: VotersPolicy,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { results: ResultsPolicy::default(), change_vote: true, voters: VotersPolicy::default() }
    }
}

/// Changes to settings: what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsPatch {
    /// Who sees results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<ResultsPolicy>,
    /// Whether votes may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_vote: Option<bool>,
    /// Who may vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voters: Option<VotersPolicy>,
}

impl RoomSettings {
    /// These settings with changes made.
    #[must_use]
    pub fn patched(self, patch: SettingsPatch) -> Self {
        Self {
            results: patch.results.unwrap_or(self.results),
            change_vote: patch.change_vote.unwrap_or(self.change_vote),
            voters: patch.voters.unwrap_or(self.voters),
        }
    }
}

/// A room as somebody asks for it. Nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRoom {
    /// Its title.
    pub title: String,
    /// Its settings, where they differ from the defaults.
    #[serde(default)]
    pub settings: SettingsPatch,
    /// Its first polls.
    #[serde(default)]
    pub polls: Vec<NewPoll>,
}

/// Changes to a room: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPatch {
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsPatch>,
    /// All its polls, in their new order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_order: Option<Vec<PollId>>,
}

/// A room as one viewer may see it: drafts are among the polls for the host only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its join code.
    pub code: RoomCode,
    /// Its title.
    pub title: String,
    /// Whether this viewer is its host.
    pub is_host: bool,
    /// Its settings.
    pub settings: RoomSettings,
    /// The poll that phones and screens show now.
    pub current: Option<PollId>,
    /// Its polls in order.
    pub polls: Vec<Poll>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether this viewer holds a voting ticket; only where tickets are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_ticket: Option<bool>,
}

/// A page of somebody's own rooms, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomList {
    /// The rooms.
    pub rooms: Vec<Room>,
    /// Hand it back as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
