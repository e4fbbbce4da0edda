//! The bus of many nodes: what happens on one is told there at once, and to the others over Redis Pub/Sub. Messages may be
//! lost: each node asks once a second for what it may have missed (see the ballot box's pulse), so that this only makes
//! things fast.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use domain::RoomId;
use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{RedisResult, pipe};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use tokio::time::{interval, sleep, timeout};

use super::{Bus, Event, Listener, LocalBus};
use crate::background::Background;
use crate::ballot_box::{Keys, Link};
use crate::clock::Clock;

/// How many messages wait for Redis at most; the next are left out, to be found by the pulse.
const QUEUE: usize = 10_000;
/// How many go out with one call.
const BATCH: usize = 500;
/// How long lost ticks wait at most, and how often the connection that listens is tried.
const SECOND: Duration = Duration::from_secs(1);
const PROBE: Duration = Duration::from_secs(3);
/// How long between tries to connect again.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a room's tick is kept, in seconds: longer than any node goes without asking.
const TICK: u64 = 24 * 60 * 60;

/// Tells the listeners of this process, and other nodes.
pub struct RedisBus {
    local: Arc<LocalBus>,
    node: Arc<str>,
    keys: Keys,
    outgoing: mpsc::Sender<Outgoing>,
    followed: Arc<Followed>,
}

struct Outgoing {
    channel: String,
    message: String,
    /// The tick to raise, for what the pulse could not find otherwise.
    tick: Option<String>,
}

/// A message between nodes.
#[derive(Serialize, Deserialize)]
struct Message<E> {
    /// Who says it. A node has told its own listeners already.
    node: Arc<str>,
    event: E,
}

/// The rooms that this node wants to hear of.
#[derive(Default)]
struct Followed {
    rooms: Mutex<HashSet<RoomId>>,
    changed: Notify,
}

impl RedisBus {
    /// Starts the bus, in the background.
    pub fn start(link: Link, clock: &Clock, background: &mut Background) -> Self {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let node = format!("{:016x}", u64::from_be_bytes(clock.random())).into();
        let bus =
            Self { local: Arc::default(), node, keys: link.keys.clone(), outgoing, followed: Arc::default() };
        background.run(send(link.clone(), queue));
        background.run(hear(link, bus.local.clone(), bus.node.clone(), bus.followed.clone()));
        bus
    }

    fn change_followed(&self, change: impl FnOnce(&mut HashSet<RoomId>)) {
        change(&mut self.followed.rooms.lock().unwrap_or_else(PoisonError::into_inner));
        self.followed.changed.notify_one();
    }
}

impl Bus for RedisBus {
    fn publish(&self, event: Event) {
        let (channel, tick) = match (&event, event.room()) {
            (Event::Counted { .. }, Some(room)) => (self.keys.room_channel(room), None),
            (_, Some(room)) => (self.keys.room_channel(room), Some(self.keys.tick(room))),
            (_, None) => (self.keys.node_channel(), None),
        };
        match serde_json::to_string(&Message { node: self.node.clone(), event: &event }) {
            Ok(message) => {
                if self.outgoing.try_send(Outgoing { channel, message, tick }).is_err() {
                    tracing::debug!("a message to other nodes was left out");
                }
            }
            Err(error) => tracing::error!(%error, "a message to other nodes could not be written"),
        }
        self.local.publish(event);
    }

    fn subscribe(&self, listener: Weak<dyn Listener>) {
        self.local.subscribe(listener);
    }

    fn follow(&self, room: RoomId) {
        self.change_followed(|rooms| _ = rooms.insert(room));
    }

    fn unfollow(&self, room: RoomId) {
        self.change_followed(|rooms| _ = rooms.remove(&room));
    }
}

/// Sends messages. Those that Redis does not take are lost; their ticks are raised when it takes something again.
async fn send(link: Link, mut queue: mpsc::Receiver<Outgoing>) {
    let mut waiting = Vec::with_capacity(BATCH);
    let mut ticks: HashSet<String> = HashSet::new();
    loop {
        match timeout(SECOND, queue.recv_many(&mut waiting, BATCH)).await {
            Ok(0) => return,
            Err(_) if ticks.is_empty() => continue,
            _ => {}
        }
        let mut calls = pipe();
        for Outgoing { channel, message, tick } in waiting.drain(..) {
            ticks.extend(tick.filter(|_| ticks.len() < QUEUE));
            calls.cmd("PUBLISH").arg(channel).arg(message).ignore();
        }
        for tick in &ticks {
            calls.cmd("INCR").arg(tick).ignore();
            calls.cmd("EXPIRE").arg(tick).arg(TICK).ignore();
        }
        match calls.exec_async(&mut link.calls()).await {
            Ok(()) => ticks.clear(),
            Err(error) => tracing::debug!(%error, "messages to other nodes were lost"),
        }
    }
}

async fn hear(link: Link, local: Arc<LocalBus>, node: Arc<str>, followed: Arc<Followed>) {
    let mut is_failing = false;
    loop {
        let heard = async {
            let (mut sink, mut stream) = link.listen().await?.split();
            in_time(sink.subscribe(link.keys.node_channel())).await?;
            if is_failing {
                tracing::info!("other nodes can be heard again");
                local.publish(Event::Missed);
            }
            is_failing = false;
            listen(&link.keys, &mut sink, &mut stream, &local, &node, &followed).await
        };
        match heard.await {
            Err(error) if !is_failing => tracing::warn!(%error, "other nodes cannot be heard; trying again"),
            _ => {}
        }
        is_failing = true;
        sleep(PAUSE).await;
    }
}

/// Hears messages until the connection ends, and keeps to the rooms that are wanted.
async fn listen(
    keys: &Keys,
    sink: &mut PubSubSink,
    stream: &mut PubSubStream,
    local: &LocalBus,
    node: &Arc<str>,
    followed: &Followed,
) -> RedisResult<()> {
    let mut subscribed: HashSet<RoomId> = HashSet::new();
    let mut probes = interval(PROBE);
    loop {
        let wanted = followed.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // One that is mute must not be waited for: what was missed is asked for over another.
        for room in wanted.difference(&subscribed) {
            in_time(sink.subscribe(keys.room_channel(*room))).await?;
        }
        for room in subscribed.difference(&wanted) {
            in_time(sink.unsubscribe(keys.room_channel(*room))).await?;
        }
        subscribed = wanted;
        loop {
            tokio::select! {
                () = followed.changed.notified() => break,
                _ = probes.tick() => match timeout(PROBE, sink.ping::<redis::Value>()).await {
                    Ok(answered) => _ = answered?,
                    Err(_) => return Ok(()),
                },
                message = stream.next() => match message {
                    Some(message) => tell(local, node, message.get_payload_bytes()),
                    None => return Ok(()),
                },
            }
        }
    }
}

async fn in_time(asked: impl Future<Output = RedisResult<()>>) -> RedisResult<()> {
    let answered = timeout(PROBE, asked).await;
    answered.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

fn tell(local: &LocalBus, node: &Arc<str>, written: &[u8]) {
    match serde_json::from_slice::<Message<Event>>(written) {
        Ok(message) if message.node != *node => local.publish(message.event),
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "a message of another node could not be read"),
    }
}
