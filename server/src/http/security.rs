//! What keeps other sites out: a check of where requests come from, and headers that tell browsers what a
//! response may do.

use axum::extract::{Request, State};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Problem;

use super::caller::bearer;
use super::problem::Refused;
use crate::state::{AppState, Site};

/// Refuses changes that come from another site's page, and what such a page has its visitors' browsers ask for.
pub(super) async fn refuse_foreign(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if is_foreign(request.method(), headers, &state.site)
        || is_wanted_by_another_site(request.uri().path(), headers)
    {
        return Refused(foreign_origin()).into_response();
    }
    next.run(request).await
}

/// Whether a browser says that another site's page has it ask; one of another subdomain is such a site, too.
pub(super) fn is_from_another_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|from| from == "cross-site" || from == "same-site")
}

/// The answer to a foreign origin: 403 `foreign_origin`.
fn foreign_origin() -> Problem {
    Problem::new(403, "foreign_origin", "Requests from other sites are not allowed.")
}

/// Whether a request comes from a page of this site, going by its `Origin`. Without one it comes from a
/// program; `null` is what a browser sends for pages that have no site, and is foreign. Where
/// `PUBLIC_URL` is https, pages have that origin and no other. Else a page's origin is the `Host` that it was asked at,
/// whatever that is: a site whose name was made to lead here passes, too (SECURITY.md says so).
pub fn is_own_origin(headers: &HeaderMap, site: &Site) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(Origin::parse) else { return false };
    let public = site.public_url.as_deref().and_then(Origin::parse);
    let is_at_host = || !site.is_https() && host(headers).is_some_and(|host| origin.is_at(&host));
    public.as_ref() == Some(&origin) || is_at_host()
}

/// A name of 253 characters (RFC 1035) and a port.
const LONGEST_HOST: usize = 260;

/// The host that the request was sent to.
pub(super) fn host(headers: &HeaderMap) -> Option<Authority> {
    let host = headers.get(header::HOST)?.to_str().ok().filter(|host| host.len() <= LONGEST_HOST)?;
    // Names, addresses and ports need no other characters. More must not get into the policy that names the host.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    host.bytes().all(plain).then(|| host.parse().ok())?
}

/// Sets the headers that every response has, where its handler has not set them.
pub(super) async fn headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if state.site.is_https() {
        for (name, value) in OVER_HTTPS {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// The policy of a page: its own files, the scripts with its nonce, and its socket.
pub(super) fn page_policy(nonce: &str, request: &HeaderMap) -> String {
    // Named beside 'self' for browsers that do not take 'self' to cover sockets.
    let sockets = host(request).map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'{sockets}; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // The picture of a join link too: another site's page could find out by it which codes there are.
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

const OVER_HTTPS: [(HeaderName, &str); 2] = [
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

/// Whether a change comes from another site's page. A Bearer header is no browser's own doing, so those who
/// send one are programs. Browsers say where a change comes from by at least one of the two headers; a
/// request with neither is a program, and a browser so old that it sends neither keeps our cookies back by
/// `SameSite=Lax`. It counts without cookies too, or another site could sign its visitors in here.
fn is_foreign(method: &Method, headers: &HeaderMap, site: &Site) -> bool {
    if method.is_safe() || bearer(headers).is_some() {
        return false;
    }
    match headers.get("sec-fetch-site") {
        Some(from) => from != "same-origin" && from != "none",
        None => !is_own_origin(headers, site),
    }
}

/// Whether something is asked for by another site's page, as a picture or in a frame, or by its script: that page gets nothing
/// of it (see `cross-origin-resource-policy`), but its visitors would use up the limits of where they are. A link that somebody
/// follows is good; of the API and of sockets there are no links, and what is fetched ahead is not followed yet.
fn is_wanted_by_another_site(path: &str, headers: &HeaderMap) -> bool {
    let is_page = !path.starts_with("/api/v1/") && path != "/ws";
    let is_document = headers.get("sec-fetch-dest").is_some_and(|what| what == "document");
    let is_followed = is_document && !headers.contains_key("sec-purpose");
    is_from_another_site(headers) && bearer(headers).is_none() && !(is_page && is_followed)
}

#[derive(Debug, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host()?.to_ascii_lowercase();
        Some(Self { https, host, port: uri.port_u16().unwrap_or(default_port(https)) })
    }

    /// Whether a `Host` header names the same place; it has no scheme, so that goes by the origin's.
    fn is_at(&self, host: &Authority) -> bool {
        let port = host.port_u16().unwrap_or(default_port(self.https));
        host.host().eq_ignore_ascii_case(&self.host) && port == self.port
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::cookies::tests::site;

    fn sent(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn an_origin_is_ours_by_public_url_or_host() {
        let own =
            |site: &Site, origin, host| is_own_origin(&sent(&[("origin", origin), ("host", host)]), site);
        for plain in [site(None), site(Some("http://vote.example"))] {
            assert!(own(&plain, "http://10.0.0.1:3000", "10.0.0.1:3000"));
            assert!(own(&plain, "https://inner", "inner:443"));
            assert!(own(&plain, "http://[::1]:3000", "[::1]:3000"));
            for foreign in ["null", "", "https://vote.example", "http://10.0.0.1:3001", "ftp://10.0.0.1:3000"]
            {
                assert!(!own(&plain, foreign, "10.0.0.1:3000"), "{foreign}");
            }
        }
        assert!(own(&site(Some("http://vote.example")), "http://vote.example", "10.0.0.1:3000"));
        assert!(is_own_origin(&sent(&[("host", "h")]), &site(None)));
    }

    #[test]
    fn over_https_the_public_origin_alone_is_ours() {
        let site = site(Some("https://vote.example"));
        let own = |origin, host| is_own_origin(&sent(&[("origin", origin), ("host", host)]), &site);
        for host in ["vote.example", "10.0.0.1:3000"] {
            assert!(own("https://vote.example", host));
            assert!(own("https://VOTE.example:443", host));
        }
        for (foreign, host) in [
            ("http://rebound.example", "rebound.example"),
            ("https://rebound.example", "rebound.example"),
            ("http://10.0.0.1:3000", "10.0.0.1:3000"),
            ("http://vote.example", "vote.example"),
            ("https://vote.example.evil", "vote.example"),
            ("null", "vote.example"),
            ("", "vote.example"),
        ] {
            assert!(!own(foreign, host), "{foreign}");
        }
        assert!(is_own_origin(&sent(&[("host", "vote.example")]), &site), "a program");
    }

    proptest! {
        #[test]
        fn an_origin_that_differs_is_foreign(scheme in "https?", host in "[a-z0-9.-]{1,20}", port in 1..=u16::MAX) {
            let site = site(Some("https://vote.example"));
            let mut headers = sent(&[("host", "vote.example")]);
            let origin = format!("{scheme}://{host}:{port}");
            headers.insert("origin", HeaderValue::from_str(&origin).unwrap());
            let is_ours = scheme == "https" && host == "vote.example" && port == 443;
            prop_assert!(is_ours || !is_own_origin(&headers, &site), "{}", origin);
        }
    }

    #[test]
    fn changes_from_elsewhere_are_foreign() {
        let site = site(None);
        let foreign = |pairs: &[_]| is_foreign(&Method::POST, &sent(pairs), &site);
        assert!(!foreign(&[("host", "h")]));
        assert!(!foreign(&[("host", "h"), ("origin", "http://h")]));
        assert!(foreign(&[("host", "h"), ("origin", "http://evil")]));
        assert!(foreign(&[("host", "h"), ("origin", "null")]));
        assert!(!foreign(&[("host", "h"), ("sec-fetch-site", "same-origin"), ("origin", "https://outside")]));
        assert!(!foreign(&[("sec-fetch-site", "none")]));
        assert!(foreign(&[("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("sec-fetch-site", "same-site"), ("cookie", "voxpop_session=x")]));
        assert!(!foreign(&[("sec-fetch-site", "cross-site"), ("authorization", "Bearer x")]));
        assert!(!is_foreign(&Method::GET, &sent(&[("origin", "http://evil")]), &site));
    }

    #[test]
    fn what_is_wanted_by_another_site_is_told_from_a_link_to_here() {
        let drawn = |path: &str, pairs: &[_]| is_wanted_by_another_site(path, &sent(pairs));
        for site in ["cross-site", "same-site"] {
            for what in ["image", "iframe", "empty", "script"] {
                assert!(
                    drawn("/join", &[("sec-fetch-site", site), ("sec-fetch-dest", what)]),
                    "{site} {what}"
                );
            }
            let followed = [("sec-fetch-site", site), ("sec-fetch-dest", "document")];
            assert!(!drawn("/r/K7M2QX", &followed));
            assert!(drawn("/api/v1/me/export", &followed) && drawn("/ws", &followed));
            let ahead =
                [("sec-fetch-site", site), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")];
            assert!(drawn("/join", &ahead));
        }
        for own in ["same-origin", "none"] {
            assert!(!drawn("/api/v1/me", &[("sec-fetch-site", own), ("sec-fetch-dest", "empty")]));
        }
        assert!(!drawn("/join", &[]), "a program, or a browser over plain http");
        assert!(!drawn("/api/v1/me", &[("sec-fetch-site", "cross-site"), ("authorization", "Bearer x")]));
    }

    #[test]
    fn a_pages_policy_allows_nothing_inline() {
        let policy = page_policy("abc", &sent(&[("host", "h:3000")]));
        assert!(policy.contains("script-src 'self' 'nonce-abc' 'wasm-unsafe-eval';"), "{policy}");
        assert!(policy.contains("connect-src 'self' ws://h:3000 wss://h:3000;"), "{policy}");
        assert!(!policy.contains("unsafe-inline"));
        for odd in ["h; script-src *", "h;script-src", "h,default-src", "a'b", "*", "user@h", "h:1/x"] {
            let policy = page_policy("abc", &sent(&[("host", odd)]));
            assert_eq!(policy, page_policy("abc", &HeaderMap::new()), "{odd}");
        }
    }
}
