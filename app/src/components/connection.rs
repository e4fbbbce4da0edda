//! How the page is connected, in words.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use super::problem::warning;
use crate::erase::{Erase, changing, wording};
use crate::live::{Connection, Live, Notice};
use crate::text::t;

/// Live, reconnecting, offline: told always.
#[component]
pub(crate) fn ConnectionState(
    /// The room.
    live: Live,
) -> impl IntoView {
    let glyph = Signal::derive(move || match live.connection.get() {
        Connection::Live => Glyph::Live,
        Connection::Connecting | Connection::Reconnecting(_) => Glyph::Wait,
        Connection::Offline | Connection::Ended => Glyph::Offline,
    });
    // Only a change of state is read out, not each second of a countdown.
    let words = Memo::new(move |_| match live.connection.get() {
        Connection::Connecting => t().connecting,
        Connection::Live => t().live,
        Connection::Reconnecting(_) => t().reconnecting,
        Connection::Offline => t().offline,
        Connection::Ended => t().ended,
    });
    let seconds = move || match live.connection.get() {
        Connection::Reconnecting(seconds) if seconds > 0 => (t().in_seconds)(seconds),
        _ => String::new(),
    };
    view! {
        <p class="connection" class:is-live=changing(move || live.connection.get() == Connection::Live)>
            <Icon glyph/>
            <span role="status">{wording(move || words.get())}</span>
            <span class="seconds">{wording(seconds)}</span>
        </p>
        <noscript inner_html=t().no_script/>
    }
    .kept()
}

/// What there is to tell about the room as a whole.
#[component]
pub(crate) fn Notices(
    /// The room.
    live: Live,
) -> impl IntoView {
    let words = Memo::new(move |_| {
        if live.room.with(|room| room.closed) {
            return Some(t().room_deleted);
        }
        live.notice.get().map(|notice| match notice {
            Notice::RoomGone => t().room_deleted,
            Notice::TooFast => t().too_fast,
            Notice::SignedOut => t().signed_out,
        })
    });
    view! {
        <div role="alert">
            {changing(move || words.get().map(|words| warning(words.to_owned())))}
        </div>
    }
    .kept()
}

/// How many people are here.
#[component]
pub(crate) fn People(
    /// The room.
    live: Live,
) -> impl IntoView {
    let count = Memo::new(move |_| live.room.with(|room| room.participants));
    view! {
        <p class="people">
            <Icon glyph=Glyph::People/>
            <span>{wording(move || (t().people_here)(count.get()))}</span>
        </p>
    }
    .kept()
}
