//! Entries of a shard's queue, as the function library appends them.

use std::collections::HashMap;

use domain::{BallotId, Choice, PollId, RoomId, Standing, VoterId};
use redis::Value;
use redis::streams::StreamId;

use crate::store::ballots::BallotRow;
use crate::store::outbox::Kind;

/// An entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The epoch of its queue.
    pub(super) epoch: u64,
    /// Its number there.
    pub(super) n: u64,
    /// What it says.
    pub(super) content: Content,
}

/// What an entry says.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A ballot was counted.
    Ballot(BallotRow),
    /// A guest became an account: its ballot, taken back, and the account's, if it moved.
    Adopted(Vec<BallotRow>),
    /// Something that a host did was carried out.
    Told(Kind, u64),
    /// Nothing that this version understands.
    Unreadable {
        /// Of a ballot its poll and round, if they can be told.
        poll: Option<(PollId, u32)>,
        /// All of it.
        raw: String,
    },
}

impl Entry {
    /// Reads an entry; none when its id is not one that the library makes.
    pub(super) fn read(raw: &StreamId) -> Option<Self> {
        let (epoch, n) = raw.id.split_once('-')?;
        let poll = || {
            Some((
                parsed(&raw.map, "vote").or_else(|| parsed(&raw.map, "adopt"))?,
                parsed(&raw.map, "round")?,
            ))
        };
        let unreadable = || Content::Unreadable { poll: poll(), raw: format!("{:?}", raw.map) };
        let content = content(&raw.map).unwrap_or_else(unreadable);
        Some(Self { epoch: epoch.parse().ok()?, n: n.parse().ok()?, content })
    }
}

fn content(map: &HashMap<String, Value>) -> Option<Content> {
    if map.contains_key("vote") {
        let choice: Option<Choice> = serde_json::from_slice(bytes(map, "choice")?).ok()?;
        let standing = Standing { ballot: BallotId::from_slice(bytes(map, "ballot")?)?, choice };
        let voter = VoterId::from_slice(bytes(map, "voter")?)?;
        return Some(Content::Ballot(BallotRow {
            poll: parsed(map, "vote")?,
            round: parsed(map, "round")?,
            voter,
            standing,
        }));
    }
    if map.contains_key("adopt") {
        return adopted(map).map(Content::Adopted);
    }
    if let Some(poll) = parsed::<PollId>(map, "gone") {
        return Some(Content::Told(Kind::Gone(poll), u64::MAX));
    }
    let revision = parsed(map, "revision")?;
    let poll = parsed(map, "poll").map(Kind::Poll);
    let kind = poll.or_else(|| parsed::<RoomId>(map, "room").map(Kind::Room))?;
    Some(Content::Told(kind, revision))
}

fn adopted(map: &HashMap<String, Value>) -> Option<Vec<BallotRow>> {
    let (poll, round) = (parsed(map, "adopt")?, parsed(map, "round")?);
    let row = |voter, standing| BallotRow { poll, round, voter, standing };
    let guest = VoterId::from_slice(bytes(map, "guest")?)?;
    let withdrawn = Standing { ballot: BallotId::from_slice(bytes(map, "withdrawn")?)?, choice: None };
    let moved = bytes(map, "ballot")?;
    let mut rows = vec![row(guest, withdrawn)];
    if !moved.is_empty() {
        let choice: Option<Choice> = serde_json::from_slice(bytes(map, "choice")?).ok()?;
        let account = VoterId::from_slice(bytes(map, "account")?)?;
        rows.push(row(account, Standing { ballot: BallotId::from_slice(moved)?, choice }));
    }
    Some(rows)
}

fn bytes<'a>(map: &'a HashMap<String, Value>, field: &str) -> Option<&'a [u8]> {
    match map.get(field)? {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

fn parsed<T: std::str::FromStr>(map: &HashMap<String, Value>, field: &str) -> Option<T> {
    std::str::from_utf8(bytes(map, field)?).ok()?.parse().ok()
}
