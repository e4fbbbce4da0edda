//! Drawing a page on the server: what it needs is loaded first, then it is drawn at once.

use domain::Problem;
use leptos::prelude::*;
use leptos::tachys::reactive_graph::OwnedView;
use leptos_meta::MetaTags;

use crate::backend::backend;
use crate::components::form::provide_sent_form;
use crate::components::layout::provide_visitor;
use crate::data::{AccountPage, RoomPage, SentForm, TicketsPage, Visitor};
use crate::erase::{Drawn, Erase};
use crate::forms;
use crate::functions::{Failure, answer, load_room, load_rooms, load_visitor};
use crate::pages::not_found::NotFound;
use crate::pages::{Loaded, account, home, live_page, rooms, settings, start, tickets};
use crate::place::{LivePage, Place, Still};

/// The whole document around the pages.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let style = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    let scripts = asked().0.is_live().then(|| view! { <HydrationScripts options/> });
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f5fa"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#12111a"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=style/>
                {scripts}
                <MetaTags/>
            </head>
            <body>
                <crate::App/>
            </body>
        </html>
    }
}

/// The page that was asked for.
pub(crate) fn page() -> impl IntoView {
    let (place, query) = asked();
    let owner = Owner::current().unwrap_or_default();
    Suspend::new(async move {
        let visitor = visitor().await;
        let sent = use_context::<SentForm>();
        let page = match place {
            Place::Still(still) => draw_still(still, visitor, sent, &query).await,
            Place::Tickets(code) => {
                let page = forms::parsed(&forms::decoded(&query), "page").unwrap_or(1);
                let page = tickets_page(&code, page).await;
                provide_visitor(visitor);
                provide_sent_form(sent);
                view! { <tickets::Tickets page/> }.erased()
            }
            Place::Live(page, code) => {
                let room = load_room(code.clone()).await.map_err(|Failure(problem)| problem);
                let ticket = forms::value(&forms::decoded(&query), "ticket").map(str::to_owned);
                let room = room.map(|room| RoomPage { ticket, ..room });
                let loaded = SharedValue::new(move || Loaded { visitor, room, sent }).into_inner();
                live_page(page, loaded, &path(page, &code))
            }
        };
        // It is written out after the wait, on whatever thread: under this request's owner, or what it makes on
        // the way would go with another request's.
        OwnedView::new_with_owner(page, owner)
    })
}

async fn draw_still(still: Still, visitor: Visitor, sent: Option<SentForm>, query: &str) -> Drawn {
    let registration = visitor.registration;
    let known = visitor.account_name().is_some();
    provide_visitor(visitor);
    provide_sent_form(sent);
    let query = forms::decoded(query);
    let field = |name| forms::value(&query, name).filter(|value| !value.is_empty()).map(str::to_owned);
    match still {
        Still::Home => view! { <home::Home/> }.erased(),
        Still::Join => view! { <home::Join/> }.erased(),
        Still::Start => view! { <start::Start known registration/> }.erased(),
        Still::Login => view! { <account::Login next=field("next") registration/> }.erased(),
        Still::Register => {
            view! { <account::Register next=field("next") registration invitation=field("invitation")/> }
                .erased()
        }
        Still::Rooms => {
            let (search, cursor) = (field("q"), field("cursor"));
            let list = load_rooms(search.clone(), cursor).await;
            view! { <rooms::Rooms list search=search.unwrap_or_default()/> }.erased()
        }
        Still::Account => {
            let page = account_page().await;
            view! { <settings::Account page done=field("done")/> }.erased()
        }
        Still::Nowhere => {
            if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
                response.set_status(http::StatusCode::NOT_FOUND);
            }
            view! { <NotFound/> }.erased()
        }
    }
}

/// One's own account. Only a page that is drawn here asks for it, so it is no server function.
async fn account_page() -> Result<AccountPage, Failure> {
    Ok(answer(backend()?.account_page().await)?)
}

/// A room's tickets; the same.
async fn tickets_page(code: &str, page: usize) -> Result<TicketsPage, Failure> {
    Ok(answer(backend()?.tickets_page(code, page).await)?)
}

/// Who looks. Somebody nobody can tell of is nobody, and may try to register.
async fn visitor() -> Visitor {
    load_visitor().await.unwrap_or_else(|_| Visitor::nobody())
}

/// Where the request asks to go, and its query.
fn asked() -> (Place, String) {
    match use_context::<http::request::Parts>() {
        Some(parts) => (Place::at(parts.uri.path()), parts.uri.query().unwrap_or_default().to_owned()),
        None => (Place::Still(Still::Nowhere), String::new()),
    }
}

/// Where a page about a room is: where to come back to after signing in.
fn path(page: LivePage, code: &str) -> String {
    match page {
        LivePage::Edit => format!("/rooms/{code}/edit"),
        LivePage::Room => format!("/r/{code}"),
        LivePage::Host => format!("/r/{code}/host"),
        LivePage::Screen => format!("/r/{code}/screen"),
    }
}

/// What a page is drawn from where nothing came.
impl From<Problem> for Loaded {
    fn from(problem: Problem) -> Self {
        Self { visitor: Visitor::nobody(), room: Err(problem), sent: None }
    }
}
