//! A server of a test's own: prepared over a fresh database, with a clock that the test holds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{
    BallotId, Choice, IdentityKind, Me, NewPoll, NewRoom, PollId, PollKind, Receipt, RoomCode, RoomId,
    Status, Tally, Timestamp, UserId, VoterId,
};
use server::Server;
use server::audit::{About, SecurityEvent};
use server::auth::{Asker, Principal, Sender};
use server::ballot_box::Limits;
use server::clock::Clock;
use server::config::{Config, Registration, Sockets};
use server::doors::DoorSettings;
use server::operator::Operator;
use server::service::{NewAccount, Services, SignedIn};
use server::store::audit::AuditRow;
use tempfile::TempDir;

use super::eventually;
use super::services::Place;

/// On what a contract test runs.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    /// A SQLite file, counted in process.
    Sqlite,
    /// MariaDB and Redis.
    Cluster,
}

/// Use cases over a fresh database.
pub struct Rig {
    pub services: Services,
    pub hands: Hands,
    server: Option<Server>,
    ground: Ground,
}

/// What a rig stands on, which outlives its servers.
struct Ground {
    folder: TempDir,
    backend: Backend,
    place: Option<Place>,
}

/// The hands of a phone's clock. A server on SQLite goes by the same clock, which stands still until a test moves
/// it; nodes go by the real one, since Redis does.
#[derive(Clone)]
pub struct Hands {
    moved: Arc<AtomicI64>,
    start: Option<i64>,
}

impl Hands {
    pub fn advance(&self, by: Duration) {
        self.moved.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        let start = self.start.unwrap_or_else(|| Clock::system().now().millis());
        Timestamp::from_millis(start + self.moved.load(Ordering::SeqCst))
    }
}

impl Rig {
    pub async fn open(backend: Backend) -> Self {
        let (place, start) = match backend {
            Backend::Sqlite => (None, Some(1_800_000_000_000)),
            Backend::Cluster => (Some(Place::fresh().await), None),
        };
        let ground = Ground { folder: tempfile::tempdir().unwrap(), backend, place };
        let hands = Hands { moved: Arc::default(), start };
        let server = prepare(&ground, &hands).await;
        Self { services: server.state.services.clone(), hands, server: Some(server), ground }
    }

    /// The same database, opened by a server that starts anew.
    pub async fn restart(self) -> Self {
        self.restart_after(Duration::ZERO).await
    }

    /// The same, some time later.
    pub async fn restart_after(mut self, time: Duration) -> Self {
        drop(self.server.take());
        self.services.store.close().await;
        self.pass(time).await;
        let server = prepare(&self.ground, &self.hands).await;
        Self { services: server.state.services.clone(), server: Some(server), ..self }
    }

    /// Lets time pass by the servers' clock.
    pub async fn pass(&self, time: Duration) {
        if self.hands.start.is_some() {
            return self.hands.advance(time);
        }
        let until = Clock::system().now().plus(time);
        eventually("time passes", async || (Clock::system().now() >= until).then_some(())).await;
    }

    /// Waits for about so many reads of the database.
    pub async fn moment(&self, number: usize) {
        for _ in 0..number {
            self.services.store.check().await.unwrap();
        }
    }

    /// Whether a server that starts makes every count anew. Nodes find it in Redis.
    pub fn counts_anew(&self) -> bool {
        matches!(self.ground.backend, Backend::Sqlite)
    }

    /// An account, signed in just now.
    pub async fn sign_up(&self, name: &str) -> SignedIn {
        let (username, password) = (name.to_owned(), "correct horse".to_owned());
        let account = NewAccount { username, password, display_name: None, room: None, invitation: None };
        self.services.register(account, &Sender::default()).await.unwrap()
    }

    /// An account.
    pub async fn host(&self, name: &str) -> Asker {
        Asker::new(self.sign_up(name).await.principal, Sender::default())
    }

    /// Somebody without one.
    pub fn guest(&self) -> Asker {
        let id = VoterId::new(self.hands.now(), self.services.clock.random());
        let me = Me { id, kind: IdentityKind::Guest, username: None, display_name: None };
        let expires_at = self.hands.now().plus(Duration::from_secs(1_000_000));
        Asker::new(Principal { me, session: None, expires_at }, Sender::default())
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
        ballot: impl Into<Option<BallotId>>,
        choice: Option<Choice>,
    ) -> Receipt {
        let ballot = ballot.into();
        let mut cast = eventually("a ballot is counted or refused for good", async || {
            let cast = self.services.cast(voter, poll, ballot, choice.clone()).await.unwrap();
            let is_temporary = cast.receipt.reason.is_some_and(|reason| reason.is_temporary());
            (!is_temporary).then_some(cast)
        })
        .await;
        if let Some(place) = cast.place {
            let recorded = async || self.services.ballots.recorded(place).await.then_some(());
            eventually("a ballot is recorded", recorded).await;
            cast.receipt.status = Status::Recorded;
        }
        cast.receipt
    }

    /// How a poll stands once SQL holds all of it.
    pub async fn final_tally(&self, poll: PollId) -> Tally {
        let is_final = async || Some(self.tally(poll).await).filter(|tally| tally.is_final);
        eventually("a tally is final", is_final).await
    }

    /// How often each of three options stands in SQL.
    pub async fn recount(&self, poll: PollId) -> [u64; 3] {
        let round = self.services.store.poll(poll).await.unwrap().unwrap().lifecycle.round;
        let mut reader = self.services.store.reader().await.unwrap();
        let stored = server::store::ballots::load(&mut reader, poll, round).await.unwrap();
        let chosen = stored.standing.values().filter_map(|standing| standing.choice.clone());
        chosen.fold([0; 3], |mut counted, choice| {
            if let Choice::Option(option) = choice {
                counted[usize::try_from(option).unwrap()] += 1;
            }
            counted
        })
    }

    /// An operator at work beside the servers.
    /// The trail as it is now: what was noted before this is in it.
    pub async fn trail(&self) -> Vec<AuditRow> {
        let id = self.services.clock.random::<8>().map(|byte| format!("{byte:02x}")).concat();
        self.services.audit.note(SecurityEvent::SignedOut, About { detail: &id, ..About::default() });
        eventually("what comes last is in the trail", async || {
            let trail = self.services.store.audit(None, 100).await.unwrap();
            trail.iter().any(|row| row.detail == id).then_some(trail)
        })
        .await
    }

    /// Has a guest become an account in a room, all of it, and says whether it was not before.
    pub async fn adopt(&self, room: RoomId, guest: VoterId, account: UserId) -> bool {
        let mut is_new = false;
        loop {
            let adopted = async || self.services.ballots.adopt(room, guest, account).await.ok();
            let adoption = eventually("a guest becomes an account", adopted).await;
            is_new |= adoption.is_new;
            if adoption.is_done {
                return is_new;
            }
        }
    }

    pub async fn operator(&self) -> Operator {
        let config = self.ground.config();
        Operator::open(config.database_url.reveal()).await.unwrap()
    }

    /// Takes a room down. No server looks for that here.
    pub async fn take_down(&self, code: RoomCode) {
        self.operator().await.take_down(code.as_str()).await.unwrap();
    }

    /// How a poll stands.
    pub async fn tally(&self, poll: PollId) -> Tally {
        self.services.ballots.now(&[poll]).await.unwrap().pop().unwrap().tally
    }
}

/// A single choice.
pub fn single(options: &[&str]) -> NewPoll {
    let options = options.iter().map(|&label| label.to_owned()).collect();
    NewPoll { question: "What do you want?".into(), kind: PollKind::Single, options }
}

/// Settings for a test: a fresh database in a folder, everything else as it comes.
pub fn config(folder: &Path) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        public_url: None,
        site_root: folder.to_owned(),
        database_url: format!("sqlite://{}/voxpop.db", folder.display()).as_str().into(),
        redis_url: None,
        redis_prefix: "voxpop".into(),
        strict: false,
        registration: Registration::Open,
        jwt_key: None,
        imprint_url: None,
        privacy_url: None,
        retention_days: None,
        trusted_proxies: Vec::new(),
        doors: DoorSettings::off(),
        patience: Default::default(),
        sockets: Sockets::default(),
        limits: Limits::default(),
    }
}

/// Settings of a node.
pub fn node_config(folder: &Path, place: &Place) -> Config {
    Config {
        database_url: place.database_url.as_str().into(),
        redis_url: Some(place.redis_url.as_str().into()),
        redis_prefix: place.prefix.clone(),
        strict: true,
        jwt_key: Some("a key that all nodes of a test share".into()),
        ..config(folder)
    }
}

impl Ground {
    fn config(&self) -> Config {
        match &self.place {
            None => config(self.folder.path()),
            Some(place) => node_config(self.folder.path(), place),
        }
    }
}

async fn prepare(ground: &Ground, hands: &Hands) -> Server {
    let ticking = hands.clone();
    let clock = match &ground.place {
        None => Clock::new(move || ticking.now()),
        Some(_) => Clock::system(),
    };
    Server::prepare(&ground.config(), ([127, 0, 0, 1], 0).into(), clock).await.unwrap()
}
