//! The use cases as pages and server functions see them: for one request and whoever sent it.

use std::sync::Arc;

use app::backend::Backend;
use app::data::{AccountPage, HostAction, Legal, RoomPage, Ticket, TicketsPage, Visitor};
use async_trait::async_trait;
use axum::http::HeaderMap;
use domain::{
    IdentityKind, NewPoll, NewRoom, Poll, PollId, PollPatch, Problem, Room, RoomList, RoomPatch, VotersPolicy,
};

use super::api::qr;
use super::link::{join_url, ticket_url};
use crate::auth::Asker;
use crate::config::Registration;
use crate::error::Error;
use crate::service::Services;
use crate::state::AppState;

/// How many tickets a printed sheet has.
const SHEET: usize = 100;

/// The services, with whoever asks.
pub(super) struct RequestBackend {
    state: AppState,
    asker: Asker,
    headers: HeaderMap,
}

impl RequestBackend {
    /// For a request, ready to be put in context.
    pub(super) fn shared(state: &AppState, asker: &Asker, headers: &HeaderMap) -> Arc<dyn Backend> {
        Arc::new(Self { state: state.clone(), asker: asker.clone(), headers: headers.clone() })
    }

    fn services(&self) -> &Services {
        &self.state.services
    }

    async fn page(&self, code: &str) -> Result<RoomPage, Error> {
        // The room first: somebody unknown with a wrong code is told about the code.
        let (id, room, tallies) = self.services().room_and_tallies(&self.asker, code).await?;
        let you = self.asker.principal()?.me.identity();
        let join_url = join_url(&self.state.site, &self.headers, room.code);
        let participants = self.state.hub.participants(id);
        Ok(RoomPage { participants, room, tallies, you, join_url, ticket: None })
    }

    async fn account(&self) -> Result<AccountPage, Error> {
        let me = self.asker.principal()?.me.clone();
        let is_guest = me.kind == IdentityKind::Guest;
        let sessions = if is_guest { Vec::new() } else { self.services().sessions(&self.asker).await? };
        let display_name = me.display_name.unwrap_or_default();
        Ok(AccountPage { username: me.username, display_name, sessions, now: self.services().clock.now() })
    }

    async fn tickets(&self, code: &str, page: usize) -> Result<TicketsPage, Error> {
        let all = self.services().tickets(&self.asker, code).await?;
        let room = self.services().room(&self.asker, code).await?;
        let (total, asks_for_tickets) = (all.len(), room.settings.voters == VotersPolicy::Ticket);
        let (used, unused): (Vec<_>, Vec<_>) = all.into_iter().partition(|ticket| ticket.used);
        let from = page.saturating_sub(1).saturating_mul(SHEET).min(unused.len());
        let to = (from + SHEET).min(unused.len());
        let (site, headers) = (&self.state.site, &self.headers);
        let mut sheet = Vec::with_capacity(to - from);
        for ticket in &unused[from..to] {
            let qr = qr::inline(&ticket_url(site, headers, room.code, &ticket.code))?;
            sheet.push(Ticket { code: ticket.code.to_string(), qr });
        }
        Ok(TicketsPage {
            title: room.title,
            code: room.code.as_str().to_owned(),
            total,
            used: used.iter().map(|ticket| ticket.code.to_string()).collect(),
            address: without_scheme(&join_url(site, headers, room.code)),
            sheet,
            next: (to < unused.len()).then_some(page + 1),
            asks_for_tickets,
        })
    }
}

/// A link as people type it.
fn without_scheme(url: &str) -> String {
    url.split_once("://").map_or(url, |(_, rest)| rest).to_owned()
}

#[async_trait]
impl Backend for RequestBackend {
    fn visitor(&self) -> Visitor {
        let me = self.asker.known.as_ref().map(|principal| principal.me.clone());
        let site = &self.state.site;
        let registration = match site.registration {
            Registration::Open => app::data::Registration::Open,
            Registration::Invite => app::data::Registration::Invite,
            Registration::Closed => app::data::Registration::Closed,
        };
        let legal = Legal { imprint: site.imprint_url.clone(), privacy: site.privacy_url.clone() };
        Visitor { me, registration, legal }
    }

    async fn room_page(&self, code: &str) -> Result<RoomPage, Problem> {
        self.page(code).await.map_err(Error::into_problem)
    }

    async fn rooms(&self, search: Option<&str>, cursor: Option<&str>) -> Result<RoomList, Problem> {
        let search = search.unwrap_or_default();
        self.services().rooms(&self.asker, search, cursor, None).await.map_err(Error::into_problem)
    }

    async fn account_page(&self) -> Result<AccountPage, Problem> {
        self.account().await.map_err(Error::into_problem)
    }

    async fn tickets_page(&self, code: &str, page: usize) -> Result<TicketsPage, Problem> {
        self.tickets(code, page).await.map_err(Error::into_problem)
    }

    async fn create_room(&self, room: NewRoom) -> Result<Room, Problem> {
        self.services().create_room(&self.asker, room).await.map_err(Error::into_problem)
    }

    async fn change_room(&self, code: &str, patch: RoomPatch) -> Result<Room, Problem> {
        self.services().change_room(&self.asker, code, patch).await.map_err(Error::into_problem)
    }

    async fn delete_room(&self, code: &str) -> Result<(), Problem> {
        self.services().delete_room(&self.asker, code).await.map_err(Error::into_problem)
    }

    async fn duplicate_room(&self, code: &str) -> Result<Room, Problem> {
        self.services().duplicate_room(&self.asker, code).await.map_err(Error::into_problem)
    }

    async fn set_current(&self, code: &str, poll: Option<PollId>) -> Result<Room, Problem> {
        self.services().set_current(&self.asker, code, poll).await.map_err(Error::into_problem)
    }

    async fn add_poll(&self, code: &str, poll: NewPoll) -> Result<Poll, Problem> {
        self.services().add_poll(&self.asker, code, poll).await.map_err(Error::into_problem)
    }

    async fn change_poll(&self, poll: PollId, patch: PollPatch) -> Result<Poll, Problem> {
        self.services().change_poll(&self.asker, poll, patch).await.map_err(Error::into_problem)
    }

    async fn delete_poll(&self, poll: PollId) -> Result<(), Problem> {
        self.services().delete_poll(&self.asker, poll).await.map_err(Error::into_problem)
    }

    async fn act(&self, poll: PollId, action: HostAction) -> Result<Poll, Problem> {
        self.services().act(&self.asker, poll, action).await.map_err(Error::into_problem)
    }
}
