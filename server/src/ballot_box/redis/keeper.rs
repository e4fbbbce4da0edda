//! The keeper: for the shards that this node records, closes polls whose time is over, tells Redis what it was
//! not told when a host did it, and drops what nobody has used for a while.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::{PollId, RoomId, Timestamp};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::super::intent;
use super::leases::HeldShards;
use super::{Core, in_time};
use crate::bus::Event;
use crate::error::Result;
use crate::faults;
use crate::shard::Shard;
use crate::store::outbox::{self, Kind, Untold};
use crate::store::polls::PollRecord;
use crate::store::{polls, rooms};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);
/// How old something must be before it counts as untold: who did it is probably still telling.
const UNTOLD: Duration = Duration::from_secs(1);
/// How long after it was told it is told once more.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it drops what is unused, how long something is unused, and how many polls of a shard it looks at.
const SWEEP: Duration = Duration::from_secs(10);
const UNUSED: Duration = Duration::from_secs(15 * 60);
const SWEPT: usize = 100;

/// Looks after shards for as long as the node runs.
pub(super) async fn keep(core: Arc<Core>, held: HeldShards) {
    let mut sweep_at = Instant::now() + SWEEP;
    let mut is_failing = false;
    let mut told = Told::default();
    loop {
        sleep(LOOK).await;
        let shards = held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut kept = look(&core, &shards, &mut told).await;
        if kept.is_ok() && Instant::now() >= sweep_at {
            sweep_at = Instant::now() + SWEEP;
            kept = sweep(&core, &shards).await;
        }
        match &kept {
            Err(error) if !is_failing => {
                tracing::warn!(%error, "shards cannot be looked after; trying again")
            }
            Ok(()) if is_failing => tracing::info!("shards are looked after again"),
            _ => {}
        }
        is_failing = kept.is_err();
    }
}

/// What was told of late. Its answer comes through the queue: while that is slow, telling again would only make it longer.
#[derive(Default)]
struct Told(HashMap<Kind, Instant>);

impl Told {
    /// Whether something is to be told now; then it counts as told.
    fn is_due(&mut self, kind: Kind) -> bool {
        let now = Instant::now();
        self.0.retain(|_, at| now < *at + AGAIN);
        let is_due = !self.0.contains_key(&kind);
        self.0.entry(kind).or_insert(now);
        is_due
    }
}

/// Looks after all at once: what cannot be done now must not keep the rest waiting.
async fn look(core: &Core, shards: &BTreeSet<Shard>, told: &mut Told) -> Result<()> {
    if shards.is_empty() {
        return Ok(());
    }
    let now = core.clock.now();
    let overdue = in_time(core.store.overdue(now)).await?;
    let ours = overdue.into_iter().filter(|(_, room)| shards.contains(&Shard::of(*room)));
    let mut kept = join_all(ours.map(|(poll, _)| close(core, poll, now))).await;
    if !faults::is_off(faults::OUTBOX) {
        for shard in shards {
            let untold = in_time(core.store.untold(*shard, now.minus(UNTOLD))).await?;
            let due: Vec<Untold> = untold.into_iter().filter(|untold| told.is_due(untold.kind)).collect();
            kept.extend(join_all(due.into_iter().map(|untold| tell(core, untold))).await);
        }
    }
    kept.into_iter().collect()
}

async fn close(core: &Core, poll: PollId, now: Timestamp) -> Result<()> {
    let closing = async { intent::commit_close(core.store.begin().await?, poll, now).await };
    if let Some(intent) = in_time(closing).await? {
        core.apply(&intent.poll, intent.epoch).await?;
        core.tell_changed(&intent.poll, false).await;
    }
    Ok(())
}

/// Tells Redis again; its answer comes through the queue, which takes what was told out of the outbox.
async fn tell(core: &Core, Untold { kind, room }: Untold) -> Result<()> {
    match kind {
        Kind::Poll(poll) => {
            let Some((stored, epoch)) = in_time(untold_poll(core, poll, room)).await? else { return Ok(()) };
            core.apply(&stored, epoch).await?;
            core.tell_changed(&stored, true).await;
        }
        Kind::Gone(poll) => {
            core.apply_delete(poll, room).await?;
            core.bus.publish(Event::PollRemoved { room, poll });
        }
        Kind::Room(_) => return tell_settings(core, room).await,
    }
    Ok(())
}

/// A poll that Redis is to be told of, and its count's epoch; none when it is gone, and there is nothing to tell any more.
async fn untold_poll(core: &Core, poll: PollId, room: RoomId) -> Result<Option<(PollRecord, u64)>> {
    let mut transaction = core.store.begin().await?;
    let found = polls::find(&mut *transaction, poll).await?;
    let is_here = rooms::find_any(&mut *transaction, room).await?.is_some();
    let told = match found.filter(|_| is_here) {
        Some(stored) => Some((stored, polls::epoch(&mut transaction, poll).await?)),
        None => {
            outbox::take(&mut transaction, Kind::Poll(poll), u64::MAX).await?;
            None
        }
    };
    transaction.commit().await?;
    Ok(told)
}

async fn tell_settings(core: &Core, id: RoomId) -> Result<()> {
    let reading = async {
        if let Some(room) = core.any_room(id).await? {
            return Ok(Some((room, core.store.polls_of(id).await?)));
        }
        let mut transaction = core.store.begin().await?;
        outbox::take(&mut transaction, Kind::Room(id), u64::MAX).await?;
        transaction.commit().await?;
        Ok(None)
    };
    let Some((room, polls)) = in_time(reading).await? else { return Ok(()) };
    // Nodes hear of it by their pulse.
    core.apply_settings(&room, &polls, None).await.map(|_| ())
}

async fn sweep(core: &Core, shards: &BTreeSet<Shard>) -> Result<()> {
    let unused = u64::try_from(UNUSED.as_millis()).unwrap_or(u64::MAX);
    for shard in shards {
        let dropped: u64 = core.link.call("sweep", *shard, |call| _ = call.arg(unused).arg(SWEPT)).await?;
        if dropped > 0 {
            tracing::debug!(
                shard = shard.number(),
                dropped,
                "dropped polls that nobody has used for a while"
            );
        }
    }
    Ok(())
}
