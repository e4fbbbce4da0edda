//! What is measured: a server that speaks the protocol, a poll on it, and voters.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use backends::{MariaDb, Redis};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::{Outcome, peer};

/// A server under load. It stops when this is dropped.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) room: String,
    pub(crate) poll: String,
    /// The voters' tokens; empty texts where the server asks for none.
    pub(crate) tokens: Vec<String>,
    _running: Running,
}

/// How a Voxpop keeps votes.
pub(crate) enum Way {
    /// In an SQLite file.
    Alone,
    /// In MariaDB, after counting them in Redis.
    Scaled,
}

struct Process {
    _child: Child,
    _services: Option<(MariaDb, Redis)>,
    _folder: TempDir,
}

enum Running {
    Process { _process: Box<Process> },
    Tasks { _server: JoinSet<()> },
}

impl Target {
    /// A Voxpop that has kept nothing yet, with one open poll and so many guests.
    pub(crate) async fn voxpop(binary: &Path, way: &Way, voters: usize) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let services = match way {
            Way::Alone => None,
            Way::Scaled => Some(services(folder.path())?),
        };
        let mut command = Command::new(binary.canonicalize()?);
        match &services {
            None => command.env("DATABASE_URL", "sqlite://bench.db"),
            Some(services) => command
                .env("DATABASE_URL", services.0.url("bench"))
                .env("REDIS_URL", services.1.url())
                .env("VOXPOP_JWT_KEY", "a key that is good for a benchmark"),
        };
        let child = command
            .arg("serve")
            .current_dir(folder.path())
            .env("VOXPOP_LISTEN", address.to_string())
            .env("VOXPOP_LOG", "warn")
            .env("VOXPOP_TRUSTED_PROXIES", "127.0.0.1")
            .env("VOXPOP_LIMIT_LOGINS", "off")
            .env("VOXPOP_LIMIT_ACCOUNTS", "off")
            .env("VOXPOP_LIMIT_GUESTS", "off")
            .env("VOXPOP_LIMIT_SOCKETS", "off")
            .env("VOXPOP_LIMIT_JOINS", "off")
            .env("VOXPOP_LIMIT_CHANGES", "off")
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let client = reqwest::Client::new();
        let ready = format!("http://{address}/readyz");
        while client.get(&ready).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let post = async |path: &str, token: Option<&str>, body: Value| -> Outcome<Value> {
            let request = client.post(format!("http://{address}/api/v1{path}")).json(&body);
            let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
            Ok(request.send().await?.error_for_status()?.json().await?)
        };
        let host =
            post("/auth/register", None, json!({"username": "host", "password": "correct horse"})).await?;
        let host = text(&host["access_token"]);
        let poll = json!({"question": "Which?", "kind": {"type": "single"}, "options": ["a", "b", "c", "d"]});
        let new = json!({"title": "Bench", "settings": {"results": "always"}, "polls": [poll]});
        let room = post("/rooms", Some(&host), new).await?;
        let poll = text(&room["polls"][0]["id"]);
        post(&format!("/polls/{poll}/open"), Some(&host), json!({})).await?;
        let mut tokens = Vec::with_capacity(voters);
        for _ in 0..voters {
            tokens.push(text(&post("/auth/guest", None, json!({})).await?["access_token"]));
        }
        let running = Running::Process {
            _process: Box::new(Process { _child: child, _services: services, _folder: folder }),
        };
        Ok(Self { address, room: text(&room["code"]), poll, tokens, _running: running })
    }

    /// The peer, in this process.
    pub(crate) async fn peer(voters: usize) -> Outcome<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(peer::serve(listener));
        let poll = "019a9f3e-0000-7000-8000-000000000001".to_owned();
        let tokens = vec![String::new(); voters];
        Ok(Self {
            address,
            room: "K7M2QX".into(),
            poll,
            tokens,
            _running: Running::Tasks { _server: server },
        })
    }
}

fn services(folder: &Path) -> Outcome<(MariaDb, Redis)> {
    let (sql, redis) = (folder.join("mariadb"), folder.join("redis"));
    std::fs::create_dir_all(&sql)?;
    std::fs::create_dir_all(&redis)?;
    let mariadb = MariaDb::start(&sql)?;
    mariadb.create_database("bench")?;
    Ok((mariadb, Redis::start(&redis)?))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
