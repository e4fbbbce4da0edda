//! A link that faults can strike: a TCP proxy in front of a server, for one node.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How much is read at once.
const BYTES: usize = 64 * 1024;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It works.
    Open,
    /// All its connections are dropped, and new ones too.
    Cut,
    /// Nothing gets through, and nothing is lost: it arrives when the link is open again.
    Stalled,
}

/// A link.
pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// A link to a port of this machine.
    pub(crate) async fn start(to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let mode = watch::Sender::new(Mode::Open);
        tokio::spawn(serve(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, to)), mode.clone()));
        Ok(Self { port, mode })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes it do something else.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(listener: TcpListener, to: SocketAddr, mode: watch::Sender<Mode>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        if *mode.borrow() != Mode::Cut {
            tokio::spawn(link(near, to, mode.subscribe()));
        }
    }
}

async fn link(near: TcpStream, to: SocketAddr, mode: watch::Receiver<Mode>) {
    let Ok(far) = TcpStream::connect(to).await else { return };
    for stream in [&near, &far] {
        // Without it small calls wait for each other; a stream that refuses has ended.
        let _ = stream.set_nodelay(true);
    }
    let (near_reads, near_writes) = near.into_split();
    let (far_reads, far_writes) = far.into_split();
    // Both ways end together: a server that has gone is gone at once.
    tokio::select! {
        _ = pass(near_reads, far_writes, mode.clone()) => {}
        _ = pass(far_reads, near_writes, mode) => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut bytes = vec![0; BYTES];
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Cut {
            return Ok(());
        }
        tokio::select! {
            // What comes after a change must meet it.
            biased;
            changed = mode.changed() => changed.map_err(io::Error::other)?,
            read = from.read(&mut bytes), if now == Mode::Open => match read? {
                0 => return Ok(()),
                length => to.write_all(&bytes[..length]).await?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_link_can_be_cut_and_stalled_and_mended() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(server.local_addr().unwrap().port()).await.unwrap();
        let dial = || TcpStream::connect(("127.0.0.1", proxy.port()));
        let mut bytes = [0; 2];

        let mut near = dial().await.unwrap();
        let (mut far, _) = server.accept().await.unwrap();
        near.write_all(b"hi").await.unwrap();
        far.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hi");

        proxy.set(Mode::Stalled);
        near.write_all(b"ho").await.unwrap();
        timeout(Duration::from_millis(50), far.peek(&mut bytes)).await.unwrap_err();
        proxy.set(Mode::Open);
        far.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ho");

        proxy.set(Mode::Cut);
        assert_eq!(near.read(&mut bytes).await.unwrap_or(0), 0);
        let mut refused = dial().await.unwrap();
        assert_eq!(refused.read(&mut bytes).await.unwrap_or(0), 0);

        proxy.set(Mode::Open);
        let mut near = dial().await.unwrap();
        let (mut far, _) = server.accept().await.unwrap();
        far.write_all(b"ok").await.unwrap();
        near.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ok");
    }
}
