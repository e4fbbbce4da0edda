//! A port that stays ours while its server is down.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

/// A reserved port on 127.0.0.1, until it is dropped.
///
/// Reserved means that a socket is bound to it and does not listen. Servers can listen on it all the same,
/// since they allow an address to be reused (as tokio, MariaDB, Redis and haproxy do), and come back to it
/// after a crash. Whoever asks the system for any free port is given another, and a client that knocks while
/// the server is down is refused, and can't by chance get this port as its own and so connect to itself.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _socket: OwnedFd,
}

impl Port {
    /// Reserves any free port.
    pub fn free() -> io::Result<Self> {
        Self::reserve(0)
    }

    /// Reserves this port; fails where something listens on it. With 0, any free one.
    pub fn reserve(number: u16) -> io::Result<Self> {
        let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, number))?;
        let address = SocketAddr::try_from(net::getsockname(&socket)?)?;
        Ok(Self { number: address.port(), _socket: socket })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_is_refused_until_its_server_listens_and_again_after() {
        let port = Port::free().unwrap();
        for _ in 0..2 {
            let refused = TcpStream::connect(port.address()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let _server = TcpListener::bind(port.address()).unwrap();
            TcpStream::connect(port.address()).unwrap();
        }
    }

    #[test]
    fn nobody_else_is_given_a_reserved_port() {
        let ports: Vec<Port> = (0..500).map(|_| Port::free().unwrap()).collect();
        let numbers: HashSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
        let others: Vec<TcpListener> = (0..500).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        assert!(others.iter().all(|other| !numbers.contains(&other.local_addr().unwrap().port())));
    }

    #[test]
    fn a_port_that_is_listened_on_is_not_reserved() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = Port::reserve(listener.local_addr().unwrap().port()).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
