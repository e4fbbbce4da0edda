//! Entries of the vote queue that SQL would not take. They are kept for somebody to look at, and their polls
//! never become final.

use domain::{PollId, Timestamp};
use sqlx::{AnyConnection, query};

use super::row;
use crate::ballot_box::Place;
use crate::error::Result;
use crate::shard::Shard;

/// How long the kept error is at most, in characters.
const ERROR: usize = 500;

/// Sets an entry of a poll and round aside.
pub async fn put(
    connection: &mut AnyConnection,
    place: Place,
    (poll, round): (PollId, u32),
    entry: &str,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    query(
        "INSERT INTO poison (shard, epoch, n, poll_id, round, entry, error, found_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(place.shard.number())
    .bind(i64::try_from(place.epoch).unwrap_or(i64::MAX))
    .bind(i64::try_from(place.n).unwrap_or(i64::MAX))
    .bind(poll.as_bytes().to_vec())
    .bind(i64::from(round))
    .bind(entry.to_owned())
    .bind(error.chars().take(ERROR).collect::<String>())
    .bind(now.millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// What of a queue was set aside: polls and entries.
pub async fn of(connection: &mut AnyConnection, shard: Shard, epoch: u64) -> Result<Vec<(PollId, u64)>> {
    query("SELECT poll_id, n FROM poison WHERE shard = ? AND epoch = ?")
        .bind(shard.number())
        .bind(i64::try_from(epoch).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?
        .iter()
        .map(|found| Ok((row::id(found, "poll_id", PollId::from_slice)?, row::count(found, "n")?)))
        .collect()
}

/// Whether entries of a poll's round were set aside.
pub async fn has(connection: &mut AnyConnection, poll: PollId, round: u32) -> Result<bool> {
    let found = query("SELECT 1 AS n FROM poison WHERE poll_id = ? AND round = ? LIMIT 1")
        .bind(poll.as_bytes().to_vec())
        .bind(i64::from(round));
    Ok(found.fetch_optional(connection).await?.is_some())
}
