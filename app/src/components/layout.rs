//! What is around every page: its title, the way home, and who looks.

use leptos::prelude::*;

use super::icon::Logo;
use crate::data::{Legal, Visitor};
use crate::erase::{Drawn, Erase};
#[cfg(feature = "ssr")]
use crate::raw::raw_text;
use crate::text::t;

/// Lets the page find out who looks.
pub(crate) fn provide_visitor(visitor: Visitor) {
    provide_context(visitor);
}

/// A page with its title and the bar on top, for pages that only the server draws.
#[cfg(feature = "ssr")]
#[component]
pub(crate) fn Layout(
    /// What the browser's tab says.
    #[prop(into)]
    title: String,
    /// How wide it is, and the like.
    #[prop(optional)]
    class: &'static str,
    /// What it shows.
    children: Children,
) -> impl IntoView {
    framed(&title, class, children())
}

/// The same around what is drawn already.
pub(crate) fn framed(title: &str, class: &'static str, inside: Drawn) -> Drawn {
    set_title(title);
    view! {
        <a class="skip" href="#main" rel="external">{t().skip}</a>
        <header class="top">
            <a class="brand" href="/" rel="external">
                <Logo/>
                <span>{t().name}</span>
            </a>
            <nav class="top-links" aria-label=t().site_nav>
                {links(use_context::<Visitor>().and_then(|visitor| visitor.account_name()))}
            </nav>
        </header>
        <main id="main" class=format!("page {class}")>
            {inside}
        </main>
        {foot(use_context::<Visitor>().map(|visitor| visitor.legal).unwrap_or_default())}
    }
    .kept()
}

/// Gives the document a title. The browser finds it there, and leaves it as it is.
pub(crate) fn set_title(title: &str) {
    #[cfg(feature = "ssr")]
    drop(leptos_meta::Title(leptos_meta::TitleProps {
        formatter: None,
        text: Some(raw_text(&page_title(title)).into()),
    }));
    #[cfg(not(feature = "ssr"))]
    let _ = title;
}

/// A title as tabs show it.
#[cfg(feature = "ssr")]
fn page_title(title: &str) -> String {
    if title == t().name { title.to_owned() } else { format!("{title} · {}", t().name) }
}

/// What the operator has to say about the site; nothing where that is nothing.
fn foot(legal: Legal) -> Option<Drawn> {
    let link = |href: String, words: &'static str| view! { <a href=href rel="external">{words}</a> };
    let links = [(legal.imprint, t().imprint), (legal.privacy, t().privacy)];
    let links: Vec<_> =
        links.into_iter().filter_map(|(href, words)| href.map(|href| link(href, words))).collect();
    (!links.is_empty()).then(|| view! { <footer class="foot">{links}</footer> }.kept())
}

fn links(account: Option<String>) -> Drawn {
    match account {
        Some(name) => view! {
            <a href="/rooms" rel="external">{t().my_rooms}</a>
            <a href="/account" rel="external" title=t().account><span class="unseen">{t().account} " "</span><span class="who">{name}</span></a>
            <form method="post" action="/logout">
                <button class="link" type="submit">{t().sign_out}</button>
            </form>
        }
        .kept(),
        None => view! { <a href="/login" rel="external">{t().sign_in}</a> }.kept(),
    }
}
