//! The load: the same for every target.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{BallotId, Timestamp};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::target::Target;
use crate::{Outcome, millis};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Each voter keeps below the rate that a socket may speak at.
const PAUSE: Duration = Duration::from_millis(55);

/// How voting went.
pub(crate) struct Votes {
    pub(crate) rate: f64,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
}

/// How long votes took to reach all screens.
pub(crate) struct Fanout {
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
}

/// Lets every voter vote again and again, each time after the receipt of the last.
pub(crate) async fn votes(target: &Target, voters: usize, lasting: Duration) -> Outcome<Votes> {
    let start = Arc::new(Barrier::new(voters));
    let mut tasks = JoinSet::new();
    for token in target.tokens.iter().take(voters) {
        let socket = join(target, token).await?;
        tasks.spawn(keep_voting(socket, target.poll.clone(), start.clone(), lasting));
    }
    let mut receipts = Vec::new();
    while let Some(done) = tasks.join_next().await {
        receipts.extend(done??);
    }
    receipts.sort_unstable();
    let rate = receipts.len() as f64 / lasting.as_secs_f64();
    Ok(Votes { rate, median: at(&receipts, 50), p99: at(&receipts, 99) })
}

/// Lets one voter vote while many watch, and measures when each watcher sees each vote.
pub(crate) async fn fanout(target: &Target, watchers: usize, votes: usize) -> Outcome<Fanout> {
    let mut sockets = Vec::with_capacity(watchers);
    for token in target.tokens.iter().take(watchers) {
        sockets.push(join(target, token).await?);
    }
    let mut voter = join(target, &target.tokens[watchers]).await?;
    let mut delays = Vec::with_capacity(watchers * votes);
    let mut last = None;
    for number in 0..votes {
        let sent = Instant::now();
        last = Some(vote(&mut voter, &target.poll, last, number).await?);
        let mut watching = JoinSet::new();
        for mut socket in sockets.drain(..) {
            watching.spawn(async move {
                hear(&mut socket, |message| message["type"] == "tally" && shows(message, number)).await?;
                Outcome::Ok((socket, sent.elapsed()))
            });
        }
        while let Some(seen) = watching.join_next().await {
            let (socket, delay) = seen??;
            sockets.push(socket);
            delays.push(delay);
        }
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    delays.sort_unstable();
    Ok(Fanout { median: at(&delays, 50), p99: at(&delays, 99) })
}

async fn keep_voting(
    mut socket: Socket,
    poll: String,
    start: Arc<Barrier>,
    lasting: Duration,
) -> Outcome<Vec<Duration>> {
    start.wait().await;
    let end = Instant::now() + lasting;
    let mut receipts = Vec::new();
    let mut last = None;
    while Instant::now() < end {
        let sent = Instant::now();
        let ballot = vote(&mut socket, &poll, last, receipts.len()).await?;
        let id = json!(ballot);
        hear(&mut socket, |message| message["type"] == "receipt" && message["ballot"] == id).await?;
        receipts.push(sent.elapsed());
        last = Some(ballot);
        tokio::time::sleep(PAUSE.saturating_sub(sent.elapsed())).await;
    }
    Ok(receipts)
}

async fn join(target: &Target, token: &str) -> Outcome<Socket> {
    let mut request = format!("ws://{}/ws", target.address).into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "voxpop.v1".parse()?);
    if !token.is_empty() {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
    }
    let (mut socket, _) = connect_async(request).await?;
    socket.send(Message::text(json!({"type": "join", "room": target.room}).to_string())).await?;
    hear(&mut socket, |message| message["type"] == "room").await?;
    Ok(socket)
}

async fn vote(socket: &mut Socket, poll: &str, last: Option<BallotId>, number: usize) -> Outcome<BallotId> {
    let mut random = [0; 10];
    rand::fill(&mut random);
    let ballot = BallotId::after(last, Timestamp::from_millis(1), random);
    let choice = json!({"option": number % 4});
    let message = json!({"type": "vote", "poll": poll, "ballot": ballot, "choice": choice});
    socket.send(Message::text(message.to_string())).await?;
    Ok(ballot)
}

/// Whether a tally shows the lone voter's vote of this number.
fn shows(tally: &Value, number: usize) -> bool {
    tally["marks"][(number % 4).to_string()] == 1
}

async fn hear(socket: &mut Socket, fits: impl Fn(&Value) -> bool) -> Outcome<Value> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(&text)?;
                if fits(&message) {
                    return Ok(message);
                }
            }
            Some(Ok(_)) => {}
            other => return Err(format!("a socket ended: {other:?}").into()),
        }
    }
}

/// The middle one, in milliseconds.
pub(crate) fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    millis(at(&times, 50))
}

/// What so many of a hundred stay below.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}
