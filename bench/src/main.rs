//! Drives a Voxpop server, alone and scaled out, and a peer with the same load, one after the other in the same
//! run, and prints how they compare. The peer is what one writes in an afternoon: it counts in memory and sends every
//! change to everybody; it keeps nothing.
//!
//! `bench PATH-TO-VOXPOP`
//! `bench flood PATH-TO-VOXPOP`: what a flood of sign-ins does to votes
//! `bench names PATH-TO-VOXPOP`: whether the time of an answer tells if there is an account

#![expect(clippy::print_stdout, reason = "figures go to standard output")]

mod driver;
mod flood;
mod names;
mod peer;
mod target;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use driver::{Fanout, Votes};
use target::{Target, Way};

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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["flood", binary] => flood::compare(Path::new(binary)).await,
        ["flooder", address] => flood::pour(address.parse()?).await,
        ["names", binary] => names::compare(Path::new(binary)).await,
        [binary] => compare(Path::new(binary)).await,
        _ => Err("say where the voxpop binary is".into()),
    }
}

async fn compare(binary: &Path) -> Outcome<()> {
    println!("| what | alone | scaled | peer | alone / peer | scaled / peer |\n|---|---|---|---|---|---|");
    let alone = Target::voxpop(binary, &Way::Alone, VOTERS).await?;
    let alone = driver::votes(&alone, VOTERS, VOTING).await?;
    let scaled = Target::voxpop(binary, &Way::Scaled, VOTERS).await?;
    let scaled = driver::votes(&scaled, VOTERS, VOTING).await?;
    let peer = driver::votes(&Target::peer(VOTERS).await?, VOTERS, VOTING).await?;
    print_votes(&[alone, scaled, peer]);
    let alone = Target::voxpop(binary, &Way::Alone, WATCHERS + 1).await?;
    let alone = driver::fanout(&alone, WATCHERS, SEEN).await?;
    let scaled = Target::voxpop(binary, &Way::Scaled, WATCHERS + 1).await?;
    let scaled = driver::fanout(&scaled, WATCHERS, SEEN).await?;
    let peer = driver::fanout(&Target::peer(WATCHERS + 1).await?, WATCHERS, SEEN).await?;
    print_fanout(&[alone, scaled, peer]);
    Ok(())
}

fn print_votes(all: &[Votes; 3]) {
    row(&format!("votes a second, {VOTERS} voters"), all.each_ref().map(|votes| votes.rate));
    row("receipt, median, ms", all.each_ref().map(|votes| millis(votes.median)));
    row("receipt, 99 of 100, ms", all.each_ref().map(|votes| millis(votes.p99)));
}

fn print_fanout(all: &[Fanout; 3]) {
    let median = all.each_ref().map(|fanout| millis(fanout.median));
    row(&format!("vote to bar, {WATCHERS} screens, median, ms"), median);
    row("vote to bar, 99 of 100, ms", all.each_ref().map(|fanout| millis(fanout.p99)));
}

fn row(what: &str, [alone, scaled, peer]: [f64; 3]) {
    let (first, second) = (alone / peer, scaled / peer);
    println!("| {what} | {alone:.1} | {scaled:.1} | {peer:.1} | {first:.2} | {second:.2} |");
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
