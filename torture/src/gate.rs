//! Keeps the flood and the faults abreast: no fault strikes a flood that has run dry, and no flood runs dry while faults
//! are still to come.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long the flood may take to come to what is waited for. A cluster that takes longer has not recovered.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// Counts ballots and faults.
pub(crate) struct Gate {
    ballots: u32,
    faults: u32,
    made: AtomicU32,
    struck: AtomicU32,
    /// Ballots whose end nobody has told.
    open: AtomicI64,
    is_lull: AtomicBool,
    is_over: AtomicBool,
}

/// Whether a voter may make a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Now.
    Now,
    /// Later.
    Later,
    /// Never again.
    Never,
}

/// Something that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Gate {
    /// A gate for so many ballots, in as many parts as there are faults and one more.
    pub(crate) fn new(ballots: u32, faults: usize) -> Self {
        Self {
            ballots,
            faults: u32::try_from(faults).unwrap_or(u32::MAX),
            made: AtomicU32::new(0),
            struck: AtomicU32::new(0),
            open: AtomicI64::new(0),
            is_lull: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }
    }

    /// Asks for a ballot; it counts as open until [`Self::settled`].
    pub(crate) fn take(&self) -> Turn {
        if self.made() >= self.ballots || self.is_over.load(Ordering::SeqCst) {
            return Turn::Never;
        }
        if self.is_lull.load(Ordering::SeqCst) {
            return Turn::Later;
        }
        let limit = self.limit();
        let more = |made: u32| (made < limit).then_some(made + 1);
        match self.made.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more) {
            Ok(_) => {
                self.open.fetch_add(1, Ordering::SeqCst);
                Turn::Now
            }
            Err(_) => Turn::Later,
        }
    }

    /// A ballot's end was told.
    pub(crate) fn settled(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many ballots were made.
    pub(crate) fn made(&self) -> u32 {
        self.made.load(Ordering::SeqCst)
    }

    /// Waits until the flood has come so far that the next fault may strike.
    pub(crate) async fn next_fault(&self) -> Result<(), TooLong> {
        let from = self.part() * self.struck.load(Ordering::SeqCst) + self.part() / 2;
        until(PATIENCE, || self.made() >= from).await
    }

    /// A fault has struck and is undone.
    pub(crate) fn struck(&self) {
        self.struck.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until all ballots that are wanted are made and settled.
    pub(crate) async fn all_settled(&self) -> Result<(), TooLong> {
        until(PATIENCE, || self.made() >= self.ballots || self.is_over.load(Ordering::SeqCst)).await?;
        until(PATIENCE, || self.open.load(Ordering::SeqCst) == 0).await
    }

    /// Lets nobody make a ballot from now on, and waits until all that were made are settled.
    pub(crate) async fn hush(&self, patience: Duration) -> Result<(), TooLong> {
        self.is_lull.store(true, Ordering::SeqCst);
        until(patience, || self.open.load(Ordering::SeqCst) == 0).await
    }

    /// Ends a lull.
    pub(crate) fn go_on(&self) {
        self.is_lull.store(false, Ordering::SeqCst);
    }

    /// Nobody makes a ballot any more.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    fn part(&self) -> u32 {
        self.ballots / (self.faults + 1)
    }

    /// How many may be made: two parts more than faults have struck, and all after the last.
    fn limit(&self) -> u32 {
        let struck = self.struck.load(Ordering::SeqCst);
        if struck >= self.faults { self.ballots } else { self.part() * (struck + 2) }
    }
}

async fn until(patience: Duration, holds: impl Fn() -> bool) -> Result<(), TooLong> {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() >= deadline {
            return Err(TooLong);
        }
        sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(gate: &Gate) -> u32 {
        (0..).take_while(|_| gate.take() == Turn::Now).count().try_into().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_flood_waits_for_faults_and_faults_for_the_flood() {
        let gate = Gate::new(30, 2);
        assert_eq!(gate.next_fault().await, Err(TooLong), "nobody has voted");
        assert_eq!((take_all(&gate), gate.take()), (20, Turn::Later));
        assert_eq!(gate.next_fault().await, Ok(()));
        gate.struck();
        assert_eq!(take_all(&gate), 10);
        gate.next_fault().await.unwrap();
        gate.struck();
        assert_eq!(gate.take(), Turn::Never);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lull_waits_for_what_was_made() {
        let gate = Gate::new(10, 0);
        assert_eq!(gate.take(), Turn::Now);
        assert_eq!(gate.hush(LOOK).await, Err(TooLong), "one is not settled");
        assert_eq!(gate.take(), Turn::Later);
        gate.settled();
        assert_eq!(gate.hush(LOOK).await, Ok(()));
        gate.go_on();
        assert_eq!(take_all(&gate), 9);
    }
}
