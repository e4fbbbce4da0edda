//! Which sockets are here, and which rooms they are in. All that a socket holds is released when it
//! leaves; a room without sockets has no task.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use domain::wire::{ByeReason, close};
use domain::{PollId, Problem, RoomId, SessionId, TallyVersion, VoterId};
use tokio::sync::oneshot;

use super::bucket::SharedBucket;
use super::inbox::{Inbox, Joining, Request, SocketId};
use super::outbox::{Farewell, Outbox};
use super::room::RoomTask;
use super::sockets::Sockets;
use crate::auth::Principal;
use crate::bus::{Event, Listener};
use crate::error::{Error, Result};
use crate::places::{Place, Places};
use crate::service::Services;
use crate::shard::Shard;

/// How long a socket waits for a room to let it in or out.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far back it is looked for guests that ended: much longer than from one look to the next.
const LATELY: Duration = Duration::from_secs(10 * 60);

/// The sockets of this node and the rooms they are in.
pub struct Hub {
    services: Services,
    places: Arc<Places>,
    /// How many bytes wait to be written, for all sockets.
    waiting: Arc<AtomicUsize>,
    next: AtomicU64,
    sockets: Mutex<Sockets>,
    rooms: Mutex<HashMap<RoomId, Room>>,
    me: Weak<Self>,
}

struct Room {
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
    sockets: usize,
}

/// What a room's task lets others read.
#[derive(Default)]
pub(super) struct Shared {
    /// How many people are in the room, on other nodes too.
    pub(super) participants: AtomicU64,
    /// The room's polls.
    pub(super) polls: RwLock<HashSet<PollId>>,
    /// How many people are in the room on this node.
    pub(super) here: AtomicU64,
    /// The polls that are shown, and the newest tally of each.
    pub(super) shown: Mutex<Vec<(PollId, TallyVersion)>>,
}

impl Hub {
    /// An empty hub that hears what happens, for at most so many sockets. One address may have three in four of them.
    pub fn new(services: Services, most: usize) -> Arc<Self> {
        let hub = Arc::new_cyclic(|me| Self {
            services,
            // By where they come from, whoever hands them on.
            places: Places::new(most, Vec::new()),
            waiting: Arc::default(),
            next: AtomicU64::new(0),
            sockets: Mutex::default(),
            rooms: Mutex::default(),
            me: me.clone(),
        });
        let listener: Weak<Self> = Arc::downgrade(&hub);
        hub.services.bus.subscribe(listener);
        hub
    }

    /// How many people are in a room, as far as this node knows.
    pub fn participants(&self, room: RoomId) -> u64 {
        self.rooms().get(&room).map_or(0, |room| room.shared.participants.load(Ordering::Relaxed))
    }

    /// How many sockets and rooms are here.
    pub fn size(&self) -> (usize, usize) {
        (self.sockets().len(), self.rooms().len())
    }

    /// A place for a socket from an address, to be kept as long as the socket is.
    pub(super) fn place(&self, from: IpAddr) -> Option<Place> {
        self.places.take(from)
    }

    /// Tells all sockets that the server restarts.
    pub fn close_all(&self) {
        for socket in self.sockets().iter() {
            // Not all at once: they come back within a few seconds of each other.
            let [jitter] = self.services.clock.random::<1>();
            let retry = 500 + u64::from(jitter) * 10;
            socket
                .outbox
                .close(Farewell { bye: Some((ByeReason::Restart, retry)), code: Some(close::RESTART) });
        }
    }

    /// What waits for another socket: nothing yet.
    pub(super) fn outbox(&self) -> Outbox {
        Outbox::among(self.waiting.clone())
    }

    /// Takes a socket in.
    pub(super) fn add(&self, outbox: Arc<Outbox>) -> SocketId {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.sockets().add(id, outbox);
        id
    }

    /// Whether somebody may have another socket here.
    pub(super) fn may_have_another(&self, voter: VoterId) -> bool {
        self.sockets().may_have_another(voter)
    }

    /// Says whose a socket is: it closes when its session ends. Answers how fast its owner may vote; none who has too many.
    pub(super) fn set_owner(&self, socket: SocketId, principal: &Principal) -> Option<SharedBucket> {
        self.sockets().own(socket, principal)
    }

    /// Lets a socket go.
    pub(super) fn remove(&self, socket: SocketId) {
        self.sockets().remove(socket);
    }

    /// Brings a socket into a room, whose task answers it. Whatever comes of it, a [`Hub::leave`] must
    /// follow.
    pub(super) async fn join(&self, room: RoomId, joining: Joining) -> Result<Arc<Shared>> {
        let (reply, answer) = oneshot::channel();
        let shared = {
            let mut rooms = self.rooms();
            let entry = rooms.entry(room).or_insert_with(|| self.open(room));
            entry.sockets += 1;
            entry.inbox.ask(Request::Join(joining, reply));
            entry.shared.clone()
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(joined)) => joined.map(|()| shared),
            _ => Err(Error::Problem(Problem::new(
                503,
                "overloaded",
                "The room is very busy. Please try again.",
            ))),
        }
    }

    /// Takes a socket out of a room.
    pub(super) async fn leave(&self, room: RoomId, socket: SocketId) {
        let (reply, answer) = oneshot::channel();
        if let Some(entry) = self.rooms().get_mut(&room) {
            entry.sockets = entry.sockets.saturating_sub(1);
            entry.inbox.ask(Request::Leave(socket, reply));
        }
        let _gone = tokio::time::timeout(PATIENCE, answer).await;
    }

    /// Ends a room's task if no socket is in the room; says whether it does.
    pub(super) fn retire(&self, room: RoomId) -> bool {
        let mut rooms = self.rooms();
        let unused = rooms.get(&room).is_none_or(|room| room.sockets == 0);
        if unused {
            rooms.remove(&room);
            self.services.bus.unfollow(room);
        }
        unused
    }

    fn log_out(&self, ended: impl Fn(VoterId, Option<SessionId>) -> bool) {
        let sockets = self.sockets();
        let theirs = sockets
            .iter()
            .filter(|socket| socket.owner.is_some_and(|(voter, session)| ended(voter, session)));
        for socket in theirs {
            let bye = Some((ByeReason::Logout, 0));
            socket.outbox.close(Farewell { bye, code: Some(close::NOT_AUTHENTICATED) });
        }
    }

    /// Closes the sockets of sessions and guests that ended unheard.
    pub(crate) async fn look_who_ended(&self) {
        let sessions: HashSet<SessionId> =
            self.sockets().iter().filter_map(|socket| socket.owner?.1).collect();
        match self.services.ended_of(&sessions).await {
            Ok(ended) => self.log_out(|_, owner| owner.is_some_and(|session| ended.contains(&session))),
            Err(error) => tracing::debug!(%error, "sessions could not be looked at"),
        }
        let since = self.services.clock.now().minus(LATELY);
        match self.services.store.ended_guests(since).await {
            Ok(ended) => self.log_out(|voter, session| session.is_none() && ended.contains(&voter)),
            Err(error) => tracing::debug!(%error, "guests could not be looked at"),
        }
    }

    fn open(&self, id: RoomId) -> Room {
        self.services.bus.follow(id);
        let room = Room { inbox: Arc::default(), shared: Arc::default(), sockets: 0 };
        let task = RoomTask::new(id, self.services.clone(), room.inbox.clone(), room.shared.clone());
        let hub = self.me.clone();
        let task = tokio::spawn(task.run(hub.clone()));
        // A room whose task fails is opened anew by the next socket that joins.
        tokio::spawn(async move {
            if let (Err(error), Some(hub)) = (task.await, hub.upgrade()) {
                tracing::error!(%error, room = %id, "a room's task failed");
                hub.rooms().remove(&id);
            }
        });
        room
    }

    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Hub {
    fn hear(&self, event: Event) {
        match event {
            Event::Recorded(mark) => {
                let shard = mark.upto.shard;
                let rooms = self.rooms();
                let recorded = rooms.iter().filter(|(room, _)| Shard::of(**room) == shard);
                recorded.for_each(|(_, room)| room.inbox.hear(Event::Recorded(mark.clone())));
            }
            Event::SessionEnded(ended) => self.log_out(|_, session| session == Some(ended)),
            Event::GuestEnded(ended) => self.log_out(|voter, session| voter == ended && session.is_none()),
            Event::Missed => {
                if let Some(hub) = self.me.upgrade() {
                    tokio::spawn(async move { hub.look_who_ended().await });
                }
            }
            event => {
                let inbox = event.room().and_then(|room| Some(self.rooms().get(&room)?.inbox.clone()));
                if let Some(inbox) = inbox {
                    inbox.hear(event);
                }
            }
        }
    }
}
