//! Which votes move where guests have become accounts.

use std::collections::HashSet;

use domain::{PollState, Standing, Timestamp, UserId, VoterId};

use crate::store::ballots::BallotRow;
use crate::store::polls::PollRecord;

/// What to write where guests have become accounts, if the poll is open: the account's own ballot stands where it has one,
/// else the guest's moves.
pub(super) fn moves<'a>(
    poll: &PollRecord,
    standing: impl Fn(VoterId) -> Option<&'a Standing>,
    adopted: impl IntoIterator<Item = (VoterId, UserId)>,
    now: Timestamp,
) -> Vec<BallotRow> {
    if poll.lifecycle.at(now).state != PollState::Open {
        return Vec::new();
    }
    let row = |voter, standing| BallotRow { poll: poll.id, round: poll.lifecycle.round, voter, standing };
    let mut rows = Vec::new();
    let mut have_got = HashSet::new();
    for (guest, account) in adopted {
        let Some(theirs) = standing(guest).filter(|theirs| theirs.choice.is_some()) else { continue };
        rows.push(row(guest, Standing { ballot: theirs.ballot.next(), choice: None }));
        if standing(account.into()).is_none() && have_got.insert(account) {
            rows.push(row(account.into(), theirs.clone()));
        }
    }
    rows
}
