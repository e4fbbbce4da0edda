//! Whose turn it is to look through all ballots: that is much to read, so one does at a time, and few wait for it.

use std::sync::Arc;
use std::time::Duration;

use domain::Problem;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// How many have a place: the one whose turn it is, and eight who wait.
const PLACES: usize = 9;

/// When a place may be free again.
const AGAIN: Duration = Duration::from_secs(10);

/// Who looks through all ballots in this process. Clones share it.
#[derive(Clone)]
pub struct ExportQueue {
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for ExportQueue {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl ExportQueue {
    /// Takes a place, or refuses with 503 `overloaded` where there is none.
    pub fn enter(&self) -> Result<Place> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            let detail = "Others are having their data written out. Please try again in a moment.";
            Problem::new(503, "overloaded", detail).with_retry_after(AGAIN)
        })?;
        Ok(self.place(place))
    }

    /// Waits for a place: for whoever has had one, and has more to look through.
    pub async fn come_back(&self) -> Result<Place> {
        Ok(self.place(self.places.clone().acquire_owned().await.map_err(closed)?))
    }

    fn place(&self, place: OwnedSemaphorePermit) -> Place {
        Place { turn: self.turn.clone(), place }
    }
}

/// A place in the queue, for as long as this is kept.
pub struct Place {
    turn: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
}

impl Place {
    /// Waits for the turn of this place.
    pub async fn turn(self) -> Result<Turn> {
        let turn = self.turn.acquire_owned().await.map_err(closed)?;
        Ok(Turn { _turn: turn, _place: self.place })
    }
}

fn closed(_: AcquireError) -> Error {
    Error::Internal("the queue of exports was closed".into())
}

/// The turn, for as long as this is kept. Nobody is waited for meanwhile but the database.
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_comes_back_waits_where_others_are_refused() {
        let queue = ExportQueue::default();
        let mut places: Vec<Place> = (0..PLACES).map(|_| queue.enter().unwrap()).collect();
        assert!(queue.enter().is_err());
        let mut back = Box::pin(queue.come_back());
        assert!((&mut back).now_or_never().is_none());
        places.pop();
        assert!(queue.enter().is_err(), "who waits comes before who is new");
        assert!(back.await.is_ok());
    }
}
