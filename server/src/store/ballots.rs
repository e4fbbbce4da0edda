//! Ballots: the one that stands of each voter in each round of a poll.

use std::collections::HashMap;

use domain::{BallotId, Choice, PollId, RoomId, Standing, Timestamp, VoterId};
use futures_util::TryStreamExt;
use sqlx::{AnyConnection, AssertSqlSafe, query};

use super::{Dialect, Store, row};
use crate::error::Result;
use crate::faults;

/// A ballot to write.
#[derive(Clone, Debug)]
pub struct BallotRow {
    /// In which poll.
    pub poll: PollId,
    /// In which round.
    pub round: u32,
    /// Whose.
    pub voter: VoterId,
    /// Which, and what it chooses.
    pub standing: Standing,
}

/// How many rows go into one statement: six values a row stay far below SQLite's 32,766 parameters.
const ROWS: usize = 500;

/// Writes ballots. Where a voter has one in that round already, the higher id stands.
pub async fn upsert(connection: &mut AnyConnection, ballots: &[BallotRow], now: Timestamp) -> Result<()> {
    for rows in ballots.chunks(ROWS) {
        let sql = upsert_statement(Dialect::of(connection), rows.len());
        let mut statement = query(AssertSqlSafe(sql));
        for ballot in rows {
            let choice = ballot.standing.choice.as_ref().map(row::to_json).transpose()?;
            statement = statement
                .bind(ballot.poll.as_bytes().to_vec())
                .bind(i64::from(ballot.round))
                .bind(ballot.voter.as_bytes().to_vec())
                .bind(ballot.standing.ballot.as_bytes().to_vec())
                .bind(choice)
                .bind(now.millis());
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

fn upsert_statement(dialect: Dialect, rows: usize) -> String {
    let values = vec!["(?, ?, ?, ?, ?, ?)"; rows].join(", ");
    let newer_stands = match dialect {
        Dialect::MySql if faults::is_off(faults::UPSERT) => {
            "ON DUPLICATE KEY UPDATE choice = VALUES(choice), cast_at = VALUES(cast_at), ballot_id = VALUES(ballot_id)"
        }
        Dialect::Sqlite => {
            "ON CONFLICT (poll_id, round, voter_id) DO UPDATE SET choice = excluded.choice, \
             cast_at = excluded.cast_at, ballot_id = excluded.ballot_id WHERE excluded.ballot_id > ballots.ballot_id"
        }
        // Assignments run from left to right: the id, which the others are decided by, comes last.
        Dialect::MySql => {
            "ON DUPLICATE KEY UPDATE choice = IF(VALUES(ballot_id) > ballot_id, VALUES(choice), choice), \
             cast_at = IF(VALUES(ballot_id) > ballot_id, VALUES(cast_at), cast_at), \
             ballot_id = IF(VALUES(ballot_id) > ballot_id, VALUES(ballot_id), ballot_id)"
        }
    };
    format!(
        "INSERT INTO ballots (poll_id, round, voter_id, ballot_id, choice, cast_at) VALUES {values} {newer_stands}"
    )
}

/// What stands in a poll: in this round, each voter's ballot; of earlier rounds, each voter's highest id.
#[derive(Debug, Default)]
pub struct Loaded {
    /// This round's.
    pub standing: HashMap<VoterId, Standing>,
    /// The highest of earlier rounds.
    pub earlier: HashMap<VoterId, BallotId>,
}

/// How often a choice stands in a poll.
#[derive(Clone, Debug)]
pub struct ChoiceCount {
    /// In which poll.
    pub poll: PollId,
    /// The choice.
    pub choice: Choice,
    /// How often.
    pub times: u64,
}

impl Store {
    /// How often each choice stands in the present rounds of a room's polls, as far as it is recorded.
    pub async fn choices_in(&self, room: RoomId) -> Result<Vec<ChoiceCount>> {
        query(
            "SELECT b.poll_id, b.choice, COUNT(*) AS times FROM polls p \
             JOIN ballots b ON b.poll_id = p.id AND b.round = p.round \
             WHERE p.room_id = ? AND b.choice IS NOT NULL GROUP BY b.poll_id, b.choice",
        )
        .bind(room.as_bytes().to_vec())
        .fetch_all(&self.read)
        .await?
        .iter()
        .map(|found| {
            Ok(ChoiceCount {
                poll: row::id(found, "poll_id", PollId::from_slice)?,
                choice: row::json(found, "choice")?,
                times: row::count(found, "times")?,
            })
        })
        .collect()
    }
}

/// Reads what stands in a poll.
pub async fn load(connection: &mut AnyConnection, poll: PollId, round: u32) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut rows = query("SELECT round, voter_id, ballot_id, choice FROM ballots WHERE poll_id = ?")
        .bind(poll.as_bytes().to_vec())
        .fetch(connection);
    while let Some(found) = rows.try_next().await? {
        let voter = row::id(&found, "voter_id", VoterId::from_slice)?;
        let ballot = row::id(&found, "ballot_id", BallotId::from_slice)?;
        if row::count::<u32>(&found, "round")? == round {
            loaded.standing.insert(voter, Standing { ballot, choice: row::maybe_json(&found, "choice")? });
        } else {
            let highest = loaded.earlier.entry(voter).or_insert(ballot);
            *highest = (*highest).max(ballot);
        }
    }
    Ok(loaded)
}
