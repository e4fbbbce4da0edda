//! A browser's visit to a page: who comes, and what the answer carries besides the page.

use std::sync::Arc;

use app::backend::Backend;
use app::data::SentForm;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::Problem;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use super::backend::RequestBackend;
use super::caller::Caller;
use super::cookies::{Cookie, of_signed, signed_out};
use super::problem::{Refused, retry_after, status};
use super::security::page_policy;
use crate::auth::Asker;
use crate::service::SignedIn;
use crate::state::AppState;

/// What a form's refusal does not hand back.
const SECRET_FIELDS: [&str; 3] = ["password", "current", "new"];

/// A visit. Bad cookies are nobody's.
pub(super) struct Visit {
    /// Who comes.
    pub(super) asker: Asker,
    /// The server's parts.
    pub(super) state: AppState,
    /// What was asked for.
    pub(super) uri: Uri,
    headers: HeaderMap,
    cookies: Vec<HeaderValue>,
    headers_too: HeaderMap,
}

impl Visit {
    /// The fields in the query; none where it can't be understood.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        Query::try_from_uri(&self.uri).map(|Query(fields)| fields).unwrap_or_default()
    }

    /// The page that was asked for.
    pub(super) async fn draw(self) -> Response {
        self.draw_as(StatusCode::OK).await
    }

    /// The page that was asked for, with a status of its own where all goes well.
    pub(super) async fn draw_as(self, status: StatusCode) -> Response {
        self.render(None, status).await
    }

    /// The same page once more, with what was typed and what is wrong.
    pub(super) async fn refuse(self, fields: Vec<(String, String)>, problem: Problem) -> Response {
        let status = status(&problem);
        self.refuse_as(status, fields, problem).await
    }

    /// The same, with a status of its own.
    pub(super) async fn refuse_as(
        mut self,
        status: StatusCode,
        mut fields: Vec<(String, String)>,
        problem: Problem,
    ) -> Response {
        fields.retain(|(name, _)| !SECRET_FIELDS.contains(&name.as_str()));
        self.headers_too.extend(retry_after(&problem));
        let action = app::forms::value(&fields, "action").unwrap_or_default().to_owned();
        self.render(Some(SentForm { action, fields, problem }), status).await
    }

    /// The page to join by a code, with why another is not shown now.
    pub(super) async fn turn_away(mut self, problem: Problem) -> Response {
        self.uri = Uri::from_static("/join");
        self.refuse(Vec::new(), problem).await
    }

    /// A form's answer: on to a page where it was carried out, else the same page with what is wrong.
    pub(super) async fn answer(
        self,
        fields: Vec<(String, String)>,
        done: Result<String, Refused>,
    ) -> Response {
        match done {
            Ok(place) => self.lead_to(&place),
            Err(Refused(problem)) => self.refuse(fields, problem).await,
        }
    }

    /// On to another page.
    pub(super) fn lead_to(self, place: &str) -> Response {
        self.finish(Redirect::to(place).into_response())
    }

    /// Signs an account in, for this answer too.
    pub(super) fn sign_in(&mut self, signed: SignedIn) {
        self.become_somebody(signed);
    }

    /// Makes the visitor a new guest, for this answer too.
    pub(super) async fn become_guest(&mut self) -> Result<(), Refused> {
        let signed = self.state.services.new_guest(&self.asker.sender).await?;
        self.become_somebody(signed);
        Ok(())
    }

    /// Forgets who is signed in.
    pub(super) fn sign_out(&mut self) {
        self.cookies.extend(signed_out(&self.state.site));
    }

    /// Forgets which guest the device was.
    pub(super) fn forget_guest(&mut self) {
        self.cookies.extend(Cookie::Guest.clear(&self.state.site));
    }

    fn become_somebody(&mut self, signed: SignedIn) {
        self.cookies.extend(of_signed(&signed, &self.state.site));
        self.asker.known = Some(signed.principal);
    }

    async fn render(self, sent: Option<SentForm>, status: StatusCode) -> Response {
        let backend = RequestBackend::shared(&self.state, &self.asker, &self.headers);
        let (headers, options) = (self.headers.clone(), self.state.leptos.clone());
        let context = move || {
            provide_context::<Arc<dyn Backend>>(backend.clone());
            if let Some(sent) = &sent {
                provide_context(sent.clone());
            }
            set_policy(&headers);
        };
        let draw = leptos_axum::render_app_async_with_context(context, move || app::shell(options.clone()));
        // A form's page is drawn as if it had been asked for: by GET, without a body.
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let mut response = draw(request).await;
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.finish(response)
    }

    fn finish(self, mut response: Response) -> Response {
        response.headers_mut().extend(self.headers_too);
        for cookie in self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refused> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let (uri, headers) = (parts.uri.clone(), parts.headers.clone());
        Ok(Self {
            asker: caller.asker,
            state: state.clone(),
            uri,
            headers,
            cookies: Vec::new(),
            headers_too: HeaderMap::new(),
        })
    }
}

fn set_policy(request: &HeaderMap) {
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
        && let Ok(policy) = HeaderValue::from_str(&page_policy(&nonce, request))
    {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}
