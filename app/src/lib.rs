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
mod erase;
pub mod forms;
pub mod functions;
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only the browser's socket uses all of it"))]
mod live;
#[expect(unreachable_pub, reason = "the component macro makes public fields of the props")]
mod pages;
mod place;
mod raw;
#[cfg(feature = "ssr")]
mod server_side;
#[cfg_attr(not(feature = "ssr"), expect(dead_code, reason = "the texts of pages that only the server draws"))]
mod text;

pub use domain;
#[cfg(feature = "ssr")]
pub use server_side::shell;

use leptos::prelude::*;

/// The page that was asked for, complete before any script runs.
#[cfg(feature = "ssr")]
#[component]
pub fn App() -> impl IntoView {
    leptos_meta::provide_meta_context();
    server_side::page()
}

/// The page that the server drew, with what it was drawn from.
#[cfg(not(feature = "ssr"))]
#[component]
pub fn App() -> impl IntoView {
    let pathname = location().pathname().unwrap_or_default();
    pages::hydrated(place::Place::at(&pathname))
}

/// Whether the page is one that lives on in the browser.
#[cfg(feature = "hydrate")]
pub fn is_alive() -> bool {
    browser::is_alive()
}
