//! Which shards this node records: by leases in SQL. Each shard that it holds has a recorder of its own, so that one that
//! is slow holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use redis::RedisResult;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::recorder::{Held, Recorder};
use super::{Core, in_time};
use crate::background::Stopped;
use crate::error::{Error, Result};
use crate::shard::Shard;
use crate::store::shards::ShardRecord;
use crate::store::{poison, shards};

/// How long a shard is held without saying so again, and how often that is said.
pub(super) const LEASE: Duration = Duration::from_secs(3);
const RENEW: Duration = Duration::from_millis(500);

/// The shards that this node records, for others on it.
pub(super) type HeldShards = Arc<Mutex<BTreeSet<Shard>>>;

/// Holds shards, and has them recorded.
pub(super) struct Leases {
    core: Arc<Core>,
    held: BTreeMap<Shard, Lease>,
    recorders: JoinSet<()>,
    shared: HeldShards,
    is_failing: bool,
}

struct Lease {
    fence: u64,
    recorder: AbortHandle,
}

impl Leases {
    /// Holds nothing yet; and where it notes what it holds.
    pub(super) fn new(core: Arc<Core>) -> (Self, HeldShards) {
        let shared = HeldShards::default();
        let (held, recorders) = (BTreeMap::new(), JoinSet::new());
        (Self { core, held, recorders, shared: shared.clone(), is_failing: false }, shared)
    }

    /// Holds what it can until the server stops; then others may take over at once.
    pub(super) async fn run(mut self, mut stopped: Stopped) {
        let mut renewals = interval(RENEW);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped.wait() => break,
                Some(ended) = self.recorders.join_next() => match ended {
                    // It is taken anew with the next renewal, if it is still to be had.
                    Ok(()) => self.held.retain(|_, lease| !lease.recorder.is_finished()),
                    Err(error) if error.is_panic() => tracing::error!(%error, "a recorder failed"),
                    Err(_) => {}
                },
                _ = renewals.tick() => {
                    let renewed = self.renew().await;
                    self.note(renewed.err());
                }
            }
            self.share();
        }
        if let Err(error) = self.release().await {
            tracing::debug!(%error, "shards could not be released; their leases run out");
        }
    }

    /// Says that it goes on, and takes what nobody holds. A node that has lost Redis can record nothing: it gives its
    /// shards up, so that others do.
    async fn renew(&mut self) -> Result<()> {
        let reached: RedisResult<()> = redis::cmd("PING").exec_async(&mut self.core.link.calls()).await;
        if let Err(error) = reached {
            in_time(self.release()).await?;
            return Err(error.into());
        }
        self.held.retain(|_, lease| !lease.recorder.is_finished());
        let mut said_at = self.say_on().await?;
        let mut failed = None;
        for record in in_time(self.core.store.shards()).await? {
            match self.held.get(&record.shard) {
                Some(lease) if lease.fence == record.fence => continue,
                Some(lease) => lease.recorder.abort(),
                None => {}
            }
            self.held.remove(&record.shard);
            if *record.owner == *self.core.node || record.lease_until < said_at {
                match in_time(take(&self.core, record.shard)).await {
                    Ok(held) => held.into_iter().for_each(|held| self.start(held)),
                    Err(error) => failed = Some(error),
                }
                // A row that somebody else has locked may have been waited for.
                if self.core.clock.now().since(said_at) >= RENEW {
                    said_at = self.say_on().await?;
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Says that it goes on with what it holds, and answers when.
    async fn say_on(&self) -> Result<Timestamp> {
        let now = self.core.clock.now();
        if !self.held.is_empty() {
            in_time(self.core.store.renew_leases(&self.core.node, now.plus(LEASE))).await?;
        }
        Ok(now)
    }

    fn start(&mut self, held: Held) {
        let (shard, fence) = (held.shard, held.fence);
        let recorder = self.recorders.spawn(Recorder::new(self.core.clone(), held).run());
        self.held.insert(shard, Lease { fence, recorder });
    }

    /// Stops recording, and lets others take over.
    async fn release(&mut self) -> Result<()> {
        self.recorders.shutdown().await;
        let held = std::mem::take(&mut self.held);
        self.share();
        for (shard, lease) in held {
            let mut transaction = self.core.store.begin_ballots().await?;
            let record = shards::lock(&mut transaction, shard).await?;
            if let Some(record) = record.filter(|record| record.fence == lease.fence) {
                let free = Timestamp::from_millis(0);
                shards::put(&mut transaction, &ShardRecord { lease_until: free, ..record }).await?;
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    fn share(&self) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.held.keys().copied().collect();
    }

    /// Logs the first failure of many, and their end.
    fn note(&mut self, failure: Option<Error>) {
        match &failure {
            Some(error) if !self.is_failing => {
                tracing::warn!(%error, "shards cannot be held for recording; trying again");
            }
            None if self.is_failing => tracing::info!("shards are held for recording again"),
            _ => {}
        }
        self.is_failing = failure.is_some();
    }
}

/// Takes a shard: from now on no batch of an earlier holder is written.
async fn take(core: &Core, shard: Shard) -> Result<Option<Held>> {
    let mut transaction = core.store.begin_ballots().await?;
    let Some(record) = shards::lock(&mut transaction, shard).await? else { return Ok(None) };
    let now = core.clock.now();
    if *record.owner != *core.node && record.lease_until >= now {
        return Ok(None);
    }
    let (owner, fence, lease_until) = (core.node.to_string(), record.fence + 1, now.plus(LEASE));
    let record = ShardRecord { owner, fence, lease_until, ..record };
    shards::put(&mut transaction, &record).await?;
    // The last holder may have gone between a commit and telling of it.
    let poison = poison::of(&mut transaction, shard, record.epoch).await?;
    transaction.commit().await?;
    let ShardRecord { epoch, checkpoint, .. } = record;
    let untold = (!poison.is_empty()).then_some(poison);
    Ok(Some(Held { shard, epoch, checkpoint, fence, is_ready: false, has_gap: false, untold }))
}
