//! The room as a participant sees it.

use leptos::prelude::*;

use crate::components::ballot::Ballot;
use crate::components::connection::{ConnectionState, Notices, People};
use crate::components::layout::Layout;
use crate::data::RoomPage;
use crate::erase::Erase;
use crate::live::Live;
use crate::text::t;

/// The page of a room.
pub(super) fn draw(page: RoomPage) -> AnyView {
    let title = page.room.title.clone();
    let is_host = page.room.is_host;
    let code = page.room.code.as_str().to_owned();
    let live = Live::start(page, None);
    let heading = Memo::new(move |_| live.room.with(|room| room.room.title.clone()));
    let current = live.shown();
    view! {
        <Layout title class="narrow room">
            <div class="room-head">
                <p class="room-title">{heading}</p>
                <p class="room-code"><span class="unseen">{t().join_code} " "</span>{code.clone()}</p>
            </div>
            <Notices live/>
            <section class="card poll">
                {move || match current.get() {
                    Some(shape) => view! { <Ballot live shape/> }.erased(),
                    None => view! { <Waiting/> }.erased(),
                }}
            </section>
            <div class="room-foot">
                <People live/>
                <ConnectionState live/>
            </div>
            {is_host.then(|| view! {
                <p class="aside"><a href=format!("/r/{code}/host") rel="external">{t().to_controls}</a></p>
            })}
        </Layout>
    }
    .erased()
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="waiting">
            <span class="pulse" aria-hidden="true"></span>
            <h1>{t().waiting}</h1>
            <p class="hint">{t().waiting_hint}</p>
        </div>
    }
    .erased()
}
