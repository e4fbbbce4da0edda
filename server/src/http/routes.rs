//! Routes that can be told: the router, and beside it the list of what it takes.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};

use crate::state::AppState;

/// A method and a path, with `{names}` where something is filled in.
pub type Route = (&'static str, String);

/// A router that grows together with its list.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) router: Router<AppState>,
    pub(super) list: Vec<Route>,
    base: &'static str,
}

impl Routes {
    /// Routes that all begin alike.
    pub(super) fn below(base: &'static str) -> Self {
        Self { base, ..Self::default() }
    }

    /// Adds a route.
    pub(super) fn at<H, T>(mut self, method: &'static str, path: &str, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let path = format!("{}{path}", self.base);
        self.router = self.router.route(&path, on(filter(method), handler));
        self.list.push((method, path));
        self
    }
}

/// A method that routes here have; any other is read as GET, which a test of the list would notice.
fn filter(method: &str) -> MethodFilter {
    match method {
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}
