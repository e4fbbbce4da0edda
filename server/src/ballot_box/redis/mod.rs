//! The ballot box of many nodes: Redis judges, counts and queues ballots in one atomic call each, recorders write the
//! queues to SQL. See docs/SCALING.md for the whole way of a vote and for why it loses none.

mod adopting;
mod batch;
mod casting;
mod dirty;
mod entry;
mod keeper;
mod known;
mod leases;
mod link;
mod loading;
mod reading;
mod rebuild;
mod recorder;
mod status;
mod time;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Command, PollId, Problem, RoomId, UserId, VoterId};
use futures_util::future::join_all;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::{Instant, timeout};

pub use self::link::{Keys, Link};
pub use self::time::set_by_redis;

use self::dirty::Dirty;
use self::known::KnownPolls;
use self::leases::Leases;
use self::status::Status;
use super::{
    Adoption, BallotBox, Beat, Cast, CastBallot, InRound, Place, PollNow, Progress, Pulse, Watermark, intent,
};
use crate::background::Background;
use crate::bus::{Bus, Event, Listener};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::faults;
use crate::shard::Shard;
use crate::store::adoptions::Noted;
use crate::store::outbox::{self, Kind};
use crate::store::polls::PollRecord;
use crate::store::rooms::RoomRecord;
use crate::store::{Store, polls, rooms};
use crate::work;

/// How many polls may be loaded side by side; each waits for those in its own lane only.
const LANES: usize = 32;

/// How long who reads, or had something carried out, waits for a rebuild to end, and how long between tries. What a host
/// did is carried out all the same, later.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// How long an HTTP request waits for its ballot to be recorded, and how often it asks meanwhile in case that the
/// news went missing.
const RECORDED: Duration = Duration::from_secs(2);
const ASK: Duration = Duration::from_millis(500);

/// How long a rebuild may take before a node says that it is not ready. Shards that count under another version of the
/// function library look the same.
const REBUILD: Duration = Duration::from_secs(15);

/// What a ballot box holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries of a shard that wait for SQL; the next ballot is refused as `overloaded`. About 110 bytes each.
    pub backlog: u64,
    /// Ballots of a node that wait for Redis; the same.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { backlog: 200_000, calls: 20_000 }
    }
}

/// Counts in Redis, records in SQL.
pub struct RedisBallotBox(Arc<Core>);

/// What the parts of the box share.
struct Core {
    link: Link,
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Clock,
    /// Names this process.
    node: Arc<str>,
    limits: Limits,
    known: KnownPolls,
    dirty: Dirty,
    calls: Semaphore,
    loading: Vec<Mutex<()>>,
    /// When a shard was last seen to count.
    counting: Mutex<Instant>,
    /// How far each shard is recorded, as far as this node has heard.
    watermarks: Vec<watch::Sender<Watermark>>,
}

impl RedisBallotBox {
    /// Starts the box, and in the background what records, keeps and tells.
    pub async fn start(
        link: Link,
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Clock,
        limits: Limits,
        background: &mut Background,
    ) -> Result<Self> {
        store.make_shards().await?;
        let start = |shard| Watermark { upto: Place { shard, epoch: 0, n: 0 }, poison: Default::default() };
        let core = Arc::new(Core {
            link,
            store,
            bus,
            node: format!("{:032x}", u128::from_be_bytes(clock.random())).into(),
            clock,
            limits,
            known: KnownPolls::default(),
            dirty: Dirty::default(),
            calls: Semaphore::new(limits.calls),
            counting: Mutex::new(Instant::now()),
            loading: (0..LANES).map(|_| Mutex::default()).collect(),
            watermarks: Shard::all().map(|shard| watch::Sender::new(start(shard))).collect(),
        });
        let listener: std::sync::Weak<Core> = Arc::downgrade(&core);
        core.bus.subscribe(listener);
        background.run(dirty::tell(core.clone()));
        let (leases, held) = Leases::new(core.clone());
        background.run_until_stopped(|stopped| leases.run(stopped));
        background.run(keeper::keep(core.clone(), held));
        Ok(Self(core))
    }
}

impl Core {
    /// A room, be it taken down or not: Redis has to know how its polls stand in any case.
    async fn any_room(&self, id: RoomId) -> Result<Option<RoomRecord>> {
        rooms::find_any(&mut *self.store.reader().await?, id).await
    }

    /// Tells nodes that something about a poll changed.
    async fn tell_changed(&self, poll: &PollRecord, opened: bool) {
        let now = match poll.lifecycle.state {
            domain::PollState::Draft => None,
            _ => self.read_now(poll.id, poll.room).await.ok().flatten(),
        };
        self.bus.publish(Event::PollChanged { room: poll.room, poll: poll.id, now });
        if opened {
            self.bus.publish(Event::RoomChanged { room: poll.room });
        }
    }

    /// Asks Redis how far a shard is recorded, in case that the news went missing.
    async fn ask_watermark(&self, shard: Shard) {
        if let Ok(status) = Status::of(&self.link, shard).await
            && let Some(epoch) = status.attached_under()
        {
            let upto = Place { shard, epoch, n: status.watermark };
            self.advance(&Watermark { upto, poison: status.poison });
        }
    }

    fn advance(&self, mark: &Watermark) {
        if let Some(known) = self.watermarks.get(mark.upto.shard.index()) {
            known.send_modify(|known| known.advance(mark));
        }
    }
}

impl Listener for Core {
    fn hear(&self, event: Event) {
        match event {
            Event::Recorded(mark) => self.advance(&mark),
            Event::PollRemoved { poll, .. } => self.known.forget(poll),
            _ => {}
        }
    }
}

#[async_trait]
impl BallotBox for RedisBallotBox {
    async fn cast(&self, ballot: CastBallot) -> Result<Cast> {
        self.0.cast(ballot).await
    }

    async fn recorded(&self, place: Place) -> bool {
        let core = &self.0;
        let Some(mark) = core.watermarks.get(place.shard.index()) else { return false };
        let mut mark = mark.subscribe();
        let until = Instant::now() + RECORDED;
        loop {
            match mark.borrow_and_update().progress(place) {
                Progress::Recorded => return true,
                Progress::Waiting => {}
                Progress::Poisoned | Progress::Lost => return false,
            }
            if Instant::now() >= until {
                return false;
            }
            if timeout(ASK, mark.changed()).await.is_err() {
                core.ask_watermark(place.shard).await;
            }
        }
    }

    async fn command(&self, poll: PollId, command: Command) -> Result<PollRecord> {
        let core = &self.0;
        let intent = intent::commit(core.store.begin().await?, poll, command, core.clock.now()).await?;
        faults::abort_sometimes(faults::AFTER_INTENT);
        core.apply(&intent.poll, intent.epoch).await.map_err(told_later)?;
        core.tell_changed(&intent.poll, intent.opened).await;
        Ok(intent.poll)
    }

    async fn delete(&self, poll: PollId) -> Result<()> {
        let core = &self.0;
        let mut transaction = core.store.begin().await?;
        let known = polls::find(&mut *transaction, poll).await?.ok_or_else(Problem::no_such_poll)?;
        rooms::find_locked(&mut transaction, known.room).await?;
        polls::delete(&mut transaction, poll).await?;
        rooms::drop_current(&mut transaction, known.room, poll).await?;
        outbox::put(&mut transaction, Kind::Gone(poll), known.room, 0, core.clock.now()).await?;
        transaction.commit().await?;
        core.known.forget(poll);
        core.apply_delete(poll, known.room).await.map_err(told_later)?;
        core.bus.publish(Event::PollRemoved { room: known.room, poll });
        Ok(())
    }

    async fn settings_changed(&self, room: RoomId) -> Result<()> {
        let core = &self.0;
        let stored = core.any_room(room).await?.ok_or_else(Problem::no_such_room)?;
        let polls = core.store.polls_of(room).await?;
        core.apply_settings(&stored, &polls, None).await?;
        for poll in polls.iter().filter(|poll| poll.lifecycle.state != domain::PollState::Draft) {
            core.dirty.mark(poll.id, room);
        }
        Ok(())
    }

    async fn adopt(&self, room: RoomId, guest: VoterId, account: UserId) -> Result<Adoption> {
        let (noted, told) = self.0.adopt(room, guest, account).await?;
        let is_done = match told {
            Ok(Some(place)) => self.recorded(place).await,
            Ok(None) => true,
            Err(error) => {
                tracing::warn!(%error, "Redis could not be told of a guest that became an account; it is told later");
                false
            }
        };
        Ok(Adoption { is_new: noted == Noted::Now, is_done })
    }

    async fn now(&self, polls: &[PollId]) -> Result<Vec<PollNow>> {
        self.0.now(polls).await
    }

    async fn standings(&self, polls: &[PollId], voter: VoterId) -> Result<Vec<(PollId, InRound)>> {
        self.0.standings(polls, voter).await
    }

    async fn pulse(&self, beat: Beat) -> Result<Option<Pulse>> {
        self.0.pulse(beat).await.map(Some)
    }

    async fn touch(&self, poll: PollId) {
        let core = &self.0;
        if let Some(known) = core.known.get(poll) {
            let touched: redis::RedisResult<String> =
                core.link.call("touch", known.shard(), |call| _ = call.arg(poll_name(poll))).await;
            match touched {
                Ok(_) => core.dirty.mark(poll, known.room),
                Err(error) => tracing::debug!(%error, %poll, "a tally could not be renewed"),
            }
        }
    }

    async fn check(&self) -> Result<()> {
        let core = &self.0;
        let statuses = join_all(Shard::all().map(|shard| Status::of(&core.link, shard))).await;
        let mut is_counting = false;
        for status in statuses {
            is_counting |= status?.attached_under().is_some();
        }
        let mut counting = core.counting.lock().await;
        if is_counting {
            *counting = Instant::now();
        }
        if counting.elapsed() > REBUILD { Err(rebuilding()) } else { Ok(()) }
    }
}

/// A poll's name in Redis.
fn poll_name(poll: PollId) -> String {
    poll.to_string()
}

/// How long work on the database may take: one that neither answers nor hangs up must not hold a shard or a poll for ever.
const IN_TIME: Duration = Duration::from_secs(20);

/// Gives up on work that takes too long.
async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    work::in_time(IN_TIME, work).await
}

/// What became of telling Redis of something that is in SQL: whoever records the shard sees to it.
fn told_later(error: Error) -> Error {
    tracing::warn!(%error, "Redis could not be told what a host did; it is told later");
    let detail = "It is decided, and comes to pass in a moment.";
    Error::Problem(Problem::new(503, super::REBUILDING, detail))
}

fn rebuilding() -> Error {
    let detail = "The live count is being made anew. Please try again in a moment.";
    Error::Problem(Problem::new(503, super::REBUILDING, detail))
}
