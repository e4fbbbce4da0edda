//! The big screen: read from the back of a hall, driven by three keys.

use domain::wire::Role;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::host::{Desk, Invite};
use crate::browser;
use crate::components::ballot::{PollStateLine, ResultsNote};
use crate::components::bars::{Bars, rows};
use crate::components::connection::{ConnectionState, Notices, People};
use crate::components::layout::set_title;
use crate::components::problem::Alert;
use crate::data::RoomPage;
use crate::erase::{Drawn, Erase, changing, wording};
use crate::live::{Live, Shape};
use crate::text::t;

/// The page of a room.
pub(super) fn draw(page: RoomPage) -> Drawn {
    set_title(&page.room.title);
    let live = Live::start(page, Some(Role::Screen));
    let desk = Desk::new(live);
    let heading = Memo::new(move |_| live.room.with(|room| room.room.title.clone()));
    let current = live.shown();
    if live.is_host() {
        Effect::new(move || {
            let keys = window_event_listener(leptos::ev::keydown, move |event| pressed(desk, &event));
            on_cleanup(move || keys.remove());
        });
    }
    view! {
        <main id="main" class="screen">
            <section class="screen-main">
                <p class="room-title">{wording(move || heading.get())}</p>
                <Notices live/>
                <Alert form=desk.form/>
                {changing(move || match current.get() {
                    Some(shape) => view! { <Question live shape/> }.erased(),
                    None => view! { <h1 class="question">{t().screen_waiting}</h1> }.erased(),
                })}
            </section>
            <aside class="screen-side" aria-label=t().invite>
                <Invite live/>
            </aside>
            <footer class="screen-foot">
                <People live/>
                <ConnectionState live/>
                {live.is_host().then(|| view! { <p class="keys" inner_html=t().keys></p> })}
            </footer>
        </main>
    }
    .kept()
}

#[component]
fn Question(
    /// The room.
    live: Live,
    /// The poll.
    shape: Shape,
) -> impl IntoView {
    let id = shape.id;
    let tally = live.tally(id);
    // A screen whose viewer is sent no results has none to show, whatever the host decided.
    let sent = move || tally.with(|tally| tally.as_ref().is_none_or(|tally| tally.marks.is_some()));
    let shown = Memo::new(move |_| live.room.with(|room| room.shown_on_screen(id)) && sent());
    let count = rows(&shape).len();
    view! {
        <h1 class="question">{shape.question.clone()}</h1>
        <PollStateLine live id/>
        <div class="screen-bars" class:dense={count > 6} class:denser={count > 8}>
            <Bars live shape shown/>
        </div>
        <ResultsNote live id shown/>
    }
    .erased()
}

/// Space opens the next poll, R shows or hides results, F fills the screen.
fn pressed(desk: Desk, event: &KeyboardEvent) {
    if browser::meant_for_control(event) || event.repeat() {
        return;
    }
    let command = |action: &str, poll: domain::PollId| {
        desk.run(vec![("action".to_owned(), action.to_owned()), ("poll".to_owned(), poll.to_string())]);
    };
    match event.key().as_str() {
        " " => {
            event.prevent_default();
            if let Some(next) = desk.live.room.with_untracked(|room| room.next().map(|poll| poll.id)) {
                command("open", next);
            }
        }
        "r" | "R" => {
            let current = desk
                .live
                .room
                .with_untracked(|room| room.current().map(|poll| (poll.id, room.shown_on_screen(poll.id))));
            if let Some((id, shown)) = current {
                command(if shown { "hide" } else { "reveal" }, id);
            }
        }
        "f" | "F" => browser::toggle_full_screen(),
        _ => {}
    }
}
