//! Where a shard's memory in Redis stands.

use std::collections::BTreeSet;

use redis::RedisResult;

use super::link::Link;
use crate::shard::Shard;

/// What Redis answers.
type Raw = (String, String, u64, u64, BTreeSet<u64>, String);

/// Where a shard's memory in Redis stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// The epoch that this Redis was attached under, since it was started.
    pub(super) attached: Option<u64>,
    /// The epoch that is stored.
    pub(super) stored: Option<u64>,
    /// How many entries were appended in it.
    pub(super) head: u64,
    /// How many of them Redis was told to be recorded.
    pub(super) watermark: u64,
    /// Those of them that SQL refused.
    pub(super) poison: BTreeSet<u64>,
    /// The first entry that is still in the queue: epoch and number.
    pub(super) first: Option<(u64, u64)>,
}

impl Status {
    /// Asks Redis.
    pub(super) async fn of(link: &Link, shard: Shard) -> RedisResult<Self> {
        let (attached, stored, head, watermark, poison, first): Raw =
            link.call("status", shard, |_| {}).await?;
        let first = first.split_once('-').and_then(|(epoch, n)| Some((epoch.parse().ok()?, n.parse().ok()?)));
        Ok(Self {
            attached: attached.parse().ok(),
            stored: stored.parse().ok(),
            head,
            watermark,
            poison,
            first,
        })
    }

    /// The epoch under which ballots are counted; none when they are not.
    pub(super) fn attached_under(&self) -> Option<u64> {
        self.attached.filter(|attached| Some(*attached) == self.stored)
    }

    /// Whether the queue goes on where a checkpoint of SQL ends, with nothing missing.
    pub(super) fn continues(&self, epoch: u64, checkpoint: u64) -> bool {
        let next_is_here = match self.first {
            Some((first_epoch, first)) => first_epoch < epoch || first <= checkpoint + 1,
            None => self.head <= checkpoint,
        };
        self.attached_under() == Some(epoch) && self.head >= checkpoint && next_is_here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(first: Option<(u64, u64)>, head: u64) -> Status {
        Status { attached: Some(4), stored: Some(4), head, watermark: 0, poison: BTreeSet::new(), first }
    }

    #[test]
    fn a_queue_continues_where_the_checkpoint_ends() {
        assert!(status(Some((4, 8)), 20).continues(4, 7));
        assert!(status(Some((4, 3)), 20).continues(4, 7), "not trimmed yet");
        assert!(status(None, 7).continues(4, 7), "all is recorded");
        assert!(!status(Some((4, 9)), 20).continues(4, 7), "an entry is missing");
        assert!(!status(None, 9).continues(4, 7), "all that waits is missing");
        assert!(!status(Some((4, 3)), 5).continues(4, 7), "SQL has more than Redis: an older copy");
        assert!(!status(Some((4, 8)), 20).continues(5, 7), "another queue");
        let detached = Status { attached: None, ..status(Some((4, 8)), 20) };
        assert!(!detached.continues(4, 7));
    }
}
