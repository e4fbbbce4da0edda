//! What is held about one voter, for whoever asks what is held about them.

use domain::{BallotId, PollId, PollState, RoomCode, Standing, TicketCode, Timestamp, UserId, VoterId};
use sqlx::any::AnyRow;
use sqlx::query;

use super::{Store, row};
use crate::error::Result;

/// How many polls are looked through in one statement.
const POLLS: i64 = 500;

/// How many rows of other kinds are read at most, the newest first.
const ROWS: i64 = 10_000;

/// A ballot as its voter is told of it.
#[derive(Clone, Debug)]
pub struct CastRow {
    /// In which poll.
    pub poll: PollId,
    /// In which round.
    pub round: u32,
    /// Which, and what it chooses.
    pub standing: Standing,
    /// When it was cast.
    pub cast_at: Timestamp,
    /// What the poll asks now.
    pub question: String,
    /// Whether that is what it asked in this ballot's round, and the poll is there for its voters.
    pub is_shown: bool,
}

/// How far a voter's ballots were looked at.
#[derive(Clone, Copy, Debug)]
pub struct LookedAt {
    /// The last poll.
    pub poll: PollId,
    /// The last of its rounds; none where all of them were.
    pub upto: Option<u32>,
}

/// A guest that signed in inside a room.
#[derive(Clone, Debug)]
pub struct AdoptedRow {
    /// In which room.
    pub room: RoomCode,
    /// Which guest.
    pub guest: VoterId,
    /// When.
    pub at: Timestamp,
}

/// A voting ticket that somebody holds.
#[derive(Clone, Debug)]
pub struct HeldTicket {
    /// Of which room.
    pub room: RoomCode,
    /// What is on it.
    pub code: TicketCode,
    /// Since when.
    pub used_at: Option<Timestamp>,
}

macro_rules! cast {
    ($round:literal) => {
        concat!(
            "SELECT b.poll_id AS poll_id, b.round AS round, b.ballot_id, b.choice, b.cast_at, p.question, p.state, p.round AS present, \
             r.taken_down_at FROM polls p JOIN rooms r ON r.id = p.room_id \
             JOIN ballots b ON b.poll_id = p.id AND b.voter_id = ? AND ",
            $round,
            " WHERE p.id >= ? AND p.id <= ? AND (p.id > ? OR b.round > ?)"
        )
    };
}

macro_rules! adoptions {
    ($whose:literal) => {
        concat!(
            "SELECT r.code, a.guest_id, a.adopted_at FROM adoptions a JOIN rooms r ON r.id = a.room_id WHERE ",
            $whose,
            " = ? ORDER BY a.adopted_at DESC LIMIT ?"
        )
    };
}

impl Store {
    /// The last of the next polls in the order of their ids, as many as are looked through at once; none at the end. Where the
    /// looking ended in the middle of a poll, it goes on with that.
    pub async fn last_of_next_polls(&self, after: Option<LookedAt>) -> Result<Option<PollId>> {
        let sql = match after {
            Some(LookedAt { upto: Some(_), .. }) => "SELECT id FROM polls WHERE id >= ? ORDER BY id LIMIT ?",
            _ => "SELECT id FROM polls WHERE id > ? ORDER BY id LIMIT ?",
        };
        query(sql)
            .bind(bytes(after))
            .bind(POLLS)
            .fetch_all(&self.read)
            .await?
            .last()
            .map(|found| row::id(found, "id", PollId::from_slice))
            .transpose()
    }

    /// At most so many of a voter's ballots, by poll and round, after those looked at and up to a poll. There is no
    /// index by voter, since each vote would have to keep that up: each poll is looked at, by its key in the present round,
    /// and through all ballots of earlier ones.
    pub async fn ballots_of(
        &self,
        voter: VoterId,
        after: Option<LookedAt>,
        upto: PollId,
        most: usize,
    ) -> Result<Vec<CastRow>> {
        let sql = concat!(
            cast!("b.round = p.round"),
            " UNION ALL ",
            cast!("p.round > 0 AND b.round < p.round"),
            " ORDER BY poll_id, round LIMIT ?"
        );
        let poll = bytes(after);
        let round = after.map_or(-1, |after| after.upto.map_or(i64::MAX, i64::from));
        let mut asked = query(sql);
        for _ in 0..2 {
            asked = asked
                .bind(voter.as_bytes().to_vec())
                .bind(poll.clone())
                .bind(upto.as_bytes().to_vec())
                .bind(poll.clone())
                .bind(round);
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        asked.bind(most).fetch_all(&self.read).await?.iter().map(cast).collect()
    }

    /// When an account was made.
    pub async fn registered_at(&self, user: UserId) -> Result<Option<Timestamp>> {
        query("SELECT created_at FROM users WHERE id = ?")
            .bind(user.as_bytes().to_vec())
            .fetch_optional(&self.read)
            .await?
            .map(|found| row::time(&found, "created_at"))
            .transpose()
    }

    /// The guests that an account has become, the last first.
    pub async fn adopted_by(&self, user: UserId) -> Result<Vec<AdoptedRow>> {
        self.adoptions_where(adoptions!("a.user_id"), user.as_bytes()).await
    }

    /// The rooms in which a guest has become an account, the last first.
    pub async fn adoptions_of(&self, guest: VoterId) -> Result<Vec<AdoptedRow>> {
        self.adoptions_where(adoptions!("a.guest_id"), guest.as_bytes()).await
    }

    async fn adoptions_where(&self, sql: &'static str, id: &[u8]) -> Result<Vec<AdoptedRow>> {
        let found = query(sql).bind(id.to_vec()).bind(ROWS).fetch_all(&self.read).await?;
        found.iter().map(adopted).collect()
    }

    /// The tickets that a voter holds, the last first.
    pub async fn tickets_held_by(&self, voter: VoterId) -> Result<Vec<HeldTicket>> {
        query(
            "SELECT r.code AS room, t.code, t.used_at FROM tickets t JOIN rooms r ON r.id = t.room_id \
             WHERE t.holder_id = ? ORDER BY t.used_at DESC LIMIT ?",
        )
        .bind(voter.as_bytes().to_vec())
        .bind(ROWS)
        .fetch_all(&self.read)
        .await?
        .iter()
        .map(|found| {
            Ok(HeldTicket {
                room: row::word(found, "room")?,
                code: row::word(found, "code")?,
                used_at: row::maybe_time(found, "used_at")?,
            })
        })
        .collect()
    }
}

/// Where polls begin after one; all of them after none.
fn bytes(after: Option<LookedAt>) -> Vec<u8> {
    after.map_or(vec![0; 16], |after| after.poll.as_bytes().to_vec())
}

fn cast(found: &AnyRow) -> Result<CastRow> {
    let ballot = row::id(found, "ballot_id", BallotId::from_slice)?;
    let round = row::count(found, "round")?;
    let is_draft = row::word::<PollState>(found, "state")? == PollState::Draft;
    let is_taken_down = row::maybe_time(found, "taken_down_at")?.is_some();
    Ok(CastRow {
        poll: row::id(found, "poll_id", PollId::from_slice)?,
        round,
        standing: Standing { ballot, choice: row::maybe_json(found, "choice")? },
        cast_at: row::time(found, "cast_at")?,
        question: row::get(found, "question")?,
        is_shown: round == row::count::<u32>(found, "present")? && !is_draft && !is_taken_down,
    })
}

fn adopted(found: &AnyRow) -> Result<AdoptedRow> {
    Ok(AdoptedRow {
        room: row::word(found, "code")?,
        guest: row::id(found, "guest_id", VoterId::from_slice)?,
        at: row::time(found, "adopted_at")?,
    })
}
