//! Routes that can be told: the router, and beside it the list of what it takes.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};

use crate::state::AppState;

/// A method and a path, with `{names}` where something is filled in.
pub type Route = (&'static str, String);

/// A router that grows together with its list. Nothing is routed beside it: a test looks for that.
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

    /// Takes in other routes with their list, where these say they are.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.list.extend(other.list);
        self
    }

    /// The same routes with a router that something was put around, or that hands out what is no handler.
    pub(super) fn with(self, change: impl FnOnce(Router<AppState>) -> Router<AppState>) -> Self {
        Self { router: change(self.router), ..self }
    }

    /// Lists what a router answers that [`with`](Self::with) brought in.
    pub(super) fn listing(mut self, paths: &[&str]) -> Self {
        self.list.extend(paths.iter().map(|path| ("GET", (*path).to_owned())));
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Files below a folder that put something on a router by themselves.
    fn routing(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                routing(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let program = text.split("#[cfg(test)]").next().unwrap_or_default();
            if [".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback_service("]
                .iter()
                .any(|call| program.contains(call))
            {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn nothing_is_routed_that_is_not_listed() {
        let mut found = Vec::new();
        routing(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        found.sort();
        // The files of browsers are services and no handlers: they are listed where they are routed.
        assert_eq!(found, ["assets.rs", "routes.rs"]);
    }
}
