//! The ballot box of a node that is alone: ballots go through a bounded queue to the one writer of the
//! SQLite file, which commits them in groups and counts them after the commit.

mod adopting;
mod moves;
mod shelf;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{BallotId, Command, PollId, Problem, Reason, Receipt, RoomId, Status, UserId, VoterId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::shelf::Shelf;
use self::writer::{Job, Writer};
use super::{Adoption, BallotBox, Beat, Cast, CastBallot, InRound, Place, PollNow, Pulse};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::polls::PollRecord;

/// How many ballots wait at most; the next is answered `overloaded`.
const QUEUE: usize = 20_000;

/// Counts in this process, records in SQLite.
pub struct LocalBallotBox {
    jobs: mpsc::Sender<Job>,
    shelf: Arc<Shelf>,
    clock: Clock,
}

impl LocalBallotBox {
    /// Starts the writer, which first closes what is overdue. It ends, with its queue written, when the
    /// box is dropped; the handle waits for that.
    pub async fn start(store: Store, bus: Arc<dyn Bus>, clock: Clock) -> Result<(Self, JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let shelf = Arc::new(Shelf::default());
        let writer = Writer::new(store, bus, clock.clone(), shelf.clone()).await?;
        let writer = tokio::spawn(writer.run(queue));
        Ok((Self { jobs, shelf, clock }, writer))
    }

    /// Hands a job to the writer and waits for its answer.
    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Reads from polls in memory, loading those that are not there. Unknown polls are left out.
    async fn read<T>(&self, polls: &[PollId], view: impl Fn(&shelf::Loaded) -> Option<T>) -> Result<Vec<T>> {
        let missing: Vec<PollId> =
            polls.iter().copied().filter(|&poll| self.shelf.read(poll, |_| ()).is_none()).collect();
        if !missing.is_empty() {
            self.ask(|reply| Job::Load(missing, reply)).await?;
        }
        Ok(polls.iter().filter_map(|&poll| self.shelf.read(poll, &view).flatten()).collect())
    }

    fn overloaded(&self, cast: &CastBallot) -> Cast {
        let made = || BallotId::after(None, self.clock.now(), self.clock.random());
        let receipt = Receipt {
            ballot: cast.ballot.unwrap_or_else(made),
            poll: cast.poll,
            status: Status::Refused,
            reason: Some(Reason::Overloaded),
            choice: None,
        };
        Cast { receipt, counted: false, place: None }
    }
}

#[async_trait]
impl BallotBox for LocalBallotBox {
    async fn cast(&self, ballot: CastBallot) -> Result<Cast> {
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Job::Cast(ballot, reply)) {
            Ok(()) => answer.await.map_err(|_| stopped())?,
            Err(mpsc::error::TrySendError::Full(Job::Cast(ballot, _))) => Ok(self.overloaded(&ballot)),
            Err(_) => Err(stopped()),
        }
    }

    async fn command(&self, poll: PollId, command: Command) -> Result<PollRecord> {
        self.ask(|reply| Job::Command(poll, command, reply)).await
    }

    async fn delete(&self, poll: PollId) -> Result<()> {
        self.ask(|reply| Job::Delete(poll, reply)).await
    }

    async fn settings_changed(&self, room: RoomId) -> Result<()> {
        self.ask(|reply| Job::Settings(room, reply)).await
    }

    async fn adopt(&self, room: RoomId, guest: VoterId, account: UserId) -> Result<Adoption> {
        let is_new = self.ask(|reply| Job::Adopt { room, guest, account, reply }).await?;
        Ok(Adoption { is_new, is_done: true })
    }

    async fn now(&self, polls: &[PollId]) -> Result<Vec<PollNow>> {
        self.read(polls, |poll| Some(poll.now())).await
    }

    async fn standings(&self, polls: &[PollId], voter: VoterId) -> Result<Vec<(PollId, InRound)>> {
        let standing = |poll: &shelf::Loaded| {
            let standing = poll.standing(voter)?.clone();
            Some((poll.record.id, InRound { round: poll.record.lifecycle.round, standing }))
        };
        self.read(polls, standing).await
    }

    /// A ballot is recorded before its receipt is made.
    async fn recorded(&self, _: Place) -> bool {
        true
    }

    /// There are no other nodes.
    async fn pulse(&self, _: Beat) -> Result<Option<Pulse>> {
        Ok(None)
    }

    /// A tally is told together with the ballots that it counts, so that it is always newer than what was hidden.
    async fn touch(&self, _: PollId) {}

    async fn check(&self) -> Result<()> {
        if self.jobs.is_closed() { Err(stopped()) } else { Ok(()) }
    }
}

fn stopped() -> Error {
    Error::Problem(Problem::new(503, "restarting", "The server is restarting. Please try again in a moment."))
}
