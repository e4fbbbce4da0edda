//! Everything that is asked over HTTP: the API, pages, plain forms, server functions and files.

mod api;
mod assets;
mod backend;
mod caller;
mod cookies;
mod forms;
mod functions;
mod health;
mod limited;
mod link;
mod next;
mod pages;
mod problem;
mod routes;
mod security;
mod sender;
mod trace;
mod visit;

use std::path::Path;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use domain::Problem;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

pub use caller::Caller;
pub use routes::Route;
pub use security::is_own_origin;

use crate::state::AppState;
use problem::Refused;
use routes::Routes;
use visit::Visit;

/// How large a body may be, where nothing else is said.
const BODY_BYTES: usize = 64 * 1024;

/// The whole server as a router.
pub fn router(state: AppState) -> Router {
    // Makes the async runtime known to Leptos, which a page's resources run on. The list itself is not
    // needed: pages stand below, beside what guards them.
    let _ = leptos_axum::generate_route_list(app::App);

    let answering = routes(&state.site.root)
        .router
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(state.clone(), limited::changes));
    bounded(answering)
        .layer(middleware::from_fn_with_state(state.clone(), security::refuse_foreign))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_worth_compressing))
        .layer(CatchPanicLayer::custom(trace::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), security::headers))
        .layer(middleware::from_fn(trace::told))
        .with_state(state)
}

/// Bounds how long an answer is waited for. Cookies that were renewed by then go with whatever is answered: the old ones are
/// of no use any more.
fn bounded<S: Clone + Send + Sync + 'static>(answering: Router<S>) -> Router<S> {
    answering
        .layer(middleware::from_fn(trace::to_the_end))
        .layer(middleware::from_fn(trace::in_time))
        .layer(middleware::from_fn(cookies::carried))
}

/// A problem as a response, for what answers beside this module.
pub fn answer_problem(problem: Problem) -> Response {
    Refused(problem).into_response()
}

/// Every route, for whoever wants to see that each is guarded. Of server functions each is named.
pub fn list() -> Vec<Route> {
    let functions = leptos::server_fn::axum::server_fn_paths().map(|(path, _)| ("POST", path.to_owned()));
    let routed = routes(Path::new("")).list.into_iter().filter(|(_, path)| path != FUNCTIONS);
    routed.chain(functions).collect()
}

/// Where server functions are, whatever their names.
const FUNCTIONS: &str = "/fn/{*name}";

fn routes(site_root: &Path) -> Routes {
    pages_and_forms()
        .and(api::routes())
        .and(health::routes())
        .and(assets::routes(site_root))
        .at("POST", FUNCTIONS, functions::call)
        .at("GET", "/ws", crate::ws::upgrade)
}

fn pages_and_forms() -> Routes {
    Routes::default()
        .at("GET", "/", pages::open)
        .at("GET", "/join", forms::join::join)
        .at("GET", "/start", pages::open)
        .at("POST", "/start", forms::start::start)
        .at("GET", "/login", pages::account)
        .at("POST", "/login", forms::account::login)
        .at("GET", "/register", pages::account)
        .at("POST", "/register", forms::account::register)
        .at("POST", "/logout", forms::account::logout)
        .at("GET", "/rooms", pages::rooms)
        .at("POST", "/rooms", forms::rooms::change)
        .at("GET", "/account", pages::own)
        .at("POST", "/account", forms::settings::change)
        .at("GET", "/rooms/{code}/tickets", pages::hosts)
        .at("POST", "/rooms/{code}/tickets", forms::tickets::change)
        .at("GET", "/rooms/{code}/edit", pages::hosts)
        .at("POST", "/rooms/{code}/edit", forms::edit::change)
        .at("GET", "/r/{code}", pages::room)
        .at("POST", "/r/{code}", forms::vote::cast)
        .at("GET", "/r/{code}/host", pages::hosts)
        .at("POST", "/r/{code}/host", forms::host::act)
        .at("GET", "/r/{code}/screen", pages::room)
}

/// Nothing has this path: a page that says so for a browser, a problem for a program.
async fn nothing_here(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    // Browsers ask for icons by themselves: nobody reads the answer.
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let for_programs = is_file || ["/api", "/fn", "/ws"].iter().any(|root| is_under(path, root));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if for_programs || !reads {
        return Refused(Problem::new(404, "not_found", "There is nothing at this address.")).into_response();
    }
    let draw = |visit: Visit| visit.draw_as(StatusCode::NOT_FOUND);
    draw.call(request, state).await
}

async fn wrong_method() -> Refused {
    Refused(Problem::new(405, "method_not_allowed", "This address does not take this method."))
}

fn is_under(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Text that the server writes. The browser's files come compressed from the disk.
fn is_worth_compressing(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    const TEXTS: [&str; 4] = ["text/html", "application/json", "application/problem+json", "image/svg+xml"];
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // What ServeDir hands out has a date; nothing else here has.
    !headers.contains_key(header::LAST_MODIFIED) && TEXTS.iter().any(|text| content_type.starts_with(text))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::Extension;
    use axum::body::Body;
    use axum::http::HeaderValue;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::cookies::Jar;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_took_too_long_brings_what_was_renewed_on_the_way() {
        let stuck = async |Extension(jar): Extension<Jar>| {
            jar.put([HeaderValue::from_static("renewed")]);
            pending::<()>().await;
        };
        for method in [Method::GET, Method::POST] {
            let request = Request::builder().method(method).body(Body::empty()).unwrap();
            let answer = bounded(Router::new().route("/", any(stuck))).oneshot(request).await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()[header::SET_COOKIE]),
                (503, &HeaderValue::from_static("renewed"))
            );
        }
    }

    #[test]
    fn a_path_is_under_a_root_by_whole_segments() {
        assert!(is_under("/api", "/api") && is_under("/api/v1/x", "/api"));
        assert!(!is_under("/apis", "/api") && !is_under("/", "/api"));
    }
}
