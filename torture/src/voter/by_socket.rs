//! Voting over sockets: what waits is sent again after every reconnect, after a request to try again, and after some
//! seconds of silence.

use std::time::Duration;

use domain::{ClientMessage, Receipt, ServerMessage, Status};
use tokio::time::{Instant, sleep_until};

use super::{Paper, Voter};
use crate::Outcome;
use crate::gate::Turn;
use crate::plan::Way;
use crate::socket::{RECEIPT, Socket};

/// A socket may say 20 messages a second.
const SPACING: Duration = Duration::from_millis(60);
/// How many ballots an impatient voter has under way.
const MOST: usize = 40;
/// How long a voter waits to hear of a ballot before it is sent again; longer where it is known to be accepted.
const SILENCE: Duration = Duration::from_secs(3);
const ACCEPTED: Duration = Duration::from_secs(6);
/// How long a socket may say nothing.
const QUIET: Duration = Duration::from_secs(25);

/// A voter and its sockets.
pub(super) struct Talk {
    voter: Voter,
    lines: [Option<Line>; 2],
    waiting: Vec<Waiting>,
    speak_at: Instant,
    think_until: Instant,
    is_done: bool,
}

/// A way to a node, connected or not.
struct Line {
    node: usize,
    socket: Option<Socket>,
    connect_at: Instant,
    ping_at: Instant,
}

/// A ballot whose end was not told.
struct Waiting {
    paper: Paper,
    send_at: Instant,
    is_accepted: bool,
}

impl Talk {
    /// A voter who is not connected yet.
    pub(super) fn new(mut voter: Voter) -> Self {
        let now = Instant::now();
        let line = |node| Some(Line { node, socket: None, connect_at: now, ping_at: now });
        let first = voter.any_node();
        let second = (first + 1) % voter.world.nodes.len();
        let lines = [line(first), line(second).filter(|_| voter.plan.way == Way::TwoSockets)];
        let think_until = now + voter.thinks();
        Self { voter, lines, waiting: Vec::new(), speak_at: now, think_until, is_done: false }
    }

    /// Votes until no more ballots are wanted and none waits.
    pub(super) async fn run(mut self) {
        while !(self.is_done && self.waiting.is_empty()) {
            let due = self.due();
            let [first, second] = &mut self.lines;
            let (line, heard) = tokio::select! {
                heard = hear(first) => (0, heard),
                heard = hear(second) => (1, heard),
                () = sleep_until(due) => {
                    self.connect().await;
                    self.speak().await;
                    continue;
                }
            };
            match heard {
                Ok(text) if text.starts_with(RECEIPT) => self.read(&text),
                Ok(_) => {}
                Err(_) => self.lose(line),
            }
        }
    }

    /// When there is something to do next.
    fn due(&self) -> Instant {
        let lines = self.lines.iter().flatten();
        let of_lines = lines.map(|line| if line.socket.is_some() { line.ping_at } else { line.connect_at });
        let sends = self.waiting.iter().map(|waiting| waiting.send_at);
        let thinks = (self.may_go_on() && !self.is_done).then_some(self.think_until);
        let speaks = sends.chain(thinks).min().map(|at| at.max(self.speak_at));
        let is_connected = self.lines.iter().flatten().any(|line| line.socket.is_some());
        let far = Instant::now() + QUIET;
        of_lines.chain(speaks.filter(|_| is_connected)).min().unwrap_or(far)
    }

    async fn connect(&mut self) {
        for index in 0..self.lines.len() {
            let now = Instant::now();
            let is_due = |line: &&mut Line| line.socket.is_none() && line.connect_at <= now;
            let Some(line) = self.lines[index].as_mut().filter(is_due) else { continue };
            let world = &self.voter.world;
            let room = world.rooms[self.voter.plan.room];
            match Socket::open(world.nodes[line.node], &self.voter.token, room, None).await {
                Ok(socket) => {
                    line.socket = Some(socket);
                    line.ping_at = Instant::now() + QUIET;
                    // All that waits is sent again, in any order: an older ballot may come behind a newer one.
                    for at in 0..self.waiting.len() {
                        self.waiting[at].send_at = Instant::now() + self.voter.millis(0, 100);
                    }
                }
                Err(_) => self.lose(index),
            }
        }
    }

    /// Gives a connection up; the next goes to any node.
    fn lose(&mut self, index: usize) {
        let (node, pause) = (self.voter.any_node(), self.voter.millis(20, 400));
        if let Some(line) = &mut self.lines[index] {
            (line.node, line.socket, line.connect_at) = (node, None, Instant::now() + pause);
        }
    }

    /// Says what is due: a ballot that waits, or a new one, or that somebody is still here.
    async fn speak(&mut self) {
        let now = Instant::now();
        if now >= self.speak_at && self.lines.iter().flatten().any(|line| line.socket.is_some()) {
            if let Some(at) = self.waiting.iter().position(|waiting| waiting.send_at <= now) {
                self.waiting[at].send_at = now + SILENCE + self.voter.millis(0, 1_000);
                let paper = self.waiting[at].paper;
                self.send(&paper).await;
            } else if now >= self.think_until && self.may_go_on() && !self.is_done {
                self.vote(now).await;
            }
        }
        for index in 0..self.lines.len() {
            let is_due = |line: &&Line| line.socket.is_some() && line.ping_at <= now;
            if self.lines[index].as_ref().filter(is_due).is_some() {
                self.say(index, &ClientMessage::Ping).await;
            }
        }
    }

    async fn vote(&mut self, now: Instant) {
        match self.voter.world.gate.take() {
            Turn::Never => self.is_done = true,
            Turn::Later => self.think_until = now + self.voter.millis(30, 100),
            Turn::Now => {
                self.think_until = now + self.voter.thinks();
                if let Some(paper) = self.voter.fill_in() {
                    let send_at = now + SILENCE;
                    self.waiting.push(Waiting { paper, send_at, is_accepted: false });
                    self.send(&paper).await;
                }
                if let Some(old) = self.voter.old_one() {
                    self.send(&old).await;
                }
            }
        }
    }

    /// Sends a ballot over every socket at once.
    async fn send(&mut self, paper: &Paper) {
        self.speak_at = Instant::now() + SPACING;
        let message = paper.message();
        for index in 0..self.lines.len() {
            if self.lines[index].as_ref().is_some_and(|line| line.socket.is_some()) {
                self.voter.note_sent(paper);
                self.say(index, &message).await;
            }
        }
    }

    async fn say(&mut self, index: usize, message: &ClientMessage) {
        let Some(line) = &mut self.lines[index] else { return };
        line.ping_at = Instant::now() + QUIET;
        let Some(socket) = &mut line.socket else { return };
        if socket.say(message).await.is_err() {
            self.lose(index);
        }
    }

    fn read(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(ServerMessage::Receipt(receipt)) => {
                self.voter.world.told(&receipt);
                self.take(&receipt);
            }
            read => self.voter.world.trouble(format!("a receipt reads {text}: {read:?}")),
        }
    }

    /// Takes what a receipt says of a ballot that waits.
    fn take(&mut self, receipt: &Receipt) {
        let now = Instant::now();
        let is_it = |waiting: &Waiting| waiting.paper.ballot == receipt.ballot;
        let Some(at) = self.waiting.iter().position(is_it) else { return };
        match (receipt.status, receipt.reason) {
            (Status::Accepted, _) => {
                self.waiting[at].is_accepted = true;
                self.waiting[at].send_at = now + ACCEPTED + self.voter.millis(0, 1_000);
            }
            (Status::Refused, Some(reason)) if reason.is_temporary() => {
                self.waiting[at].is_accepted = false;
                self.waiting[at].send_at = now + self.voter.millis(100, 600);
            }
            (status, _) => {
                let paper = self.waiting.swap_remove(at).paper;
                self.voter.put_away(paper);
                let more =
                    if status == Status::Refused { self.voter.millis(50, 300) } else { Duration::ZERO };
                self.think_until = self.think_until.max(now + more);
            }
        }
    }

    /// Whether this voter makes another ballot before it knows more of those under way.
    fn may_go_on(&self) -> bool {
        match self.voter.plan.is_patient {
            true => self.waiting.is_empty(),
            false => self.waiting.len() < MOST && self.waiting.iter().all(|waiting| waiting.is_accepted),
        }
    }
}

/// The next message on a line; never, where there is none.
async fn hear(line: &mut Option<Line>) -> Outcome<String> {
    match line.as_mut().and_then(|line| line.socket.as_mut()) {
        Some(socket) => socket.hear().await,
        None => std::future::pending().await,
    }
}
