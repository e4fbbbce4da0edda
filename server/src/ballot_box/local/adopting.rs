//! A guest becomes an account: the writer moves its votes, between one group of ballots and the next.

use domain::{Problem, RoomId, UserId, VoterId};

use super::moves::moves;
use super::writer::{Stood, Writer};
use crate::error::Result;
use crate::store::adoptions::{self, Noted};
use crate::store::ballots::BallotRow;
use crate::store::polls::PollRecord;
use crate::store::{Write, ballots, rooms, tickets};

impl Writer {
    /// Makes what a guest chose in a room's open polls the account's, and lets the guest vote there no more.
    pub(super) async fn adopt(&self, room: RoomId, guest: VoterId, account: UserId) -> Result<bool> {
        let polls = self.store.polls_of(room).await?;
        self.load(polls.iter().map(|poll| poll.id)).await?;
        let now = self.clock.now();
        let mut transaction = self.store.begin_ballots().await?;
        rooms::find_locked(&mut transaction, room).await?.ok_or_else(Problem::no_such_room)?;
        let noted = adoptions::put(&mut transaction, room, guest, account, now).await?;
        if matches!(noted, Noted::Anothers | Noted::Full) {
            return Ok(false);
        }
        tickets::hand_over(&mut transaction, room, guest, account.into()).await?;
        let in_poll = |poll: &PollRecord| {
            self.shelf.read(poll.id, |poll| {
                moves(&poll.record, |voter| poll.standing(voter), [(guest, account)], now)
            })
        };
        let moved: Vec<BallotRow> = polls.iter().filter_map(in_poll).flatten().collect();
        match self.write(transaction, moved).await {
            Ok(moved) => self.count(moved),
            Err(error) => {
                // Whether it happened only SQL knows now.
                polls.iter().for_each(|poll| self.shelf.remove(poll.id));
                return Err(error);
            }
        }
        self.shelf.each(|poll| {
            if poll.record.room == room {
                poll.retired.insert(guest, account);
            }
        });
        Ok(noted == Noted::Now)
    }

    /// Moves, in a poll that was opened again, the votes of guests that have become accounts since they voted: what the
    /// close kept of a guest must not count beside the account's, nor be shown so. Answers what stands now.
    pub(super) async fn settle(&self, opened: &PollRecord) -> Vec<Stood> {
        let now = self.clock.now();
        let moved = self.shelf.read(opened.id, |poll| {
            let adopted = poll.retired.iter().map(|(guest, account)| (*guest, *account));
            moves(opened, |voter| poll.standing(voter), adopted, now)
        });
        let Some(moved) = moved.filter(|moved| !moved.is_empty()) else { return Vec::new() };
        let written = async { self.write(self.store.begin_ballots().await?, moved).await };
        written.await.unwrap_or_else(|error| {
            // It is open all the same; whoever loads it next moves them.
            tracing::warn!(%error, poll = %opened.id, "votes of guests that became accounts could not be moved yet");
            self.shelf.remove(opened.id);
            Vec::new()
        })
    }

    async fn write(&self, mut transaction: Write, moved: Vec<BallotRow>) -> Result<Vec<Stood>> {
        ballots::upsert(&mut transaction, &moved, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(moved.into_iter().map(|row| (row.poll, row.voter, row.standing)).collect())
    }
}
