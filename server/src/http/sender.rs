//! Where a request comes from: the other end of its connection, or behind proxies that are trusted, who these say.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Once;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::auth::Sender;
use crate::state::AppState;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// It is told once that there may be a proxy.
static UNTRUSTED: Once = Once::new();

impl FromRequestParts<AppState> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let address = address(parts.extensions.get(), &parts.headers, &state.site.trusted_proxies);
        Ok(Self::new(address, agent.unwrap_or_default()))
    }
}

/// The address that a request comes from.
fn address(peer: Option<&ConnectInfo<SocketAddr>>, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    if trusted.is_empty() && headers.contains_key(FORWARDED_FOR) {
        UNTRUSTED.call_once(|| {
            tracing::warn!(
                "requests seem to come through a proxy, and none is trusted: all who come through it share the limits of one \
                 address; see VOXPOP_TRUSTED_PROXIES"
            );
        });
    }
    named(peer.to_canonical(), headers, trusted)
}

/// Each trusted proxy has written the address that it was called from behind those it was told. So they are read from the
/// right, for as long as the one at hand is a trusted proxy's: what stands further left is whatever somebody made up.
fn named(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    // As bytes: a proxy may write behind what is no text on the same line.
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let told: Vec<&[u8]> = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).collect();
    let mut address = peer;
    for told in told.into_iter().rev() {
        if !trusted.iter().any(|net| net.contains(&address)) {
            break;
        }
        match std::str::from_utf8(told).ok().and_then(|told| parsed(told.trim())) {
            Some(next) => address = next,
            None => break,
        }
    }
    address
}

/// An address, perhaps with a port or in brackets.
fn parsed(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn found<L: AsRef<[u8]>>(peer: &str, lines: &[L], trusted: &[&str]) -> String {
        let value = |line: &L| HeaderValue::from_bytes(line.as_ref()).unwrap();
        let headers = lines.iter().map(|line| (FORWARDED_FOR, value(line))).collect();
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        named(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(found("203.0.113.9", &["192.0.2.1"], &[]), "203.0.113.9");
        assert_eq!(found("203.0.113.9", &["192.0.2.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(found("10.0.0.1", &["192.0.2.1"], &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(found::<&str>("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn what_a_sender_made_up_is_left_of_what_a_proxy_saw() {
        assert_eq!(found("10.0.0.1", &["1.1.1.1, 192.0.2.1"], &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(found("10.0.0.1", &["10.0.0.7, 192.0.2.1"], &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(
            found("10.0.0.1", &["1.1.1.1, 192.0.2.1, 10.0.0.2"], &["10.0.0.0/8"]),
            "192.0.2.1",
            "two hops"
        );
        assert_eq!(found("10.0.0.1", &["1.1.1.1", "192.0.2.1"], &["10.0.0.0/8"]), "192.0.2.1", "two lines");
        assert_eq!(found("10.0.0.1", &[b"\xff, 192.0.2.1"], &["10.0.0.0/8"]), "192.0.2.1", "no text");
    }

    #[test]
    fn addresses_come_in_several_shapes() {
        let trusted = &["::1/128", "127.0.0.1/32"];
        assert_eq!(found("::1", &["192.0.2.1:4711"], trusted), "192.0.2.1");
        assert_eq!(found("::1", &["[2001:db8::1]:4711"], trusted), "2001:db8::1");
        assert_eq!(found("::1", &["[2001:db8::1]"], trusted), "2001:db8::1");
        assert_eq!(found("127.0.0.1", &["::ffff:192.0.2.1"], trusted), "192.0.2.1");
        for odd in ["unknown", "", "300.1.1.1", "_hidden"] {
            assert_eq!(found("127.0.0.1", &[odd], trusted), "127.0.0.1", "{odd}");
        }
    }
}
