//! The pages, one file each. Those that need no script are drawn on the server only.

#[cfg(feature = "ssr")]
pub(crate) mod account;
mod edit;
mod editor;
#[cfg(feature = "ssr")]
pub(crate) mod home;
mod host;
mod host_polls;
#[cfg(feature = "ssr")]
pub(crate) mod not_found;
mod room;
#[cfg(feature = "ssr")]
pub(crate) mod rooms;
mod screen;
#[cfg(feature = "ssr")]
pub(crate) mod settings;
#[cfg(feature = "ssr")]
pub(crate) mod start;
#[cfg(feature = "ssr")]
pub(crate) mod tickets;

use domain::Problem;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::components::form::provide_sent_form;
use crate::components::layout::provide_visitor;
use crate::data::{RoomPage, SentForm, Visitor};
use crate::erase::Drawn;
#[cfg(feature = "ssr")]
use crate::erase::Erase;
use crate::place::LivePage;

/// What a page about a room is drawn from, the same on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// Who looks.
    pub(crate) visitor: Visitor,
    /// The room, or why it can't be shown.
    pub(crate) room: Result<RoomPage, Problem>,
    /// The form that was refused, where one was.
    pub(crate) sent: Option<SentForm>,
}

/// A page about a room.
fn draw_room(page: LivePage, room: RoomPage) -> Drawn {
    match page {
        LivePage::Edit => edit::draw(room),
        LivePage::Room => room::draw(room),
        LivePage::Host => host::draw(room),
        LivePage::Screen => screen::draw(room),
    }
}

/// A page about a room, or what is wrong. `place` is where to come back to after signing in.
#[cfg(feature = "ssr")]
pub(crate) fn live_page(page: LivePage, loaded: Loaded, place: &str) -> Drawn {
    use crate::components::problem_page::ProblemPage;

    provide_visitor(loaded.visitor);
    provide_sent_form(loaded.sent);
    match loaded.room {
        Ok(room) if room.room.is_host || !page.is_for_host() => draw_room(page, room),
        Ok(_) => view! { <ProblemPage problem=Problem::forbidden()/> }.erased(),
        Err(problem) => view! { <ProblemPage problem next=place/> }.erased(),
    }
}

/// The page that the server drew. It is only asked for where that is a page about a room.
#[cfg(not(feature = "ssr"))]
pub(crate) fn hydrated(place: crate::place::Place) -> impl IntoView {
    let missing = || Loaded { visitor: Visitor::nobody(), room: Err(Problem::internal()), sent: None };
    let loaded = SharedValue::new(missing).into_inner();
    provide_visitor(loaded.visitor);
    provide_sent_form(loaded.sent);
    match (place, loaded.room) {
        (crate::place::Place::Live(page, _), Ok(room)) => Some(draw_room(page, room)),
        _ => None,
    }
}
