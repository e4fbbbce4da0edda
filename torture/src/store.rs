//! What SQL holds, read past all nodes.

use std::time::Duration;

use domain::{BallotId, Choice, PollId, VoterId};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Row as _, query};
use tokio::time::timeout;

use crate::Outcome;
use crate::check::Row;
use crate::pick::Pick;

/// How long the server may take: it may be down.
const PATIENCE: Duration = Duration::from_secs(5);

/// A way to read the nodes' database.
#[derive(Clone)]
pub(crate) struct Store(AnyPool);

impl Store {
    /// A store at this address. It is connected to when it is read.
    pub(crate) fn open(url: &str) -> Outcome<Self> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().max_connections(3).acquire_timeout(PATIENCE);
        Ok(Self(options.connect_lazy(url)?))
    }

    /// Every ballot.
    pub(crate) async fn rows(&self) -> Outcome<Vec<Row>> {
        let all = query("SELECT poll_id, round, voter_id, ballot_id, choice FROM ballots");
        let rows = timeout(PATIENCE * 6, all.fetch_all(&self.0)).await??;
        rows.iter().map(row).collect()
    }

    /// The highest ballot of every voter in every poll.
    pub(crate) async fn highest(&self) -> Outcome<Vec<(PollId, VoterId, BallotId)>> {
        let each = query(
            "SELECT poll_id, voter_id, MAX(ballot_id) AS ballot_id FROM ballots GROUP BY poll_id, voter_id",
        );
        let rows = timeout(PATIENCE, each.fetch_all(&self.0)).await??;
        rows.iter().map(|row| Ok((poll(row)?, voter(row)?, ballot(row)?))).collect()
    }

    /// The state of a poll, as a word.
    pub(crate) async fn state(&self, poll: PollId) -> Outcome<String> {
        let one = query("SELECT state FROM polls WHERE id = ?").bind(poll.as_bytes().to_vec());
        Ok(timeout(PATIENCE, one.fetch_one(&self.0)).await??.try_get("state")?)
    }

    /// The epochs of all shards.
    pub(crate) async fn epochs(&self) -> Outcome<Vec<i64>> {
        let all = query("SELECT epoch FROM shards ORDER BY id");
        let rows = timeout(PATIENCE, all.fetch_all(&self.0)).await??;
        rows.iter().map(|row| Ok(row.try_get("epoch")?)).collect()
    }

    /// Whether transactions are open, on MariaDB, that hold locks.
    pub(crate) async fn is_locked(&self) -> Outcome<bool> {
        let one = query("SELECT CAST(COUNT(*) AS SIGNED) AS open FROM information_schema.innodb_trx");
        let open: i64 = timeout(PATIENCE, one.fetch_one(&self.0)).await??.try_get("open")?;
        Ok(open > 0)
    }
}

fn row(row: &AnyRow) -> Outcome<Row> {
    let choice: Option<String> = row.try_get("choice")?;
    let choice = choice.map(|choice| serde_json::from_str::<Choice>(&choice)).transpose()?;
    Ok(Row {
        poll: poll(row)?,
        round: u32::try_from(row.try_get::<i64, _>("round")?)?,
        voter: voter(row)?,
        ballot: ballot(row)?,
        pick: Pick::of(choice.as_ref()),
    })
}

fn poll(row: &AnyRow) -> Outcome<PollId> {
    PollId::from_slice(&row.try_get::<Vec<u8>, _>("poll_id")?).ok_or_else(|| "no poll's id".into())
}

fn voter(row: &AnyRow) -> Outcome<VoterId> {
    VoterId::from_slice(&row.try_get::<Vec<u8>, _>("voter_id")?).ok_or_else(|| "no voter's id".into())
}

fn ballot(row: &AnyRow) -> Outcome<BallotId> {
    BallotId::from_slice(&row.try_get::<Vec<u8>, _>("ballot_id")?).ok_or_else(|| "no ballot's id".into())
}
