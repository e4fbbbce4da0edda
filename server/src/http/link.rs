//! The link that people join by: never `localhost`, which would be their own phone.

use std::net::Ipv4Addr;

use axum::http::HeaderMap;
use axum::http::uri::Authority;
use domain::{RoomCode, TicketCode};

use super::security::host;
use crate::state::Site;

/// Where others join a room: the public URL, else where this request was sent to, unless only this machine
/// can reach that.
pub(super) fn join_url(site: &Site, headers: &HeaderMap, code: RoomCode) -> String {
    let host = host(headers);
    let base = match (&site.public_url, &site.lan_url, host) {
        (Some(public), _, _) => public.clone(),
        (None, Some(lan), Some(host)) if is_loopback(&host) => lan.clone(),
        (None, Some(lan), None) => lan.clone(),
        (None, _, Some(host)) => format!("http://{host}"),
        (None, None, None) => String::new(),
    };
    format!("{}/r/{code}", base.trim_end_matches('/'))
}

/// Where a ticket of a room is used. What stands behind `#` stays in the browser: no proxy logs it, no `Referer` has it.
pub(super) fn ticket_url(site: &Site, headers: &HeaderMap, code: RoomCode, ticket: &TicketCode) -> String {
    format!("{}#ticket={}", join_url(site, headers, code), ticket.as_str())
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host().trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name == "[::1]"
        || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;
    use crate::http::cookies::tests::site;

    fn url(site: &Site, host: &'static str) -> String {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        join_url(site, &headers, "K7M2QX".parse().unwrap())
    }

    #[test]
    fn phones_can_follow_the_link() {
        let lan = site(None);
        for loopback in
            ["localhost:3000", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST", "a.localhost", "0.0.0.0:1"]
        {
            assert_eq!(url(&lan, loopback), "http://192.168.0.7:3000/r/K7M2QX", "{loopback}");
        }
        assert_eq!(url(&lan, "10.0.0.5:3000"), "http://10.0.0.5:3000/r/K7M2QX");
        assert_eq!(url(&site(Some("https://vote.example")), "localhost"), "https://vote.example/r/K7M2QX");
        assert_eq!(url(&Site { lan_url: None, ..lan }, "localhost:3000"), "http://localhost:3000/r/K7M2QX");
    }
}
