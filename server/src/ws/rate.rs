//! How fast a client may speak: a token bucket.

use tokio::time::Instant;

/// A client may say so much at once, and then so much a second.
const BURST: f64 = 60.0;
const A_SECOND: f64 = 20.0;

/// How many messages over that rate a connection survives.
const MOST_FLOODED: u32 = 100;

/// A client's rate.
pub(super) struct Rate {
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

impl Rate {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_fine_and_then_so_much_a_second() {
        let mut rate = Rate::new();
        assert!((0..60).all(|_| rate.take() == Taken::Fine));
        assert_eq!(rate.take(), Taken::TooFast);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!([rate.take(), rate.take(), rate.take()], [Taken::Fine, Taken::Fine, Taken::TooFast]);
        assert!((0..98).all(|_| rate.take() == Taken::TooFast));
        assert_eq!(rate.take(), Taken::Flooding);
    }
}
