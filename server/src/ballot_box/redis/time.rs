//! One clock for all nodes: that of Redis, which decides when a poll closes. A node measures how far its own is off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use redis::RedisResult;
use tokio::time::sleep;

use super::link::Link;
use crate::background::Background;
use crate::clock::Clock;

/// How often it is measured.
const PAUSE: Duration = Duration::from_secs(10);
/// How often at start, until an answer says enough.
const TRIES: usize = 5;
/// An answer that took longer says too little.
const TRIP: Duration = Duration::from_millis(200);

/// A node's clock, set by Redis's now and from time to time.
pub async fn set_by_redis(link: &Link, own: Clock, background: &mut Background) -> RedisResult<Clock> {
    let ahead = Arc::new(AtomicI64::new(0));
    for _ in 0..TRIES {
        if measure(link, &own, &ahead).await? {
            break;
        }
    }
    let clock = own.clone().ahead_by(ahead.clone());
    let link = link.clone();
    background.run(async move {
        loop {
            sleep(PAUSE).await;
            if let Err(error) = measure(&link, &own, &ahead).await {
                tracing::debug!(%error, "the clock could not be compared with Redis's");
            }
        }
    });
    Ok(clock)
}

/// Whether the answer came soon enough to say something.
async fn measure(link: &Link, own: &Clock, ahead: &AtomicI64) -> RedisResult<bool> {
    let before = own.now();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut link.calls()).await?;
    let trip = own.now().since(before);
    let is_soon = trip <= TRIP;
    if is_soon {
        let half = before.plus(trip / 2);
        let theirs = Timestamp::from_millis(seconds * 1_000 + micros / 1_000);
        ahead.store(theirs.millis() - half.millis(), Ordering::Relaxed);
    }
    Ok(is_soon)
}
