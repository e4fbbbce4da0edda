//! How fast a client may speak, and its owner vote: token buckets.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// So many messages at once, and then so many a second.
const BURST: f64 = 60.0;
const A_SECOND: f64 = 20.0;

/// How many messages are left.
pub(super) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// One from which nothing was taken.
    pub(super) fn full() -> Self {
        Self { tokens: BURST, filled: Instant::now() }
    }

    /// Takes a message; false when none is left.
    pub(super) fn take(&mut self) -> bool {
        self.tokens = self.now();
        self.filled = Instant::now();
        let is_left = self.tokens >= 1.0;
        if is_left {
            self.tokens -= 1.0;
        }
        is_left
    }

    fn is_full(&self) -> bool {
        self.now() >= BURST
    }

    fn now(&self) -> f64 {
        (self.tokens + self.filled.elapsed().as_secs_f64() * A_SECOND).min(BURST)
    }
}

/// The bucket of all sockets of one owner. Clones share it.
#[derive(Clone)]
pub(super) struct SharedBucket(Arc<Mutex<Bucket>>);

impl Default for SharedBucket {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Bucket::full())))
    }
}

impl SharedBucket {
    /// Takes a message; false when none is left.
    pub(super) fn take(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether it is as if nothing had been taken.
    pub(super) fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_full()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_fine_and_then_so_much_a_second() {
        let mut bucket = Bucket::full();
        assert!((0..60).all(|_| bucket.take()));
        assert!(!bucket.take());
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!([bucket.take(), bucket.take(), bucket.take()], [true, true, false]);
        tokio::time::advance(Duration::from_millis(2_950)).await;
        assert!(!bucket.is_full());
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(bucket.is_full());
    }
}
