//! One line a request, an end to waiting for those that take too long, and an answer where a handler panicked.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Problem;
use tokio::time::timeout;

use super::problem::Refused;

/// How long a request may take, its body's way included.
const LONGEST: Duration = Duration::from_secs(30);

/// Tells each request in one line, without its query: what people search for is nobody's business.
pub(super) async fn told(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    tracing::debug!(%method, path, status, ?took, "answered");
    response
}

/// Gives up on a request that takes too long.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "The request took too long. Please try again.";
            Refused(Problem::new(503, "timeout", detail)).into_response()
        }
    }
}

/// Carries a change to its end, even where whoever asked has hung up meanwhile: half of one would leave what
/// is stored and what is shown apart.
pub(super) async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panicked(panic),
            Err(_) => Refused(Problem::internal()).into_response(),
        },
    }
}

/// What a panic is answered with.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("of an unknown kind"), "a handler panicked");
    Refused(Problem::internal()).into_response()
}
