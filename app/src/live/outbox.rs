//! Ballots on their way: kept until the server has recorded or definitely refused them, so that neither a
//! dead network nor a reload loses a vote. Pure: where it is stored is said elsewhere.

use domain::{BallotId, Choice, Poll, PollId, Receipt, Status};
use serde::{Deserialize, Serialize};

/// How many ballots are kept at most; the oldest go first.
const MOST: usize = 100;
/// Without any receipt the same ballot is sent again after this long, in milliseconds, and then after twice
/// as long, up to [`LONGEST`].
const PATIENCE: i64 = 4_000;
const LONGEST: i64 = 60_000;

/// A ballot that is not recorded yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its poll.
    pub(crate) poll: PollId,
    /// The poll's round: in another one the ballot means nothing.
    pub(crate) round: u32,
    /// Its id.
    pub(crate) ballot: BallotId,
    /// What it chooses; `None` takes the vote back.
    pub(crate) choice: Option<Choice>,
    /// How often it was sent since the page was loaded.
    #[serde(skip)]
    tries: u32,
    /// When it is to be sent, in milliseconds of our clock.
    #[serde(skip)]
    due: i64,
    /// Whether the server has counted it, without having recorded it yet.
    #[serde(skip)]
    pub(crate) accepted: bool,
}

impl Entry {
    /// A ballot to be sent at once.
    pub(crate) fn new(poll: PollId, round: u32, ballot: BallotId, choice: Option<Choice>) -> Self {
        Self { poll, round, ballot, choice, tries: 0, due: 0, accepted: false }
    }
}

/// The ballots of one voter, at most one a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outbox {
    entries: Vec<Entry>,
    /// The last id made for each poll on this page, recorded or not.
    last: Vec<(PollId, BallotId)>,
}

impl Outbox {
    /// What was kept. What can't be read is as good as nothing.
    pub(crate) fn read(stored: &str) -> Self {
        Self { entries: serde_json::from_str(stored).unwrap_or_default(), last: Vec::new() }
    }

    /// What to keep; `None` when there is nothing.
    pub(crate) fn written(&self) -> Option<String> {
        if self.entries.is_empty() { None } else { serde_json::to_string(&self.entries).ok() }
    }

    /// The ballot on its way in a poll's present round.
    pub(crate) fn entry(&self, poll: PollId, round: u32) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.poll == poll && entry.round == round)
    }

    /// The id that a new ballot of this poll has to be later than.
    pub(crate) fn last(&self, poll: &Poll) -> Option<BallotId> {
        let made = self.last.iter().filter(|(id, _)| *id == poll.id).map(|(_, ballot)| *ballot);
        let kept = self.entries.iter().filter(|entry| entry.poll == poll.id).map(|entry| entry.ballot);
        made.chain(kept).chain(poll.your_ballot).max()
    }

    /// Takes a ballot in, in place of an older one of the same poll.
    pub(crate) fn put(&mut self, entry: Entry) {
        if self.entries.iter().any(|kept| kept.poll == entry.poll && kept.ballot > entry.ballot) {
            return;
        }
        self.last.retain(|(poll, _)| *poll != entry.poll);
        self.last.push((entry.poll, entry.ballot));
        self.entries.retain(|kept| kept.poll != entry.poll);
        self.entries.push(entry);
        let over = self.entries.len().saturating_sub(MOST);
        self.entries.drain(..over);
    }

    /// Takes in what was kept by another page of the same voter.
    pub(crate) fn merge(&mut self, other: Self) {
        let known = std::mem::take(&mut self.last);
        for entry in other.entries {
            if !self.entries.iter().any(|kept| kept.poll == entry.poll && kept.ballot == entry.ballot) {
                self.put(entry);
            }
        }
        self.last = known;
    }

    /// What a receipt says of a ballot here: recorded and definite refusals end it, a temporary refusal has it
    /// sent again. False when it is about no ballot here.
    pub(crate) fn settle(&mut self, receipt: &Receipt, now: i64) -> bool {
        let ours = |entry: &Entry| entry.poll == receipt.poll && entry.ballot == receipt.ballot;
        let Some(at) = self.entries.iter().position(ours) else { return false };
        match receipt.status {
            Status::Recorded => drop(self.entries.remove(at)),
            Status::Refused if receipt.reason.is_some_and(|reason| reason.is_temporary()) => {
                let entry = &mut self.entries[at];
                // It may have been counted by a Redis that has lost its memory since.
                entry.accepted = false;
                entry.due = now + pause(entry.tries, 500);
            }
            Status::Refused => drop(self.entries.remove(at)),
            Status::Accepted => {
                let entry = &mut self.entries[at];
                entry.accepted = true;
                // It is counted. Asking again finds out about a `recorded` that went missing with its node.
                entry.due = now + pause(entry.tries, PATIENCE);
            }
        }
        true
    }

    /// The ballots to send now, each of which is then given time for its receipt.
    pub(crate) fn take_due(&mut self, now: i64, ours: impl Fn(PollId) -> bool) -> Vec<Entry> {
        let mut due = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.due <= now && ours(entry.poll)) {
            entry.due = now + pause(entry.tries, PATIENCE);
            entry.tries += 1;
            due.push(entry.clone());
        }
        due
    }

    /// Has everything sent again: a new connection knows nothing of what the last one said.
    pub(crate) fn all_due(&mut self) {
        for entry in &mut self.entries {
            entry.due = 0;
            entry.tries = 0;
        }
    }

    /// Drops ballots that mean nothing any more: the poll was reset since.
    pub(crate) fn prune(&mut self, polls: &[Poll]) {
        let old = |entry: &Entry| polls.iter().any(|poll| poll.id == entry.poll && poll.round > entry.round);
        self.entries.retain(|entry| !old(entry));
    }
}

/// How long to wait after so many tries.
fn pause(tries: u32, first: i64) -> i64 {
    first.saturating_mul(1 << tries.min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{PollKind, PollState, Reason, RoomCode, Timestamp};

    fn poll_id(number: u8) -> PollId {
        PollId::new(Timestamp::from_millis(1), [number; 10])
    }

    fn ballot(millis: i64) -> BallotId {
        BallotId::after(None, Timestamp::from_millis(millis), [0; 10])
    }

    fn entry(poll: u8, millis: i64) -> Entry {
        Entry::new(poll_id(poll), 0, ballot(millis), Some(Choice::Option(0)))
    }

    fn receipt(millis: i64, status: Status, reason: Option<Reason>) -> Receipt {
        Receipt { ballot: ballot(millis), poll: poll_id(1), status, reason, choice: None }
    }

    fn poll(number: u8, round: u32, your_ballot: Option<BallotId>) -> Poll {
        Poll {
            id: poll_id(number),
            room: RoomCode::from_number(7),
            position: 0,
            question: String::new(),
            kind: PollKind::Single,
            options: Vec::new(),
            state: PollState::Open,
            round,
            opened_at: None,
            closes_at: None,
            closed_at: None,
            revealed: None,
            server_time: Timestamp::default(),
            results_visible: None,
            your_choice: None,
            your_ballot,
        }
    }

    fn holding(entries: &[Entry]) -> Outbox {
        let mut outbox = Outbox::default();
        entries.iter().cloned().for_each(|entry| outbox.put(entry));
        outbox
    }

    #[test]
    fn keeps_the_newest_ballot_of_each_poll() {
        let outbox = holding(&[entry(1, 10), entry(2, 10), entry(1, 20), entry(1, 15)]);
        assert_eq!(outbox.entry(poll_id(1), 0).unwrap().ballot, ballot(20));
        assert!(outbox.entry(poll_id(2), 0).is_some());
        assert_eq!(outbox.entries.len(), 2);
    }

    #[test]
    fn recorded_and_definite_refusals_end_a_ballot() {
        for (status, reason) in [(Status::Recorded, None), (Status::Refused, Some(Reason::Closed))] {
            let mut outbox = holding(&[entry(1, 10)]);
            assert!(outbox.settle(&receipt(10, status, reason), 0));
            assert_eq!(outbox.written(), None);
        }
    }

    #[test]
    fn a_receipt_of_another_ballot_ends_nothing() {
        let mut outbox = holding(&[entry(1, 10)]);
        assert!(!outbox.settle(&receipt(9, Status::Recorded, None), 0));
        assert!(outbox.written().is_some());
    }

    #[test]
    fn accepted_is_kept_until_recorded() {
        let mut outbox = holding(&[entry(1, 10)]);
        outbox.settle(&receipt(10, Status::Accepted, None), 0);
        assert!(outbox.entry(poll_id(1), 0).unwrap().accepted);
        outbox.settle(&receipt(10, Status::Recorded, None), 0);
        assert!(outbox.entry(poll_id(1), 0).is_none());
    }

    #[test]
    fn a_ballot_that_was_lost_counts_as_accepted_no_more() {
        let mut outbox = holding(&[entry(1, 10)]);
        outbox.settle(&receipt(10, Status::Accepted, None), 0);
        outbox.settle(&receipt(10, Status::Refused, Some(Reason::Rebuilding)), 0);
        assert!(!outbox.entry(poll_id(1), 0).unwrap().accepted);
    }

    #[test]
    fn an_accepted_ballot_is_asked_about_ever_later() {
        let mut outbox = holding(&[entry(1, 10)]);
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..3 {
            assert_eq!(outbox.take_due(now, |_| true).len(), 1);
            outbox.settle(&receipt(10, Status::Accepted, None), now);
            waits.push(outbox.entries[0].due - now);
            now = outbox.entries[0].due;
        }
        assert_eq!(waits, [2 * PATIENCE, 4 * PATIENCE, 8 * PATIENCE]);
    }

    #[test]
    fn a_temporary_refusal_is_sent_again_ever_later() {
        let mut outbox = holding(&[entry(1, 10)]);
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..4 {
            assert_eq!(outbox.take_due(now, |_| true).len(), 1);
            outbox.settle(&receipt(10, Status::Refused, Some(Reason::Overloaded)), now);
            let due = outbox.entries[0].due;
            assert!(outbox.take_due(due - 1, |_| true).is_empty());
            waits.push(due - now);
            now = due;
        }
        assert!(waits.is_sorted() && waits[0] < waits[3], "{waits:?}");
    }

    #[test]
    fn an_unanswered_ballot_is_sent_again_and_all_after_a_reconnect() {
        let mut outbox = holding(&[entry(1, 10)]);
        assert_eq!(outbox.take_due(0, |_| true).len(), 1);
        assert!(outbox.take_due(PATIENCE - 1, |_| true).is_empty());
        assert_eq!(outbox.take_due(PATIENCE, |_| true).len(), 1);
        outbox.all_due();
        assert_eq!(outbox.take_due(PATIENCE + 1, |_| true).len(), 1);
    }

    #[test]
    fn other_rooms_ballots_stay_where_they_are() {
        let mut outbox = holding(&[entry(1, 10), entry(2, 10)]);
        let due = outbox.take_due(0, |poll| poll == poll_id(2));
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].poll, poll_id(2));
    }

    #[test]
    fn a_newer_round_drops_the_ballot() {
        let mut outbox = holding(&[entry(1, 10), entry(2, 10)]);
        outbox.prune(&[poll(1, 1, None), poll(2, 0, None)]);
        assert!(outbox.entry(poll_id(1), 0).is_none());
        assert!(outbox.entry(poll_id(2), 0).is_some());
    }

    #[test]
    fn the_next_id_is_later_than_all_before() {
        let mut outbox = holding(&[entry(1, 30)]);
        outbox.settle(&receipt(30, Status::Refused, Some(Reason::InvalidChoice)), 0);
        assert_eq!(outbox.last(&poll(1, 0, Some(ballot(20)))), Some(ballot(30)));
        assert_eq!(outbox.last(&poll(1, 0, Some(ballot(40)))), Some(ballot(40)));
        assert_eq!(outbox.last(&poll(2, 0, None)), None);
    }

    #[test]
    fn survives_being_stored() {
        let outbox = holding(&[entry(1, 10), entry(2, 20)]);
        let again = Outbox::read(&outbox.written().unwrap());
        assert_eq!(again.entries, outbox.entries);
        assert_eq!(Outbox::read("no json"), Outbox::default());
        let mut merged = holding(&[entry(1, 20)]);
        merged.merge(again);
        assert_eq!(merged.entry(poll_id(1), 0).unwrap().ballot, ballot(20), "the newer stays");
        assert_eq!(merged.entries.len(), 2);
    }
}
