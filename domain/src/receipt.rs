//! What a voter is told about a ballot.

use serde::{Deserialize, Serialize};

use crate::choice::nullable;
use crate::{BallotId, Choice, PollId};

/// How far a ballot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Counted live and queued for SQL. May be lost with the queue: send it again until recorded.
    Accepted,
    /// Committed in SQL, for good.
    Recorded,
    /// Not counted; the reason says why.
    Refused,
}

/// Why a ballot was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The room allows no second vote.
    AlreadyVoted,
    /// A later ballot of this voter stands.
    Superseded,
    /// The same ballot id came with another choice.
    BallotReused,
    /// The ballot belongs to a round before the poll was reset.
    Reset,
    /// The poll has not been opened.
    NotOpen,
    /// The poll is closed.
    Closed,
    /// The poll does not allow this choice.
    InvalidChoice,
    /// This voter may not vote in this room.
    NotEligible,
    /// There are too many different answers.
    TooManyAnswers,
    /// The live count is being rebuilt; send the same ballot again.
    Rebuilding,
    /// There are more votes than can be written now; send the same ballot again.
    Overloaded,
}

impl Reason {
    /// Whether the same ballot may succeed when it is sent again.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Rebuilding | Self::Overloaded)
    }
}

/// What became of a ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The ballot.
    pub ballot: BallotId,
    /// The poll it was cast in.
    pub poll: PollId,
    /// How far it has come.
    pub status: Status,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The voter's choice that stands after this ballot: null when withdrawn, absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
    pub choice: Option<Option<Choice>>,
}
