//! Making a shard's memory in Redis anew, after Redis was restarted, emptied, or replaced by an older copy. What the queue
//! still has is written to SQL as far as nothing is missing; then all that was here is dropped under a higher epoch, and
//! polls are loaded from SQL when they are next asked for. What was only accepted and is lost, clients send again.

use std::collections::BTreeSet;

use redis::RedisResult;
use redis::streams::StreamRangeReply;

use super::super::{Place, Watermark};
use super::entry::Entry;
use super::recorder::{Recorder, follows, record};
use super::status::Status;
use crate::bus::Event;
use crate::error::Result;
use crate::shard::Shard;
use crate::store::shards;

/// How many entries are read at once, and how many polls are dropped.
const BATCH: usize = 1_000;
const POLLS: usize = 100;

impl Recorder {
    /// Rebuilds a shard that this recorder holds. It may be interrupted anywhere: the next to try starts over, under a
    /// higher epoch again.
    pub(super) async fn rebuild(&mut self, shard: Shard, status: &Status) -> Result<()> {
        let Some(held) = self.held.get(&shard) else { return Ok(()) };
        let old = held.epoch;
        let epoch = old.max(status.stored.unwrap_or(0)).max(status.attached.unwrap_or(0)) + 1;
        tracing::info!(shard = shard.number(), epoch, "making a shard's count anew");
        let link = self.core.link.clone();
        let begun: String = link.call("begin", shard, |call| _ = call.arg(epoch)).await?;
        if begun != "done" || !self.drain(shard).await? {
            return Ok(());
        }
        let Some(held) = self.held.get_mut(&shard) else { return Ok(()) };
        let drained = Place { shard, epoch: old, n: held.checkpoint };
        if !held.store_epoch(&self.core, epoch).await? {
            self.held.remove(&shard);
            return Ok(());
        }
        // Told before the new epoch is heard of: entries up to here are recorded, later ones are lost.
        self.core.bus.publish(Event::Recorded(Watermark { upto: drained, poison: held.take_poison() }));
        let mut left = 1_i64;
        while left > 0 {
            left = link.call("wipe", shard, |call| _ = call.arg(epoch).arg(POLLS)).await?;
        }
        let attached: String = link.call("attach", shard, |call| _ = call.arg(epoch)).await?;
        held.is_ready = left == 0 && attached == "done";
        held.has_gap = false;
        let upto = Place { shard, epoch, n: 0 };
        self.core.bus.publish(Event::Recorded(Watermark { upto, poison: Default::default() }));
        Ok(())
    }

    /// Writes what the queue has behind the checkpoint, up to the first gap. False when the shard is another's.
    async fn drain(&mut self, shard: Shard) -> Result<bool> {
        loop {
            let Some(held) = self.held.get(&shard).cloned() else { return Ok(false) };
            let mut entries = self.behind(&held.key(&self.core), held.epoch, held.checkpoint).await?;
            entries.truncate(follows(&entries, held.epoch, held.checkpoint));
            if entries.is_empty() {
                return Ok(true);
            }
            let written = record(&self.core, held, entries).await;
            if !self.settle(shard, written) {
                return Ok(false);
            }
        }
    }

    async fn behind(&self, stream: &str, epoch: u64, checkpoint: u64) -> RedisResult<Vec<Entry>> {
        let mut call = redis::cmd("XRANGE");
        call.arg(stream).arg(format!("{epoch}-{}", checkpoint + 1)).arg("+").arg("COUNT").arg(BATCH);
        let found: StreamRangeReply = call.query_async(&mut self.core.link.calls()).await?;
        Ok(found.ids.iter().filter_map(Entry::read).collect())
    }
}

impl super::recorder::Held {
    fn key(&self, core: &super::Core) -> String {
        core.link.keys.stream(self.shard)
    }

    /// Stores that the shard's queue is a new one. False when the shard is another's.
    async fn store_epoch(&mut self, core: &super::Core, epoch: u64) -> Result<bool> {
        let mut transaction = core.store.begin_ballots().await?;
        let Some(record) = super::recorder::locked(&mut transaction, self, self.shard).await? else {
            return Ok(false);
        };
        shards::put(&mut transaction, &shards::ShardRecord { epoch, checkpoint: 0, ..record }).await?;
        transaction.commit().await?;
        (self.epoch, self.checkpoint) = (epoch, 0);
        Ok(true)
    }

    /// The poison that was not told yet. Redis need not be told: polls are loaded with what SQL knows of it.
    fn take_poison(&mut self) -> BTreeSet<u64> {
        self.untold.take().unwrap_or_default().into_iter().map(|(_, n)| n).collect()
    }
}
