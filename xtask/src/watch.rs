//! Development: builds, serves, and does it again after every save.
//!
//! It looks at the files' times a few times a second, which works on every file system and needs no
//! other program.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::error::Result;
use crate::files;
use crate::server::{Server, pause};
use crate::site::{self, Mode};

const WATCHED: [&str; 7] = ["Cargo.toml", "app", "domain", "frontend", "migrations", "server", "style"];

/// Runs until interrupted. A build that fails leaves the last server running.
pub(crate) fn run() -> Result<()> {
    let mut server: Option<Server> = None;
    loop {
        let seen = newest_state()?;
        match build() {
            Ok(()) => {
                // The old one goes first: it holds the port and the database.
                drop(server.take());
                server = Some(Server::start(&[])?);
                println!("watch: serving; save a file to build again");
            }
            Err(error) => println!("watch: {error}; waiting for the next save"),
        }
        wait_for_change(&seen, server.as_mut())?;
    }
}

fn build() -> Result<()> {
    println!("watch: building");
    files::run(Command::new("cargo").args(["build", "-p", "server"]).current_dir(files::root()))?;
    site::build(Mode::Dev)
}

fn wait_for_change(seen: &State, mut server: Option<&mut Server>) -> Result<()> {
    while newest_state()? == *seen {
        if server.as_deref_mut().is_some_and(Server::has_ended) {
            println!("watch: the server has ended; waiting for the next save");
            server = None;
        }
        pause(Duration::from_millis(300));
    }
    Ok(())
}

/// How many files there are, and when one was last written: enough to notice a save, a new file and a removal.
type State = (usize, Option<SystemTime>);

fn newest_state() -> Result<State> {
    let mut state = (0, None);
    for name in WATCHED {
        let path = files::root().join(name);
        let files = if path.is_file() { vec![path] } else { files::below(&path)? };
        for file in files {
            // A file that has just gone will show in the count next time.
            let modified = fs::metadata(&file).and_then(|m| m.modified()).ok();
            state = (state.0 + 1, state.1.max(modified));
        }
    }
    Ok(state)
}
