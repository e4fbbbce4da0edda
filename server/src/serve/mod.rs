//! The accept loop: HTTP over TCP, with bounds on how many connections there are and how long each may dawdle.

mod body;
mod patience;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use body::Timely;
use patience::{Patient, Phase, Watch};

use crate::places::{Place, Places};

/// How large the head of a request may be.
const HEAD_BYTES: usize = 16 * 1024;
/// How many headers it may have; browsers behind a few proxies send some thirty.
const HEADERS: usize = 100;
/// How many connections there may be beside those of sockets: pages, the API, and proxies' idle ones.
const BESIDE_SOCKETS: usize = 2_000;
/// How long the loop rests when the system has no more connections to give.
const REST: Duration = Duration::from_secs(1);

/// How patient the server is with connections.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long the head of a request may take from its first byte, and the first head from the connection's beginning.
    pub head: Duration,
    /// How long the body of a request may take. Shorter than what answers it, so that this is what is answered.
    pub body: Duration,
    /// How long nothing may happen between requests, or while an answer is taken. Longer than proxies commonly keep
    /// idle connections (two minutes), so that it is they who close first.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { head: secs(10), body: secs(20), idle: secs(150) }
    }
}

/// Serves until `stop`, then until the requests under way have ended. Beside so many sockets there is room for other
/// connections; beyond that, and beyond the share of one address that is no trusted proxy's, new ones are dropped at once.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    sockets: usize,
    trusted: Vec<IpNet>,
    stop: impl Future<Output = ()>,
) {
    let places = Places::new(sockets.saturating_add(BESIDE_SOCKETS), trusted);
    let stopping = watch::Sender::new(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.take(peer.ip()) else {
                    tracing::debug!(
                        "there are as many connections as there may be, in all or of one address; a new one was dropped"
                    );
                    continue;
                };
                tokio::spawn(attend(stream, peer, place, router.clone(), patience, stopping.subscribe()));
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken; the next in a second");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop(listener);
    let _nobody_left = stopping.send(());
    stopping.closed().await;
}

/// Attends to a connection until it ends or becomes a socket, which takes its place along.
async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    patience: Patience,
    mut stopping: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::trace!(%error, "a connection went at once");
        return;
    }
    let watch = Arc::new(Watch::new(patience));
    let watched = watch.clone();
    let router = TowerToHyperService::new(router);
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| Body::new(Timely::new(body, patience.body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, watched) = (router.call(request), watched.clone());
        async move {
            // Not before: hyper begins with an answer when the body of the one before has been taken.
            watched.enter(Phase::Answering);
            let response = answer.await?;
            let is_socket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            watched.enter(if is_socket { Phase::Socket } else { Phase::IdleOrSending });
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, place, watch)), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopping.changed() => {
            // The request under way is answered, and no other is taken.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
}

/// Whether accepting failed because the other side has gone already.
fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
