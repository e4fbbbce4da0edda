//! The server in `target/debug`, as a child process that ends with its owner.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Doing, Result};
use crate::files;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; dropping it ends it.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it with these settings on top of the environment's.
    pub(crate) fn start(settings: &[(&str, String)]) -> Result<Self> {
        let mut voxpop = Command::new(files::root().join("target/debug/voxpop"));
        voxpop.arg("serve").current_dir(files::root());
        voxpop.envs(settings.iter().map(|(name, value)| (name, value)));
        voxpop.spawn().map(Self).doing("starting target/debug/voxpop (cargo build -p server makes it)")
    }

    /// Starts it on a free port with an empty database, and waits until it answers. Returns its address too.
    pub(crate) fn start_for_a_look() -> Result<(Self, String)> {
        let data = files::root().join("target/look");
        files::remove_dir(&data)?;
        files::make_dir(&data)?;
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).doing("finding a free port")?;
        let mut server = Self::start(&[
            ("VOXPOP_LISTEN", free.to_string()),
            ("VOXPOP_LOG", "warn".to_owned()),
            ("DATABASE_URL", format!("sqlite://{}", data.join("voxpop.db").display())),
        ])?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(free).is_err() {
            if server.has_ended() || Instant::now() > deadline {
                return Err("the server did not start; what it said is above".to_owned().into());
            }
            pause(Duration::from_millis(50));
        }
        Ok((server, format!("http://{free}/")))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits between two looks at something that can't be waited on.
#[expect(clippy::disallowed_methods, reason = "no async runtime here that a sleeping thread could hold up")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
