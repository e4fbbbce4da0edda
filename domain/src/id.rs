//! Ids: UUIDs of version 7 (RFC 9562), so that they sort by when they were made.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::{Builder, Uuid, Variant};

use crate::Timestamp;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, made of the time and ten random bytes.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(v7(now, random))
            }

            /// The id that these sixteen stored bytes are; `None` when there are not sixteen.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }

            /// The sixteen bytes to store.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(/** An account. */ UserId);
id!(/** Who votes, as a poll sees it: an account's id or a guest's. */ VoterId);
id!(/** A signed-in account on one device. */ SessionId);
id!(/** A room; people know it by its [`RoomCode`](crate::RoomCode). */ RoomId);
id!(/** A poll. */ PollId);
id!(/** An event in the audit trail. */ EventId);

impl From<UserId> for VoterId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl VoterId {
    /// The same id read as an account's. Only a verified token says whether it is one.
    pub fn as_user(self) -> UserId {
        UserId(self.0)
    }
}

/// The latest time of a ballot id that a client may make, in the year 9000.
const LATEST: i64 = 221_845_392_000_000;

/// The latest time of any ballot id, 31 years of milliseconds behind that: ids made here follow a client's last, so there is
/// always a later one that can be written and read.
const LATEST_MADE_HERE: i64 = LATEST + 1_000_000_000_000;

const TOO_LATE: &str = "a ballot id must not lie thousands of years ahead";

/// Names one ballot of one voter in one poll. The client makes it before sending, each later than its
/// last; it means something only together with its voter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Uuid")]
pub struct BallotId(Uuid);

impl BallotId {
    /// An id later than `last`: its time is the later of now and the last one's plus a millisecond.
    pub fn after(last: Option<Self>, now: Timestamp, random: [u8; 10]) -> Self {
        let least = last.map_or(0, |last| last.millis() + 1);
        Self(v7(Timestamp::from_millis(now.millis().max(least)), random))
    }

    /// An id higher than this one, for what takes its place without its client's doing.
    #[must_use]
    pub fn next(self) -> Self {
        Self::after(Some(self), Timestamp::default(), [0; 10])
    }

    /// The id that these sixteen stored bytes are; `None` when they are no version 7 UUID.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().and_then(|id| Self::try_from(id).ok())
    }

    /// The sixteen bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Reads an id that a client made.
    pub fn of_client<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ballot = Self::deserialize(from)?;
        if ballot.millis() > LATEST { Err(D::Error::custom(TOO_LATE)) } else { Ok(ballot) }
    }

    fn millis(self) -> i64 {
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        i64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

impl TryFrom<Uuid> for BallotId {
    type Error = &'static str;

    fn try_from(id: Uuid) -> Result<Self, Self::Error> {
        let ballot = Self(id);
        if id.get_version_num() != 7 || id.get_variant() != Variant::RFC4122 {
            return Err("a ballot id must be a UUID of version 7");
        }
        if ballot.millis() > LATEST_MADE_HERE {
            return Err(TOO_LATE);
        }
        Ok(ballot)
    }
}

impl FromStr for BallotId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id: Uuid = text.parse().map_err(|_| "a ballot id must be a UUID")?;
        Self::try_from(id)
    }
}

impl fmt::Display for BallotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BallotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BallotId({})", self.0)
    }
}

fn v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballot_made_after_another_is_later_even_when_the_clock_went_back() {
        let first = BallotId::after(None, Timestamp::from_millis(1_000_000), [0xff; 10]);
        let second = BallotId::after(Some(first), Timestamp::from_millis(5), [0; 10]);
        assert!(second > first);
        assert_eq!(second.millis(), 1_000_001);
    }

    #[test]
    fn a_ballot_id_is_version_7_only() {
        assert!("7f3b5f52-9a0e-4d1c-8f63-0f6f7f3a2b11".parse::<BallotId>().is_err());
        assert!(
            "ffffffff-ffff-7fff-bfff-ffffffffffff".parse::<BallotId>().is_err(),
            "nothing could follow it"
        );
        assert!("019a9f3e-0000-7000-0000-000000000001".parse::<BallotId>().is_err(), "another variant");
        let ballot = BallotId::after(None, Timestamp::from_millis(9), [3; 10]);
        assert_eq!(ballot.to_string().parse(), Ok(ballot));
    }
}
