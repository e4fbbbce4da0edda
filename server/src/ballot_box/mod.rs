//! Where votes are judged, recorded and counted. One trait, so that a use case need not know whether
//! the count lives in this process or is shared by many nodes.

mod intent;
mod local;
mod redis;

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    BallotId, Choice, Command, Lifecycle, PollId, PollState, Receipt, RoomId, RoomSettings, Standing, Tally,
    TallyVersion, UserId, VoterId, VotersPolicy,
};
use serde::{Deserialize, Serialize};

pub(crate) use intent::close_all;
pub use local::LocalBallotBox;
pub use redis::{Keys, Limits, Link, RedisBallotBox, set_by_redis};

use crate::error::{Error, Result};
use crate::shard::Shard;
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
    /// Whether the voter is known to hold a voting ticket of the room: some rooms let no others vote.
    pub has_ticket: bool,
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
    /// Whether the room hears of it as an event, and tells its voter: it was counted just now, or, on nodes, was before.
    pub counted: bool,
    /// Where it waits to be recorded, if it does.
    pub place: Option<Place>,
}

/// An entry in the queue of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The shard.
    pub shard: Shard,
    /// The shard's epoch: a queue that was lost is followed by one of a higher epoch.
    pub epoch: u64,
    /// The entry's number, from 1.
    pub n: u64,
}

/// The code of what is refused while a count is made anew, or is in SQL and could not be told to Redis yet.
const REBUILDING: &str = "rebuilding";

/// Whether a command or a deletion comes to pass: it is in the database, even where Redis could not be told of it yet.
pub(crate) fn is_committed<T>(done: &Result<T>) -> bool {
    match done {
        Ok(_) => true,
        Err(Error::Problem(problem)) => problem.code == REBUILDING,
        Err(_) => false,
    }
}

/// What came of adopting a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Whether it became the account just now: it was none's before, and is from now on.
    pub is_new: bool,
    /// Whether its votes have moved. Otherwise they do later, whoever asks.
    pub is_done: bool,
}

/// How far the recorder of a shard has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// The shard's epoch and the last entry that was recorded.
    pub upto: Place,
    /// Entries up to there that SQL would not take. They stay accepted.
    pub poison: BTreeSet<u64>,
}

/// What a watermark says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is in SQL.
    Recorded,
    /// It waits.
    Waiting,
    /// It waits for somebody to look why SQL would not take it.
    Poisoned,
    /// Its queue was lost before it was known to be recorded: the same ballot is to be sent again.
    Lost,
}

impl Watermark {
    /// What this says of an entry of the same shard.
    pub fn progress(&self, place: Place) -> Progress {
        if place.epoch < self.upto.epoch {
            return Progress::Lost;
        }
        if place.epoch > self.upto.epoch || place.n > self.upto.n {
            return Progress::Waiting;
        }
        if self.poison.contains(&place.n) { Progress::Poisoned } else { Progress::Recorded }
    }

    /// Takes in a newer one; older ones change nothing.
    pub fn advance(&mut self, newer: &Self) {
        let order = |of: &Self| (of.upto.epoch, of.upto.n);
        if newer.upto.epoch > self.upto.epoch {
            self.poison.clear();
        }
        if newer.upto.epoch >= self.upto.epoch {
            self.poison.extend(&newer.poison);
        }
        if order(newer) > order(self) {
            self.upto = newer.upto;
        }
    }
}

/// A ballot that was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedBallot {
    /// Whose.
    pub voter: VoterId,
    /// In which round.
    pub round: u32,
    /// What stands with it.
    pub standing: Standing,
    /// The first tally that counts it.
    pub version: TallyVersion,
    /// Where it waits to be recorded; none when it is.
    pub place: Option<Place>,
}

/// How a poll stands, and what decides who may see it: read together, so that nobody is shown a count by rules
/// that do not hold any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollNow {
    /// Its count.
    pub tally: Tally,
    /// Where it is in its life.
    pub life: Lifecycle,
    /// Its room's settings.
    pub settings: RoomSettings,
    /// How often these were changed.
    pub settings_revision: u64,
}

impl PollNow {
    /// Whether this knows more of a poll's life than what SQL said: a later command, or a close by countdown that
    /// has not reached SQL.
    pub fn is_ahead_of(&self, stored: &Lifecycle) -> bool {
        let closed = self.life.state == PollState::Closed && stored.state == PollState::Open;
        self.life.revision > stored.revision || (self.life.revision == stored.revision && closed)
    }
}

/// What stands of a voter in a round of a poll. In any other round it means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InRound {
    /// The round.
    pub round: u32,
    /// What stands in it.
    pub standing: Standing,
}

/// What a node with people in a room says each second.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The room.
    pub room: RoomId,
    /// How many people are in it on this node.
    pub people: u64,
    /// The polls that it shows, and the newest tally of each.
    pub shown: Vec<(PollId, TallyVersion)>,
}

/// What it hears.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// How many people are in the room on other nodes.
    pub others: u64,
    /// Differs when something changed that only SQL holds.
    pub tick: String,
    /// How far the room's shard is recorded.
    pub watermark: Watermark,
    /// The polls that changed.
    pub changed: Vec<PollNow>,
}

/// Judges, records and counts ballots, and carries out what hosts tell polls: in one order, so that
/// every race between a vote and a close has one outcome.
#[async_trait]
pub trait BallotBox: Send + Sync {
    /// Casts a ballot. An unknown poll is `no_such_poll`; all else is told by the receipt.
    async fn cast(&self, ballot: CastBallot) -> Result<Cast>;

    /// Waits a while for an entry to be recorded, and says whether it is.
    async fn recorded(&self, place: Place) -> bool;

    /// Opens, closes, reveals, hides or resets a poll. An opened poll becomes its room's current one.
    async fn command(&self, poll: PollId, command: Command) -> Result<PollRecord>;

    /// Deletes a poll with its ballots.
    async fn delete(&self, poll: PollId) -> Result<()>;

    /// Takes over a room's settings from the store, and that its polls were closed there; tells how they stand now.
    async fn settings_changed(&self, room: RoomId) -> Result<()>;

    /// Makes what a guest chose in a room the account's, for whom the guest has signed in: in every open poll, in one step.
    /// Where the account has a ballot it stands, and the guest's is taken out; else the guest's moves. What closed polls
    /// count stays. From then on the guest is `not_eligible` in all polls of the room. Done again it changes nothing, and
    /// a guest that is another account's stays so; and where very many have become accounts, a guest stays a guest.
    async fn adopt(&self, room: RoomId, guest: VoterId, account: UserId) -> Result<Adoption>;

    /// How polls stand. Polls that are not there are left out.
    async fn now(&self, polls: &[PollId]) -> Result<Vec<PollNow>>;

    /// What stands of a voter in polls, each with the round that it stands in.
    async fn standings(&self, polls: &[PollId], voter: VoterId) -> Result<Vec<(PollId, InRound)>>;

    /// What other nodes did in a room, as far as this one has not heard; nothing when there are no others.
    async fn pulse(&self, beat: Beat) -> Result<Option<Pulse>>;

    /// Gives a poll's tally a higher version, so that viewers who have seen it with results hidden take it again.
    async fn touch(&self, poll: PollId);

    /// Whether what it counts in answers, and counted lately.
    async fn check(&self) -> Result<()>;
}

impl CastBallot {
    /// Whether a room's policy lets the voter vote.
    fn is_eligible(&self, policy: VotersPolicy) -> bool {
        match policy {
            VotersPolicy::Guest => true,
            VotersPolicy::Account => !self.is_guest,
            VotersPolicy::Ticket => self.has_ticket,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(epoch: u64, n: u64) -> Place {
        let shard = Shard::all().next().unwrap();
        Place { shard, epoch, n }
    }

    fn mark(epoch: u64, n: u64, poison: &[u64]) -> Watermark {
        Watermark { upto: place(epoch, n), poison: poison.iter().copied().collect() }
    }

    #[test]
    fn a_watermark_says_what_became_of_an_entry() {
        let mark = mark(2, 10, &[7]);
        let said =
            [(2, 10), (2, 7), (2, 11), (3, 1), (1, 1)].map(|(epoch, n)| mark.progress(place(epoch, n)));
        use Progress::*;
        assert_eq!(said, [Recorded, Poisoned, Waiting, Waiting, Lost]);
    }

    #[test]
    fn a_watermark_only_rises() {
        let mut known = mark(2, 10, &[7]);
        known.advance(&mark(2, 9, &[3]));
        assert_eq!(known, mark(2, 10, &[3, 7]));
        known.advance(&mark(1, 99, &[5]));
        assert_eq!(known, mark(2, 10, &[3, 7]));
        known.advance(&mark(3, 0, &[]));
        assert_eq!(known, mark(3, 0, &[]));
    }
}
