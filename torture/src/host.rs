//! The host of all rooms: makes them, and opens, closes and resets their polls until somebody says that it is done.

use std::sync::Arc;
use std::time::Duration;

use domain::{PollId, PollKind, RoomCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::api::{Api, Failure};
use crate::history::{Act, Closing, Command, PollNo, Shown};
use crate::plan::{OPTIONS, Plan};
use crate::world::{PollInfo, World};

/// How long something may take to be done, however often it is asked for.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a token is used; it is good for two minutes more.
const TOKEN: Duration = Duration::from_secs(8 * 60);

/// Whoever runs the rooms.
#[derive(Clone)]
pub(crate) struct Host(Arc<Mutex<Token>>);

struct Token {
    text: String,
    since: Instant,
}

impl Host {
    /// A host with an account.
    pub(crate) async fn register(api: &Api) -> Outcome<Self> {
        let answer = api.post(0, "/auth/register", None, &account()).await.map_err(told)?;
        let token = Token { text: text(&answer["access_token"]), since: Instant::now() };
        Ok(Self(Arc::new(Mutex::new(token))))
    }

    /// A token that is good; where no node gives a new one, the old one, which may not be.
    pub(crate) async fn token(&self, api: &Api) -> String {
        let mut token = self.0.lock().await;
        for node in 0..api.nodes() {
            if token.since.elapsed() < TOKEN {
                break;
            }
            if let Ok(answer) = api.post(node, "/auth/login", None, &account()).await {
                *token = Token { text: text(&answer["access_token"]), since: Instant::now() };
            }
        }
        token.text.clone()
    }

    /// Makes the rooms of a plan, with their polls.
    pub(crate) async fn make_rooms(&self, api: &Api, plan: &Plan) -> Outcome<(Vec<RoomCode>, Vec<PollInfo>)> {
        let (mut rooms, mut polls) = (Vec::new(), Vec::new());
        for room in &plan.rooms {
            let new: Vec<Value> = room.polls.iter().map(new_poll).collect();
            let settings = json!({"change_vote": room.change_vote});
            let body = json!({"title": "Torture", "settings": settings, "polls": new});
            let made = api.post(0, "/rooms", Some(&self.token(api).await), &body).await.map_err(told)?;
            for (kind, poll) in room.polls.iter().zip(made["polls"].as_array().into_iter().flatten()) {
                let (number, id) = (PollNo::try_from(polls.len())?, text(&poll["id"]).parse::<PollId>()?);
                polls.push(PollInfo { number, id, room: rooms.len(), kind: *kind });
            }
            rooms.push(text(&made["code"]).parse()?);
        }
        Ok((rooms, polls))
    }

    /// Has a poll opened, closed or reset, and notes when that was asked and answered.
    pub(crate) async fn tell(&self, world: &Arc<World>, poll: PollNo, act: Act) -> bool {
        let asked = world.now();
        let place = {
            let mut history = world.history();
            if act == Act::Open {
                let earlier = history.closings.iter_mut().filter(|closing| closing.poll == poll);
                earlier.for_each(|closing| _ = closing.until.get_or_insert(asked));
            }
            history.commands.push(Command { poll, act, asked, times: 0, answered: None, agreed: None });
            history.commands.len() - 1
        };
        let deadline = Instant::now() + PATIENCE;
        let mut node = usize::from(poll);
        loop {
            world.history().commands[place].times += 1;
            match self.ask(world, node % world.nodes.len(), poll, act).await {
                Ok(()) => break,
                Err(failure) if Instant::now() >= deadline => {
                    world.trouble(format!("{act:?} of poll {poll} was not done in time: {failure:?}"));
                    return false;
                }
                Err(_) => sleep(PAUSE).await,
            }
            node += 1;
        }
        let answered = world.now();
        world.history().commands[place].answered = Some(answered);
        if act == Act::Close {
            let first = self.look(world, poll).await;
            let closing = Closing { poll, from: answered, until: None, first, last: None };
            world.history().closings.push(closing);
        }
        true
    }

    /// Opens a closed poll again, after a look at what it shows.
    pub(crate) async fn reopen(&self, world: &Arc<World>, poll: PollNo) {
        let last = self.look(world, poll).await;
        if let Some(closing) = world.history().closings.iter_mut().rfind(|closing| closing.poll == poll) {
            closing.last = last;
        }
        self.tell(world, poll, Act::Open).await;
    }

    /// Asks a node once for something.
    pub(crate) async fn ask(
        &self,
        world: &World,
        node: usize,
        poll: PollNo,
        act: Act,
    ) -> Result<(), Failure> {
        let word = match act {
            Act::Open => "open",
            Act::Close => "close",
            Act::Reset => "reset",
        };
        let path = format!("/polls/{}/{word}", world.polls[usize::from(poll)].id);
        let token = self.token(&world.api).await;
        world.api.post(node, &path, Some(&token), &json!({})).await.map(|_| ())
    }

    /// What a node shows of a poll; nothing where it does not answer.
    pub(crate) async fn results(&self, world: &World, node: usize, poll: PollNo) -> Option<Shown> {
        let id = world.polls[usize::from(poll)].id;
        let token = self.token(&world.api).await;
        let tally = world.api.results(node, &token, id).await.ok()?;
        let shown = Shown::of(&tally, &world.history().polls);
        if shown.is_none() {
            world.trouble(format!("node {node} shows what nobody chose: {tally:?}"));
        }
        shown
    }

    /// What any node shows of a poll.
    async fn look(&self, world: &World, poll: PollNo) -> Option<Shown> {
        for node in 0..world.nodes.len() {
            if let Some(shown) = self.results(world, node, poll).await {
                return Some(shown);
            }
        }
        None
    }

    /// Waits until every node shows a poll's final result, and says whether they came to.
    pub(crate) async fn sees_final(&self, world: &World, poll: PollNo, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        for node in 0..world.nodes.len() {
            while !self.results(world, node, poll).await.is_some_and(|shown| shown.is_final) {
                if Instant::now() >= deadline {
                    return false;
                }
                sleep(PAUSE).await;
            }
        }
        true
    }
}

fn account() -> Value {
    json!({"username": "host", "password": "correct horse"})
}

fn new_poll(kind: &PollKind) -> Value {
    let options: Vec<String> = match kind {
        PollKind::Rating { .. } => Vec::new(),
        _ => (0..OPTIONS).map(|option| format!("option {option}")).collect(),
    };
    json!({"question": "Which?", "kind": kind, "options": options})
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A failure of what must work, since nothing has struck yet.
fn told(failure: Failure) -> String {
    format!("{failure:?}")
}
