//! kill -9 in the middle of a flood: what saw `recorded` is there, once, and nothing else is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backends::Port;
use domain::{BallotId, IdentityKind, Timestamp, VoterId};
use serde_json::{Value, json};
use server::auth::key::KeyRing;
use server::auth::token::Tokens;
use server::clock::Clock;
use sqlx::Row;
use tokio::process::Child;

use crate::support::eventually;
use crate::support::process::{serve, voxpop};

const BALLOTS: usize = 10_000;
const KEY: &str = "a key for this test that is long enough";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_survives_a_kill_in_the_middle_of_a_flood() {
    let folder = tempfile::tempdir().unwrap();
    let port = Port::free().unwrap();
    let address = port.address();
    let mut child = start(folder.path(), address).await;
    let client = reqwest::Client::new();
    let host = call(
        &client,
        address,
        None,
        "/auth/register",
        &json!({"username": "ada", "password": "correct horse"}),
    )
    .await;
    let host = host["access_token"].as_str().unwrap().to_owned();
    let poll = json!({"question": "?", "kind": {"type": "single"}, "options": ["a", "b", "c"]});
    let room =
        call(&client, address, Some(&host), "/rooms", &json!({"title": "Flood", "polls": [poll]})).await;
    let poll = room["polls"][0]["id"].as_str().unwrap().to_owned();
    call(&client, address, Some(&host), &format!("/polls/{poll}/open"), &json!({})).await;

    let recorded = Arc::new(Mutex::new(HashMap::new()));
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..64 {
        senders.spawn(flood(client.clone(), address, poll.clone(), recorded.clone(), next.clone()));
    }
    eventually("half of the ballots are recorded", async || {
        (recorded.lock().unwrap().len() >= BALLOTS / 2).then_some(())
    })
    .await;
    child.kill().await.unwrap();
    senders.join_all().await;
    let recorded = Arc::into_inner(recorded).unwrap().into_inner().unwrap();
    assert!(recorded.len() < BALLOTS, "the kill came too late to prove anything");

    let mut child = start(folder.path(), address).await;
    let tally = client
        .get(format!("http://{address}/api/v1/polls/{poll}/results"))
        .bearer_auth(&host)
        .send()
        .await
        .unwrap()
        .json::<Value>()
        .await
        .unwrap();
    child.kill().await.unwrap();

    let rows = rows(folder.path()).await;
    for (voter, (ballot, option)) in &recorded {
        assert_eq!(rows.get(voter), Some(&(*ballot, format!(r#"{{"option":{option}}}"#))));
    }
    let mut recount = [0u64; 3];
    for (_, choice) in rows.values() {
        let choice: Value = serde_json::from_str(choice).unwrap();
        recount[usize::try_from(choice["option"].as_u64().unwrap()).unwrap()] += 1;
    }
    assert_eq!(tally["ballots"], rows.len());
    assert_eq!(tally["marks"]["0"], recount[0]);
    assert_eq!(tally["marks"]["1"], recount[1]);
    assert_eq!(tally["marks"]["2"], recount[2]);
}

type Recorded = Arc<Mutex<HashMap<VoterId, (BallotId, usize)>>>;

/// Sends ballots of ever new voters until they are all sent or the server is gone.
async fn flood(
    client: reqwest::Client,
    address: SocketAddr,
    poll: String,
    recorded: Recorded,
    next: Arc<AtomicUsize>,
) {
    let clock = Clock::system();
    let keys = KeyRing::load(Some(&KEY.into()), None, &clock).await.unwrap();
    let tokens = Tokens::new(&keys, clock.clone());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= BALLOTS {
            return;
        }
        let voter = VoterId::new(clock.now(), clock.random());
        let until = clock.now().plus(Duration::from_secs(600));
        let token = tokens.sign(voter, IdentityKind::Guest, None, until).unwrap();
        let ballot = BallotId::after(None, Timestamp::from_millis(clock.now().millis()), clock.random());
        let body = json!({"ballot": ballot, "choice": {"option": number % 3}});
        let sent = client
            .post(format!("http://{address}/api/v1/polls/{poll}/votes"))
            .bearer_auth(token)
            .json(&body)
            .send()
            .await;
        let Ok(response) = sent else { return };
        let Ok(receipt) = response.json::<Value>().await else { return };
        assert_eq!(receipt["status"], "recorded", "{receipt}");
        recorded.lock().unwrap().insert(voter, (ballot, number % 3));
    }
}

async fn start(folder: &Path, address: SocketAddr) -> Child {
    let mut command = voxpop("sqlite://flood.db");
    command.current_dir(folder).env("VOXPOP_JWT_KEY", KEY).stderr(Stdio::null());
    serve(command, address).await
}

async fn call(
    client: &reqwest::Client,
    address: SocketAddr,
    token: Option<&str>,
    path: &str,
    body: &Value,
) -> Value {
    let request = client.post(format!("http://{address}/api/v1{path}")).json(body);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.unwrap()
}

/// Every ballot in the file, by voter. Two rows of one voter would be an error here.
async fn rows(folder: &Path) -> HashMap<VoterId, (BallotId, String)> {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}/flood.db", folder.display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let found =
        sqlx::query("SELECT voter_id, ballot_id, choice FROM ballots").fetch_all(&pool).await.unwrap();
    let mut rows = HashMap::new();
    for row in &found {
        let voter = VoterId::from_slice(&row.get::<Vec<u8>, _>("voter_id")).unwrap();
        let ballot = BallotId::from_slice(&row.get::<Vec<u8>, _>("ballot_id")).unwrap();
        let twice = rows.insert(voter, (ballot, row.get::<String, _>("choice")));
        assert!(twice.is_none(), "{voter} counts twice");
    }
    rows
}
