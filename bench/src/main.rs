//! Drives a Voxpop server and a peer with the same load, one after the other in the same run, and prints
//! how they compare. The peer is what one writes in an afternoon: it counts in memory and sends every
//! change to everybody; it keeps nothing.
//!
//! `bench PATH-TO-VOXPOP`

#![expect(clippy::print_stdout, reason = "figures go to standard output")]

mod driver;
mod peer;
mod target;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use driver::{Fanout, Votes};
use target::Target;

/// How a benchmark fails: told and given up.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Voters that vote as fast as they are answered, and for how long.
const VOTERS: usize = 400;
const VOTING: Duration = Duration::from_secs(8);
/// Sockets that watch, and the votes that they see, one at a time.
const WATCHERS: usize = 1_000;
const SEEN: usize = 50;

#[tokio::main]
async fn main() -> Outcome<()> {
    let binary = std::env::args().nth(1).map(PathBuf::from).ok_or("say where the voxpop binary is")?;
    println!("| what | Voxpop | peer | ratio |\n|---|---|---|---|");
    let voxpop = driver::votes(&Target::voxpop(&binary, VOTERS).await?, VOTERS, VOTING).await?;
    let peer = driver::votes(&Target::peer(VOTERS).await?, VOTERS, VOTING).await?;
    print_votes(&voxpop, &peer);
    let voxpop = driver::fanout(&Target::voxpop(&binary, WATCHERS + 1).await?, WATCHERS, SEEN).await?;
    let peer = driver::fanout(&Target::peer(WATCHERS + 1).await?, WATCHERS, SEEN).await?;
    print_fanout(&voxpop, &peer);
    Ok(())
}

fn print_votes(voxpop: &Votes, peer: &Votes) {
    row(&format!("votes a second, {VOTERS} voters"), voxpop.rate, peer.rate);
    row("receipt, median, ms", millis(voxpop.median), millis(peer.median));
    row("receipt, 99 of 100, ms", millis(voxpop.p99), millis(peer.p99));
}

fn print_fanout(voxpop: &Fanout, peer: &Fanout) {
    row(&format!("vote to bar, {WATCHERS} screens, median, ms"), millis(voxpop.median), millis(peer.median));
    row("vote to bar, 99 of 100, ms", millis(voxpop.p99), millis(peer.p99));
}

fn row(what: &str, voxpop: f64, peer: f64) {
    println!("| {what} | {voxpop:.1} | {peer:.1} | {:.2} |", voxpop / peer);
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
