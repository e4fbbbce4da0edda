//! Making a shard's memory in Redis anew, after Redis was restarted, emptied, or replaced by an older copy. What the queue
//! still has is written to SQL as far as nothing is missing; then all that was here is dropped under a higher epoch, and
//! polls are loaded from SQL when they are next asked for. What was only accepted and is lost, clients send again.

use redis::RedisResult;
use redis::streams::StreamRangeReply;

use super::super::{Place, Watermark};
use super::batch::{follows, locked};
use super::entry::Entry;
use super::recorder::{Held, Recorder};
use super::status::Status;
use super::{Core, in_time};
use crate::bus::Event;
use crate::error::Result;
use crate::store::shards::ShardRecord;
use crate::store::{poison, shards};

/// How many entries are read at once, and how many polls are dropped.
const BATCH: usize = 1_000;
const POLLS: usize = 100;

impl Recorder {
    /// Rebuilds the shard. It may be interrupted anywhere: the next to try starts over, under a higher epoch again. False
    /// when the shard is another's.
    pub(super) async fn rebuild(&mut self, status: &Status) -> Result<bool> {
        let (link, shard, old) = (self.core.link.clone(), self.held.shard, self.held.epoch);
        // Who has lost the shard without knowing must not keep the next from counting.
        if !in_time(self.held.is_still_held(&self.core)).await? {
            return Ok(false);
        }
        let epoch = old.max(status.stored.unwrap_or(0)).max(status.attached.unwrap_or(0)) + 1;
        tracing::info!(shard = shard.number(), epoch, "making a shard's count anew");
        let begun: String = link.call("begin", shard, |call| _ = call.arg(epoch)).await?;
        if begun != "done" {
            return Ok(true);
        }
        if !self.drain().await? {
            return Ok(false);
        }
        let drained = self.held.upto();
        let Some(poison) = in_time(self.held.store_epoch(&self.core, epoch)).await? else { return Ok(false) };
        // Told before the new epoch is heard of: entries up to here are recorded, later ones are lost.
        let poison = poison.into_iter().map(|(_, n)| n).collect();
        self.core.bus.publish(Event::Recorded(Watermark { upto: drained, poison }));
        let mut left = 1_i64;
        while left > 0 {
            left = link.call("wipe", shard, |call| _ = call.arg(epoch).arg(POLLS)).await?;
        }
        let attached: String = link.call("attach", shard, |call| _ = call.arg(epoch)).await?;
        self.held.is_ready = attached == "done";
        self.held.has_gap = false;
        let upto = Place { shard, epoch, n: 0 };
        self.core.bus.publish(Event::Recorded(Watermark { upto, poison: Default::default() }));
        Ok(true)
    }

    /// Writes what the queue has behind the checkpoint, up to the first gap. False when the shard is another's.
    async fn drain(&mut self) -> Result<bool> {
        loop {
            let mut entries = self.behind().await?;
            entries.truncate(follows(&entries, self.held.epoch, self.held.checkpoint));
            if entries.is_empty() {
                return Ok(true);
            }
            if !self.write(entries).await? {
                return Ok(false);
            }
        }
    }

    async fn behind(&self) -> RedisResult<Vec<Entry>> {
        let Held { shard, epoch, checkpoint, .. } = self.held;
        let mut call = redis::cmd("XRANGE");
        call.arg(self.core.link.keys.stream(shard)).arg(format!("{epoch}-{}", checkpoint + 1)).arg("+");
        call.arg("COUNT").arg(BATCH);
        let found: StreamRangeReply = call.query_async(&mut self.core.link.calls()).await?;
        Ok(found.ids.iter().filter_map(Entry::read).collect())
    }
}

impl Held {
    async fn is_still_held(&self, core: &Core) -> Result<bool> {
        let mut transaction = core.store.begin_ballots().await?;
        Ok(locked(&mut transaction, self).await?.is_some())
    }

    /// Stores that the shard's queue is a new one, and says what of the old one SQL would not take. None when the shard is
    /// another's.
    async fn store_epoch(&mut self, core: &Core, epoch: u64) -> Result<Option<Vec<(domain::PollId, u64)>>> {
        let mut transaction = core.store.begin_ballots().await?;
        let Some(record) = locked(&mut transaction, self).await? else { return Ok(None) };
        let poison = poison::of(&mut transaction, self.shard, self.epoch).await?;
        shards::put(&mut transaction, &ShardRecord { epoch, checkpoint: 0, ..record }).await?;
        transaction.commit().await?;
        (self.epoch, self.checkpoint, self.untold) = (epoch, 0, None);
        Ok(Some(poison))
    }
}
