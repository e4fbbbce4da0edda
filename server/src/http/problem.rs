//! Problems on their way out: RFC 9457, `application/problem+json`.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Problem;

use crate::error::Error;

/// What a request is refused with.
#[derive(Debug)]
pub struct Refused(pub Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error.into_problem())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let mut response = axum::Json(&problem).into_response();
        *response.status_mut() = status(&problem);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(retry_after(&problem));
        if problem.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// When to try again, as a header, if it is said.
pub(super) fn retry_after(problem: &Problem) -> Option<(HeaderName, HeaderValue)> {
    problem.retry_after_secs.map(|secs| (header::RETRY_AFTER, secs.into()))
}

/// The status that a problem is answered with.
pub(super) fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Credentials were sent that are not ours, have expired, or whose session has ended: 401 `invalid_token`.
pub(super) fn invalid_token() -> Problem {
    Problem::new(401, "invalid_token", "This sign-in is not valid any more. Please sign in again.")
}

/// A body over its limit: 413 `too_large`.
pub(super) fn too_large() -> Problem {
    Problem::new(413, "too_large", "The request is larger than is allowed here.")
}

/// A body of a kind that is not read here: 415 `unsupported_media_type`.
pub(super) fn unsupported_media_type(expected: &str) -> Problem {
    Problem::new(415, "unsupported_media_type", format!("The body must be sent as {expected}."))
}
