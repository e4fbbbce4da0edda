//! The live room as one viewer knows it: a snapshot, and what each message makes of it. Pure: no clock, no
//! browser, so it is tested natively.

use domain::{
    Choice, Poll, PollId, PollState, Receipt, ResultsPolicy, Room, ServerMessage, Status, Tally, Timestamp,
};

use crate::data::RoomPage;

/// A room with its tallies, as far as this viewer may know them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LiveRoom {
    /// The room and its polls; drafts are hidden from who isn't host by [`LiveRoom::poll`].
    pub(crate) room: Room,
    tallies: Vec<Tally>,
    /// How many people are here.
    pub(crate) participants: u64,
    /// Whether the room was deleted meanwhile.
    pub(crate) closed: bool,
    /// The server's clock minus ours, in milliseconds, once a message has told it.
    pub(crate) offset: Option<i64>,
}

impl LiveRoom {
    /// The room as its page came.
    pub(crate) fn new(page: &RoomPage) -> Self {
        let mut live = Self {
            room: page.room.clone(),
            tallies: page.tallies.clone(),
            participants: page.participants,
            closed: false,
            offset: None,
        };
        live.strip_hidden();
        live
    }

    /// Takes in what the server says, heard at `now` by our own clock.
    pub(crate) fn apply(&mut self, message: ServerMessage, now: Timestamp) {
        match message {
            ServerMessage::Room { room, participants } if room.code == self.room.code => {
                self.offset = room.polls.iter().map(|poll| offset(poll, now)).max().or(self.offset);
                self.participants = participants;
                self.closed = false;
                self.replace(room);
            }
            ServerMessage::RoomClosed { room } if room == self.room.code => self.closed = true,
            ServerMessage::Poll { poll } if poll.room == self.room.code => {
                // A message is heard later than it was written: the largest difference is the truest.
                self.offset = self.offset.max(Some(offset(&poll, now)));
                self.put_poll(poll);
            }
            ServerMessage::Yours { poll, results_visible, choice, ballot } => {
                if let Some(known) = self.poll_mut(poll) {
                    known.results_visible = Some(results_visible);
                    if ballot >= known.your_ballot || ballot.is_none() {
                        known.your_choice = choice;
                        known.your_ballot = ballot.max(known.your_ballot);
                    }
                }
                self.strip_hidden();
            }
            ServerMessage::PollRemoved { poll } => {
                self.room.polls.retain(|known| known.id != poll);
                self.tallies.retain(|tally| tally.poll != poll);
                self.room.current = self.room.current.filter(|current| *current != poll);
            }
            ServerMessage::Tally(tally) => self.put_tally(tally),
            ServerMessage::Receipt(receipt) => self.put_receipt(receipt),
            ServerMessage::Presence { room, participants } if room == self.room.code => {
                self.participants = participants;
            }
            _ => {}
        }
    }

    /// Takes in a poll that a request was answered with, unless a message has told something newer since.
    pub(crate) fn answer(&mut self, poll: Poll) {
        let known = self.room.polls.iter().find(|known| known.id == poll.id);
        if known.is_none_or(|known| known.server_time <= poll.server_time) {
            self.put_poll(poll);
        }
    }

    /// A poll that this viewer may know of.
    pub(crate) fn poll(&self, id: PollId) -> Option<&Poll> {
        let shown = |poll: &&Poll| poll.id == id && (self.room.is_host || poll.state != PollState::Draft);
        self.room.polls.iter().find(shown)
    }

    /// The poll that everybody looks at.
    pub(crate) fn current(&self) -> Option<&Poll> {
        self.poll(self.room.current?)
    }

    /// The first draft after the current poll, else the first of all.
    pub(crate) fn next(&self) -> Option<&Poll> {
        let after = self.room.current.and_then(|id| self.room.polls.iter().position(|poll| poll.id == id));
        let draft = |poll: &&Poll| poll.state == PollState::Draft && Some(poll.id) != self.room.current;
        let later = self.room.polls.iter().skip(after.map_or(0, |at| at + 1)).find(draft);
        later.or_else(|| self.room.polls.iter().find(draft))
    }

    /// How the poll's present round stands.
    pub(crate) fn tally(&self, id: PollId) -> Option<&Tally> {
        let round = self.poll(id)?.round;
        self.tallies.iter().find(|tally| tally.poll == id && tally.round == round)
    }

    /// What the viewer has chosen, as far as the server has told.
    pub(crate) fn choice(&self, id: PollId) -> Option<Choice> {
        self.poll(id)?.your_choice.clone().flatten()
    }

    /// Whether a screen for all to see shows this poll's results. A host's screen is sent them always; it
    /// shows what somebody who has voted would see.
    pub(crate) fn shown_on_screen(&self, id: PollId) -> bool {
        self.poll(id).is_some_and(|poll| {
            let closed = poll.state == PollState::Closed;
            poll.revealed.unwrap_or(match self.room.settings.results {
                ResultsPolicy::Always | ResultsPolicy::AfterVote => true,
                ResultsPolicy::AfterClose => closed,
                ResultsPolicy::HostOnly => false,
            })
        })
    }

    /// The server's clock when the snapshot was written: what both sides draw a page's first countdown by.
    pub(crate) fn written(&self) -> Timestamp {
        self.room.polls.iter().map(|poll| poll.server_time).max().unwrap_or_default()
    }

    fn replace(&mut self, room: Room) {
        self.room = room;
        let polls = &self.room.polls;
        self.tallies
            .retain(|tally| polls.iter().any(|poll| poll.id == tally.poll && poll.round <= tally.round));
        self.strip_hidden();
    }

    fn put_poll(&mut self, mut poll: Poll) {
        self.tallies.retain(|tally| tally.poll != poll.id || tally.round >= poll.round);
        match self.room.polls.iter_mut().find(|known| known.id == poll.id) {
            Some(known) if poll.round < known.round => return,
            Some(known) => {
                if poll.round == known.round {
                    poll.results_visible = poll.results_visible.or(known.results_visible);
                    poll.your_choice = poll.your_choice.or_else(|| known.your_choice.take());
                }
                // An older round's ballot still says what the next one's id has to be later than.
                poll.your_ballot = poll.your_ballot.max(known.your_ballot);
                *known = poll;
            }
            None => {
                let polls = &mut self.room.polls;
                let at = polls.iter().position(|known| known.position > poll.position).unwrap_or(polls.len());
                polls.insert(at, poll);
            }
        }
        self.strip_hidden();
    }

    fn put_tally(&mut self, tally: Tally) {
        let Some(known) = self.tallies.iter_mut().find(|known| known.poll == tally.poll) else {
            return self.tallies.push(tally);
        };
        let newer = tally.version > known.version;
        let reveals = tally.version == known.version && known.marks.is_none() && tally.marks.is_some();
        let settles = tally.version == known.version && tally.is_final != known.is_final;
        if newer || reveals || settles {
            *known = tally;
        }
    }

    fn put_receipt(&mut self, receipt: Receipt) {
        let Some(poll) = self.poll_mut(receipt.poll) else { return };
        if Some(receipt.ballot) < poll.your_ballot {
            return;
        }
        if receipt.status != Status::Refused {
            poll.your_ballot = Some(receipt.ballot);
        }
        if receipt.choice.is_some() {
            poll.your_choice = receipt.choice;
        }
    }

    fn poll_mut(&mut self, id: PollId) -> Option<&mut Poll> {
        self.room.polls.iter_mut().find(|poll| poll.id == id)
    }

    /// Forgets results that this viewer may see no more.
    fn strip_hidden(&mut self) {
        for tally in &mut self.tallies {
            let poll = self.room.polls.iter().find(|poll| poll.id == tally.poll);
            if poll.is_some_and(|poll| poll.results_visible == Some(false)) {
                *tally = tally.hidden();
            }
        }
    }
}

fn offset(poll: &Poll, now: Timestamp) -> i64 {
    poll.server_time.millis() - now.millis()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
