//! The browser's files: built, compressed beforehand, and asked for again only when they have changed.

use std::path::Path;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::services::{ServeDir, ServeFile};

use super::routes::Routes;

/// `/pkg`, and what browsers ask for at the root, from the folder of built files. No path leads out of the
/// folder; a link in it is followed wherever it leads, since only whoever installs the server can put one there.
pub(super) fn routes(root: &Path) -> Routes {
    let pkg = ServeDir::new(root.join("pkg")).precompressed_br().append_index_html_on_directories(false);
    let icon = ServeFile::new(root.join("favicon.svg")).precompressed_br();
    let files = |router: axum::Router<_>| {
        router
            .nest_service("/pkg", pkg)
            .route_service("/favicon.svg", icon)
            .layer(middleware::from_fn(cached))
    };
    Routes::default().with(files).listing(&["/pkg/{file}", "/favicon.svg"])
}

/// A file asked for by its version never changes; any other is asked for again each time, and the answer
/// is short while its date is the same.
async fn cached(request: Request, next: Next) -> Response {
    let versioned =
        request.uri().query().is_some_and(|query| query.split('&').any(|part| part.starts_with("v=")));
    let mut response = next.run(request).await;
    let found = response.status().is_success() || response.status().is_redirection();
    let value = match (versioned, found) {
        (true, true) => "public, max-age=31536000, immutable",
        (false, true) => "no-cache",
        (_, false) => "no-store",
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    response
}
