//! Whose turn it is to look through all ballots: that is much to read, so one does at a time, and few wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Problem, VoterId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::doors::Who;
use crate::error::{Error, Result};

/// How many that are new have a place: the one whose turn it is, and eight who wait.
const PLACES: usize = 9;

/// How many are under way at once: those that are new, and those that are being read by whoever asked.
const MOST: usize = 100;

/// How many of these one address may have: whoever takes them slowly leaves others room.
const MOST_FROM_ONE: usize = MOST / 10;

/// When a place may be free again.
const AGAIN: Duration = Duration::from_secs(10);

/// Who looks through all ballots in this process. Clones share it.
#[derive(Clone)]
pub struct ExportQueue {
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    /// Whose, and where each was asked for.
    under_way: Arc<Mutex<HashMap<VoterId, Who>>>,
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
    /// Begins somebody's export. Refuses with 429 `rate_limited` who has one under way, and with 503 `overloaded` where there is
    /// no place, or the address has its share.
    pub fn enter(&self, voter: VoterId, from: Who) -> Result<UnderWay> {
        let mut under_way = self.under_way();
        if under_way.contains_key(&voter) {
            let detail = "Your data are being written out already. Please wait for that to end.";
            return Err(Problem::new(429, "rate_limited", detail).with_retry_after(AGAIN).into());
        }
        let from_there = under_way.values().filter(|other| **other == from).count();
        if under_way.len() >= MOST || from_there >= MOST_FROM_ONE {
            return Err(overloaded().into());
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| overloaded())?;
        under_way.insert(voter, from);
        drop(under_way);
        Ok(UnderWay { queue: self.clone(), voter, place: Mutex::new(Some(place)) })
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<VoterId, Who>> {
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

    /// An address for each ten.
    fn address(number: usize) -> Who {
        std::net::IpAddr::from([192, 0, 2, u8::try_from(number / 10).unwrap()]).into()
    }

    fn voter(number: usize) -> VoterId {
        VoterId::new(Timestamp::from_millis(i64::try_from(number).unwrap()), [1; 10])
    }

    fn refusal(entered: Result<UnderWay>) -> u16 {
        match entered {
            Err(Error::Problem(problem)) => problem.status,
            _ => panic!("was not refused"),
        }
    }

    #[tokio::test]
    async fn who_comes_back_keeps_nobody_who_is_new_from_a_place() {
        let queue = ExportQueue::default();
        let under_way: Vec<UnderWay> =
            (0..PLACES).map(|number| queue.enter(voter(number), address(number)).unwrap()).collect();
        assert!(queue.enter(voter(PLACES), address(PLACES)).is_err(), "no place");
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
        let new = queue.enter(voter(PLACES), address(PLACES)).unwrap();
        drop((turn, back));
        assert!(new.turn().await.is_ok());
    }

    #[tokio::test]
    async fn each_has_one_under_way_and_so_many_are_in_all() {
        let queue = ExportQueue::default();
        let begun = async |number| {
            let export = queue.enter(voter(number), address(number)).unwrap();
            drop(export.turn().await.unwrap());
            export
        };
        let mut under_way = vec![begun(0).await];
        assert_eq!(refusal(queue.enter(voter(0), address(0))), 429);
        for number in 1..MOST {
            under_way.push(begun(number).await);
        }
        assert_eq!(refusal(queue.enter(voter(MOST), address(MOST))), 503);
        under_way.remove(0);
        assert!(queue.enter(voter(0), address(0)).is_ok(), "it has ended");
    }

    #[tokio::test]
    async fn one_address_leaves_room_to_others_and_who_asks_twice_is_told_so_where_all_is_full() {
        let queue = ExportQueue::default();
        let mut under_way = Vec::new();
        for number in 0..MOST_FROM_ONE {
            let export = queue.enter(voter(number), address(0)).unwrap();
            drop(export.turn().await.unwrap());
            under_way.push(export);
        }
        assert_eq!(refusal(queue.enter(voter(MOST), address(0))), 503);
        assert!(queue.enter(voter(MOST), address(10)).is_ok());
        for number in 0..PLACES {
            under_way.push(queue.enter(voter(MOST + number), address(10)).unwrap());
        }
        assert_eq!(refusal(queue.enter(voter(MOST), address(10))), 429);
        under_way.clear();
        assert!(queue.under_way().is_empty(), "nobody is kept who has none");
    }
}
