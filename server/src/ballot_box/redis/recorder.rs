//! The recorder: writes the queues of the shards that it holds to SQL, each batch in one transaction with its
//! checkpoint. It holds a shard by a lease, and proves it to SQL by a fence: taking a shard over raises the fence,
//! and a batch under an older one is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{PollId, RoomId, Timestamp};
use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{RedisResult, Value};
use tokio::time::{Instant, sleep, timeout};

use super::super::{Place, Watermark};
use super::entry::{Content, Entry};
use super::status::Status;
use super::{Core, poll_name};
use crate::background::Stopped;
use crate::bus::Event;
use crate::error::{Error, Result};
use crate::faults;
use crate::shard::Shard;
use crate::store::ballots::BallotRow;
use crate::store::shards::ShardRecord;
use crate::store::{Write, ballots, outbox, poison, polls, shards};

/// How many entries one transaction takes at most. A batch is whatever came in during the last commit, so that a lone
/// vote never waits for company.
const BATCH: usize = 1_000;
/// How long a recorder holds a shard without saying so again, and how often it looks after its shards.
const LEASE: Duration = Duration::from_secs(3);
const RENEW: Duration = Duration::from_millis(700);
const LOOK: Duration = Duration::from_millis(200);
/// How long a batch may take: a database that neither answers nor hangs up must not hold the recorder for ever.
const WRITE: Duration = Duration::from_secs(20);
/// How long it waits for entries before it looks after its shards.
const WAIT: Duration = Duration::from_millis(100);

/// The shards that this node's recorder holds.
pub(super) type HeldShards = Arc<Mutex<BTreeSet<Shard>>>;

/// What came of looking for entries once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many were written.
    Recorded(usize),
    /// There was none, or no shard to record.
    Idle,
}

/// Writes queues to SQL.
pub(super) struct Recorder {
    pub(super) core: Arc<Core>,
    pub(super) held: BTreeMap<Shard, Held>,
    shared: HeldShards,
    reader: Option<MultiplexedConnection>,
    renew_at: Instant,
    look_at: Instant,
    is_failing: bool,
}

/// A shard that a recorder holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) shard: Shard,
    pub(super) epoch: u64,
    pub(super) checkpoint: u64,
    pub(super) fence: u64,
    /// Whether Redis is attached and its queue goes on where the checkpoint ends.
    pub(super) is_ready: bool,
    /// Whether an entry was found to be missing further on.
    pub(super) has_gap: bool,
    /// What of the checkpoint Redis has not been told, with the poison in it.
    pub(super) untold: Option<Poison>,
}

/// Entries that SQL would not take, and their polls.
type Poison = Vec<(PollId, u64)>;

impl Recorder {
    /// A recorder that holds nothing yet, and where it notes what it holds.
    pub(super) fn new(core: Arc<Core>) -> (Self, HeldShards) {
        let shared = HeldShards::default();
        let (held, now) = (BTreeMap::new(), Instant::now());
        let recorder = Self {
            core,
            held,
            shared: shared.clone(),
            reader: None,
            renew_at: now,
            look_at: now,
            is_failing: false,
        };
        (recorder, shared)
    }

    /// Records until the server stops; then others may take over at once.
    pub(super) async fn run(mut self, mut stopped: Stopped) {
        loop {
            let once = async {
                let outcome = self.run_once().await;
                self.note(outcome.as_ref().err());
                if outcome.is_err() {
                    self.reader = None;
                    sleep(WAIT).await;
                }
            };
            tokio::select! {
                () = once => {}
                () = stopped.wait() => break,
            }
        }
        if let Err(error) = self.release().await {
            tracing::debug!(%error, "shards could not be released; their leases run out");
        }
    }

    /// Looks after the shards where it is time, waits a moment for entries, and writes them.
    pub(super) async fn run_once(&mut self) -> Result<Outcome> {
        let now = Instant::now();
        if now >= self.renew_at {
            self.renew_at = now + RENEW;
            self.reach_redis().await?;
            self.take_shards().await?;
        }
        if now >= self.look_at {
            self.look_at = now + LOOK;
            self.look().await?;
        }
        let batches = self.read().await?;
        let recorded: usize = batches.iter().map(|(_, entries)| entries.len()).sum();
        if recorded == 0 {
            return Ok(Outcome::Idle);
        }
        let core = self.core.clone();
        let written = join_all(batches.into_iter().map(|(held, entries)| {
            let core = &core;
            async move { (held.shard, record(core, held, entries).await) }
        }))
        .await;
        for (shard, outcome) in written {
            self.settle(shard, outcome);
        }
        self.tell_all().await?;
        Ok(Outcome::Recorded(recorded))
    }

    /// Notes what came of a batch. After anything but a commit only SQL knows how far the shard is: it is taken anew.
    pub(super) fn settle(&mut self, shard: Shard, outcome: Result<Option<(u64, Poison)>>) -> bool {
        match (outcome, self.held.get_mut(&shard)) {
            (Ok(Some((checkpoint, poison))), Some(held)) => {
                held.checkpoint = checkpoint;
                held.untold.get_or_insert_default().extend(poison);
                return true;
            }
            (Ok(None), Some(_)) => {
                tracing::info!(shard = shard.number(), "another recorder has taken a shard over")
            }
            (Err(error), _) => tracing::warn!(shard = shard.number(), %error, "a batch could not be written"),
            (Ok(_), None) => {}
        }
        self.held.remove(&shard);
        self.share();
        false
    }

    /// Tells Redis and the nodes how far each shard is recorded.
    pub(super) async fn tell_all(&mut self) -> Result<()> {
        for held in self.held.values_mut() {
            let Some(poison) = held.untold.clone() else { continue };
            faults::abort_sometimes(faults::AFTER_COMMIT);
            let upto = Place { shard: held.shard, epoch: held.epoch, n: held.checkpoint };
            let finals = tell(&self.core, upto, &poison).await?;
            held.untold = None;
            let poison = poison.iter().map(|(_, n)| *n).collect();
            self.core.bus.publish(Event::Recorded(Watermark { upto, poison }));
            for (poll, room) in finals {
                self.core.dirty.mark(poll, room);
            }
        }
        Ok(())
    }

    /// A node that has lost Redis can record nothing: it gives its shards up, so that others do.
    async fn reach_redis(&mut self) -> Result<()> {
        let reached: RedisResult<()> = redis::cmd("PING").exec_async(&mut self.core.link.calls()).await;
        if reached.is_err() && !self.held.is_empty() {
            self.release().await?;
            self.share();
        }
        Ok(reached?)
    }

    /// Renews what is held and takes what nobody holds.
    async fn take_shards(&mut self) -> Result<()> {
        let core = self.core.clone();
        let now = core.clock.now();
        for record in core.store.shards().await? {
            let is_held = self.held.get(&record.shard).is_some_and(|held| held.fence == record.fence);
            if is_held {
                continue;
            }
            self.held.remove(&record.shard);
            if (*record.owner == *core.node || record.lease_until < now)
                && let Some(held) = take(&core, record.shard, now).await?
            {
                self.held.insert(record.shard, held);
            }
        }
        self.share();
        if !self.held.is_empty() {
            core.store.renew_leases(&core.node, core.clock.now().plus(LEASE)).await?;
        }
        Ok(())
    }

    /// Sees whether Redis still goes on where SQL ends, and makes it so where it does not.
    async fn look(&mut self) -> Result<()> {
        let shards: Vec<Shard> = self.held.keys().copied().collect();
        let core = self.core.clone();
        let statuses = join_all(shards.iter().map(|shard| Status::of(&core.link, *shard))).await;
        for (shard, status) in shards.into_iter().zip(statuses) {
            let status = status?;
            let Some(held) = self.held.get_mut(&shard) else { continue };
            held.is_ready = !held.has_gap && status.continues(held.epoch, held.checkpoint);
            if !held.is_ready {
                self.rebuild(shard, &status).await?;
            } else if status.watermark < held.checkpoint {
                held.untold.get_or_insert_default();
            }
        }
        self.tell_all().await
    }

    /// Waits a moment for entries behind the checkpoints.
    async fn read(&mut self) -> Result<Vec<(Held, Vec<Entry>)>> {
        let ready: Vec<Held> = self.held.values().filter(|held| held.is_ready).cloned().collect();
        if ready.is_empty() {
            sleep(WAIT).await;
            return Ok(Vec::new());
        }
        let keys = &self.core.link.keys;
        let mut call = redis::cmd("XREAD");
        call.arg("COUNT").arg(BATCH).arg("BLOCK").arg(u64::try_from(WAIT.as_millis()).unwrap_or(1));
        call.arg("STREAMS");
        ready.iter().for_each(|held| _ = call.arg(keys.stream(held.shard)));
        ready.iter().for_each(|held| _ = call.arg(format!("{}-{}", held.epoch, held.checkpoint)));
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.core.link.waiting_connection(WAIT).await?),
        };
        let found: Option<StreamReadReply> = call.query_async(reader).await?;
        let mut batches = Vec::new();
        for stream in found.map(|found| found.keys).unwrap_or_default() {
            let Some(held) = ready.iter().find(|held| keys.stream(held.shard) == stream.key) else {
                continue;
            };
            let entries: Vec<Entry> = stream.ids.iter().filter_map(Entry::read).collect();
            if follows(&entries, held.epoch, held.checkpoint) == entries.len() {
                batches.push((held.clone(), entries));
            } else if let Some(held) = self.held.get_mut(&held.shard) {
                tracing::warn!(shard = held.shard.number(), "entries are missing from the queue of votes");
                held.has_gap = true;
                self.look_at = Instant::now();
            }
        }
        Ok(batches)
    }

    async fn release(&mut self) -> Result<()> {
        for (shard, held) in std::mem::take(&mut self.held) {
            let mut transaction = self.core.store.begin_ballots().await?;
            if let Some(record) = locked(&mut transaction, &held, shard).await? {
                let free = Timestamp::from_millis(0);
                shards::put(&mut transaction, &ShardRecord { lease_until: free, ..record }).await?;
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    /// Notes for others on this node what is held.
    fn share(&self) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.held.keys().copied().collect();
    }

    /// Logs the first failure of many, and their end.
    fn note(&mut self, failure: Option<&Error>) {
        match failure {
            Some(error) if !self.is_failing => tracing::warn!(%error, "recording has stopped; trying again"),
            None if self.is_failing => tracing::info!("recording goes on"),
            _ => {}
        }
        self.is_failing = failure.is_some();
    }
}

/// Writes entries behind the checkpoint, and says how far the shard is now. Nothing is written, and nothing said, when
/// the shard is another's.
pub(super) async fn record(core: &Core, held: Held, entries: Vec<Entry>) -> Result<Option<(u64, Poison)>> {
    let written = timeout(WRITE, write(core, held, entries)).await;
    written.unwrap_or_else(|_| Err(Error::Sql(sqlx::Error::PoolTimedOut)))
}

async fn write(core: &Core, held: Held, entries: Vec<Entry>) -> Result<Option<(u64, Poison)>> {
    let now = core.clock.now();
    let mut transaction = core.store.begin_ballots().await?;
    let Some(record) = locked(&mut transaction, &held, held.shard).await? else { return Ok(None) };
    let checkpoint = entries.last().map_or(held.checkpoint, |last| last.n);
    let mut votes = Vec::new();
    let mut told = Vec::new();
    let mut poisonous = Poison::new();
    for entry in entries {
        match entry.content {
            Content::Ballot(row) => votes.push((entry.n, row)),
            Content::Told(kind, revision) => told.push((kind, revision)),
            Content::Unreadable(poll) => {
                let place = Place { shard: held.shard, epoch: held.epoch, n: entry.n };
                tracing::error!(?place, ?poll, "ALARM: an entry of the vote queue cannot be read");
                if let Some(poll) = poll {
                    poison::put(&mut transaction, place, poll, "", "it cannot be read", now).await?;
                    poisonous.push((poll, entry.n));
                }
            }
        }
    }
    write_votes(&mut transaction, &held, votes, &mut poisonous, now).await?;
    for (kind, revision) in told {
        if let outbox::Kind::Gone(poll) = kind {
            // Ballots that came in between are of no poll.
            polls::delete(&mut transaction, poll).await?;
        }
        outbox::take(&mut transaction, kind, revision).await?;
    }
    let record = ShardRecord { checkpoint, lease_until: now.plus(LEASE), ..record };
    shards::put(&mut transaction, &record).await?;
    transaction.commit().await?;
    Ok(Some((checkpoint, poisonous)))
}

/// How many entries follow a checkpoint without a gap.
pub(super) fn follows(entries: &[Entry], epoch: u64, checkpoint: u64) -> usize {
    let expected = (checkpoint + 1..).map(|n| (epoch, n));
    entries.iter().zip(expected).take_while(|(entry, expected)| (entry.epoch, entry.n) == *expected).count()
}

/// The shard's row, locked, if it is as its holder knows it.
pub(super) async fn locked(
    transaction: &mut Write,
    held: &Held,
    shard: Shard,
) -> Result<Option<ShardRecord>> {
    let record = shards::lock(transaction, shard).await?;
    let is_held = |record: &ShardRecord| {
        (record.fence, record.epoch, record.checkpoint) == (held.fence, held.epoch, held.checkpoint)
    };
    Ok(record.filter(|record| is_held(record) || faults::is_off(faults::FENCE)))
}

/// Writes ballots of polls that are still there; what SQL will not take for what it is, is set aside.
async fn write_votes(
    transaction: &mut Write,
    held: &Held,
    votes: Vec<(u64, BallotRow)>,
    poisonous: &mut Poison,
    now: Timestamp,
) -> Result<()> {
    let named: BTreeSet<PollId> = votes.iter().map(|(_, row)| row.poll).collect();
    let present = polls::present(transaction, &named).await?;
    // One row a voter and round: of several the last, which is the one with the highest id.
    let mut newest: BTreeMap<_, (u64, BallotRow)> = BTreeMap::new();
    for (n, row) in votes.into_iter().filter(|(_, row)| present.contains(&row.poll)) {
        newest.insert((row.poll, row.round, row.voter), (n, row));
    }
    let rows: Vec<BallotRow> = newest.values().map(|(_, row)| row.clone()).collect();
    match ballots::upsert(transaction, &rows, now).await {
        Err(error) if error.is_bad_data() => {}
        written => return written,
    }
    for (n, row) in newest.into_values() {
        match ballots::upsert(transaction, std::slice::from_ref(&row), now).await {
            Err(error) if error.is_bad_data() => {
                let place = Place { shard: held.shard, epoch: held.epoch, n };
                tracing::error!(%error, poll = %row.poll, ?place, "ALARM: SQL does not take a ballot; it is set aside");
                let written =
                    format!("{} {} {} {:?}", row.round, row.voter, row.standing.ballot, row.standing.choice);
                poison::put(transaction, place, row.poll, &written, &error.to_string(), now).await?;
                poisonous.push((row.poll, n));
            }
            written => written?,
        }
    }
    Ok(())
}

/// Takes a shard: from now on no batch of an earlier holder is written.
async fn take(core: &Core, shard: Shard, now: Timestamp) -> Result<Option<Held>> {
    let mut transaction = core.store.begin_ballots().await?;
    let Some(record) = shards::lock(&mut transaction, shard).await? else { return Ok(None) };
    if *record.owner != *core.node && record.lease_until >= now {
        return Ok(None);
    }
    let (owner, fence, lease_until) = (core.node.to_string(), record.fence + 1, now.plus(LEASE));
    let record = ShardRecord { owner, fence, lease_until, ..record };
    shards::put(&mut transaction, &record).await?;
    let poison = poison::of(&mut transaction, shard, record.epoch).await?;
    transaction.commit().await?;
    let ShardRecord { epoch, checkpoint, .. } = record;
    // The last holder may have gone between a commit and telling of it.
    Ok(Some(Held {
        shard,
        epoch,
        checkpoint,
        fence,
        is_ready: false,
        has_gap: false,
        untold: (!poison.is_empty()).then_some(poison),
    }))
}

/// Raises a shard's watermark in Redis, and says which polls are final with it.
async fn tell(core: &Core, upto: Place, poison: &Poison) -> RedisResult<Vec<(PollId, RoomId)>> {
    let answer: Vec<Value> = core
        .link
        .call("watermark", upto.shard, |call| {
            call.arg(upto.epoch).arg(upto.n);
            poison.iter().for_each(|(poll, n)| _ = call.arg(poll_name(*poll)).arg(n));
        })
        .await?;
    // A shard that is being rebuilt is told when it is attached.
    let finals: Vec<(String, String)> = match answer.into_iter().nth(1) {
        Some(finals) => redis::from_redis_value(finals)?,
        None => Vec::new(),
    };
    Ok(finals.into_iter().filter_map(|(poll, room)| Some((poll.parse().ok()?, room.parse().ok()?))).collect())
}
