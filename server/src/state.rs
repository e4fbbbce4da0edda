//! What every request handler shares.

use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use leptos::config::LeptosOptions;

use crate::config::{Registration, Sockets};
use crate::service::Services;
use crate::ws::Hub;

/// The server's parts. Clones share them.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub services: Services,
    /// The rooms that sockets of this node are in.
    pub hub: Arc<Hub>,
    /// Where people reach this server.
    pub site: Arc<Site>,
    /// Limits of a socket.
    pub sockets: Sockets,
    /// What Leptos needs to draw pages.
    pub leptos: LeptosOptions,
}

/// Where people reach this server, and what it allows.
#[derive(Clone, Debug)]
pub struct Site {
    /// The configured public URL without a slash at its end.
    pub public_url: Option<String>,
    /// This machine's URL on the local network, where one is known: for join links when a page was asked
    /// for on loopback.
    pub lan_url: Option<String>,
    /// The built browser files.
    pub root: PathBuf,
    /// Who may make an account.
    pub registration: Registration,
    /// Where the imprint is, for the foot of every page.
    pub imprint_url: Option<String>,
    /// Where it says what is done with what people leave here, for the same.
    pub privacy_url: Option<String>,
    /// Proxies that are believed about where requests come from.
    pub trusted_proxies: Vec<IpNet>,
}

impl Site {
    /// Whether people come over https, so that cookies must be secure.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}
