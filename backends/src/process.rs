//! A server as a child process: its log, and the ways to treat it badly.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{tied, wait};

/// How long a server may take until it answers: it may have much to recover first.
const START: Duration = Duration::from_secs(120);

/// How long a server may take to end in order.
const STOP: Duration = Duration::from_secs(60);

/// How much of a log stands in an error.
const TAIL_BYTES: usize = 2_000;

/// A server that can be started again and again; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Option<Child>,
    log: PathBuf,
}

impl Process {
    /// Not started yet. What it says will be added to the file `log`.
    pub fn new(log: PathBuf) -> Self {
        Self { child: None, log }
    }

    /// Starts a command made by [`crate::command`] and waits until `answers`, which is given the process id,
    /// says that it does. What still runs is killed first. An error carries the end of the log.
    pub fn start(&mut self, mut command: Command, mut answers: impl FnMut(u32) -> bool) -> io::Result<()> {
        self.kill();
        let log = File::options().create(true).append(true).open(&self.log)?;
        let said_before = log.metadata()?.len();
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A group of its own: Ctrl-C in a terminal is for us, who stop things in order.
        command.process_group(0);
        let mut child = tied::spawn(command)?;
        let pid = child.id();
        let outcome = wait::until(START, || match child.try_wait() {
            Ok(None) => answers(pid).then_some(Ok(())),
            Ok(Some(status)) => Some(Err(format!("ended with {status}"))),
            Err(error) => Some(Err(error.to_string())),
        });
        self.child = Some(child);
        match outcome {
            Some(Ok(())) => Ok(()),
            Some(Err(ended)) => Err(self.failed_start(&ended, said_before)),
            None => Err(self.failed_start("did not answer in time", said_before)),
        }
    }

    /// The process id, while it has been neither killed nor stopped by us.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it runs. It may have ended by itself, or by somebody else's hand.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself, and then there is nothing to end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end and waits until it has, also when it was paused. One that takes too long is killed, and
    /// that is an error.
    pub fn stop(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        let ended = wait::until(STOP, || (!self.runs()).then_some(()));
        self.kill();
        ended.ok_or_else(|| {
            io::Error::new(io::ErrorKind::TimedOut, "it did not end in time, so it was killed")
        })
    }

    /// Lets it do nothing more, while its connections stay open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Self::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            // The child may have ended, but is ours until it is waited for: its id is nobody else's. To one
            // that has ended, a signal is nothing.
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    fn failed_start(&mut self, how: &str, said_before: u64) -> io::Error {
        self.kill();
        io::Error::other(format!(
            "the server {how}; {} ends with:\n{}",
            self.log.display(),
            tail(&self.log, said_before)
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The end of a log, without what it said before an earlier length.
fn tail(log: &Path, earlier: u64) -> String {
    let said = fs::read(log).unwrap_or_default();
    let new = said.get(usize::try_from(earlier).unwrap_or(0)..).unwrap_or(&said);
    String::from_utf8_lossy(&new[new.len().saturating_sub(TAIL_BYTES)..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_says_what_the_server_said() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "yesterday\n").unwrap();
        let mut shell = tied::command("sh").unwrap();
        shell.args(["-c", "echo no luck; exit 3"]);
        let error = Process::new(log).start(shell, |_| false).unwrap_err().to_string();
        assert!(error.contains("no luck") && error.contains("3") && !error.contains("yesterday"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_installed_is_named() {
        let error = tied::command("no-such-program").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("no-such-program"));
    }
}
