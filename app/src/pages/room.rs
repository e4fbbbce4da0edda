//! The room as a participant sees it.

use leptos::prelude::*;

use crate::browser;
use crate::components::admission::{Admission, Guarantee};
use crate::components::ballot::Ballot;
use crate::components::connection::{ConnectionState, Notices, People};
use crate::components::layout::framed;
use crate::data::RoomPage;
use crate::erase::{Drawn, Erase, changing, wording};
use crate::live::Live;
use crate::text::t;

/// The page of a room.
pub(super) fn draw(page: RoomPage) -> Drawn {
    let title = page.room.title.clone();
    let is_host = page.room.is_host;
    let code = page.room.code.as_str().to_owned();
    // Links on tickets have it behind `#`; those that were printed before, in the query.
    let ticket = browser::take_ticket().or_else(|| page.ticket.clone());
    browser::follow_tickets();
    let live = Live::start(RoomPage { ticket, ..page }, None);
    let heading = Memo::new(move |_| live.room.with(|room| room.room.title.clone()));
    let current = live.shown();
    let inside = view! {
        <div class="room-head">
            <p class="room-title">{wording(move || heading.get())}</p>
            <p class="room-code"><span class="unseen">{t().join_code} " "</span>{code.clone()}</p>
        </div>
        <Notices live/>
        <Admission live/>
        <section class="card poll">
            {changing(move || match current.get() {
                Some(shape) => view! { <Ballot live shape/> }.erased(),
                None => waiting(),
            })}
        </section>
        <div class="room-foot">
            <People live/>
            <ConnectionState live/>
        </div>
        <Guarantee live/>
        {is_host.then(|| view! {
            <p class="aside"><a href=format!("/r/{code}/host") rel="external">{t().to_controls}</a></p>
        })}
    };
    framed(&title, "narrow room", inside.kept())
}

fn waiting() -> Drawn {
    view! {
        <div class="waiting">
            <span class="pulse" aria-hidden="true"></span>
            <h1>{t().waiting}</h1>
            <p class="hint">{t().waiting_hint}</p>
        </div>
    }
    .erased()
}
