//! A server on a port of its own, and people who talk to it over HTTP.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use server::Server;
use server::clock::Clock;
use server::config::Config;
use server::state::AppState;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::eventually;
use super::process::voxpop;
use super::rig;
use super::services::Place;

/// A server on a free port, over a fresh database. It stops with the test.
pub struct TestServer {
    pub address: SocketAddr,
    pub state: AppState,
    database_url: String,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = rig::config(folder.path());
        adjust(&mut config);
        Self::start_on(folder, config).await
    }

    /// One of the nodes on a place.
    pub async fn node(place: &Place) -> Self {
        Self::node_with(place, |_| {}).await
    }

    /// The same with settings of its own.
    pub async fn node_with(place: &Place, adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = rig::node_config(folder.path(), place);
        adjust(&mut config);
        Self::start_on(folder, config).await
    }

    /// One that goes by a clock of the test's.
    pub async fn start_by(clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = rig::config(folder.path());
        Self::start_at(folder, config, clock).await
    }

    async fn start_on(folder: TempDir, config: Config) -> Self {
        Self::start_at(folder, config, Clock::system()).await
    }

    async fn start_at(folder: TempDir, config: Config, clock: Clock) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let database_url = config.database_url.reveal().to_owned();
        let server = Server::prepare(&config, address, clock).await.unwrap();
        let state = server.state.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(listener, async {
            let _dropped = stopped.await;
        }));
        Self { address, state, database_url, folder, stop: Some(stop) }
    }

    /// Runs a command of the operator's beside the server, with this on its standard input. What it printed, or its last
    /// words.
    pub async fn command(&self, words: &[&str], input: &str) -> Result<String, String> {
        let mut command = voxpop(&self.database_url);
        command.args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        running.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let ended = running.wait_with_output().await.unwrap();
        let told = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        if ended.status.success() { Ok(told(ended.stdout)) } else { Err(told(ended.stderr)) }
    }

    /// A connection to its database, as another process has one.
    pub async fn database(&self) -> AnyConnection {
        AnyConnection::connect(&self.database_url).await.unwrap()
    }

    /// All that is on its disk, one file after another.
    pub fn stored_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// The trail as the command tells it, as soon as an event of this kind is in it.
    pub async fn trail_with(&self, event: &str) -> String {
        eventually("an event is in the trail", async || {
            let trail = self.command(&["audit", "--last", "100"], "").await.unwrap();
            trail.contains(event).then_some(trail)
        })
        .await
    }

    /// Tells the server to stop.
    pub fn stop(&mut self) {
        self.stop.take();
    }

    /// Where it is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// An account with a fresh token.
    pub async fn host(&self, name: &str) -> Person {
        let body = json!({"username": name, "password": "correct horse"});
        let (status, answer) = self.nobody().post("/auth/register", &body).await;
        assert_eq!(status, 201, "{answer}");
        self.nobody().with_token(&answer["access_token"])
    }

    /// A guest with a fresh token.
    pub async fn guest(&self) -> Person {
        let (status, answer) = self.nobody().post("/auth/guest", &Value::Null).await;
        assert_eq!(status, 201, "{answer}");
        self.nobody().with_token(&answer["access_token"])
    }

    /// Somebody whom a node of the same cluster knows, come here.
    pub fn visited_by(&self, person: &Person) -> Person {
        Person { base: self.url(""), ..person.clone() }
    }

    /// Somebody whom the server does not know.
    pub fn nobody(&self) -> Person {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Person { client, base: self.url(""), token: None }
    }
}

/// Somebody who talks to the server.
#[derive(Clone)]
pub struct Person {
    client: reqwest::Client,
    base: String,
    pub token: Option<String>,
}

impl Person {
    pub fn with_token(mut self, token: &Value) -> Self {
        self.token = Some(token.as_str().unwrap().to_owned());
        self
    }

    /// A request to a path of the site.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// A call of the API, with a JSON body unless it is null.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.request(method, &format!("/api/v1{path}"));
        let request = if body.is_null() { request } else { request.json(body) };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        let answer =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(text.into()) };
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(answer["status"], status.as_u16(), "{answer}");
            assert!(answer["code"].is_string(), "{answer}");
        }
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer}");
        (status.as_u16(), answer)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PATCH, path, body).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, path, &Value::Null).await
    }

    /// A room with one open single choice; its code and the poll's id.
    pub async fn open_poll(&self) -> (String, String) {
        self.open_poll_with(&json!({})).await
    }

    /// The same with settings.
    pub async fn open_poll_with(&self, settings: &Value) -> (String, String) {
        let poll = json!({"question": "Tea?", "kind": {"type": "single"}, "options": ["Yes", "No"]});
        let (status, room) =
            self.post("/rooms", &json!({"title": "Tea", "settings": settings, "polls": [poll]})).await;
        assert_eq!(status, 201, "{room}");
        let poll = room["polls"][0]["id"].as_str().unwrap().to_owned();
        let (status, opened) = self.post(&format!("/polls/{poll}/open"), &Value::Null).await;
        assert_eq!((status, &opened["state"]), (200, &json!("open")), "{opened}");
        (room["code"].as_str().unwrap().to_owned(), poll)
    }

    /// Votes over HTTP and says what became of it.
    pub async fn vote(&self, poll: &str, choice: Value) -> Value {
        let (status, receipt) = self.post(&format!("/polls/{poll}/votes"), &json!({"choice": choice})).await;
        assert_eq!(status, 200, "{receipt}");
        receipt
    }
}
