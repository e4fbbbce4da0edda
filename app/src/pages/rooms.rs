//! The rooms that somebody hosts. All plain forms: each answer is a page.

use domain::{PollState, Room, RoomList};
use leptos::prelude::*;

use crate::components::fields::TextField;
use crate::components::form::FormState;
use crate::components::layout::Layout;
use crate::components::problem::Alert;
use crate::components::problem_page::ProblemPage;
use crate::erase::Erase;
use crate::forms;
use crate::functions::Failure;
use crate::text::t;

/// My rooms, newest first.
#[component]
pub(crate) fn Rooms(
    /// The rooms of this page.
    list: Result<RoomList, Failure>,
    /// What was searched for.
    search: String,
) -> impl IntoView {
    match list {
        Ok(list) => view! { <Page rooms=list.rooms next=list.next_cursor search/> }.erased(),
        Err(Failure(problem)) => view! { <ProblemPage problem next="/rooms"/> }.erased(),
    }
}

#[component]
fn Page(
    /// The rooms of this page.
    rooms: Vec<Room>,
    /// Where older ones follow.
    next: Option<String>,
    /// What was searched for.
    search: String,
) -> impl IntoView {
    let none = rooms.is_empty().then(|| if search.is_empty() { t().no_rooms } else { t().none_found });
    let older =
        next.map(|cursor| format!("/rooms?q={}&cursor={}", forms::escaped(&search), forms::escaped(&cursor)));
    let rooms: Vec<_> = rooms.into_iter().map(|room| view! { <Item room/> }).collect();
    view! {
        <Layout title=t().my_rooms>
            <h1>{t().my_rooms}</h1>
            <div class="columns rooms-top">
                <CreateRoom/>
                <form class="card search" method="get" action="/rooms" role="search">
                    <div class="field">
                        <label for="q">{t().search}</label>
                        <input id="q" name="q" type="search" value=search maxlength="100"/>
                    </div>
                    <button class="button" type="submit">{t().search_button}</button>
                </form>
            </div>
            <Refused action="delete"/>
            <Refused action="duplicate"/>
            {none.map(|words| view! { <p class="card empty">{words}</p> })}
            <ul class="room-list">{rooms}</ul>
            {older.map(|href| view! { <p><a class="button" href=href rel="external">{t().older}</a></p> })}
        </Layout>
    }
    .erased()
}

#[component]
fn CreateRoom() -> impl IntoView {
    let form = FormState::new("create");
    view! {
        <form class="card" method="post" action="/rooms">
            <Alert form/>
            <input type="hidden" name="action" value="create"/>
            <TextField form name="title" label=t().room_title example=t().room_title_example/>
            <button class="button primary" type="submit">{t().create_room}</button>
        </form>
    }
    .erased()
}

/// Why something could not be done to one of the rooms below.
#[component]
fn Refused(
    /// What was to be done.
    action: &'static str,
) -> impl IntoView {
    let form = FormState::new(action);
    form.was_sent().then(|| view! { <Alert form/> })
}

#[component]
fn Item(
    /// The room.
    room: Room,
) -> impl IntoView {
    let code = room.code.as_str().to_owned();
    let open = room.polls.iter().any(|poll| poll.state == PollState::Open);
    let polls = u64::try_from(room.polls.len()).unwrap_or(u64::MAX);
    view! {
        <li class="card room-item">
            <div class="room-item-head">
                <h2><a href=format!("/r/{code}/host") rel="external">{room.title}</a></h2>
                {open.then(|| view! { <span class="chip is-open">{t().open}</span> })}
            </div>
            <p class="hint"><span class="mono">{code.clone()}</span> " · " {(t().polls)(polls)}</p>
            <div class="actions">
                <a class="button" href=format!("/r/{code}/host") rel="external">{t().controls}</a>
                <a class="button" href=format!("/rooms/{code}/edit") rel="external">{t().edit}</a>
                <form method="post" action="/rooms">
                    <input type="hidden" name="action" value="duplicate"/>
                    <input type="hidden" name="code" value=code.clone()/>
                    <button class="button" type="submit">{t().duplicate}</button>
                </form>
                <details class="confirm">
                    <summary class="button">{t().delete}</summary>
                    <form class="confirm-box" method="post" action="/rooms">
                        <p>{t().delete_room_warning}</p>
                        <input type="hidden" name="action" value="delete"/>
                        <input type="hidden" name="code" value=code/>
                        <button class="button danger" type="submit">{t().delete_room}</button>
                    </form>
                </details>
            </div>
        </li>
    }
    .erased()
}
