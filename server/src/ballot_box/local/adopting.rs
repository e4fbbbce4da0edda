//! A guest becomes an account: the writer moves its votes, between one group of ballots and the next.

use domain::{PollState, RoomId, Standing, UserId, VoterId};

use super::writer::Writer;
use crate::error::Result;
use crate::store::ballots::BallotRow;
use crate::store::{adoptions, ballots};

impl Writer {
    /// Makes what a guest chose in a room's open polls the account's, and lets the guest vote there no more.
    pub(super) async fn adopt(&self, room: RoomId, guest: VoterId, account: UserId) -> Result<()> {
        let polls = self.store.polls_of(room).await?;
        self.load(polls.iter().map(|poll| poll.id)).await?;
        let now = self.clock.now();
        let mut transaction = self.store.begin_ballots().await?;
        if adoptions::put(&mut transaction, room, guest, account, now).await? != account {
            return Ok(());
        }
        let mut moved = Vec::new();
        for poll in &polls {
            let found = self.shelf.read(poll.id, |poll| {
                let is_open = poll.record.lifecycle.at(now).state == PollState::Open;
                let theirs =
                    poll.standing(guest).filter(|theirs| is_open && theirs.choice.is_some())?.clone();
                Some((theirs, poll.standing(account.into()).is_some(), poll.record.lifecycle.round))
            });
            let Some((theirs, has_own, round)) = found.flatten() else { continue };
            let withdrawn = Standing { ballot: theirs.ballot.next(), choice: None };
            moved.push(BallotRow { poll: poll.id, round, voter: guest, standing: withdrawn });
            if !has_own {
                moved.push(BallotRow { poll: poll.id, round, voter: account.into(), standing: theirs });
            }
        }
        ballots::upsert(&mut transaction, &moved, now).await?;
        transaction.commit().await?;
        self.shelf.each(|poll| {
            if poll.record.room == room {
                poll.retired.insert(guest);
            }
        });
        self.count(moved.into_iter().map(|row| (row.poll, row.voter, row.standing)).collect());
        Ok(())
    }
}
