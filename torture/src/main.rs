//! Keeps many voters voting while faults strike, and proves from what they were told, from what SQL holds and from what
//! screens showed that no vote was lost and none counted twice. See README.md beside this crate.

#![expect(clippy::print_stdout, reason = "how it goes and what came of it is told on standard output")]

mod api;
mod audit;
mod check;
mod faults;
mod gate;
mod history;
mod host;
mod nodes;
mod options;
mod pick;
mod plan;
mod proxy;
mod run;
mod screen;
mod site;
mod socket;
mod store;
mod voter;
mod world;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::check::{Violation, Wrong};
use crate::options::{Options, Sabotage};
use crate::plan::Plan;
use crate::run::Ended;

/// How it fails that anything is tried at all.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The exit code when the run itself failed, or failed in another way than was wanted.
const BROKEN: u8 = 2;

/// How many violations of a kind are told in full.
const TOLD: usize = 20;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan::new(&options, options.seed.unwrap_or_else(rand::random));
    match torture(&options, &plan).await {
        Ok(violations) => verdict(&options, &violations),
        Err(error) => {
            eprintln!("torture: {error} (random seed {})", plan.seed);
            ExitCode::from(BROKEN)
        }
    }
}

/// What the shell is told. A sabotage that shows itself in another way than it should is no proof of anything.
fn verdict(options: &Options, violations: &[Violation]) -> ExitCode {
    let shows = |sabotage: Sabotage| violations.iter().any(|violation| sabotage.shows(violation.wrong));
    match options.sabotage {
        _ if violations.is_empty() => ExitCode::SUCCESS,
        Some(sabotage) if !shows(sabotage) => ExitCode::from(BROKEN),
        _ => ExitCode::FAILURE,
    }
}

async fn torture(options: &Options, plan: &Plan) -> Outcome<Vec<Violation>> {
    println!(
        "torture: {} faults, {} ballots to come (random seed {})",
        plan.faults.len(),
        plan.ballots,
        plan.seed
    );
    let temporary = tempfile::Builder::new().prefix("torture-").tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let ended = run::run(options, plan, folder.canonicalize()?).await;
    if !matches!(&ended, Ok(ended) if ended.violations.is_empty()) && options.folder.is_none() {
        println!("Data and logs stay in {}", temporary.keep().display());
    }
    let Ended { violations, faults, ballots } = ended?;
    tell(&violations);
    let count = |wrongs: &[Wrong]| violations.iter().filter(|found| wrongs.contains(&found.wrong)).count();
    println!(
        "torture: {faults} faults, {ballots} ballots, {} lost, {} doubled (random seed {})",
        count(&[Wrong::Lost, Wrong::Forgotten]),
        count(&[Wrong::Doubled, Wrong::Miscounted]),
        plan.seed
    );
    Ok(violations)
}

fn tell(violations: &[Violation]) {
    let mut kinds: Vec<Wrong> = violations.iter().map(|violation| violation.wrong).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let of_kind: Vec<_> = violations.iter().filter(|violation| violation.wrong == kind).collect();
        println!("{} times: {kind}", of_kind.len());
        of_kind.iter().take(TOLD).for_each(|violation| println!("  {}", violation.text));
    }
}
