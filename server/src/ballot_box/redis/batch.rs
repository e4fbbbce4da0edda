//! One batch of a shard's queue: written to SQL in one transaction with its checkpoint, then told to Redis.

use std::collections::{BTreeMap, BTreeSet};

use domain::{PollId, RoomId, Timestamp};
use redis::{RedisResult, Value};

use super::super::Place;
use super::entry::{Content, Entry};
use super::leases::LEASE;
use super::recorder::Held;
use super::{Core, in_time, poll_name};
use crate::error::Result;
use crate::faults;
use crate::store::ballots::BallotRow;
use crate::store::shards::ShardRecord;
use crate::store::{Write, ballots, outbox, poison, polls, shards};

/// Entries that SQL would not take, and their polls.
pub(super) type Poison = Vec<(PollId, u64)>;

/// Writes entries behind the checkpoint, and says how far the shard is now. Nothing is written, and nothing said, when
/// the shard is another's.
pub(super) async fn record(core: &Core, held: Held, entries: Vec<Entry>) -> Result<Option<(u64, Poison)>> {
    in_time(write(core, held, entries)).await
}

async fn write(core: &Core, held: Held, entries: Vec<Entry>) -> Result<Option<(u64, Poison)>> {
    let now = core.clock.now();
    let mut transaction = core.store.begin_ballots().await?;
    let Some(record) = locked(&mut transaction, &held).await? else { return Ok(None) };
    let checkpoint = entries.last().map_or(held.checkpoint, |last| last.n);
    let mut votes = Vec::new();
    let mut told = Vec::new();
    let mut poisonous = Poison::new();
    for entry in entries {
        match entry.content {
            Content::Ballot(row) => votes.push((entry.n, row)),
            Content::Adopted(rows) => votes.extend(rows.into_iter().map(|row| (entry.n, row))),
            Content::Told(kind, revision) => told.push((kind, revision)),
            Content::Unreadable { poll, raw } => {
                let place = Place { shard: held.shard, epoch: held.epoch, n: entry.n };
                tracing::error!(?place, ?poll, "ALARM: an entry of the vote queue cannot be read");
                if let Some(poll) = poll {
                    poison::put(&mut transaction, place, poll, &raw, "it cannot be read", now).await?;
                    poisonous.push((poll.0, entry.n));
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
pub(super) async fn locked(transaction: &mut Write, held: &Held) -> Result<Option<ShardRecord>> {
    let record = shards::lock(transaction, held.shard).await?;
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
    let votes: Vec<_> = votes.into_iter().filter(|(_, row)| present.contains(&row.poll)).collect();
    // One row a voter and round: of several the last, which is the one with the highest id.
    let newest: BTreeMap<_, &BallotRow> =
        votes.iter().map(|(_, row)| ((row.poll, row.round, row.voter), row)).collect();
    let rows: Vec<BallotRow> = newest.into_values().cloned().collect();
    match ballots::upsert(transaction, &rows, now).await {
        Err(error) if error.is_bad_data() => {}
        written => return written,
    }
    // All of them, one by one: a voter whose last ballot is refused still has the one before it.
    for (n, row) in votes {
        match ballots::upsert(transaction, std::slice::from_ref(&row), now).await {
            Err(error) if error.is_bad_data() => {
                let place = Place { shard: held.shard, epoch: held.epoch, n };
                tracing::error!(%error, poll = %row.poll, ?place, "ALARM: SQL does not take a ballot; it is set aside");
                let written =
                    format!("{} {} {} {:?}", row.round, row.voter, row.standing.ballot, row.standing.choice);
                poison::put(transaction, place, (row.poll, row.round), &written, &error.to_string(), now)
                    .await?;
                poisonous.push((row.poll, n));
            }
            written => written?,
        }
    }
    Ok(())
}

/// Raises a shard's watermark in Redis, and says which polls are final with it.
pub(super) async fn tell(core: &Core, upto: Place, poison: &Poison) -> RedisResult<Vec<(PollId, RoomId)>> {
    let answer: Vec<Value> = core
        .link
        .call("watermark", upto.shard, |call| {
            call.arg(upto.epoch).arg(upto.n);
            poison.iter().for_each(|(poll, n)| _ = call.arg(poll_name(*poll)).arg(n));
        })
        .await?;
    // Redis holds another queue by now, or none: a rebuild is due, and it goes by what SQL says.
    let finals: Vec<(String, String)> = match answer.into_iter().nth(1) {
        Some(finals) => redis::from_redis_value(finals)?,
        None => Vec::new(),
    };
    Ok(finals.into_iter().filter_map(|(poll, room)| Some((poll.parse().ok()?, room.parse().ok()?))).collect())
}
