//! What a flood of sign-ins does to votes: the same voters, quiet and flooded in turn, on one server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::target::{Target, Way};
use crate::{Outcome, driver};

/// Voters, at most 18 votes a second each, and for how long they vote at a time.
const VOTERS: usize = 20;
const VOTING: Duration = Duration::from_secs(10);
/// How often quiet and flooded.
const TURNS: usize = 5;
/// How many sign-ins a second: half against one account from one address, which are throttled, half with names and addresses
/// that are all different, which are hashed as far as there is room for it.
const A_SECOND: u64 = 1_000;
/// How many of them are under way at most.
const AT_ONCE: usize = 400;
/// How long the flood rises before votes are measured in it, and how long it ebbs.
const TIDE: Duration = Duration::from_secs(2);

/// How many times their quiet 99th percentile votes may take in a flood.
const BOUND: f64 = 1.2;

/// Prints what votes take, quiet and in a flood. Beyond the bound that is an error.
pub(crate) async fn compare(binary: &Path) -> Outcome<()> {
    let target = Target::voxpop(binary, &Way::Alone, VOTERS).await?;
    driver::votes(&target, VOTERS, VOTING / 2).await?;
    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        quiet.push(driver::votes(&target, VOTERS, VOTING).await?);
        let mut flooder = flooder(target.address)?;
        sleep(TIDE).await;
        flooded.push(driver::votes(&target, VOTERS, VOTING).await?);
        flooder.kill().await?;
        sleep(TIDE).await;
    }
    println!("| receipt | quiet | in a flood | flood / quiet |\n|---|---|---|---|");
    print_row("median, ms", middle(&quiet, |votes| votes.median), middle(&flooded, |votes| votes.median));
    let ratio =
        print_row("99 of 100, ms", middle(&quiet, |votes| votes.p99), middle(&flooded, |votes| votes.p99));
    if ratio > BOUND {
        return Err(
            format!("in a flood, 99 of 100 votes take more than {BOUND} times what they take else").into()
        );
    }
    Ok(())
}

/// Sends sign-ins until it is ended, and now and then says what they were answered.
pub(crate) async fn pour(address: SocketAddr) -> Outcome<()> {
    let client = Client::builder().timeout(Duration::from_secs(5)).build()?;
    let mut drops = interval(Duration::from_secs(1) / u32::try_from(A_SECOND)?);
    drops.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    for number in 0_u64.. {
        drops.tick().await;
        while under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        while under_way.try_join_next().is_some() {}
        let (name, from) = match number % 2 {
            0 => ("host".to_owned(), "198.18.0.1".to_owned()),
            _ => (format!("name{number}"), format!("198.19.{}.{}", (number / 256) % 256, number % 256)),
        };
        let body = json!({"username": name, "password": format!("guess number {number}")});
        let asked = client.post(format!("http://{address}/api/v1/auth/login")).json(&body);
        let asked = asked.header("x-forwarded-for", from).send();
        under_way.spawn(async move { asked.await.is_ok() });
    }
    Ok(())
}

/// The flood in a process of its own that gives way to whoever votes: it stands for other machines.
fn flooder(address: SocketAddr) -> Outcome<tokio::process::Child> {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(std::env::current_exe()?).args(["flooder", &address.to_string()]);
    Ok(command.stdout(Stdio::null()).kill_on_drop(true).spawn()?)
}

/// Prints a row of the table, and answers its ratio.
fn print_row(what: &str, quiet: f64, flooded: f64) -> f64 {
    println!("| {what} | {quiet:.2} | {flooded:.2} | {:.2} |", flooded / quiet);
    flooded / quiet
}

/// The middle one, in milliseconds.
fn middle(all: &[driver::Votes], of: impl Fn(&driver::Votes) -> Duration) -> f64 {
    driver::median(all.iter().map(of).collect())
}
