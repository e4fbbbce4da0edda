//! Ballots of a room's members that are counted and wait to be recorded.

use axum::extract::ws::Utf8Bytes;
use domain::{BallotId, Choice, PollId, Reason, Receipt, ServerMessage, Status, VoterId};

use super::super::outbox::encode;
use crate::ballot_box::{CountedBallot, Place, Progress, Watermark};

/// How many wait at most. Beyond it a second receipt is left out: its client asks by sending the ballot again.
const MOST: usize = 100_000;

/// The ballots that wait.
#[derive(Default)]
pub(super) struct Pending {
    waiting: Vec<Waiting>,
    mark: Option<Watermark>,
}

struct Waiting {
    place: Place,
    poll: PollId,
    voter: VoterId,
    ballot: BallotId,
    choice: Option<Choice>,
}

/// A ballot that waits no more.
pub(super) struct Settled {
    pub(super) poll: PollId,
    pub(super) voter: VoterId,
    pub(super) ballot: BallotId,
    pub(super) receipt: Utf8Bytes,
    pub(super) is_lost: bool,
}

impl Pending {
    /// What a voter is told of a ballot that was counted. News of its being recorded may have come before.
    pub(super) fn receipt(&self, poll: PollId, counted: &CountedBallot) -> Utf8Bytes {
        let standing = &counted.standing;
        receipt(poll, standing.ballot, &standing.choice, self.progress(counted.place))
    }

    /// Has a ballot wait, unless it is settled.
    pub(super) fn put(&mut self, poll: PollId, counted: &CountedBallot) {
        let waits = self.progress(counted.place) == Progress::Waiting && self.waiting.len() < MOST;
        if let (Some(place), true) = (counted.place, waits) {
            let (voter, standing) = (counted.voter, counted.standing.clone());
            self.waiting.push(Waiting {
                place,
                poll,
                voter,
                ballot: standing.ballot,
                choice: standing.choice,
            });
        }
    }

    /// Takes in how far the shard is recorded. The ballots that need not wait any more.
    pub(super) fn settle(&mut self, mark: &Watermark) -> Vec<Settled> {
        let known = self.mark.get_or_insert_with(|| mark.clone());
        known.advance(mark);
        let known = known.clone();
        let is_settled = |waiting: &mut Waiting| known.progress(waiting.place) != Progress::Waiting;
        let settled = self.waiting.extract_if(.., is_settled);
        settled
            .filter_map(|Waiting { place, poll, voter, ballot, choice }| {
                let progress = known.progress(place);
                let receipt = receipt(poll, ballot, &choice, progress);
                let is_lost = progress == Progress::Lost;
                (progress != Progress::Poisoned).then_some(Settled { poll, voter, ballot, receipt, is_lost })
            })
            .collect()
    }

    fn progress(&self, place: Option<Place>) -> Progress {
        match (place, &self.mark) {
            (None, _) => Progress::Recorded,
            (Some(_), None) => Progress::Waiting,
            (Some(place), Some(mark)) => mark.progress(place),
        }
    }
}

fn receipt(poll: PollId, ballot: BallotId, choice: &Option<Choice>, progress: Progress) -> Utf8Bytes {
    let (status, reason) = match progress {
        Progress::Recorded => (Status::Recorded, None),
        Progress::Waiting | Progress::Poisoned => (Status::Accepted, None),
        // The contract's way to ask for the same ballot again.
        Progress::Lost => (Status::Refused, Some(Reason::Rebuilding)),
    };
    let choice = (progress != Progress::Lost).then(|| choice.clone());
    encode(&ServerMessage::Receipt(Receipt { ballot, poll, status, reason, choice }))
}

#[cfg(test)]
mod tests {
    use domain::{RoomId, Standing, TallyVersion, Timestamp};

    use super::*;
    use crate::shard::Shard;

    const POLL: [u8; 10] = [1; 10];

    fn mark(epoch: u64, n: u64) -> Watermark {
        let at = Timestamp::from_millis(1);
        let shard = Shard::of(RoomId::new(at, [0; 10]));
        Watermark { upto: Place { shard, epoch, n }, poison: Default::default() }
    }

    fn counted(epoch: u64, n: u64) -> CountedBallot {
        let at = Timestamp::from_millis(1);
        CountedBallot {
            voter: VoterId::new(at, [9; 10]),
            round: 0,
            standing: Standing { ballot: BallotId::after(None, at, [0; 10]), choice: None },
            version: TallyVersion::default(),
            place: Some(mark(epoch, n).upto),
        }
    }

    #[test]
    fn a_ballot_waits_until_it_is_recorded_or_its_queue_is_lost() {
        let poll = PollId::new(Timestamp::from_millis(1), POLL);
        let mut pending = Pending::default();
        for n in 1..=3 {
            assert!(pending.receipt(poll, &counted(1, n)).contains("accepted"));
            pending.put(poll, &counted(1, n));
        }
        let settled = pending.settle(&mark(1, 2));
        assert_eq!(settled.len(), 2);
        assert!(settled.iter().all(|settled| settled.receipt.contains("recorded") && !settled.is_lost));
        assert!(pending.receipt(poll, &counted(1, 2)).contains("recorded"), "the news came first");
        let lost = pending.settle(&mark(2, 0));
        assert!(lost.len() == 1 && lost[0].is_lost && lost[0].receipt.contains("rebuilding"));
        assert!(pending.settle(&mark(2, 9)).is_empty());
    }
}
