//! A private MariaDB.

use std::fs;
use std::io::{self, Read};
use std::net::TcpStream;
use std::path::{self, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Port, Process, tied};

/// As a production server has to be set, and patient: a paused test is no failure.
const SETTINGS: [&str; 10] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--max-connections=2000",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=1",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_bin",
    "--connect-timeout=120",
    "--net-read-timeout=600",
    "--net-write-timeout=600",
];

/// Written by the server once it listens, in its data folder.
const PID_FILE: &str = "mariadbd.pid";

/// A MariaDB server on a port of 127.0.0.1 that is its own; dropping it kills it. Its user is root, without a
/// password.
#[derive(Debug)]
pub struct MariaDb {
    process: Process,
    data: PathBuf,
    port: Port,
}

impl MariaDb {
    /// Starts a server on the data in this folder, made there if need be, and returns when it answers.
    pub fn start(folder: &Path) -> io::Result<Self> {
        let folder = path::absolute(folder)?;
        let data = folder.join("data");
        if !data.exists() {
            install(&folder, &data)?;
        }
        let process = Process::new(folder.join("mariadb.log"));
        let mut server = Self { process, data, port: Port::free()? };
        server.start_again()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@{}/{database}", self.port.address())
    }

    /// Makes a database, unless it is there. Its name is of letters, digits and `_`.
    pub fn create_database(&self, name: &str) -> io::Result<()> {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name:?} as a database's name"),
            ));
        }
        let mut client = tied::command("mariadb")?;
        client.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root"]);
        client.arg(format!("--port={}", self.port()));
        client.arg(format!(
            "--execute=CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        ));
        run(client)
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it in order.
    pub fn stop(&mut self) -> io::Result<()> {
        self.process.stop()
    }

    /// Starts it on the same data and port, after [`Self::kill`] or [`Self::stop`], and waits until it answers.
    pub fn start_again(&mut self) -> io::Result<()> {
        let mut command = tied::command("mariadbd")?;
        command.arg("--no-defaults").args(as_root()).args(SETTINGS);
        command.arg(format!("--datadir={}", self.data.display())).arg(own_temporary(&self.data)?);
        // Beside the data, since it goes there first: a long path would be too much for a socket's address.
        command.arg("--socket=mariadbd.sock").arg(format!("--pid-file={PID_FILE}"));
        command.arg(format!("--port={}", self.port()));
        self.process.start(command, |pid| {
            has_written(&self.data, pid) && greets(&self.port).is_ok_and(|greets| greets)
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
}

/// Makes the system tables. The folder gets its name when they are all there: half of them would not do.
fn install(folder: &Path, data: &Path) -> io::Result<()> {
    let unfinished = folder.join("data.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    let mut command = tied::command("mariadb-install-db")?;
    command.arg("--no-defaults").args(as_root());
    command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
    command.arg(format!("--datadir={}", unfinished.display())).arg(own_temporary(&unfinished)?);
    run(command)?;
    fs::rename(unfinished, data)
}

/// Where it puts temporary tables: beside its data. Servers that start at the same moment take each other's away from a
/// folder that they share.
fn own_temporary(data: &Path) -> io::Result<String> {
    let folder = data.with_extension("tmp");
    fs::create_dir_all(&folder)?;
    Ok(format!("--tmpdir={}", folder.display()))
}

/// MariaDB does not run as root unless told so.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

/// The file of an earlier run may still be there, with another id.
fn has_written(data: &Path, pid: u32) -> bool {
    fs::read_to_string(data.join(PID_FILE)).is_ok_and(|text| text.trim() == pid.to_string())
}

/// Whether a client is greeted: after a packet's four bytes of head comes the protocol's version, 10.
fn greets(port: &Port) -> io::Result<bool> {
    let mut stream = TcpStream::connect(port.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    Ok(start[4] == 10)
}

/// Runs a command to its end; an error carries what it said.
fn run(mut command: Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(io::Error::other(format!(
        "{command:?} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&said)
    )))
}
