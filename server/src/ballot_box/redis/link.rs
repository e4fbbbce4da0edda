//! The connection to Redis: one that all calls share and some for who waits or listens, the function library, and the
//! names of keys.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::RoomId;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection, PubSub};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError, RedisResult, cmd,
};

use crate::error::Result;
use crate::faults;
use crate::shard::Shard;

/// How long a call may take, and how long a connection may take to be made.
const CALL: Duration = Duration::from_secs(2);
/// After how many calls without an answer the connection is given up for another: it may lead nowhere.
const MUTE: u32 = 20;
/// How long a connection is idle before it is probed, and how long between probes.
const IDLE: Duration = Duration::from_secs(5);
/// How long at most between tries to connect again; the first come sooner.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

const LIBRARY: &str = include_str!("library.lua");

/// A shared way to talk to Redis.
#[derive(Clone)]
pub struct Link {
    client: Client,
    calls: Arc<RwLock<ConnectionManager>>,
    /// How many calls in a row had no answer in time.
    unanswered: Arc<AtomicU32>,
    library: Arc<Library>,
    /// Names of keys and channels.
    pub keys: Keys,
}

struct Library {
    name: String,
    code: String,
}

/// Builds the names of keys and channels outside the function library. Those inside grow from a shard's base.
#[derive(Clone, Debug)]
pub struct Keys(Arc<str>);

impl Keys {
    /// What all keys of a shard begin with. The braces put them into one hash slot of a Redis Cluster.
    pub fn base(&self, shard: Shard) -> String {
        format!("{{{}:{}}}", self.0, shard.number())
    }

    /// A shard's queue.
    pub fn stream(&self, shard: Shard) -> String {
        format!("{}:stream", self.base(shard))
    }

    /// What rises when something about a room changes that only SQL holds.
    pub fn tick(&self, room: RoomId) -> String {
        format!("{}:tick:{room}", self.base(Shard::of(room)))
    }

    /// What counts how often somebody comes.
    pub fn count(&self, what: &str) -> String {
        format!("{}:count:{what}", self.0)
    }

    /// The channel of a room's events.
    pub fn room_channel(&self, room: RoomId) -> String {
        format!("{}:room:{room}", self.0)
    }

    /// The channel of what concerns every node.
    pub fn node_channel(&self) -> String {
        format!("{}:nodes", self.0)
    }
}

impl Link {
    /// Connects, and loads the function library. Names of keys begin with `prefix`.
    pub async fn open(url: &str, prefix: &str) -> Result<Self> {
        let probes = TcpKeepalive::new().with_time(IDLE).with_interval(IDLE);
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(probes);
        let client = Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?;
        let calls = client.get_connection_manager_with_config(config()).await?;
        let link = Self {
            client,
            calls: Arc::new(RwLock::new(calls)),
            unanswered: Arc::default(),
            library: Arc::new(Library::new()),
            keys: Keys(prefix.into()),
        };
        link.load_library().await?;
        Ok(link)
    }

    /// Calls a function on a shard. A Redis that does not know it is told the library first.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        function: &str,
        shard: Shard,
        arguments: impl FnOnce(&mut Cmd),
    ) -> RedisResult<T> {
        self.call_on(function, &self.keys.base(shard), arguments).await
    }

    /// Calls a function on a key.
    pub async fn call_on<T: FromRedisValue>(
        &self,
        function: &str,
        key: &str,
        arguments: impl FnOnce(&mut Cmd),
    ) -> RedisResult<T> {
        let mut call = cmd("FCALL");
        call.arg(format!("{}_{function}", self.library.name)).arg(1).arg(key);
        arguments(&mut call);
        let answered = call.query_async(&mut self.calls()).await;
        self.note(answered.as_ref().err());
        match answered {
            Err(error) if error.detail().is_some_and(|detail| detail.contains("Function not found")) => {
                self.load_library().await?;
                call.query_async(&mut self.calls()).await
            }
            answered => answered,
        }
    }

    /// The connection that calls share.
    pub fn calls(&self) -> ConnectionManager {
        self.calls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives a connection up that is open and has not answered for long: what is between may have lost it.
    fn note(&self, failure: Option<&RedisError>) {
        if !failure.is_some_and(RedisError::is_timeout) {
            return self.unanswered.store(0, Ordering::Relaxed);
        }
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 == MUTE {
            self.unanswered.store(0, Ordering::Relaxed);
            if let Ok(fresh) = self.client.get_connection_manager_lazy(config()) {
                *self.calls.write().unwrap_or_else(PoisonError::into_inner) = fresh;
            }
        }
    }

    /// A connection of its own, for calls that wait up to so long for something to happen.
    pub(super) async fn waiting_connection(&self, wait: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CALL))
            .set_response_timeout(Some(CALL + wait));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A connection that hears channels.
    pub async fn listen(&self) -> RedisResult<PubSub> {
        let connected = tokio::time::timeout(CALL, self.client.get_async_pubsub()).await;
        connected.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    async fn load_library(&self) -> RedisResult<()> {
        let mut load = cmd("FUNCTION");
        load.arg("LOAD").arg(&self.library.code);
        match load.query_async::<()>(&mut self.calls()).await {
            // Another node was faster. The name is made of the code, so that is the same library.
            Err(error) if error.detail().is_some_and(|detail| detail.contains("already exists")) => Ok(()),
            loaded => loaded,
        }
    }
}

fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_response_timeout(Some(CALL))
        .set_connection_timeout(Some(CALL))
        .set_number_of_retries(2)
        .set_max_delay(LONGEST_PAUSE)
}

impl Library {
    /// The library under a name made of its code, so that two versions never take each other's place.
    fn new() -> Self {
        let code = faults::library(LIBRARY);
        let name = format!("voxpop_{:016x}", fingerprint(code.as_bytes()));
        let code = format!("#!lua name={name}\n{}", code.replace("@LIBRARY@", &name));
        Self { name, code }
    }
}

/// FNV-1a, 64 bits (RFC 9923).
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_fnv_1a() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn all_keys_of_a_shard_have_its_tag() {
        let keys = Keys("voxpop".into());
        let shard = Shard::all().nth(3).unwrap();
        assert_eq!(keys.base(shard), "{voxpop:3}");
        assert_eq!(keys.stream(shard), "{voxpop:3}:stream");
    }
}
