//! The public contract under `/api/v1`, and its description.

mod auth;
mod docs;
pub(super) mod extract;
mod me;
mod polls;
mod qr;
mod rooms;
mod tickets;
mod votes;

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::{MethodFilter, get, on};
use axum::{Router, middleware};

use crate::state::AppState;

const BASE: &str = "/api/v1";

/// A room may come with all its polls.
const ROOM_BYTES: usize = 512 * 1024;

/// The routes of the API.
pub(super) fn router() -> Router<AppState> {
    routes().router.route("/api/docs", get(docs::page)).layer(middleware::map_response(not_stored))
}

/// Routes and the table of what they are, which a test compares with the document.
#[derive(Default)]
struct Routes {
    router: Router<AppState>,
    table: Vec<(MethodFilter, &'static str)>,
}

impl Routes {
    fn at<H, T>(mut self, method: MethodFilter, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        self.router = self.router.route(&format!("{BASE}{path}"), on(method, handler));
        self.table.push((method, path));
        self
    }
}

fn routes() -> Routes {
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    const PUT: MethodFilter = MethodFilter::PUT;
    const PATCH: MethodFilter = MethodFilter::PATCH;
    const DELETE: MethodFilter = MethodFilter::DELETE;

    Routes::default()
        .at(POST, "/auth/register", auth::register)
        .at(POST, "/auth/login", auth::login)
        .at(POST, "/auth/refresh", auth::refresh)
        .at(POST, "/auth/logout", auth::logout)
        .at(POST, "/auth/guest", auth::guest)
        .at(GET, "/me", me::show)
        .at(PATCH, "/me", me::rename)
        .at(DELETE, "/me", me::delete)
        .at(POST, "/me/password", me::change_password)
        .at(GET, "/me/export", me::export)
        .at(GET, "/me/sessions", me::sessions)
        .at(DELETE, "/me/sessions", me::end_other_sessions)
        .at(DELETE, "/me/sessions/{id}", me::end_session)
        .at(POST, "/rooms", rooms::create.layer(DefaultBodyLimit::max(ROOM_BYTES)))
        .at(GET, "/rooms", rooms::list)
        .at(GET, "/rooms/{code}", rooms::show)
        .at(PATCH, "/rooms/{code}", rooms::change)
        .at(DELETE, "/rooms/{code}", rooms::delete)
        .at(POST, "/rooms/{code}/duplicate", rooms::duplicate)
        .at(PUT, "/rooms/{code}/current", rooms::set_current)
        .at(GET, "/rooms/{code}/qr.svg", qr::svg)
        .at(POST, "/rooms/{code}/tickets", tickets::make)
        .at(GET, "/rooms/{code}/tickets", tickets::list)
        .at(DELETE, "/rooms/{code}/tickets", tickets::delete_unused)
        .at(POST, "/rooms/{code}/ticket", tickets::take)
        .at(POST, "/rooms/{code}/polls", polls::add)
        .at(PATCH, "/polls/{id}", polls::change)
        .at(DELETE, "/polls/{id}", polls::delete)
        .at(POST, "/polls/{id}/open", polls::open)
        .at(POST, "/polls/{id}/close", polls::close)
        .at(POST, "/polls/{id}/reveal", polls::reveal)
        .at(POST, "/polls/{id}/hide", polls::hide)
        .at(POST, "/polls/{id}/reset", polls::reset)
        .at(POST, "/polls/{id}/votes", votes::cast)
        .at(GET, "/polls/{id}/results", votes::results)
        .at(GET, "/openapi.json", docs::document)
}

/// Answers are for one asker and one moment, unless their handler says otherwise.
async fn not_stored(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(method: &str) -> MethodFilter {
        match method {
            "get" => MethodFilter::GET,
            "post" => MethodFilter::POST,
            "put" => MethodFilter::PUT,
            "patch" => MethodFilter::PATCH,
            "delete" => MethodFilter::DELETE,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_document_and_the_router_know_the_same_routes() {
        let document: serde_json::Value = serde_json::from_str(docs::DOCUMENT).unwrap();
        let mut described = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| (filter(method), path.as_str())));
        }
        let table = routes().table;
        for route in &table {
            assert!(described.contains(route), "not in the document: {route:?}");
        }
        for route in &described {
            assert!(table.contains(route), "not in the router: {route:?}");
        }
        assert_eq!(table.len(), described.len());
    }
}
