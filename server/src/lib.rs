//! The Voxpop server as a function of its settings, a listener and a signal to stop.

pub mod audit;
pub mod auth;
pub mod background;
pub mod ballot_box;
pub mod bus;
pub mod clock;
pub mod config;
pub mod doors;
pub mod error;
pub mod faults;
pub mod http;
pub mod operator;
mod places;
pub mod preflight;
pub mod secret;
pub mod serve;
pub mod service;
pub mod shard;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod upkeep;
mod work;
pub mod ws;

use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use leptos::config::LeptosOptions;
use tokio::net::TcpListener;

use crate::audit::Audit;
use crate::auth::key::KeyRing;
use crate::auth::password::Passwords;
use crate::auth::token::Tokens;
use crate::background::Background;
use crate::ballot_box::{BallotBox, Link, LocalBallotBox, RedisBallotBox};
use crate::bus::{Bus, LocalBus, RedisBus};
use crate::clock::Clock;
use crate::config::Config;
use crate::doors::Doors;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::serve::Patience;
use crate::service::{ExportQueue, Services, TicketHolders};
use crate::state::{AppState, Site};
use crate::store::Store;
use crate::ws::Hub;

/// How long requests under way may take once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// A server that is ready to serve.
pub struct Server {
    /// What its handlers share.
    pub state: AppState,
    background: Background,
    patience: Patience,
}

impl Server {
    /// Opens the database, makes or reads the signing key, and starts what runs in the background.
    pub async fn prepare(config: &Config, address: SocketAddr, clock: Clock) -> Result<Self> {
        config.check()?;
        let file = database_file(config.database_url.reveal());
        if let Some(folder) =
            file.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty())
        {
            let failed = |error| Error::Internal(format!("the folder {}: {error}", folder.display()));
            tokio::fs::create_dir_all(folder).await.map_err(failed)?;
        }
        let store = Store::open(config.database_url.reveal()).await?;
        let key_file = key_file(config.database_url.reveal());
        let keys = KeyRing::load(config.jwt_key.as_ref(), key_file.as_deref(), &clock).await?;
        let mut background = Background::default();
        let Parts { bus, ballots, clock, link } = match &config.redis_url {
            None => alone(&store, clock, &mut background).await?,
            Some(redis) => shared(config, redis, &store, clock, &mut background).await?,
        };
        let audit = Audit::start(store.clone(), &keys, clock.clone(), &mut background);
        let services = Services {
            store,
            ballots,
            bus,
            passwords: Passwords::new(clock.random())?,
            tokens: Tokens::new(&keys, clock.clone()),
            keys,
            audit,
            exports: ExportQueue::default(),
            ticket_holders: TicketHolders::default(),
            doors: Doors::new(config.doors.clone(), link, clock.clone()),
            clock,
            registration: config.registration,
        };
        let site = Site {
            public_url: config.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            lan_url: lan_url(address),
            root: config.site_root.clone(),
            registration: config.registration,
            imprint_url: config.imprint_url.clone(),
            privacy_url: config.privacy_url.clone(),
            trusted_proxies: config.trusted_proxies.iter().map(|proxy| proxy.0).collect(),
        };
        let leptos = LeptosOptions::builder()
            .output_name("voxpop")
            .site_root(config.site_root.display().to_string())
            .site_pkg_dir("pkg")
            .build();
        let hub = Hub::new(services.clone(), config.sockets.most);
        let state = AppState { services, hub, site: Arc::new(site), sockets: config.sockets, leptos };
        let (services, hub) = (state.services.clone(), state.hub.clone());
        background.run_while_serving(upkeep::look(services.clone(), hub));
        background.run_while_serving(upkeep::sweep(services, config.retention()));
        Ok(Self { state, background, patience: config.patience })
    }

    /// Serves until `shutdown`; then says farewell to sockets, lets requests end and writes what waits.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        let Self { state, background, patience } = self;
        let (most, trusted) = (state.sockets.most, state.site.trusted_proxies.clone());
        let hub = state.hub.clone();
        let store = state.services.store.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopping = async {
            let _dropped = stopped.await;
        };
        let mut serving =
            tokio::spawn(serve::serve(listener, http::router(state), patience, most, trusted, stopping));
        tokio::select! {
            ended = &mut serving => return Err(Error::Internal(format!("serving ended early: {ended:?}"))),
            () = shutdown => {}
        }
        tracing::info!("stopping");
        hub.close_all();
        let _serving_ended = stop.send(());
        if tokio::time::timeout(FAREWELL, &mut serving).await.is_err() {
            serving.abort();
        }
        drop(hub);
        if !background.stop(FAREWELL).await {
            tracing::warn!("what runs in the background did not end in time");
        }
        store.close().await;
        Ok(())
    }
}

/// What differs between a server that is alone and one of many.
struct Parts {
    bus: Arc<dyn Bus>,
    ballots: Arc<dyn BallotBox>,
    clock: Clock,
    link: Option<Link>,
}

/// The parts of a server that is alone.
async fn alone(store: &Store, clock: Clock, background: &mut Background) -> Result<Parts> {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
    let (ballots, writer) = LocalBallotBox::start(store.clone(), bus.clone(), clock.clone()).await?;
    background.finish(writer);
    Ok(Parts { bus, ballots: Arc::new(ballots), clock, link: None })
}

/// The parts of a server that is one of many.
async fn shared(
    config: &Config,
    redis: &Secret,
    store: &Store,
    clock: Clock,
    background: &mut Background,
) -> Result<Parts> {
    let link = Link::open(redis.reveal(), &config.redis_prefix).await?;
    let mut findings = preflight::sql(store).await?;
    findings.extend(preflight::redis(&mut link.calls(), clock.now()).await?);
    preflight::judge(&findings, config.strict)?;
    let clock = ballot_box::set_by_redis(&link, clock, background).await?;
    let bus: Arc<dyn Bus> = Arc::new(RedisBus::start(link.clone(), &clock, background));
    let ballots = RedisBallotBox::start(
        link.clone(),
        store.clone(),
        bus.clone(),
        clock.clone(),
        config.limits,
        background,
    )
    .await?;
    Ok(Parts { bus, ballots: Arc::new(ballots), clock, link: Some(link) })
}

/// The whole server: prepares and serves.
pub async fn run(config: Config, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
    let address = listener.local_addr().map_err(|error| Error::Internal(error.to_string()))?;
    let server = Server::prepare(&config, address, Clock::system()).await?;
    let site = server.state.site.clone();
    let here = format!("http://localhost:{}", address.port());
    tracing::info!(url = site.public_url.as_deref().unwrap_or(&here), "Voxpop is ready");
    if let (None, Some(lan)) = (&site.public_url, &site.lan_url) {
        tracing::info!(url = lan, "phones on this network reach it here");
    }
    server.serve(listener, shutdown).await
}

/// Where the signing keys of a database are kept: beside an SQLite file.
pub fn key_file(database_url: &str) -> Option<PathBuf> {
    database_file(database_url).map(|file| file.with_extension("key"))
}

/// The file of an SQLite URL; none for a database in memory.
fn database_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or_default();
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// This machine's URL on its network: the address that a packet to the outside would leave from. Nothing
/// is sent; the address asked about is one of RFC 5737's, for documentation.
fn lan_url(listening: SocketAddr) -> Option<String> {
    let ip = if listening.ip().is_unspecified() {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
        socket.connect(("192.0.2.1", 9)).ok()?;
        socket.local_addr().ok()?.ip()
    } else {
        listening.ip()
    };
    let usable = !ip.is_loopback() && !ip.is_unspecified();
    usable.then(|| format!("http://{}", SocketAddr::new(ip, listening.port())))
}
