//! Taking connections in. Each has a bounded time to say what it wants, a bounded size to say it in, and there is a bounded
//! number of them: whoever sends byte by byte keeps nobody else out.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

/// How large the head of a request may be, in bytes; a larger one is answered with 431.
const HEAD: usize = 16 * 1024;
/// How many header lines it may have.
const LINES: usize = 64;
/// How long to wait when no connection can be taken, because the process has too many files open.
const PAUSE: Duration = Duration::from_millis(100);

/// Limits of connections that are no sockets (yet).
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// How long the head of a request may take, and how long a connection may be idle between two.
    pub head: Duration,
    /// How many there are at once; the next is closed at once.
    pub most: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { head: Duration::from_secs(15), most: 10_000 }
    }
}

/// Serves connections until `stopped`; then lets those end that are in the middle of an answer.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Connections,
    stopped: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.most));
    let (stop, _) = watch::channel(());
    tokio::pin!(stopped);
    loop {
        let (stream, peer) = tokio::select! {
            taken = listener.accept() => match taken {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            () = &mut stopped => break,
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!("a connection was closed at once: there are as many as there may be");
            continue;
        };
        let (router, stopping) = (router.clone(), stop.subscribe());
        tokio::spawn(async move {
            connection(stream, peer, router, limits, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    let _all_told = stop.send(());
    stop.closed().await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Connections,
    mut stopping: watch::Receiver<()>,
) {
    let _slower = stream.set_nodelay(true);
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD).max_headers(LINES);
    let serving = builder.serve_connection(TokioIo::new(stream), answer).with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = stopping.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
