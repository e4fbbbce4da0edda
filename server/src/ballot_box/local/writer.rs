//! The one writer: takes jobs in order, commits ballots in groups, counts them after the commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::{
    BallotId, Choice, Command, PollId, PollState, Problem, Reason, Receipt, RoomId, Standing, Status,
    Timestamp, UserId, Verdict, VoterId, judge,
};
use tokio::sync::{mpsc, oneshot};

use super::super::intent::{self, Intent};
use super::super::{Cast, CastBallot, CountedBallot};
use super::moves::moves;
use super::shelf::{Loaded, Shelf};
use crate::bus::{Bus, Event};
use crate::clock::Clock;
use crate::error::Result;
use crate::store::ballots::BallotRow;
use crate::store::polls::PollRecord;
use crate::store::{Store, adoptions, ballots, polls, rooms};

/// How many ballots one commit takes at most. A group is whatever has come in during the last commit, so
/// that a lone vote never waits for company.
const GROUP: usize = 1_000;

/// When a close that could not be stored is tried again. Votes are refused meanwhile.
const RETRY: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T>>;

/// What stands after a group, of the voters in it.
type Stands = HashMap<(PollId, VoterId), Standing>;

/// What stands of a voter in a poll.
pub(super) type Stood = (PollId, VoterId, Standing);

/// What the writer is asked to do.
pub(super) enum Job {
    /// Judge, record and count a ballot.
    Cast(CastBallot, Reply<Cast>),
    /// Carry out a host's command.
    Command(PollId, Command, Reply<PollRecord>),
    /// Delete a poll.
    Delete(PollId, Reply<()>),
    /// Take over a room's settings.
    Settings(RoomId, Reply<()>),
    /// Make a guest's votes in a room an account's.
    Adopt {
        /// In this room.
        room: RoomId,
        /// Whose they are.
        guest: VoterId,
        /// Whose they become.
        account: UserId,
        /// Whom to tell.
        reply: Reply<bool>,
    },
    /// Bring polls into memory.
    Load(Vec<PollId>, Reply<()>),
}

/// Owns the order of everything that happens to ballots.
pub(super) struct Writer {
    pub(super) store: Store,
    bus: Arc<dyn Bus>,
    pub(super) clock: Clock,
    pub(super) shelf: Arc<Shelf>,
    /// When open polls close by themselves.
    deadlines: BTreeSet<(Timestamp, PollId)>,
}

/// A ballot that was judged, and whom to tell.
struct Judged {
    cast: Cast,
    reply: Reply<Cast>,
}

impl Writer {
    /// A writer that knows every countdown, with the polls closed whose time ran out meanwhile.
    pub(super) async fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Clock,
        shelf: Arc<Shelf>,
    ) -> Result<Self> {
        let deadlines = store.deadlines().await?.into_iter().map(|(poll, time)| (time, poll)).collect();
        let mut writer = Self { store, bus, clock, shelf, deadlines };
        writer.close_overdue().await;
        Ok(writer)
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut next = None;
        loop {
            let job = match next.take() {
                Some(job) => job,
                None => {
                    let until_close = self.deadlines.first().map(|(time, _)| time.since(self.clock.now()));
                    tokio::select! {
                        job = queue.recv() => match job {
                            Some(job) => job,
                            None => return,
                        },
                        () = async { match until_close {
                            Some(wait) => tokio::time::sleep(wait).await,
                            None => std::future::pending().await,
                        }} => {
                            self.close_overdue().await;
                            continue;
                        }
                    }
                }
            };
            match job {
                Job::Cast(ballot, reply) => {
                    let (group, other) = gather((ballot, reply), &mut queue);
                    next = other;
                    self.record(group).await;
                }
                Job::Command(poll, command, reply) => {
                    let _gone = reply.send(self.command(poll, command).await);
                }
                Job::Delete(poll, reply) => {
                    let _gone = reply.send(self.delete(poll).await);
                }
                Job::Settings(room, reply) => {
                    let _gone = reply.send(self.settings(room).await);
                }
                Job::Adopt { room, guest, account, reply } => {
                    let _gone = reply.send(self.adopt(room, guest, account).await);
                }
                Job::Load(polls, reply) => {
                    let _gone = reply.send(self.load(polls).await);
                }
            }
        }
    }

    /// Judges a group of ballots in order, commits what counts in one transaction, then counts it.
    async fn record(&mut self, group: Vec<(CastBallot, Reply<Cast>)>) {
        if let Err(error) = self.load(group.iter().map(|(ballot, _)| ballot.poll)).await {
            let problem = error.into_problem();
            group.into_iter().for_each(|(_, reply)| _ = reply.send(Err(problem.clone().into())));
            return;
        }
        let now = self.clock.now();
        let mut standing: Stands = HashMap::new();
        let mut counted = Vec::new();
        let mut judged = Vec::with_capacity(group.len());
        for (ballot, reply) in group {
            let known = standing.get(&(ballot.poll, ballot.voter));
            let cast = self.shelf.read(ballot.poll, |poll| judge_one(poll, known, &ballot, now, &self.clock));
            match cast {
                Some(cast) => {
                    if cast.counted {
                        let stands = Standing { ballot: cast.receipt.ballot, choice: ballot.choice };
                        counted.push((ballot.poll, ballot.voter, stands.clone()));
                        standing.insert((ballot.poll, ballot.voter), stands);
                    }
                    judged.push(Judged { cast, reply });
                }
                None => {
                    let _gone = reply.send(Err(Problem::no_such_poll().into()));
                }
            }
        }
        if let Err(error) = self.commit(&standing, now).await {
            tracing::error!(%error, ballots = standing.len(), "a group of ballots could not be committed");
            self.forget(&standing);
            return refuse(judged);
        }
        self.count(counted);
        for Judged { cast, reply } in judged {
            let _gone = reply.send(Ok(cast));
        }
    }

    async fn commit(&self, standing: &Stands, now: Timestamp) -> Result<()> {
        if standing.is_empty() {
            return Ok(());
        }
        let rows: Vec<BallotRow> = standing
            .iter()
            .filter_map(|(&(poll, voter), standing)| {
                let round = self.shelf.read(poll, |loaded| loaded.record.lifecycle.round)?;
                Some(BallotRow { poll, round, voter, standing: standing.clone() })
            })
            .collect();
        let mut transaction = self.store.begin_ballots().await?;
        ballots::upsert(&mut transaction, &rows, now).await?;
        transaction.commit().await
    }

    /// After a commit of unknown outcome only SQL knows what stands: it is read again when next asked for.
    fn forget(&self, standing: &Stands) {
        for (poll, _) in standing.keys() {
            self.shelf.remove(*poll);
        }
    }

    /// Counts ballots that are committed, and tells of them.
    pub(super) fn count(&self, counted: Vec<Stood>) {
        let mut by_poll: HashMap<PollId, Vec<(VoterId, Standing)>> = HashMap::new();
        for (poll, voter, stands) in counted {
            by_poll.entry(poll).or_default().push((voter, stands));
        }
        for (poll, standings) in by_poll {
            let counted = self.shelf.write(poll, |loaded| {
                for (voter, standing) in &standings {
                    loaded.put(*voter, standing.clone());
                }
                (loaded.record.room, loaded.now())
            });
            if let Some((room, now)) = counted {
                let (round, version) = (now.tally.round, now.tally.version);
                let counted =
                    |(voter, standing)| CountedBallot { voter, round, standing, version, place: None };
                let ballots = standings.into_iter().map(counted).collect();
                self.bus.publish(Event::Counted { room, poll, now: Some(now), ballots });
            }
        }
    }

    async fn command(&mut self, poll: PollId, command: Command) -> Result<PollRecord> {
        self.load([poll]).await?;
        let transaction = self.store.begin_ballots().await?;
        let intent = intent::commit(transaction, poll, command, self.clock.now()).await?;
        let moved = if intent.opened { self.settle(&intent.poll).await } else { Vec::new() };
        let record = self.carry_out(intent, &moved);
        self.count(moved);
        Ok(record)
    }

    /// Takes over what was committed, with votes that were moved for it, and tells of it where it changed something.
    fn carry_out(&mut self, intent: Intent, moved: &[Stood]) -> PollRecord {
        let new_epoch = intent.is_reset().then_some(intent.epoch);
        let Intent { poll: record, before, opened, .. } = intent;
        if record.lifecycle != before {
            self.deadlines.retain(|(_, known)| *known != record.id);
            self.deadlines.extend(record.lifecycle.closes_at.map(|time| (time, record.id)));
            let now = self.shelf.write(record.id, |loaded| {
                loaded.replace(record.clone(), new_epoch);
                moved.iter().for_each(|(_, voter, standing)| loaded.put(*voter, standing.clone()));
                loaded.shown_now()
            });
            self.bus.publish(Event::PollChanged { room: record.room, poll: record.id, now: now.flatten() });
        }
        if opened {
            self.bus.publish(Event::RoomChanged { room: record.room });
        }
        record
    }

    async fn delete(&mut self, poll: PollId) -> Result<()> {
        let mut transaction = self.store.begin_ballots().await?;
        let stored = polls::find(&mut *transaction, poll).await?.ok_or_else(Problem::no_such_poll)?;
        polls::delete(&mut transaction, poll).await?;
        rooms::drop_current(&mut transaction, stored.room, poll).await?;
        transaction.commit().await?;
        self.deadlines.retain(|(_, known)| *known != poll);
        self.shelf.remove(poll);
        self.bus.publish(Event::PollRemoved { room: stored.room, poll });
        Ok(())
    }

    async fn settings(&mut self, room: RoomId) -> Result<()> {
        let mut reading = self.store.reader().await?;
        let stored = rooms::find_any(&mut *reading, room).await?.ok_or_else(Problem::no_such_room)?;
        let polls = polls::of_room(&mut *reading, room).await?;
        drop(reading);
        let closed = |loaded: &PollRecord| {
            let stored = polls.iter().find(|poll| poll.id == loaded.id)?;
            let is_closed =
                stored.lifecycle.state == PollState::Closed && loaded.lifecycle.state == PollState::Open;
            is_closed.then(|| stored.clone())
        };
        let mut changed = Vec::new();
        self.shelf.each(|loaded| {
            if loaded.record.room == room {
                if let Some(record) = closed(&loaded.record) {
                    loaded.replace(record, None);
                }
                (loaded.settings, loaded.settings_revision) = (stored.settings, stored.revision);
                loaded.touch();
                changed.push((loaded.record.id, loaded.shown_now()));
            }
        });
        for (poll, now) in changed {
            let is_open = now.as_ref().is_some_and(|now| now.life.state == PollState::Open);
            self.deadlines.retain(|(_, known)| is_open || *known != poll);
            self.bus.publish(Event::PollChanged { room, poll, now });
        }
        Ok(())
    }

    async fn close_overdue(&mut self) {
        let now = self.clock.now();
        while let Some(&(time, poll)) = self.deadlines.first().filter(|(time, _)| *time <= now) {
            self.deadlines.remove(&(time, poll));
            if let Err(error) = self.close_at_deadline(poll, now).await {
                tracing::error!(%error, %poll, "a poll could not be closed at its time; trying again");
                self.deadlines.insert((now.plus(RETRY), poll));
            }
        }
    }

    async fn close_at_deadline(&mut self, poll: PollId, now: Timestamp) -> Result<()> {
        let transaction = self.store.begin_ballots().await?;
        if let Some(intent) = intent::commit_close(transaction, poll, now).await? {
            self.carry_out(intent, &[]);
        }
        Ok(())
    }

    /// Brings polls into memory, each under a new epoch, where they are not there. Unknown ones are left out.
    pub(super) async fn load(&self, polls: impl IntoIterator<Item = PollId>) -> Result<()> {
        let unknown = |poll: &PollId| self.shelf.read(*poll, |_| ()).is_none();
        let missing: BTreeSet<PollId> = polls.into_iter().filter(unknown).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut loaded = Vec::with_capacity(missing.len());
        let mut retired_in: HashMap<RoomId, BTreeMap<VoterId, UserId>> = HashMap::new();
        let mut transaction = self.store.begin_ballots().await?;
        for poll in missing {
            let Some(record) = polls::find(&mut *transaction, poll).await? else { continue };
            let Some(room) = rooms::find_any(&mut *transaction, record.room).await? else { continue };
            let mut ballots = ballots::load(&mut transaction, poll, record.lifecycle.round).await?;
            let epoch = polls::raise_epoch(&mut transaction, poll).await?;
            let retired = match retired_in.get(&room.id) {
                Some(retired) => retired.clone(),
                None => adoptions::of_room(&mut transaction, room.id).await?,
            };
            retired_in.entry(room.id).or_insert_with(|| retired.clone());
            // As a rule there is nothing to move; there is after an opening that was cut short.
            let adopted = retired.iter().map(|(guest, account)| (*guest, *account));
            let moved = moves(&record, |voter| ballots.standing.get(&voter), adopted, now);
            ballots::upsert(&mut transaction, &moved, now).await?;
            ballots.standing.extend(moved.into_iter().map(|row| (row.voter, row.standing)));
            loaded.push(Loaded::new(record, (room.settings, room.revision), epoch, ballots, retired));
        }
        transaction.commit().await?;
        loaded.into_iter().for_each(|poll| self.shelf.insert(poll));
        Ok(())
    }
}

/// A group of ballots: the first, and all that wait behind it up to the next job of another kind.
fn gather(
    first: (CastBallot, Reply<Cast>),
    queue: &mut mpsc::Receiver<Job>,
) -> (Vec<(CastBallot, Reply<Cast>)>, Option<Job>) {
    let mut group = vec![first];
    while group.len() < GROUP {
        match queue.try_recv() {
            Ok(Job::Cast(ballot, reply)) => group.push((ballot, reply)),
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

/// Judges a ballot against what stands, in this group or before it.
fn judge_one(
    poll: &Loaded,
    in_group: Option<&Standing>,
    cast: &CastBallot,
    now: Timestamp,
    clock: &Clock,
) -> Cast {
    let standing = in_group.or_else(|| poll.standing(cast.voter));
    let earlier = poll.earlier(cast.voter);
    let last = standing.map(|standing| standing.ballot).max(earlier);
    let ballot = cast.ballot.unwrap_or_else(|| BallotId::after(last, now, clock.random()));
    let allowed = |choice: &Choice| choice.marks(&poll.record.definition).is_some();
    let verdict = judge(&domain::ballot::Case {
        standing,
        earlier,
        ballot,
        choice: cast.choice.as_ref(),
        state: poll.record.lifecycle.at(now).state,
        retired: cast.is_guest && poll.retired.contains_key(&cast.voter),
        eligible: cast.is_eligible(poll.settings.voters),
        valid: cast.choice.as_ref().is_none_or(allowed),
        change_vote: poll.settings.change_vote,
    });
    let stands = standing.map(|standing| standing.choice.clone());
    let (status, reason, choice) = match verdict {
        Verdict::Repeat => (Status::Recorded, None, stands),
        Verdict::Counts => (Status::Recorded, None, Some(cast.choice.clone())),
        Verdict::Refused(reason) => (Status::Refused, Some(reason), stands),
    };
    let receipt = Receipt { ballot, poll: cast.poll, status, reason, choice };
    Cast { receipt, counted: verdict == Verdict::Counts, place: None }
}

/// Tells everybody whose ballot was in a group that failed to send it again.
fn refuse(judged: Vec<Judged>) {
    for Judged { mut cast, reply } in judged {
        cast.receipt.status = Status::Refused;
        cast.receipt.reason = Some(Reason::Overloaded);
        cast.receipt.choice = None;
        cast.counted = false;
        let _gone = reply.send(Ok(cast));
    }
}
