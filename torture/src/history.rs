//! All that was sent and all that was answered, as compact as a million ballots need.

use std::collections::HashMap;

use domain::{BallotId, PollId, Reason, Receipt, Status, Tally, VoterId};

use crate::pick::{MARKS, Pick};

/// Microseconds since the start.
pub(crate) type Moment = u64;
/// A poll, by its place in the plan.
pub(crate) type PollNo = u8;
/// A voter, by their place in the plan.
pub(crate) type VoterNo = u16;

/// What happened.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) polls: Vec<PollId>,
    pub(crate) voters: Vec<VoterId>,
    pub(crate) casts: Vec<Cast>,
    /// Where a ballot is among the casts.
    pub(crate) by_ballot: HashMap<BallotId, u32>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) commands: Vec<Command>,
    pub(crate) closings: Vec<Closing>,
    pub(crate) faults: Vec<Struck>,
    /// What the audits during the run found missing or miscounted.
    pub(crate) missing: Vec<Missing>,
    pub(crate) miscounts: Vec<Miscount>,
    /// What went wrong otherwise.
    pub(crate) troubles: Vec<String>,
    recorded: HashMap<(PollNo, VoterNo), u32>,
}

/// A ballot.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) voter: VoterNo,
    pub(crate) poll: PollNo,
    pub(crate) pick: Pick,
    pub(crate) ballot: BallotId,
    pub(crate) first_sent: Moment,
    pub(crate) last_sent: Moment,
    pub(crate) sent: u16,
    /// When it was first told to be accepted.
    pub(crate) accepted: Option<Moment>,
    /// When it was first told to be recorded.
    pub(crate) recorded: Option<Moment>,
    /// The last refusal that was no request to try again.
    pub(crate) refused: Option<(Reason, Moment)>,
    /// A refusal of what was told to be recorded before it was sent that time.
    pub(crate) forgotten: Option<(Reason, Moment)>,
}

impl Cast {
    /// When it was first told to count.
    pub(crate) fn counted(&self) -> Option<Moment> {
        self.accepted.into_iter().chain(self.recorded).min()
    }
}

/// A tally on a screen.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) at: Moment,
    pub(crate) screen: u16,
    /// Which of the screen's connections it came over.
    pub(crate) connection: u32,
    pub(crate) shown: Shown,
}

/// A tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) poll: PollNo,
    pub(crate) round: u32,
    pub(crate) epoch: u64,
    pub(crate) version: u64,
    pub(crate) counted: Counted,
    pub(crate) provisional: bool,
    pub(crate) is_final: bool,
}

/// People and marks, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) ballots: u32,
    pub(crate) marks: [u32; MARKS],
}

impl Counted {
    /// Counts one ballot more.
    pub(crate) fn put(&mut self, pick: Pick) {
        self.ballots += u32::from(pick != Pick::WITHDRAWN);
        for mark in pick.marks() {
            if let Some(count) = usize::try_from(mark).ok().and_then(|mark| self.marks.get_mut(mark)) {
                *count += 1;
            }
        }
    }
}

impl Shown {
    /// Reads a tally; none of a poll that is not ours, or with marks that no voter here makes.
    pub(crate) fn of(tally: &Tally, polls: &[PollId]) -> Option<Self> {
        let poll = polls.iter().position(|poll| *poll == tally.poll)?;
        let mut counted = Counted { ballots: u32::try_from(tally.ballots).ok()?, ..Counted::default() };
        for (mark, count) in &tally.marks.as_ref()?.0 {
            *counted.marks.get_mut(mark.as_str().parse::<usize>().ok()?)? = u32::try_from(*count).ok()?;
        }
        Some(Self {
            poll: PollNo::try_from(poll).ok()?,
            round: tally.round,
            epoch: tally.version.epoch,
            version: tally.version.version,
            counted,
            provisional: tally.provisional,
            is_final: tally.is_final,
        })
    }
}

/// What a host tells a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Open,
    Close,
    Reset,
}

/// A command of a host.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) poll: PollNo,
    pub(crate) act: Act,
    pub(crate) asked: Moment,
    /// How often it was asked for until it was answered. Each time may have been carried out.
    pub(crate) times: u32,
    pub(crate) answered: Option<Moment>,
    /// Where SQL has it though nobody answered: whether all nodes came to agree.
    pub(crate) agreed: Option<bool>,
}

/// A time in which a poll was closed.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub(crate) poll: PollNo,
    /// When the close was answered.
    pub(crate) from: Moment,
    /// When the next opening was asked for; open-ended for the last.
    pub(crate) until: Option<Moment>,
    /// What a node showed at its start and at its end.
    pub(crate) first: Option<Shown>,
    pub(crate) last: Option<Shown>,
}

/// A fault that struck.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    pub(crate) what: String,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// A recorded ballot that SQL did not have, when it was looked for right away.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub(crate) cast: u32,
    pub(crate) at: Moment,
    pub(crate) found: Option<BallotId>,
}

/// A count that was not what SQL held, while nobody voted.
#[derive(Clone, Debug)]
pub(crate) struct Miscount {
    pub(crate) at: Moment,
    pub(crate) node: usize,
    pub(crate) shown: Shown,
    pub(crate) recount: Counted,
}

impl History {
    /// Nothing has happened in these polls.
    pub(crate) fn new(polls: Vec<PollId>, voters: Vec<VoterId>) -> Self {
        Self { polls, voters, ..Self::default() }
    }

    /// Notes a new ballot, about to be sent.
    pub(crate) fn cast(
        &mut self,
        voter: VoterNo,
        poll: PollNo,
        ballot: BallotId,
        pick: Pick,
        now: Moment,
    ) -> u32 {
        let number = u32::try_from(self.casts.len()).unwrap_or(u32::MAX);
        self.casts.push(Cast {
            voter,
            poll,
            pick,
            ballot,
            first_sent: now,
            last_sent: now,
            sent: 0,
            accepted: None,
            recorded: None,
            refused: None,
            forgotten: None,
        });
        self.by_ballot.insert(ballot, number);
        number
    }

    /// Notes that a ballot is sent, for the first time or again.
    pub(crate) fn sent(&mut self, cast: u32, now: Moment) {
        if let Some(cast) = self.casts.get_mut(index(cast)) {
            cast.sent = cast.sent.saturating_add(1);
            cast.last_sent = now;
        }
    }

    /// Notes a receipt.
    pub(crate) fn told(&mut self, receipt: &Receipt, now: Moment) {
        let Some(number) = self.by_ballot.get(&receipt.ballot).copied() else { return };
        let Some(cast) = self.casts.get_mut(index(number)) else { return };
        match (receipt.status, receipt.reason) {
            (Status::Accepted, _) => _ = cast.accepted.get_or_insert(now),
            (Status::Recorded, _) => {
                cast.recorded.get_or_insert(now);
                let standing = self.recorded.entry((cast.poll, cast.voter)).or_insert(number);
                if self.casts[index(*standing)].ballot < receipt.ballot {
                    *standing = number;
                }
            }
            (Status::Refused, Some(reason)) if !reason.is_temporary() => {
                let was_recorded = cast.recorded.is_some_and(|recorded| recorded < cast.last_sent);
                if was_recorded && !matches!(reason, Reason::Superseded | Reason::Reset) {
                    cast.forgotten.get_or_insert((reason, now));
                }
                cast.refused = Some((reason, now));
            }
            (Status::Refused, _) => {}
        }
    }

    /// The highest recorded ballot of every voter in every poll.
    pub(crate) fn recorded(&self) -> Vec<(u32, &Cast)> {
        self.recorded.values().filter_map(|cast| Some((*cast, self.casts.get(index(*cast))?))).collect()
    }

    /// Whether the run has shown already that something is wrong.
    pub(crate) fn is_caught(&self) -> bool {
        let disagree = self.commands.iter().any(|command| command.agreed == Some(false));
        disagree || !self.missing.is_empty() || !self.miscounts.is_empty()
    }

    /// How many ballots were recorded.
    pub(crate) fn count_recorded(&self) -> usize {
        self.casts.iter().filter(|cast| cast.recorded.is_some()).count()
    }
}

/// A number of a cast as an index.
fn index(cast: u32) -> usize {
    usize::try_from(cast).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn receipt(ballot: BallotId, status: Status, reason: Option<Reason>) -> Receipt {
        Receipt { ballot, poll: PollId::new(Timestamp::default(), [0; 10]), status, reason, choice: None }
    }

    #[test]
    fn a_ballot_that_was_recorded_and_is_then_refused_was_forgotten() {
        let mut history = History::default();
        let ballot = BallotId::after(None, Timestamp::default(), [0; 10]);
        let cast = history.cast(0, 0, ballot, Pick::WITHDRAWN, 1);
        history.sent(cast, 1);
        history.told(&receipt(ballot, Status::Refused, Some(Reason::Rebuilding)), 2);
        history.told(&receipt(ballot, Status::Recorded, None), 3);
        assert_eq!(history.casts[0].forgotten, None);
        history.told(&receipt(ballot, Status::Refused, Some(Reason::Closed)), 4);
        assert_eq!(history.casts[0].forgotten, None, "it may have been sent twice before");
        history.sent(cast, 5);
        history.told(&receipt(ballot, Status::Refused, Some(Reason::Superseded)), 6);
        assert_eq!(history.casts[0].forgotten, None, "a later one stands");
        history.told(&receipt(ballot, Status::Refused, Some(Reason::Closed)), 7);
        assert_eq!(history.casts[0].forgotten, Some((Reason::Closed, 7)));
        assert_eq!(history.recorded().len(), 1);
    }
}
