//! The plan of a run: a pure function of its seed and size. How the machine carries it out differs from run to run;
//! what strikes whom, in which order and after which pauses, and what each voter chooses do not.

use std::fmt;
use std::time::Duration;

use domain::PollKind;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::options::{Options, Sabotage};

/// How many rooms there are.
const ROOMS: usize = 6;
/// How many options a poll has.
pub(crate) const OPTIONS: u8 = 4;

/// All that the seed decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) ballots: u32,
    pub(crate) rooms: Vec<RoomPlan>,
    pub(crate) voters: Vec<VoterPlan>,
    pub(crate) faults: Vec<Fault>,
}

/// A room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoomPlan {
    pub(crate) change_vote: bool,
    pub(crate) polls: Vec<PollKind>,
}

/// A voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VoterPlan {
    pub(crate) seed: u64,
    pub(crate) room: usize,
    pub(crate) way: Way,
    /// Whether it waits for a ballot to be recorded before it makes the next.
    pub(crate) is_patient: bool,
    /// How long it thinks between ballots, at least and at most. Those who think long show a loss that others would
    /// hide by voting again.
    pub(crate) thinks: (Duration, Duration),
}

/// How a voter votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over one socket.
    Socket,
    /// Over two at once, on different nodes where there are some.
    TwoSockets,
    /// By HTTP.
    Http,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// Which node it is about, where it is about one.
    pub(crate) node: usize,
    /// Which poll.
    pub(crate) poll: usize,
    /// How long to wait before.
    pub(crate) pause: Duration,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// Whether voters pause after it, so that SQL can be compared with all that was recorded before anybody votes again.
    pub(crate) lull: bool,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// kill -9 of a node.
    KillNode,
    /// kill -9 of Redis.
    KillRedis,
    /// `FLUSHALL`.
    FlushRedis,
    /// Redis gets an older copy of its own data.
    OldRedis,
    /// Redis does nothing for a while, with its connections open.
    PauseRedis,
    /// kill -9 of MariaDB.
    KillSql,
    /// MariaDB is away for a while.
    StopSql,
    /// A node's connections to Redis are cut and new ones refused.
    CutRedis,
    /// What a node says to MariaDB arrives late, after others took over from it.
    StallSql,
    /// As before, but Redis is restarted twice meanwhile, so that what comes late is of an older queue.
    StallSqlLong,
    /// A poll is closed and opened again.
    Close,
    /// A poll is reset and opened again.
    Reset,
    /// Nodes end between a recorder's commit and its watermark.
    AbortAfterCommit,
    /// A node ends between the commit of its host's command and telling Redis.
    AbortAfterIntent,
}

/// Faults of every node.
const ANYWHERE: [Kind; 3] = [Kind::KillNode, Kind::Close, Kind::Reset];
/// Those that a cluster has besides.
const OF_A_CLUSTER: [Kind; 9] = [
    Kind::KillRedis,
    Kind::FlushRedis,
    Kind::OldRedis,
    Kind::PauseRedis,
    Kind::KillSql,
    Kind::StopSql,
    Kind::CutRedis,
    Kind::StallSql,
    Kind::StallSqlLong,
];
/// Those that a server built with the feature `faults` has besides.
const ABORTS: [Kind; 2] = [Kind::AbortAfterCommit, Kind::AbortAfterIntent];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillNode => "kill -9 of a node",
            Self::KillRedis => "kill -9 of Redis",
            Self::FlushRedis => "FLUSHALL",
            Self::OldRedis => "Redis replaced by an older copy",
            Self::PauseRedis => "Redis paused",
            Self::KillSql => "kill -9 of MariaDB",
            Self::StopSql => "MariaDB stopped",
            Self::CutRedis => "a node cut off from Redis",
            Self::StallSql => "a node's words to MariaDB late",
            Self::StallSqlLong => "a node's words to MariaDB late, of an older queue",
            Self::Close => "a poll closed and opened again",
            Self::Reset => "a poll reset and opened again",
            Self::AbortAfterCommit => "nodes aborted between commit and watermark",
            Self::AbortAfterIntent => "a node aborted between commit and Redis",
        })
    }
}

impl Plan {
    /// The plan of this seed.
    pub(crate) fn new(options: &Options, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let rooms: Vec<RoomPlan> = (0..ROOMS).map(room).collect();
        let polls = rooms.iter().map(|room| room.polls.len()).sum();
        let small = options.short || options.sabotage.is_some();
        let crowd = if small { 120 } else { 400 };
        let voters = (0..crowd).map(|number| voter(number, &mut rng)).collect();
        let kinds = kinds(options, &mut rng);
        let faults = kinds.into_iter().map(|kind| fault(kind, options, polls, small, &mut rng)).collect();
        let usual = match (options.sabotage, options.short) {
            (Some(_), _) => 10_000,
            (None, true) => 20_000,
            (None, false) => 1_000_000,
        };
        Self { seed, ballots: options.ballots.unwrap_or(usual), rooms, voters, faults }
    }
}

/// Every second room has two polls; in one room a vote cannot be changed.
fn room(number: usize) -> RoomPlan {
    let kinds = [
        PollKind::Single,
        PollKind::Multiple { min: 1, max: OPTIONS.into() },
        PollKind::Rating { max: 5 },
        PollKind::Single,
    ];
    let polls = kinds.into_iter().cycle().skip(number).take(2 - number % 2).collect();
    RoomPlan { change_vote: number != ROOMS - 1, polls }
}

fn voter(number: usize, rng: &mut StdRng) -> VoterPlan {
    let way = match rng.random_range(0..10) {
        0..7 => Way::Socket,
        7 => Way::TwoSockets,
        _ => Way::Http,
    };
    let millis = |from, to| (Duration::from_millis(from), Duration::from_millis(to));
    let thinks = if rng.random_bool(0.5) { millis(0, 250) } else { millis(1_000, 15_000) };
    VoterPlan { seed: rng.random(), room: number % ROOMS, way, is_patient: rng.random_bool(0.6), thinks }
}

/// Every kind once, in any order, then again in another.
fn kinds(options: &Options, rng: &mut StdRng) -> Vec<Kind> {
    let every: Vec<Kind> = match options.sabotage {
        Some(Sabotage::Upsert) => vec![Kind::StallSql],
        Some(Sabotage::Dedupe) => vec![Kind::CutRedis],
        Some(Sabotage::Attach) => vec![Kind::OldRedis],
        Some(Sabotage::Fence) => vec![Kind::StallSqlLong],
        Some(Sabotage::Outbox) => vec![Kind::AbortAfterIntent],
        None if options.embedded => ANYWHERE.to_vec(),
        None => {
            let aborts = if options.aborts { &ABORTS[..] } else { &[] };
            [&ANYWHERE[..], &OF_A_CLUSTER, aborts].concat()
        }
    };
    let usual = match (options.sabotage, options.short) {
        (Some(Sabotage::Dedupe | Sabotage::Outbox), _) => 2,
        (Some(_), _) => 6,
        (None, true) => every.len(),
        (None, false) => 200,
    };
    let mut kinds = Vec::new();
    let faults = options.faults.unwrap_or(usual);
    while kinds.len() < faults {
        let mut next = every.clone();
        next.shuffle(rng);
        kinds.extend(next);
    }
    kinds.truncate(faults);
    kinds
}

fn fault(kind: Kind, options: &Options, polls: usize, small: bool, rng: &mut StdRng) -> Fault {
    let mut millis = |from, to| Duration::from_millis(rng.random_range(from..to));
    let pause = millis(100, 1_500);
    let lasts = match kind {
        Kind::StopSql if small => Duration::from_secs(3),
        Kind::StopSql => Duration::from_secs(30),
        Kind::PauseRedis => millis(1_000, 6_000),
        Kind::KillSql | Kind::KillNode | Kind::KillRedis => millis(0, 1_000),
        _ => millis(500, 3_000),
    };
    let nodes = if options.embedded { 1 } else { options.nodes.max(1) };
    let node = rng.random_range(0..nodes);
    let lull = options.sabotage.is_some() || rng.random_bool(0.4);
    Fault { kind, node, poll: rng.random_range(0..polls.max(1)), pause, lasts, lull }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn plan(arguments: &[&str], seed: u64) -> Plan {
        Plan::new(&Options::parse_from([&["torture"], arguments].concat()), seed)
    }

    #[test]
    fn the_same_seed_makes_the_same_plan_and_another_another() {
        assert_eq!(plan(&["--short"], 7), plan(&["--short"], 7));
        assert_ne!(plan(&["--short"], 7).faults, plan(&["--short"], 8).faults);
    }

    #[test]
    fn a_short_run_has_each_kind_of_fault_once() {
        let faults = plan(&["--short", "--aborts"], 1).faults;
        for kind in [&ANYWHERE[..], &OF_A_CLUSTER, &ABORTS].concat() {
            assert_eq!(faults.iter().filter(|fault| fault.kind == kind).count(), 1, "{kind}");
        }
    }

    #[test]
    fn a_full_run_is_as_large_as_promised_and_each_kind_strikes_often() {
        let full = plan(&["--aborts"], 1);
        assert_eq!((full.faults.len(), full.ballots), (200, 1_000_000));
        let often = full.faults.iter().filter(|fault| fault.kind == Kind::AbortAfterCommit).count();
        assert!(often >= 14, "{often}");
    }

    #[test]
    fn a_lone_node_has_no_faults_of_what_it_lacks() {
        let faults = plan(&["--embedded", "--faults", "9"], 1).faults;
        assert!(
            faults.len() == 9 && faults.iter().all(|fault| fault.node == 0 && ANYWHERE.contains(&fault.kind))
        );
    }
}
