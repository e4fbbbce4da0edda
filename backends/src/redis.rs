//! A private Redis.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use crate::{Port, Process, tied};

/// As a production server has to be set: it keeps every write before it answers, and throws nothing away.
const SETTINGS: [&str; 10] = [
    "--bind",
    "127.0.0.1",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
];

/// Names the append-only files that count. Redis puts a new one in its place at once.
const MANIFEST: &str = "appendonly.aof.manifest";

/// How often a copy is tried, when Redis puts its files in a new order at the same time.
const COPIES: u32 = 20;

/// A Redis server on a port of 127.0.0.1 that is its own; dropping it kills it.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    folder: PathBuf,
    port: Port,
}

impl Redis {
    /// Starts a server on the data in this folder, if there is any, and returns when it answers.
    pub fn start(folder: &Path) -> io::Result<Self> {
        let folder = path::absolute(folder)?;
        fs::create_dir_all(&folder)?;
        let process = Process::new(folder.join("redis.log"));
        let mut server = Self { process, folder, port: Port::free()? };
        server.start_again()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it in order.
    pub fn stop(&mut self) -> io::Result<()> {
        self.process.stop()
    }

    /// Starts it on the same data and port, after [`Self::kill`] or [`Self::stop`], and waits until it has
    /// loaded what it kept.
    pub fn start_again(&mut self) -> io::Result<()> {
        let mut command = tied::command("redis-server")?;
        command.args(SETTINGS).arg("--port").arg(self.port().to_string()).arg("--dir").arg(&self.folder);
        self.process.start(command, |pid| {
            let about = info(&self.port).unwrap_or_default();
            let says = |wanted: &str| about.lines().any(|line| line == wanted);
            says(&format!("process_id:{pid}")) && says("loading:0")
        })
    }

    /// Lets it do nothing more, while its connections stay open.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on after [`Self::pause`].
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Copies what it keeps to the folder `to`, in place of what is there: what a replica that lags or a
    /// backup would have. It may run meanwhile; then the copy is of a moment during the call.
    pub fn copy_data(&self, to: &Path) -> io::Result<()> {
        let data = self.data();
        for _ in 0..COPIES {
            let before = fs::read(data.join(MANIFEST))?;
            match copy_folder(&data, to) {
                // A file that went away belongs to an order that is no more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(()) if fs::read(data.join(MANIFEST))? == before => return Ok(()),
                Ok(()) => {}
            }
        }
        Err(io::Error::other("Redis put its files in a new order during every copy"))
    }

    /// Kills it, puts a copy in place of all that it kept, and starts it again.
    pub fn replace_data(&mut self, from: &Path) -> io::Result<()> {
        self.kill();
        copy_folder(from, &self.data())?;
        self.start_again()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("appendonlydir")
    }
}

/// What it says about itself, which it does while it still loads, too.
fn info(port: &Port) -> io::Result<String> {
    let mut stream = TcpStream::connect(port.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"INFO\r\nQUIT\r\n")?;
    let mut about = String::new();
    stream.read_to_string(&mut about)?;
    Ok(about)
}

/// Copies a folder's files in place of those in another.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
