//! Whose turn it is to look through all ballots: that is much to read, so one does at a time, and few wait for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Problem, VoterId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// How many that are new have a place: the one whose turn it is, and eight who wait.
const PLACES: usize = 9;

/// How many are under way at once: those that are new, and those that are being read by whoever asked.
const MOST: usize = 100;

/// When a place may be free again.
const AGAIN: Duration = Duration::from_secs(10);

/// Who looks through all ballots in this process. Clones share it.
#[derive(Clone)]
pub struct ExportQueue {
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    under_way: Arc<Mutex<HashSet<VoterId>>>,
}

impl Default for ExportQueue {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            turn: Arc::new(Semaphore::new(1)),
            under_way: Arc::default(),
        }
    }
}

impl ExportQueue {
    /// Begins somebody's export. Refuses with 503 `overloaded` where there is no place, and with 429 `rate_limited` who has one
    /// under way.
    pub fn enter(&self, voter: VoterId) -> Result<UnderWay> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| overloaded())?;
        let mut under_way = self.under_way();
        if under_way.contains(&voter) {
            let detail = "Your data are being written out already. Please wait for that to end.";
            return Err(Problem::new(429, "rate_limited", detail).with_retry_after(AGAIN).into());
        }
        if under_way.len() >= MOST {
            return Err(overloaded().into());
        }
        under_way.insert(voter);
        drop(under_way);
        Ok(UnderWay { queue: self.clone(), voter, place: Mutex::new(Some(place)) })
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<VoterId>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An export that has begun, until this is dropped.
pub struct UnderWay {
    queue: ExportQueue,
    voter: VoterId,
    /// Held until its first turn is over: who comes back for another keeps nobody who is new from a place.
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl UnderWay {
    /// Waits for a turn, behind those who wait already.
    pub async fn turn(&self) -> Result<Turn> {
        let closed = |_| Error::Internal("the queue of exports was closed".into());
        let turn = self.queue.turn.clone().acquire_owned().await.map_err(closed)?;
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Turn { _turn: turn, _place: place })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.queue.under_way().remove(&self.voter);
    }
}

/// The turn, for as long as this is kept. Nobody is waited for meanwhile but the database.
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: Option<OwnedSemaphorePermit>,
}

fn overloaded() -> Problem {
    let detail = "Others are having their data written out. Please try again in a moment.";
    Problem::new(503, "overloaded", detail).with_retry_after(AGAIN)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use futures_util::FutureExt;

    use super::*;

    fn voter(number: usize) -> VoterId {
        VoterId::new(Timestamp::from_millis(i64::try_from(number).unwrap()), [1; 10])
    }

    #[tokio::test]
    async fn who_comes_back_keeps_nobody_who_is_new_from_a_place() {
        let queue = ExportQueue::default();
        let under_way: Vec<UnderWay> =
            (0..PLACES).map(|number| queue.enter(voter(number)).unwrap()).collect();
        assert!(queue.enter(voter(PLACES)).is_err(), "no place");
        for export in &under_way {
            drop(export.turn().await.unwrap());
        }
        let mut back = Vec::new();
        let turn = under_way[0].turn().await.unwrap();
        for export in &under_way[1..] {
            let mut waiting = Box::pin(export.turn());
            assert!((&mut waiting).now_or_never().is_none(), "one at a time");
            back.push(waiting);
        }
        let new = queue.enter(voter(PLACES)).unwrap();
        drop((turn, back));
        assert!(new.turn().await.is_ok());
    }

    #[tokio::test]
    async fn one_at_a_time_for_everybody_and_so_many_in_all() {
        let queue = ExportQueue::default();
        let begun = async |number| {
            let export = queue.enter(voter(number)).unwrap();
            drop(export.turn().await.unwrap());
            export
        };
        let mut under_way = vec![begun(0).await];
        assert!(queue.enter(voter(0)).is_err());
        for number in 1..MOST {
            under_way.push(begun(number).await);
        }
        assert!(queue.enter(voter(MOST)).is_err());
        under_way.remove(0);
        assert!(queue.enter(voter(0)).is_ok(), "it has ended");
    }
}
