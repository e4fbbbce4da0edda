//! Where votes are judged, recorded and counted. One trait, so that a use case need not know whether
//! the count lives in this process or is shared by many nodes.

mod local;

use async_trait::async_trait;
use domain::{BallotId, Choice, Command, PollId, Receipt, RoomId, Standing, Tally, VoterId};

pub use local::LocalBallotBox;

use crate::error::Result;
use crate::store::polls::PollRecord;

/// A ballot as a use case hands it in. Who votes comes from a verified token.
#[derive(Clone, Debug)]
pub struct CastBallot {
    /// In which poll.
    pub poll: PollId,
    /// Whose.
    pub voter: VoterId,
    /// Whether the voter is a guest: some rooms let accounts vote only.
    pub is_guest: bool,
    /// Its id; without one the box makes it, later than the voter's last.
    pub ballot: Option<BallotId>,
    /// What it chooses; `None` withdraws.
    pub choice: Option<Choice>,
}

/// What became of a ballot.
#[derive(Clone, Debug)]
pub struct Cast {
    /// What to tell the voter.
    pub receipt: Receipt,
    /// Whether it changed the count just now. If so the room hears of it as an event.
    pub counted: bool,
}

/// What stands of a voter in a round of a poll. In any other round it means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InRound {
    /// The round.
    pub round: u32,
    /// What stands in it.
    pub standing: Standing,
}

/// Judges, records and counts ballots, and carries out what hosts tell polls: in one order, so that
/// every race between a vote and a close has one outcome.
#[async_trait]
pub trait BallotBox: Send + Sync {
    /// Casts a ballot. An unknown poll is `no_such_poll`; all else is told by the receipt.
    async fn cast(&self, ballot: CastBallot) -> Result<Cast>;

    /// Opens, closes, reveals, hides or resets a poll. An opened poll becomes its room's current one.
    async fn command(&self, poll: PollId, command: Command) -> Result<PollRecord>;

    /// Deletes a poll with its ballots.
    async fn delete(&self, poll: PollId) -> Result<()>;

    /// Takes over a room's settings from the store, and tells how its polls stand under them.
    async fn settings_changed(&self, room: RoomId) -> Result<()>;

    /// How polls stand. Polls that are not there are left out.
    async fn tallies(&self, polls: &[PollId]) -> Result<Vec<Tally>>;

    /// What stands of a voter in polls, each with the round that it stands in.
    async fn standings(&self, polls: &[PollId], voter: VoterId) -> Result<Vec<(PollId, InRound)>>;
}
