//! Server functions: what pages call under `/fn`, all by POST.

use std::sync::Arc;

use app::backend::Backend;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Problem;
use leptos::prelude::provide_context;

use super::BODY_BYTES;
use super::backend::RequestBackend;
use super::caller::Verified;
use super::problem::{Refused, status, too_large};
use crate::state::AppState;

/// Runs the function with this path.
pub(super) async fn call(
    State(state): State<AppState>,
    Verified(asker): Verified,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = leptos::server_fn::axum::server_fn_paths().any(|(path, _)| path == parts.uri.path());
    if !known {
        return Refused(Problem::new(404, "not_found", "There is nothing at this address.")).into_response();
    }
    // The framework reads bodies whole: this is where their limit is kept.
    let mut limited = Request::new(body);
    *limited.extensions_mut() = parts.extensions.clone();
    let body = match Bytes::from_request(limited, &state).await {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection).into_response(),
    };
    let backend = RequestBackend::shared(&state, &asker, &parts.headers);
    // With these two it would answer a browser's form by a way back to the Referer, whatever was wrong.
    parts.headers.remove(header::REFERER);
    parts.headers.remove(header::ACCEPT);
    let context = move || provide_context::<Arc<dyn Backend>>(backend.clone());
    let request = Request::from_parts(parts, Body::from(body));
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    let mut response = with_the_problems_status(response).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Arguments that cannot be read are answered with 500 by the framework; the problem in the body knows better.
async fn with_the_problems_status(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES).await else {
        return Refused(Problem::internal()).into_response();
    };
    if let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
        parts.status = status(&problem);
    }
    Response::from_parts(parts, Body::from(body))
}

/// Why a body could not be read.
pub(super) fn unread(rejection: &BytesRejection) -> Refused {
    Refused(if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Problem::new(400, "bad_request", "The request could not be read to its end.")
    })
}
