//! What one may ask for on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::check::Wrong;

/// Keeps many voters voting while faults strike, and proves that no vote is lost or doubled.
#[derive(Parser)]
#[command(name = "torture")]
pub(crate) struct Options {
    /// The server's program.
    #[arg(long, default_value = "target/debug/voxpop")]
    pub(crate) binary: PathBuf,
    /// Decides the faults, their order and targets, and all that voters choose. Without it, one at random.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many faults.
    #[arg(long)]
    pub(crate) faults: Option<usize>,
    /// How many ballots.
    #[arg(long)]
    pub(crate) ballots: Option<u32>,
    /// How many nodes.
    #[arg(long, default_value_t = 3)]
    pub(crate) nodes: usize,
    /// A run of about a minute and a half, with each kind of fault once.
    #[arg(long)]
    pub(crate) short: bool,
    /// One node on SQLite: no Redis, no MariaDB, and only the faults that such a node can have.
    #[arg(long, conflicts_with_all = ["nodes", "sabotage"])]
    pub(crate) embedded: bool,
    /// The server was built with its feature `faults`: nodes also end at the worst moments.
    #[arg(long)]
    pub(crate) aborts: bool,
    /// Takes a safeguard out of the nodes, which must be built with the feature `faults`, and sends the faults that
    /// it guards against. The check should fail then.
    #[arg(long)]
    pub(crate) sabotage: Option<Sabotage>,
    /// Where data and logs go. Without it, a temporary folder, which stays where the check fails.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
}

/// A safeguard to take out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sabotage {
    /// In SQL the higher ballot id stands. It matters when a recorder that was taken over from still writes, so the
    /// fence is out, too.
    Upsert,
    /// A ballot that comes again counts once.
    Dedupe,
    /// A Redis that was not compared with SQL takes no ballots.
    Attach,
    /// A recorder that was taken over from writes nothing any more.
    Fence,
    /// A command that was committed is carried out later when its node ends before it is.
    Outbox,
}

impl Sabotage {
    /// The safeguards that the nodes are to leave out.
    pub(crate) fn off(self) -> &'static str {
        match self {
            Self::Upsert => "upsert,fence",
            Self::Dedupe => "dedupe",
            Self::Attach => "attach",
            Self::Fence => "fence",
            Self::Outbox => "outbox",
        }
    }

    /// Whether this is how it shows that the safeguard is out.
    pub(crate) fn shows(self, wrong: Wrong) -> bool {
        match self {
            Self::Upsert | Self::Attach | Self::Fence => wrong == Wrong::Lost,
            Self::Dedupe => wrong == Wrong::Miscounted,
            Self::Outbox => wrong == Wrong::NotCarriedOut,
        }
    }
}
