//! A poll's life as a state machine: draft, open, closed; open again is allowed; reset starts the next
//! round as a draft.

use serde::{Deserialize, Serialize};

use crate::{Problem, ResultsPolicy, Timestamp};

/// Where a poll is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollState {
    /// Being written; only its host sees it.
    Draft,
    /// Taking votes.
    Open,
    /// Done, unless its host opens it again.
    Closed,
}

/// What a host tells a poll to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take votes, until `closes_at` where there is one.
    Open {
        /// When it closes by itself.
        closes_at: Option<Timestamp>,
    },
    /// Take no more votes.
    Close,
    /// Show results to everybody.
    Reveal,
    /// Show results to the host only.
    Hide,
    /// Drop all ballots and be a draft of the next round.
    Reset,
}

/// The part of a poll that commands change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Where it is.
    pub state: PollState,
    /// How often it was reset.
    pub round: u32,
    /// How many commands have changed it. Stored, so that a ballot box that keeps its own copy of a poll can
    /// tell whether it has seen a change.
    pub revision: u64,
    /// The host's word on who sees results.
    pub revealed: Option<bool>,
    /// When it was last opened.
    pub opened_at: Option<Timestamp>,
    /// When it closes by itself; only while open.
    pub closes_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

impl Lifecycle {
    /// A new poll's.
    pub const DRAFT: Self = Self {
        state: PollState::Draft,
        round: 0,
        revision: 0,
        revealed: None,
        opened_at: None,
        closes_at: None,
        closed_at: None,
    };

    /// What a command makes of this at a given time. A command that asks for what already is changes
    /// nothing, the revision neither.
    pub fn after(self, command: Command, now: Timestamp) -> Result<Self, Problem> {
        let mut next = self.at(now);
        match command {
            Command::Open { closes_at } => {
                if next.state != PollState::Open {
                    next.opened_at = Some(now);
                }
                next = Self { state: PollState::Open, closes_at, closed_at: None, ..next };
            }
            Command::Close if next.state == PollState::Draft => {
                return Err(Problem::new(409, "not_open", "This poll has not been opened yet."));
            }
            Command::Close if next.state == PollState::Closed => {}
            Command::Close => {
                next = Self { state: PollState::Closed, closes_at: None, closed_at: Some(now), ..next }
            }
            Command::Reveal => next.revealed = Some(true),
            Command::Hide => next.revealed = Some(false),
            Command::Reset => next = Self { round: next.round + 1, revision: next.revision, ..Self::DRAFT },
        }
        let changed = next != self;
        Ok(Self { revision: self.revision + u64::from(changed), ..next })
    }

    /// This poll as it is at a given time: closed when its countdown has run out.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self.closes_at {
            Some(end) if self.state == PollState::Open && end <= now => {
                Self { state: PollState::Closed, closes_at: None, closed_at: Some(end), ..self }
            }
            _ => self,
        }
    }

    /// Whether a viewer may see results. Hosts always do; then the host's word counts, then the room's
    /// setting: after the viewer's vote (or the close, when there is no vote left to sway), after the
    /// close, always or never.
    pub fn shows_results(&self, policy: ResultsPolicy, is_host: bool, has_voted: bool) -> bool {
        let closed = self.state == PollState::Closed;
        is_host
            || self.revealed.unwrap_or(match policy {
                ResultsPolicy::Always => true,
                ResultsPolicy::AfterVote => has_voted || closed,
                ResultsPolicy::AfterClose => closed,
                ResultsPolicy::HostOnly => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn commands() -> impl Strategy<Value = Command> {
        prop_oneof![
            prop::option::of(0..2_000i64).prop_map(|at| Command::Open { closes_at: at.map(time) }),
            Just(Command::Close),
            Just(Command::Reveal),
            Just(Command::Hide),
            Just(Command::Reset),
        ]
    }

    #[test]
    fn opens_closes_and_opens_again_in_the_same_round() {
        let open = Lifecycle::DRAFT.after(Command::Open { closes_at: None }, time(1)).unwrap();
        let closed = open.after(Command::Close, time(2)).unwrap();
        assert_eq!((closed.state, closed.closed_at), (PollState::Closed, Some(time(2))));
        let again = closed.after(Command::Open { closes_at: None }, time(3)).unwrap();
        assert_eq!((again.state, again.round, again.revision), (PollState::Open, 0, 3));
        assert_eq!((again.opened_at, again.closed_at), (Some(time(3)), None));
    }

    #[test]
    fn a_countdown_closes_at_its_end_and_not_when_somebody_looks() {
        let open = Lifecycle::DRAFT.after(Command::Open { closes_at: Some(time(10)) }, time(1)).unwrap();
        assert_eq!(open.at(time(9)).state, PollState::Open);
        let late = open.at(time(99));
        assert_eq!((late.state, late.closed_at), (PollState::Closed, Some(time(10))));
    }

    #[test]
    fn a_draft_cannot_be_closed() {
        assert_eq!(Lifecycle::DRAFT.after(Command::Close, time(1)).unwrap_err().code, "not_open");
    }

    #[test]
    fn results_follow_the_host_then_the_setting() {
        let open = Lifecycle { state: PollState::Open, ..Lifecycle::DRAFT };
        let closed = Lifecycle { state: PollState::Closed, ..Lifecycle::DRAFT };
        for policy in [ResultsPolicy::AfterVote, ResultsPolicy::AfterClose, ResultsPolicy::HostOnly] {
            assert!(open.shows_results(policy, true, false), "the host always sees");
            assert!(!open.shows_results(policy, false, false));
            assert!(Lifecycle { revealed: Some(true), ..open }.shows_results(policy, false, false));
        }
        assert!(open.shows_results(ResultsPolicy::AfterVote, false, true));
        assert!(!open.shows_results(ResultsPolicy::AfterClose, false, true));
        assert!(closed.shows_results(ResultsPolicy::AfterClose, false, false));
        assert!(!closed.shows_results(ResultsPolicy::HostOnly, false, true));
        let hidden = Lifecycle { revealed: Some(false), ..closed };
        assert!(!hidden.shows_results(ResultsPolicy::Always, false, true));
    }

    proptest! {
        #[test]
        fn rounds_and_revisions_never_go_back(steps in prop::collection::vec((commands(), 0..2_000i64), 0..30)) {
            let mut poll = Lifecycle::DRAFT;
            for (command, now) in steps {
                let Ok(next) = poll.after(command, time(now)) else { continue };
                prop_assert!(next.revision >= poll.revision && next.round >= poll.round);
                prop_assert_eq!(next.revision == poll.revision, next == poll);
                prop_assert!(next.state == PollState::Open || next.closes_at.is_none());
                poll = next;
            }
        }
    }
}
