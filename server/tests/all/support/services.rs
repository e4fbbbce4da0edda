//! One MariaDB and one Redis for all tests of a run. Each test has a database and a prefix of its own in them. They die
//! with the process.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use backends::{MariaDb, Redis};

static SERVICES: OnceLock<(MariaDb, Redis)> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// What a cluster of a test's own stands on.
#[derive(Clone, Debug)]
pub struct Place {
    pub database_url: String,
    pub redis_url: String,
    pub prefix: String,
}

impl Place {
    /// A fresh database, and nothing in Redis.
    pub async fn fresh() -> Self {
        tokio::task::spawn_blocking(|| {
            let (mariadb, redis) = SERVICES.get_or_init(start);
            let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
            mariadb.create_database(&name).unwrap();
            Self { database_url: mariadb.url(&name), redis_url: redis.url(), prefix: name }
        })
        .await
        .unwrap()
    }
}

/// Services of a test's own, which it may break.
pub struct Breakable {
    pub mariadb: MariaDb,
    pub redis: Redis,
    pub folder: tempfile::TempDir,
}

impl Breakable {
    pub async fn start() -> Self {
        let start = || {
            let folder = tempfile::tempdir().unwrap();
            let (sql, redis) = (folder.path().join("mariadb"), folder.path().join("redis"));
            for folder in [&sql, &redis] {
                std::fs::create_dir_all(folder).unwrap();
            }
            let (mariadb, redis) = (MariaDb::start(&sql).unwrap(), Redis::start(&redis).unwrap());
            mariadb.create_database("voxpop").unwrap();
            Self { mariadb, redis, folder }
        };
        tokio::task::spawn_blocking(start).await.unwrap()
    }

    pub fn place(&self) -> Place {
        Place {
            database_url: self.mariadb.url("voxpop"),
            redis_url: self.redis.url(),
            prefix: "voxpop".into(),
        }
    }

    /// Says something to Redis behind the server's back.
    pub async fn tell_redis(&self, words: &[&str]) {
        let client = redis::Client::open(self.redis.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| _ = command.arg(*word));
        command.exec_async(&mut connection).await.unwrap();
    }

    /// Takes the second entry out of the only queue that has any.
    pub async fn lose_second_entry(&self) {
        let client = redis::Client::open(self.redis.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        for shard in 0..8 {
            let stream = format!("{{voxpop:{shard}}}:stream");
            let mut range = redis::cmd("XRANGE");
            range.arg(&stream).arg("-").arg("+");
            let found: redis::streams::StreamRangeReply = range.query_async(&mut connection).await.unwrap();
            if let Some(second) = found.ids.get(1) {
                redis::cmd("XDEL").arg(&stream).arg(&second.id).exec_async(&mut connection).await.unwrap();
            }
        }
    }

    /// The database, behind the server's back.
    pub async fn sql(&self) -> sqlx::AnyPool {
        sqlx::any::install_default_drivers();
        sqlx::AnyPool::connect(&self.mariadb.url("voxpop")).await.unwrap()
    }
}

fn start() -> (MariaDb, Redis) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("services");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let (sql, redis) = (folder.join("mariadb"), folder.join("redis"));
    for folder in [&sql, &redis] {
        std::fs::create_dir_all(folder).unwrap();
    }
    (MariaDb::start(&sql).unwrap(), Redis::start(&redis).unwrap())
}
