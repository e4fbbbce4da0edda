//! The recorder of a shard: writes its queue to SQL, each batch in one transaction with its checkpoint. It proves to SQL
//! that it holds the shard by a fence: taking a shard over raises it, and a batch under an older one is rolled back.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use tokio::time::{Instant, sleep};

use super::super::{Place, Watermark};
use super::Core;
use super::batch::{Poison, follows, record, tell};
use super::entry::Entry;
use super::status::Status;
use crate::bus::Event;
use crate::error::Result;
use crate::faults;
use crate::shard::Shard;

/// How many entries one transaction takes at most. A batch is whatever came in during the last commit, so that a lone
/// vote never waits for company.
const BATCH: usize = 1_000;
/// How often it sees whether Redis still goes on where SQL ends.
const LOOK: Duration = Duration::from_millis(200);
/// How long it waits for entries at a time: shorter, or it would look too late.
const WAIT: Duration = Duration::from_millis(100);

/// What came of looking for entries once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Some were written.
    Recorded,
    /// There was none.
    Idle,
    /// The shard is another's now.
    Lost,
}

/// Writes a shard's queue to SQL.
pub(super) struct Recorder {
    pub(super) core: Arc<Core>,
    pub(super) held: Held,
    reader: Option<MultiplexedConnection>,
    look_at: Instant,
}

/// A shard as its recorder knows it.
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
    /// The poison up to the checkpoint, while Redis has not been told of both; none when it has.
    pub(super) untold: Option<Poison>,
}

impl Held {
    /// The last entry that is in SQL.
    pub(super) fn upto(&self) -> Place {
        Place { shard: self.shard, epoch: self.epoch, n: self.checkpoint }
    }
}

impl Recorder {
    /// The recorder of a shard that was just taken.
    pub(super) fn new(core: Arc<Core>, held: Held) -> Self {
        Self { core, held, reader: None, look_at: Instant::now() }
    }

    /// Records until the shard is another's, or until something fails: after anything but a commit only SQL knows how
    /// far the shard is, so it has to be taken anew.
    pub(super) async fn run(mut self) {
        let shard = self.held.shard.number();
        loop {
            match self.run_once().await {
                Ok(Outcome::Recorded | Outcome::Idle) => {}
                Ok(Outcome::Lost) => return tracing::info!(shard, "another node records a shard now"),
                Err(error) => return tracing::warn!(shard, %error, "recording is interrupted"),
            }
        }
    }

    /// Looks at Redis where it is time, waits a moment for entries, and writes them.
    pub(super) async fn run_once(&mut self) -> Result<Outcome> {
        if Instant::now() >= self.look_at {
            self.look_at = Instant::now() + LOOK;
            if !self.look().await? {
                return Ok(Outcome::Lost);
            }
        }
        if !self.held.is_ready {
            sleep(WAIT).await;
            return Ok(Outcome::Idle);
        }
        let entries = self.read().await?;
        if entries.is_empty() {
            return Ok(Outcome::Idle);
        }
        if !self.write(entries).await? {
            return Ok(Outcome::Lost);
        }
        self.tell().await?;
        Ok(Outcome::Recorded)
    }

    /// Writes entries that follow the checkpoint. False when the shard is another's.
    pub(super) async fn write(&mut self, entries: Vec<Entry>) -> Result<bool> {
        let Some((checkpoint, poison)) = record(&self.core, self.held.clone(), entries).await? else {
            return Ok(false);
        };
        self.held.checkpoint = checkpoint;
        self.held.untold.get_or_insert_default().extend(poison);
        Ok(true)
    }

    /// Tells Redis and the nodes how far the shard is recorded, if it was not told.
    async fn tell(&mut self) -> Result<()> {
        let Some(poison) = self.held.untold.clone() else { return Ok(()) };
        faults::abort_sometimes(faults::AFTER_COMMIT);
        let upto = self.held.upto();
        let finals = tell(&self.core, upto, &poison).await?;
        self.held.untold = None;
        let poison = poison.iter().map(|(_, n)| *n).collect();
        self.core.bus.publish(Event::Recorded(Watermark { upto, poison }));
        for (poll, room) in finals {
            self.core.dirty.mark(poll, room);
        }
        Ok(())
    }

    /// Sees whether Redis still goes on where SQL ends, and makes it so where it does not. False when the shard is
    /// another's.
    async fn look(&mut self) -> Result<bool> {
        let status = Status::of(&self.core.link, self.held.shard).await?;
        let held = &mut self.held;
        held.is_ready = !held.has_gap && status.continues(held.epoch, held.checkpoint);
        if !held.is_ready {
            return self.rebuild(&status).await;
        }
        if status.watermark < held.checkpoint {
            held.untold.get_or_insert_default();
        }
        self.tell().await?;
        Ok(true)
    }

    /// Waits a moment for entries behind the checkpoint.
    async fn read(&mut self) -> Result<Vec<Entry>> {
        let held = &mut self.held;
        let mut call = redis::cmd("XREAD");
        call.arg("COUNT").arg(BATCH).arg("BLOCK").arg(u64::try_from(WAIT.as_millis()).unwrap_or(1));
        call.arg("STREAMS").arg(self.core.link.keys.stream(held.shard));
        call.arg(format!("{}-{}", held.epoch, held.checkpoint));
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.core.link.waiting_connection(WAIT).await?),
        };
        let found: Option<StreamReadReply> = call.query_async(reader).await?;
        let streams = found.map(|found| found.keys).unwrap_or_default();
        let entries: Vec<Entry> =
            streams.iter().flat_map(|stream| &stream.ids).filter_map(Entry::read).collect();
        if follows(&entries, held.epoch, held.checkpoint) < entries.len() {
            tracing::warn!(shard = held.shard.number(), "entries are missing from the queue of votes");
            held.has_gap = true;
            self.look_at = Instant::now();
            return Ok(Vec::new());
        }
        Ok(entries)
    }
}
