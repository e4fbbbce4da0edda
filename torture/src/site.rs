//! What is tortured: nodes, and for a cluster the MariaDB and the Redis that they share, each node behind links of its
//! own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use backends::{MariaDb, Redis};
use tokio::task::spawn_blocking;

use crate::nodes::{Node, Settings};
use crate::options::Options;
use crate::proxy::Proxy;

/// A name for the database, and a key that all nodes know. The data are thrown away.
const DATABASE: &str = "torture";
const KEY: &str = "a key for tortured nodes that is long enough";

/// Everything that runs.
pub(crate) struct Site {
    pub(crate) nodes: Vec<Arc<Node>>,
    /// Nothing for a node on SQLite.
    pub(crate) backing: Option<Backing>,
    /// Where the checker finds the data.
    pub(crate) database: String,
    /// Where data and logs are.
    pub(crate) folder: PathBuf,
}

/// What nodes share.
pub(crate) struct Backing {
    pub(crate) sql: Service<MariaDb>,
    pub(crate) redis: Service<Redis>,
    pub(crate) redis_port: u16,
    /// Each node's way to MariaDB and to Redis.
    pub(crate) sql_links: Vec<Proxy>,
    pub(crate) redis_links: Vec<Proxy>,
}

/// A server whose handling blocks.
pub(crate) struct Service<T>(Arc<Mutex<T>>);

impl<T: Send + 'static> Service<T> {
    fn new(server: T) -> Self {
        Self(Arc::new(Mutex::new(server)))
    }

    /// Does something to it, away from where tasks run.
    pub(crate) async fn act<A: Send + 'static>(
        &self,
        act: impl FnOnce(&mut T) -> A + Send + 'static,
    ) -> io::Result<A> {
        let server = self.0.clone();
        let act = move || act(&mut server.lock().unwrap_or_else(PoisonError::into_inner));
        spawn_blocking(act).await.map_err(io::Error::other)
    }
}

impl Site {
    /// Starts everything.
    pub(crate) async fn start(options: &Options, folder: PathBuf) -> io::Result<Self> {
        let binary = options.binary.canonicalize().map_err(|error| {
            io::Error::new(error.kind(), format!("no program at {}: {error}", options.binary.display()))
        })?;
        let site = match options.embedded {
            true => Self::alone(&binary, folder)?,
            false => Self::cluster(options, &binary, folder).await?,
        };
        for node in &site.nodes {
            node.start().await?;
        }
        Ok(site)
    }

    fn alone(binary: &Path, folder: PathBuf) -> io::Result<Self> {
        let database = format!("sqlite://{}/torture.db", folder.display());
        let settings = settings(database.clone(), &folder);
        let node = Node::new(0, binary, settings, &folder)?;
        Ok(Self { nodes: vec![Arc::new(node)], backing: None, database, folder })
    }

    async fn cluster(options: &Options, binary: &Path, folder: PathBuf) -> io::Result<Self> {
        let (sql_folder, redis_folder) = (folder.join("mariadb"), folder.join("redis"));
        let started = move || {
            let sql = MariaDb::start(&sql_folder)?;
            sql.create_database(DATABASE)?;
            io::Result::Ok((sql, Redis::start(&redis_folder)?))
        };
        let (sql, redis) = spawn_blocking(started).await.map_err(io::Error::other)??;
        let database = sql.url(DATABASE);
        let (mut nodes, mut sql_links, mut redis_links) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..options.nodes {
            let (sql_link, redis_link) = (Proxy::start(sql.port()).await?, Proxy::start(redis.port()).await?);
            let through = |url: &str, from: u16, to: u16| url.replace(&format!(":{from}"), &format!(":{to}"));
            let mut settings = settings(through(&database, sql.port(), sql_link.port()), &folder);
            settings.push(("REDIS_URL", through(&redis.url(), redis.port(), redis_link.port())));
            settings.extend(options.sabotage.map(|sabotage| ("VOXPOP_FAULT_OFF", sabotage.off().to_owned())));
            nodes.push(Arc::new(Node::new(number, binary, settings, &folder)?));
            sql_links.push(sql_link);
            redis_links.push(redis_link);
        }
        let redis_port = redis.port();
        let (sql, redis) = (Service::new(sql), Service::new(redis));
        let backing = Some(Backing { sql, redis, redis_port, sql_links, redis_links });
        Ok(Self { nodes, backing, database, folder })
    }
}

fn settings(database: String, folder: &Path) -> Settings {
    vec![
        ("DATABASE_URL", database),
        ("VOXPOP_JWT_KEY", KEY.to_owned()),
        ("VOXPOP_SITE_ROOT", folder.join("site").display().to_string()),
        ("VOXPOP_LOG", "warn".to_owned()),
        // All voters come from one address.
        ("VOXPOP_LIMIT_GUESTS", "off".to_owned()),
        ("VOXPOP_LIMIT_SOCKETS", "off".to_owned()),
        ("VOXPOP_LIMIT_JOINS", "off".to_owned()),
        ("VOXPOP_LIMIT_VOTES", "off".to_owned()),
        ("VOXPOP_LIMIT_CHANGES", "off".to_owned()),
    ]
}
