//! The interface: pages, components, server functions and the live room's state. The same code draws a
//! page on the server and keeps it alive in the browser.

#[cfg(feature = "ssr")]
pub mod backend;
#[cfg(feature = "hydrate")]
mod browser;
#[cfg(not(feature = "hydrate"))]
#[path = "no_browser.rs"]
mod browser;
#[expect(unreachable_pub, reason = "the component macro makes public fields of the props")]
mod components;
pub mod data;
pub mod forms;
pub mod functions;
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only the browser's socket uses all of it"))]
mod live;
#[expect(unreachable_pub, reason = "the component macro makes public fields of the props")]
mod pages;
mod text;

pub use domain;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::components::form::provide_sent_form;
use crate::components::layout::provide_visitor;
use crate::pages::{account, edit, home, host, not_found, room, rooms, screen, start};

/// The whole document around the pages.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let style = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
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
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The pages and their paths. Each is complete before any script runs.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_sent_form();
    provide_visitor();
    view! {
        <Router>
            <Routes fallback=not_found::NotFound>
                <Route path=path!("/") view=home::Home ssr=SsrMode::Async/>
                <Route path=path!("/join") view=home::Join ssr=SsrMode::Async/>
                <Route path=path!("/start") view=start::Start ssr=SsrMode::Async/>
                <Route path=path!("/login") view=account::Login ssr=SsrMode::Async/>
                <Route path=path!("/register") view=account::Register ssr=SsrMode::Async/>
                <Route path=path!("/rooms") view=rooms::Rooms ssr=SsrMode::Async/>
                <Route path=path!("/rooms/:code/edit") view=edit::Edit ssr=SsrMode::Async/>
                <Route path=path!("/r/:code") view=room::Participant ssr=SsrMode::Async/>
                <Route path=path!("/r/:code/host") view=host::Host ssr=SsrMode::Async/>
                <Route path=path!("/r/:code/screen") view=screen::Screen ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}
