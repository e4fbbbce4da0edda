//! A voter: makes ballots, keeps each until its end is told, and changes its vote again and again.

mod by_http;
mod by_socket;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::{BallotId, ClientMessage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::history::{PollNo, VoterNo};
use crate::pick::Pick;
use crate::plan::{OPTIONS, VoterPlan, Way};
use crate::world::{PollInfo, World};

/// How many old ballots a voter remembers, and how often it sends one late.
const OLD: usize = 20;
const LATE: f64 = 0.04;

/// A voter.
pub(crate) struct Voter {
    number: VoterNo,
    plan: VoterPlan,
    token: String,
    world: Arc<World>,
    rng: StdRng,
    polls: Vec<PollInfo>,
    last: HashMap<PollNo, BallotId>,
    old: VecDeque<Paper>,
}

/// A ballot as its voter keeps it.
#[derive(Clone, Copy, Debug)]
struct Paper {
    /// Its number in the history.
    cast: u32,
    poll: PollInfo,
    ballot: BallotId,
    pick: Pick,
}

impl Paper {
    fn message(&self) -> ClientMessage {
        let choice = self.pick.choice(self.poll.kind);
        ClientMessage::Vote { poll: self.poll.id, ballot: self.ballot, choice }
    }
}

impl Voter {
    /// A voter who has not voted yet.
    pub(crate) fn new(number: VoterNo, plan: VoterPlan, token: String, world: Arc<World>) -> Self {
        let rng = StdRng::seed_from_u64(plan.seed);
        let polls = world.polls_of(plan.room);
        Self { number, plan, token, world, rng, polls, last: HashMap::new(), old: VecDeque::new() }
    }

    /// Votes until no more ballots are wanted and the end of all that were made is told.
    pub(crate) async fn run(self) {
        match self.plan.way {
            Way::Http => by_http::run(self).await,
            Way::Socket | Way::TwoSockets => by_socket::Talk::new(self).run().await,
        }
    }

    /// Makes a ballot, later than any this voter made for the poll.
    fn fill_in(&mut self) -> Option<Paper> {
        let poll = *self.polls.choose(&mut self.rng)?;
        let last = self.last.get(&poll.number).copied();
        let ballot = BallotId::after(last, self.world.timestamp(), self.rng.random());
        let pick = Pick::random(poll.kind, OPTIONS, &mut self.rng);
        self.last.insert(poll.number, ballot);
        let mut history = self.world.history();
        let cast = history.cast(self.number, poll.number, ballot, pick, self.world.now());
        Some(Paper { cast, poll, ballot, pick })
    }

    /// Notes that a ballot is about to be sent.
    fn note_sent(&self, paper: &Paper) {
        let mut history = self.world.history();
        history.sent(paper.cast, self.world.now());
    }

    /// Puts a ballot away whose end was told.
    fn put_away(&mut self, paper: Paper) {
        self.world.gate.settled();
        self.old.push_back(paper);
        if self.old.len() > OLD {
            self.old.pop_front();
        }
    }

    /// Now and then an old ballot, to be sent late.
    fn old_one(&mut self) -> Option<Paper> {
        if !self.rng.random_bool(LATE) || self.old.is_empty() {
            return None;
        }
        let at = self.rng.random_range(0..self.old.len());
        self.old.get(at).copied()
    }

    fn thinks(&mut self) -> Duration {
        let (least, most) = self.plan.thinks;
        self.rng.random_range(least..=most)
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(from..to))
    }

    fn any_node(&mut self) -> usize {
        self.rng.random_range(0..self.world.nodes.len())
    }
}
