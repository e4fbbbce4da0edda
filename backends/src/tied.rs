//! Processes that end with this one, however it ends: a test that is killed leaves no server behind.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread;

/// Where Debian keeps servers. Not everybody has these in the search path.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A command for a program, found by name or named by its path, whose process the kernel kills when this one
/// ends. Its process id is the program's own.
pub fn command(program: &str) -> io::Result<Command> {
    let program = find(program)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    Ok(command)
}

fn find(program: &str) -> io::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    folders.find_map(|folder| Some(folder.join(program)).filter(|file| file.is_file())).ok_or_else(|| {
        // A server that is asked for by name comes with the system.
        let hint = if program.contains('/') { "" } else { "; scripts/setup cluster installs it" };
        io::Error::new(io::ErrorKind::NotFound, format!("{program} is not there{hint}"))
    })
}

/// Starts a command made by [`command`]. The kernel takes the end of the *thread* that started a process for
/// the end of its parent, and tests run in threads that end, so one thread that does not starts them all.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (done, started) = mpsc::sync_channel(1);
    SPAWNER.send(Job { command, done }).map_err(io::Error::other)?;
    started.recv().map_err(io::Error::other)?
}

struct Job {
    command: Command,
    done: SyncSender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::spawn(move || {
        for mut job in jobs {
            // Whoever asked is waiting for it.
            let _ = job.done.send(job.command.spawn());
        }
    });
    sender
});
