//! Work that comes to an end: within a time, or though nobody waits for it any more.

use std::time::Duration;

use tokio::time::timeout;
use tracing::Instrument;

use crate::error::{Error, Result};

/// Gives up on work that takes too long, as on a database that does not answer.
pub(crate) async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(Error::Sql(sqlx::Error::PoolTimedOut)))
}

/// Carries work to its end, even where whoever asked for it hangs up meanwhile.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let ended = tokio::spawn(work.in_current_span()).await;
    ended.map_err(|error| Error::Internal(format!("work that had begun did not end: {error}")))?
}
