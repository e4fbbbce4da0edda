//! Shards: who records each, under which fence, and how far its queue is in SQL.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, query};

use super::{Dialect, Store, is_new, row};
use crate::error::Result;
use crate::shard::Shard;

/// A shard as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRecord {
    /// Which.
    pub shard: Shard,
    /// Which queue the checkpoint is of: a queue that was lost is followed by one of a higher epoch.
    pub epoch: u64,
    /// The last entry of that queue that is in SQL.
    pub checkpoint: u64,
    /// Rises whenever a recorder takes the shard over: who holds an older one writes nothing any more.
    pub fence: u64,
    /// The node whose recorder holds the shard.
    pub owner: String,
    /// Until when it does, unless it says so again.
    pub lease_until: Timestamp,
}

impl Store {
    /// Makes the rows of shards that have none.
    pub async fn make_shards(&self) -> Result<()> {
        let known = self.shards().await?;
        for shard in Shard::all().filter(|shard| known.iter().all(|known| known.shard != *shard)) {
            let made = query(
                "INSERT INTO shards (id, epoch, checkpoint, fence, owner, lease_until) VALUES (?, 0, 0, 0, '', 0)",
            )
            .bind(shard.number())
            .execute(&self.write)
            .await;
            // False where another node that starts at the same time was faster.
            is_new(made)?;
        }
        Ok(())
    }

    /// All shards.
    pub async fn shards(&self) -> Result<Vec<ShardRecord>> {
        let rows = query("SELECT id, epoch, checkpoint, fence, owner, lease_until FROM shards ORDER BY id");
        let found = rows.fetch_all(&self.read).await?;
        Ok(found.iter().map(record).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Says that a node goes on holding its shards.
    pub async fn renew_leases(&self, owner: &str, until: Timestamp) -> Result<()> {
        query("UPDATE shards SET lease_until = ? WHERE owner = ?")
            .bind(until.millis())
            .bind(owner.to_owned())
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

/// A shard, locked until the transaction ends.
pub async fn lock(connection: &mut AnyConnection, shard: Shard) -> Result<Option<ShardRecord>> {
    let sql = match Dialect::of(connection) {
        Dialect::Sqlite => "SELECT id, epoch, checkpoint, fence, owner, lease_until FROM shards WHERE id = ?",
        Dialect::MySql => {
            "SELECT id, epoch, checkpoint, fence, owner, lease_until FROM shards WHERE id = ? FOR UPDATE"
        }
    };
    let found = query(sql).bind(shard.number()).fetch_optional(connection).await?;
    Ok(found.map(|found| record(&found)).transpose()?.flatten())
}

/// Stores all of a shard.
pub async fn put(connection: &mut AnyConnection, record: &ShardRecord) -> Result<()> {
    query("UPDATE shards SET epoch = ?, checkpoint = ?, fence = ?, owner = ?, lease_until = ? WHERE id = ?")
        .bind(i64::try_from(record.epoch).unwrap_or(i64::MAX))
        .bind(i64::try_from(record.checkpoint).unwrap_or(i64::MAX))
        .bind(i64::try_from(record.fence).unwrap_or(i64::MAX))
        .bind(record.owner.clone())
        .bind(record.lease_until.millis())
        .bind(record.shard.number())
        .execute(connection)
        .await?;
    Ok(())
}

/// A row of a number that is no shard is none.
fn record(found: &AnyRow) -> Result<Option<ShardRecord>> {
    let number: i32 = row::get(found, "id")?;
    let Some(shard) = Shard::all().find(|shard| shard.number() == number) else { return Ok(None) };
    Ok(Some(ShardRecord {
        shard,
        epoch: row::count(found, "epoch")?,
        checkpoint: row::count(found, "checkpoint")?,
        fence: row::count(found, "fence")?,
        owner: row::get(found, "owner")?,
        lease_until: row::time(found, "lease_until")?,
    }))
}
