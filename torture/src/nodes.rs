//! The nodes: processes of the server, which faults end and which come back.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backends::{Port, Process};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::world::World;

/// How often it is looked whether nodes run.
const LOOK: Duration = Duration::from_millis(100);

/// What a node is told by its environment.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// A node.
pub(crate) struct Node {
    pub(crate) number: usize,
    binary: PathBuf,
    settings: Settings,
    port: Port,
    process: Mutex<Process>,
    /// Whether a fault wants it to be down, or to end by itself.
    is_doomed: AtomicBool,
}

impl Node {
    /// A node that is not started yet. It logs to a file in the folder.
    pub(crate) fn new(number: usize, binary: &Path, settings: Settings, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            number,
            binary: binary.to_owned(),
            settings,
            port: Port::free()?,
            process: Mutex::new(Process::new(folder.join(format!("node-{number}.log")))),
            is_doomed: AtomicBool::new(false),
        })
    }

    /// Where it listens, when it runs.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Starts it, again if it runs.
    pub(crate) async fn start(self: &Arc<Self>) -> io::Result<()> {
        self.start_with(Vec::new()).await?;
        self.is_doomed.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// The same with settings that will end it: it stays down then.
    pub(crate) async fn start_doomed(self: &Arc<Self>, more: Settings) -> io::Result<()> {
        self.is_doomed.store(true, Ordering::SeqCst);
        self.start_with(more).await
    }

    async fn start_with(self: &Arc<Self>, more: Settings) -> io::Result<()> {
        let node = self.clone();
        spawn_blocking(move || {
            let mut command = backends::command(&node.binary.to_string_lossy())?;
            command.arg("serve").env_clear().env("VOXPOP_LISTEN", node.address().to_string());
            command.envs(node.settings.iter().cloned()).envs(more);
            node.process().start(command, |_| TcpStream::connect(node.address()).is_ok())
        })
        .await
        .map_err(io::Error::other)?
    }

    /// Kills it, as a crash would; it stays down until it is started.
    pub(crate) async fn kill(self: &Arc<Self>) -> io::Result<()> {
        self.is_doomed.store(true, Ordering::SeqCst);
        let node = self.clone();
        spawn_blocking(move || node.process().kill()).await.map_err(io::Error::other)
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        self.process().runs()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts nodes again that ended by themselves, and notes that they did: no fault excuses it.
pub(crate) async fn watch(nodes: Vec<Arc<Node>>, world: Arc<World>) {
    loop {
        sleep(LOOK).await;
        for node in nodes.iter().filter(|node| !node.is_doomed.load(Ordering::SeqCst)) {
            if !node.runs() && !node.is_doomed.load(Ordering::SeqCst) {
                world.trouble(format!("node {} ended by itself", node.number));
                if let Err(error) = node.start().await {
                    world.trouble(format!("node {} does not start again: {error}", node.number));
                }
            }
        }
    }
}
