//! A server of a test's own: prepared over a fresh database, with a clock that the test holds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{BallotId, Choice, NewPoll, NewRoom, PollId, PollKind, Receipt, RoomCode, Tally, Timestamp};
use server::Server;
use server::auth::Asker;
use server::clock::Clock;
use server::config::{Config, Registration, Sockets};
use server::service::{NewAccount, Services};
use tempfile::TempDir;

/// On what a contract test runs.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    /// A SQLite file, counted in process.
    Sqlite,
}

/// Use cases over a fresh database.
pub struct Rig {
    pub services: Services,
    pub hands: Hands,
    server: Option<Server>,
    folder: TempDir,
    backend: Backend,
}

/// The hands of a clock: it stands still until a test moves it.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Rig {
    pub async fn open(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hands = Hands(Arc::new(AtomicI64::new(1_800_000_000_000)));
        let server = prepare(backend, folder.path(), &hands).await;
        Self { services: server.state.services.clone(), hands, server: Some(server), folder, backend }
    }

    /// The same database, opened by a server that starts anew.
    pub async fn restart(mut self) -> Self {
        drop(self.server.take());
        self.services.store.close().await;
        let server = prepare(self.backend, self.folder.path(), &self.hands).await;
        Self { services: server.state.services.clone(), server: Some(server), ..self }
    }

    /// An account.
    pub async fn host(&self, name: &str) -> Asker {
        let account =
            NewAccount { username: name.into(), password: "correct horse".into(), display_name: None };
        Asker(Some(self.services.register(account).await.unwrap().principal))
    }

    /// Somebody without one.
    pub fn guest(&self) -> Asker {
        Asker(Some(self.services.new_guest().unwrap().principal))
    }

    /// A room with one open single choice of three options.
    pub async fn open_poll(&self, host: &Asker) -> (RoomCode, PollId) {
        let room = NewRoom {
            title: "Lunch".into(),
            settings: Default::default(),
            polls: vec![single(&["Soup", "Salad", "Cake"])],
        };
        let room = self.services.create_room(host, room).await.unwrap();
        let poll = room.polls[0].id;
        self.services.act(host, poll, app::data::HostAction::Open(None)).await.unwrap();
        (room.code, poll)
    }

    /// A ballot id made now. The clock moves on, so that the next is later.
    pub fn ballot(&self) -> BallotId {
        self.hands.advance(Duration::from_millis(1));
        BallotId::after(None, self.hands.now(), self.services.clock.random())
    }

    /// Casts a ballot for an option and says what became of it.
    pub async fn vote(&self, voter: &Asker, poll: PollId, ballot: BallotId, option: i64) -> Receipt {
        self.cast(voter, poll, ballot, Some(Choice::Option(option))).await
    }

    /// Casts a ballot and says what became of it.
    pub async fn cast(
        &self,
        voter: &Asker,
        poll: PollId,
        ballot: BallotId,
        choice: Option<Choice>,
    ) -> Receipt {
        self.services.cast(voter, poll, Some(ballot), choice).await.unwrap().receipt
    }

    /// How a poll stands.
    pub async fn tally(&self, poll: PollId) -> Tally {
        self.services.ballots.tallies(&[poll]).await.unwrap().pop().unwrap()
    }
}

/// A single choice.
pub fn single(options: &[&str]) -> NewPoll {
    let options = options.iter().map(|&label| label.to_owned()).collect();
    NewPoll { question: "What do you want?".into(), kind: PollKind::Single, options }
}

/// Settings for a test: a fresh database in a folder, everything else as it comes.
pub fn config(backend: Backend, folder: &Path) -> Config {
    let database_url = match backend {
        Backend::Sqlite => format!("sqlite://{}/voxpop.db", folder.display()),
    };
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        public_url: None,
        site_root: folder.to_owned(),
        database_url,
        registration: Registration::Open,
        jwt_key: None,
        sockets: Sockets::default(),
    }
}

async fn prepare(backend: Backend, folder: &Path, hands: &Hands) -> Server {
    let ticking = hands.clone();
    let clock = Clock::new(move || ticking.now());
    Server::prepare(&config(backend, folder), ([127, 0, 0, 1], 0).into(), clock).await.unwrap()
}
