//! What waits to be written to one socket. Messages keep their order; of a poll's tallies only the
//! newest waits, so that a slow socket skips to it and is never sent a backlog.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use domain::wire::close;
use domain::{PollId, ServerMessage, limits, wire::ByeReason};
use tokio::sync::Notify;

/// How many messages wait at most: room for the answers to joining as many rooms as a socket may be in,
/// each with as many polls as a room holds. A socket that lets more pile up is closed as too slow.
const MOST: usize = 2_048;

/// How many bytes of messages wait at most: twice the answers to joining as many rooms as a socket may be in.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How many bytes of messages may be on their way to all sockets together: large rooms shown to thousands of sockets that take
/// nothing must not fill the memory. Beyond the first, sockets are closed for which more than a room and `FAIR` waits; beyond
/// the second, those that are sent more while more than `FAIR` is on its way. So whoever takes what comes is sent a room at any
/// time. (Tallies are not counted: of each only the newest waits.)
const MUCH: usize = 512 * 1024 * 1024;
const MOST_OF_ALL: usize = 2 * MUCH;
/// What may wait for each socket even then.
const FAIR: usize = 64 * 1024;

/// What waits to be written to one socket.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    /// How many bytes wait for all sockets that share it.
    all: Arc<AtomicUsize>,
    ready: Notify,
    closing: Notify,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Utf8Bytes>,
    bytes: usize,
    /// How many are being written.
    leaving: usize,
    tallies: Vec<(PollId, Utf8Bytes)>,
    farewell: Option<Farewell>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Farewell {
    /// What is said before, and when to come back (in milliseconds).
    pub(super) bye: Option<(ByeReason, u64)>,
    /// The close code; none when the other side has gone.
    pub(super) code: Option<u16>,
}

/// What to write next.
pub(super) enum Next {
    /// These frames.
    Frames(Vec<Utf8Bytes>),
    /// These frames, and then no more.
    Farewell(Vec<Utf8Bytes>, Farewell),
}

impl Outbox {
    /// One of several, with the number of bytes that wait in all of them.
    pub(super) fn among(all: Arc<AtomicUsize>) -> Self {
        Self { all, waiting: Mutex::default(), ready: Notify::new(), closing: Notify::new() }
    }

    /// Puts a message at the end.
    pub(super) fn send(&self, message: Utf8Bytes) {
        let mut waiting = self.lock();
        let own = waiting.bytes + waiting.leaving;
        let all = self.all.load(Ordering::Relaxed);
        let is_full = waiting.messages.len() >= MOST || own + message.len() > MOST_BYTES;
        let is_slow = all > MUCH && waiting.bytes > limits::SNAPSHOT_BYTES + FAIR;
        if is_full || is_slow || (all > MOST_OF_ALL && own > FAIR) {
            drop(waiting);
            return self
                .close(Farewell { bye: Some((ByeReason::Slow, 1_000)), code: Some(close::SLOW_OR_IDLE) });
        }
        self.all.fetch_add(message.len(), Ordering::Relaxed);
        waiting.bytes += message.len();
        waiting.messages.push_back(message);
        drop(waiting);
        self.ready.notify_one();
    }

    /// Encodes a message and puts it at the end.
    pub(super) fn say(&self, message: &ServerMessage) {
        self.send(encode(message));
    }

    /// Puts a tally in place of an older one of the same poll.
    pub(super) fn send_tally(&self, poll: PollId, frame: Utf8Bytes) {
        let mut waiting = self.lock();
        match waiting.tallies.iter_mut().find(|(known, _)| *known == poll) {
            Some((_, older)) => *older = frame,
            None => waiting.tallies.push((poll, frame)),
        }
        drop(waiting);
        self.ready.notify_one();
    }

    /// Ends the connection after what waits. The first farewell counts.
    pub(super) fn close(&self, farewell: Farewell) {
        self.lock().farewell.get_or_insert(farewell);
        self.ready.notify_one();
        self.closing.notify_one();
    }

    /// Waits until the connection is to end.
    pub(super) async fn closing(&self) {
        self.closing.notified().await;
    }

    /// Waits for something to write; what was handed out before is written.
    pub(super) async fn next(&self) -> Next {
        loop {
            {
                let mut waiting = self.lock();
                let mut frames: Vec<Utf8Bytes> = waiting.messages.drain(..).collect();
                self.all.fetch_sub(waiting.leaving, Ordering::Relaxed);
                waiting.leaving = std::mem::take(&mut waiting.bytes);
                frames.extend(waiting.tallies.drain(..).map(|(_, frame)| frame));
                if let Some(farewell) = waiting.farewell {
                    return Next::Farewell(frames, farewell);
                }
                if !frames.is_empty() {
                    return Next::Frames(frames);
                }
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let waiting = self.lock();
        self.all.fetch_sub(waiting.bytes + waiting.leaving, Ordering::Relaxed);
    }
}

/// A message as a frame's text, to be shared by all who are sent it.
pub(super) fn encode(message: &ServerMessage) -> Utf8Bytes {
    match serde_json::to_string(message) {
        Ok(text) => text.into(),
        Err(error) => {
            tracing::error!(%error, "a message could not be encoded");
            Utf8Bytes::from_static(r#"{"type":"error","code":"bad_message","message":"internal error"}"#)
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn poll(number: u8) -> PollId {
        PollId::new(Timestamp::from_millis(0), [number; 10])
    }

    async fn frames(outbox: &Outbox) -> Vec<String> {
        match outbox.next().await {
            Next::Frames(frames) | Next::Farewell(frames, _) => {
                frames.iter().map(ToString::to_string).collect()
            }
        }
    }

    #[tokio::test]
    async fn messages_keep_their_order_and_tallies_skip_to_the_newest() {
        let outbox = Outbox::default();
        outbox.send_tally(poll(1), "old".into());
        outbox.send("first".into());
        outbox.send_tally(poll(2), "other".into());
        outbox.send_tally(poll(1), "new".into());
        outbox.send("second".into());
        assert_eq!(frames(&outbox).await, ["first", "second", "new", "other"]);
    }

    #[tokio::test]
    async fn a_socket_that_lets_too_much_pile_up_is_told_that_it_is_slow() {
        let outbox = Outbox::default();
        (0..=MOST).for_each(|_| outbox.send("x".into()));
        outbox.closing().await;
        let Next::Farewell(frames, farewell) = outbox.next().await else { panic!("still open") };
        assert_eq!((frames.len(), farewell.code), (MOST, Some(close::SLOW_OR_IDLE)));

        let outbox = Outbox::default();
        (0..5).for_each(|_| outbox.send("x".repeat(MOST_BYTES / 4).into()));
        outbox.closing().await;
        let Next::Farewell(frames, _) = outbox.next().await else { panic!("still open") };
        assert_eq!(frames.len(), 4);
    }
    #[tokio::test]
    async fn where_too_much_waits_for_all_those_go_for_whom_most_waits() {
        let all = Arc::new(AtomicUsize::new(MUCH));
        let (small, large) = (Outbox::among(all.clone()), Outbox::among(all.clone()));
        let held = || all.load(Ordering::Relaxed) - MUCH;
        small.send("x".into());
        assert_eq!(frames(&small).await, ["x"]);
        assert_eq!(held(), 1, "it is being written");
        small.send("y".into());
        assert_eq!(frames(&small).await, ["y"]);
        assert_eq!(held(), 1, "the first is written");
        let room = || Utf8Bytes::from("x".repeat(limits::SNAPSHOT_BYTES));
        for _ in 0..3 {
            large.send(room());
            large.send("its first tally".into());
            assert_eq!(frames(&large).await.len(), 2, "whoever takes what comes is sent more");
        }
        (0..3).for_each(|_| large.send(room()));
        large.closing().await;
        let Next::Farewell(last, _) = large.next().await else { panic!("still open") };
        assert_eq!(last.len(), 2, "what waited before is written, as it is to anybody");
        all.fetch_add(MUCH, Ordering::Relaxed);
        let another = Outbox::among(all.clone());
        another.send(room());
        another.send("its first tally".into());
        another.closing().await;
        let Next::Farewell(last, _) = another.next().await else { panic!("still open") };
        assert_eq!(last.len(), 1);
        all.fetch_sub(MUCH, Ordering::Relaxed);
        small.send("z".into());
        drop((small, large, another));
        assert_eq!(all.load(Ordering::Relaxed), MUCH, "who goes leaves nothing behind");
    }
}
