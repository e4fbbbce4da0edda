//! The pages, one file each.

pub(crate) mod account;
pub(crate) mod edit;
mod editor;
pub(crate) mod home;
pub(crate) mod host;
mod host_polls;
pub(crate) mod not_found;
pub(crate) mod room;
pub(crate) mod rooms;
pub(crate) mod screen;
pub(crate) mod start;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::components::problem::ProblemPage;
use crate::data::RoomPage;
use crate::functions::load_room;

/// The room code in the page's path.
fn code_in_path() -> String {
    use_params_map().with_untracked(|params| params.get("code")).unwrap_or_default()
}

/// A field of the page's query; an empty one is none.
fn in_query(name: &str) -> Option<String> {
    use_query_map().with_untracked(|query| query.get(name)).filter(|value| !value.is_empty())
}

/// Loads the room in the path and draws it, or why it can't be. `place` is where the page is below the room.
fn with_room(place: fn(&str) -> String, draw: fn(RoomPage) -> AnyView) -> impl IntoView {
    let code = code_in_path();
    let next = place(&code);
    let page = Resource::new(|| (), move |()| load_room(code.clone()));
    view! {
        <Suspense>
            {move || {
                let next = next.clone();
                Suspend::new(async move {
                    match page.await {
                        Ok(page) => draw(page),
                        Err(failure) => view! { <ProblemPage problem=failure.0 next/> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}
