//! Shards: rooms are spread over a fixed number of them. All that Redis holds of a room lies in its shard's hash
//! slot, and each shard has one queue of votes with one recorder.

use domain::RoomId;
use serde::{Deserialize, Serialize};

/// How many shards there are. It is part of what is stored: another number would find nothing of what is there.
const COUNT: u8 = 8;

/// A shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(u8);

impl Shard {
    /// The shard of a room: by the last byte of its id, which is random.
    pub fn of(room: RoomId) -> Self {
        Self(room.as_bytes().last().map_or(0, |last| last % COUNT))
    }

    /// All shards.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT).map(Self)
    }

    /// Its number, as SQL holds it.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn rooms_made_in_the_same_moment_are_spread_over_all_shards() {
        let room = |last| RoomId::new(Timestamp::from_millis(5), [0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        let mut found: Vec<_> = (0..=255).map(|last| Shard::of(room(last))).collect();
        found.sort();
        found.dedup();
        assert_eq!(found, Shard::all().collect::<Vec<_>>());
    }
}
