//! The public contract under `/api/v1`, and its description.

mod auth;
mod docs;
pub(super) mod extract;
mod me;
mod polls;
pub(super) mod qr;
mod rooms;
mod tickets;
mod votes;

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::Response;

use crate::http::routes::Routes;

const BASE: &str = "/api/v1";

/// A room may come with all its polls.
const ROOM_BYTES: usize = 512 * 1024;

/// The API, and the page that describes it.
pub(super) fn routes() -> Routes {
    let page = Routes::default().at("GET", "/api/docs", docs::page);
    contract().and(page).with(|router| router.layer(middleware::map_response(not_stored)))
}

/// What the contract says, and nothing else.
fn contract() -> Routes {
    Routes::below(BASE)
        .at("POST", "/auth/register", auth::register)
        .at("POST", "/auth/login", auth::login)
        .at("POST", "/auth/refresh", auth::refresh)
        .at("POST", "/auth/logout", auth::logout)
        .at("POST", "/auth/guest", auth::guest)
        .at("GET", "/me", me::show)
        .at("PATCH", "/me", me::rename)
        .at("DELETE", "/me", me::delete)
        .at("POST", "/me/password", me::change_password)
        .at("GET", "/me/export", me::export)
        .at("GET", "/me/sessions", me::sessions)
        .at("DELETE", "/me/sessions", me::end_other_sessions)
        .at("DELETE", "/me/sessions/{id}", me::end_session)
        .at("POST", "/rooms", rooms::create.layer(DefaultBodyLimit::max(ROOM_BYTES)))
        .at("GET", "/rooms", rooms::list)
        .at("GET", "/rooms/{code}", rooms::show)
        .at("PATCH", "/rooms/{code}", rooms::change)
        .at("DELETE", "/rooms/{code}", rooms::delete)
        .at("POST", "/rooms/{code}/duplicate", rooms::duplicate)
        .at("PUT", "/rooms/{code}/current", rooms::set_current)
        .at("GET", "/rooms/{code}/qr.svg", qr::svg)
        .at("POST", "/rooms/{code}/tickets", tickets::make)
        .at("GET", "/rooms/{code}/tickets", tickets::list)
        .at("DELETE", "/rooms/{code}/tickets", tickets::delete_unused)
        .at("POST", "/rooms/{code}/ticket", tickets::take)
        .at("POST", "/rooms/{code}/polls", polls::add)
        .at("PATCH", "/polls/{id}", polls::change)
        .at("DELETE", "/polls/{id}", polls::delete)
        .at("POST", "/polls/{id}/open", polls::open)
        .at("POST", "/polls/{id}/close", polls::close)
        .at("POST", "/polls/{id}/reveal", polls::reveal)
        .at("POST", "/polls/{id}/hide", polls::hide)
        .at("POST", "/polls/{id}/reset", polls::reset)
        .at("POST", "/polls/{id}/votes", votes::cast)
        .at("GET", "/polls/{id}/results", votes::results)
        .at("GET", "/openapi.json", docs::document)
}

/// Answers are for one asker and one moment, unless their handler says otherwise.
async fn not_stored(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_and_the_router_know_the_same_routes() {
        let document: serde_json::Value = serde_json::from_str(docs::DOCUMENT).unwrap();
        let mut described = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| (method.to_uppercase(), format!("{BASE}{path}"))));
        }
        let list: Vec<_> =
            contract().list.into_iter().map(|(method, path)| (method.to_owned(), path)).collect();
        for route in &list {
            assert!(described.contains(route), "not in the document: {route:?}");
        }
        for route in &described {
            assert!(list.contains(route), "not in the router: {route:?}");
        }
        assert_eq!(list.len(), described.len());
    }
}
