//! What becomes of a ballot: the order of checks that makes a retried, late or raced vote harmless.

use serde::{Deserialize, Serialize};

use crate::{BallotId, Choice, PollState, Reason};

/// The ballot of a voter that stands in a round, and its choice: `None` when withdrawn. A withdrawn
/// ballot is kept, so that a late repeat of an older one cannot count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The ballot that stands.
    pub ballot: BallotId,
    /// What it chose.
    pub choice: Option<Choice>,
}

/// All that decides about a ballot.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The voter's ballot that stands in this round.
    pub standing: Option<&'a Standing>,
    /// The voter's highest ballot of earlier rounds.
    pub earlier: Option<BallotId>,
    /// The ballot that came.
    pub ballot: BallotId,
    /// What it chooses.
    pub choice: Option<&'a Choice>,
    /// Where the poll is, by the one clock that counts.
    pub state: PollState,
    /// Whether this voter is a guest that has signed in here since, and votes as an account.
    pub retired: bool,
    /// Whether this voter may vote in this room.
    pub eligible: bool,
    /// Whether the poll allows this choice.
    pub valid: bool,
    /// Whether the room allows changing a vote.
    pub change_vote: bool,
}

/// What becomes of a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stands already: the first answer again.
    Repeat,
    /// It takes the place of what stands.
    Counts,
    /// It does not count, and never will under this id.
    Refused(Reason),
}

/// Judges a ballot. A guest that has become an account votes no more, whatever it sends again. What was answered before
/// comes next, so that a repeat gets its first answer even after the close; then the poll's state; then the voter and the
/// choice; then the change.
pub fn judge(case: &Case<'_>) -> Verdict {
    if case.retired {
        return Verdict::Refused(Reason::NotEligible);
    }
    if let Some(standing) = case.standing {
        if case.ballot == standing.ballot {
            let same = case.choice == standing.choice.as_ref();
            return if same { Verdict::Repeat } else { Verdict::Refused(Reason::BallotReused) };
        }
        if case.ballot < standing.ballot {
            return Verdict::Refused(Reason::Superseded);
        }
    }
    if case.earlier.is_some_and(|earlier| case.ballot <= earlier) {
        return Verdict::Refused(Reason::Reset);
    }
    match case.state {
        PollState::Draft => return Verdict::Refused(Reason::NotOpen),
        PollState::Closed => return Verdict::Refused(Reason::Closed),
        PollState::Open => {}
    }
    if !case.eligible {
        return Verdict::Refused(Reason::NotEligible);
    }
    if !case.valid {
        return Verdict::Refused(Reason::InvalidChoice);
    }
    let has_voted = case.standing.is_some_and(|standing| standing.choice.is_some());
    if has_voted && !case.change_vote {
        return Verdict::Refused(Reason::AlreadyVoted);
    }
    Verdict::Counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn ballot(millis: i64) -> BallotId {
        BallotId::after(None, Timestamp::from_millis(millis), [0; 10])
    }

    fn fresh<'a>() -> Case<'a> {
        Case {
            standing: None,
            earlier: None,
            ballot: ballot(50),
            choice: Some(&Choice::Option(1)),
            state: PollState::Open,
            retired: false,
            eligible: true,
            valid: true,
            change_vote: true,
        }
    }

    #[test]
    fn a_first_ballot_counts_and_the_same_again_is_a_repeat_even_after_the_close() {
        assert_eq!(judge(&fresh()), Verdict::Counts);
        let stands = Standing { ballot: ballot(50), choice: Some(Choice::Option(1)) };
        let closed = Case { standing: Some(&stands), state: PollState::Closed, eligible: false, ..fresh() };
        assert_eq!(judge(&closed), Verdict::Repeat);
        let other = Case { choice: None, ..closed };
        assert_eq!(judge(&other), Verdict::Refused(Reason::BallotReused));
    }

    #[test]
    fn a_later_ballot_replaces_and_an_older_one_is_superseded_even_by_a_withdrawal() {
        let stands = Standing { ballot: ballot(50), choice: None };
        let late = Case { standing: Some(&stands), ballot: ballot(40), ..fresh() };
        assert_eq!(judge(&late), Verdict::Refused(Reason::Superseded));
        let newer = Case { ballot: ballot(60), ..late };
        assert_eq!(judge(&newer), Verdict::Counts);
    }

    #[test]
    fn without_changes_the_first_choice_stays_but_a_withdrawn_one_can_be_made_again() {
        let stands = Standing { ballot: ballot(40), choice: Some(Choice::Option(0)) };
        let second = Case { standing: Some(&stands), change_vote: false, ..fresh() };
        assert_eq!(judge(&second), Verdict::Refused(Reason::AlreadyVoted));
        let withdrawn = Standing { choice: None, ..stands };
        assert_eq!(judge(&Case { standing: Some(&withdrawn), ..second }), Verdict::Counts);
    }

    #[test]
    fn a_ballot_of_an_earlier_round_never_counts() {
        let old = Case { earlier: Some(ballot(50)), ..fresh() };
        assert_eq!(judge(&old), Verdict::Refused(Reason::Reset));
        assert_eq!(judge(&Case { ballot: ballot(51), ..old }), Verdict::Counts);
    }

    #[test]
    fn a_guest_that_became_an_account_is_refused_repeats_and_all() {
        let stands = Standing { ballot: ballot(50), choice: Some(Choice::Option(1)) };
        let repeat = Case { standing: Some(&stands), retired: true, ..fresh() };
        assert_eq!(judge(&repeat), Verdict::Refused(Reason::NotEligible));
    }

    #[test]
    fn each_reason_has_its_turn() {
        let all_wrong = Case { state: PollState::Draft, eligible: false, valid: false, ..fresh() };
        assert_eq!(judge(&all_wrong), Verdict::Refused(Reason::NotOpen));
        assert_eq!(judge(&Case { state: PollState::Closed, ..all_wrong }), Verdict::Refused(Reason::Closed));
        let open = Case { state: PollState::Open, ..all_wrong };
        assert_eq!(judge(&open), Verdict::Refused(Reason::NotEligible));
        assert_eq!(judge(&Case { eligible: true, ..open }), Verdict::Refused(Reason::InvalidChoice));
    }
}
