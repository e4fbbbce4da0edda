//! How fast a client may speak, and its owner vote: token buckets.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// A client may say so much at once, and then so much a second.
const BURST: f64 = 60.0;
const A_SECOND: f64 = 20.0;

/// How many messages over that rate a connection survives.
const MOST_FLOODED: u32 = 100;

/// How much one may still say.
pub(super) struct Bucket {
    tokens: f64,
    filled: Instant,
    flooded: u32,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is heard.
    Fine,
    /// It is not.
    TooFast,
    /// It is not, nor is any other.
    Flooding,
}

impl Bucket {
    /// A client that has said nothing.
    pub(super) fn new() -> Self {
        Self { tokens: BURST, filled: Instant::now(), flooded: 0 }
    }

    /// Whether so much may be said at once as by somebody new.
    pub(super) fn is_full(&self) -> bool {
        self.tokens + self.filled.elapsed().as_secs_f64() * A_SECOND >= BURST
    }

    /// Takes a message.
    pub(super) fn take(&mut self) -> Taken {
        let now = Instant::now();
        let refill = now.duration_since(self.filled).as_secs_f64() * A_SECOND;
        self.filled = now;
        self.tokens = (self.tokens + refill).min(BURST);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Taken::Fine;
        }
        self.flooded += 1;
        if self.flooded > MOST_FLOODED { Taken::Flooding } else { Taken::TooFast }
    }
}

/// A bucket of all sockets of one owner. Clones share it.
#[derive(Clone)]
pub(super) struct SharedBucket(Arc<Mutex<Bucket>>);

impl Default for SharedBucket {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Bucket::new())))
    }
}

impl SharedBucket {
    /// Whether so much may be said at once as by somebody new.
    pub(super) fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_full()
    }

    /// Takes a message.
    pub(super) fn take(&self) -> Taken {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_fine_and_then_so_much_a_second() {
        let mut bucket = Bucket::new();
        assert!((0..60).all(|_| bucket.take() == Taken::Fine));
        assert_eq!(bucket.take(), Taken::TooFast);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!([bucket.take(), bucket.take(), bucket.take()], [Taken::Fine, Taken::Fine, Taken::TooFast]);
        assert!((0..98).all(|_| bucket.take() == Taken::TooFast));
        assert_eq!(bucket.take(), Taken::Flooding);
    }
}
