//! A tally as a room shows it: encoded once for each audience, sent at most so often.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use domain::{PollId, ServerMessage, Tally, TallyVersion};
use tokio::time::Instant;

use super::super::outbox::encode;

/// At most 20 tallies of a poll a second.
const INTERVAL: Duration = Duration::from_millis(50);

/// A poll's newest tally and when it is sent next.
pub(super) struct ShownTally {
    tally: Tally,
    whole: Option<Utf8Bytes>,
    hidden: Option<Utf8Bytes>,
    changed: bool,
    next: Instant,
}

impl ShownTally {
    /// A tally that nobody waits for.
    pub(super) fn new(tally: Tally) -> Self {
        Self { tally, whole: None, hidden: None, changed: false, next: Instant::now() }
    }

    /// Whose tally it is.
    pub(super) fn poll(&self) -> PollId {
        self.tally.poll
    }

    /// The round that it counts.
    pub(super) fn round(&self) -> u32 {
        self.tally.round
    }

    /// Which version it is.
    pub(super) fn version(&self) -> TallyVersion {
        self.tally.version
    }

    /// Takes a newer tally; an older one is dropped.
    pub(super) fn take(&mut self, tally: Tally) {
        if tally.version > self.tally.version {
            self.tally = tally;
            self.whole = None;
            self.hidden = None;
            self.changed = true;
        }
    }

    /// Says that it is to be sent.
    pub(super) fn mark_due(&mut self) {
        self.changed = true;
    }

    /// Whether it is to be sent now: the first change at once, the others when their time has come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.changed && self.next <= now
    }

    /// When it is to be sent, if it is.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.changed.then_some(self.next)
    }

    /// Says that it was sent, and how long that took: a room that is slow to sweep is swept less often.
    pub(super) fn sent(&mut self, started: Instant, took: Duration) {
        self.changed = false;
        self.next = started + INTERVAL.max(2 * took);
    }

    /// The frame for who may see results, or for who may not.
    pub(super) fn frame(&mut self, visible: bool) -> Utf8Bytes {
        let (frame, tally) = match visible {
            true => (&mut self.whole, &self.tally),
            false => (&mut self.hidden, &self.tally),
        };
        let whole = |tally: &Tally| if visible { tally.clone() } else { tally.hidden() };
        frame.get_or_insert_with(|| encode(&ServerMessage::Tally(whole(tally)))).clone()
    }
}

#[cfg(test)]
mod tests {
    use domain::{Count, Mark, Timestamp};

    use super::*;

    fn tally(version: u64) -> Tally {
        let mut count = Count::default();
        count.put(&[Mark::number(1)]);
        let poll = PollId::new(Timestamp::from_millis(0), [0; 10]);
        Tally::new(poll, 0, TallyVersion { epoch: 1, version }, &count, false)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_change_goes_at_once_and_the_last_always() {
        let mut shown = ShownTally::new(tally(1));
        assert!(!shown.is_due(Instant::now()));
        shown.take(tally(2));
        assert!(shown.is_due(Instant::now()));
        shown.sent(Instant::now(), Duration::ZERO);
        shown.take(tally(3));
        assert!(!shown.is_due(Instant::now()));
        tokio::time::advance(INTERVAL).await;
        assert!(shown.is_due(Instant::now()));
    }

    #[tokio::test]
    async fn an_older_tally_is_dropped_and_frames_are_encoded_once() {
        let mut shown = ShownTally::new(tally(5));
        shown.take(tally(4));
        assert!(shown.frame(true).contains(r#""version":5"#));
        assert!(!shown.frame(false).contains("marks"));
        assert_eq!(shown.frame(true).as_ptr(), shown.frame(true).as_ptr());
    }
}
