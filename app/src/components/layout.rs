//! What is around every page: its title, the way home, and who looks.

use domain::IdentityKind;
use leptos::prelude::*;
use leptos_meta::Title;

use super::icon::Logo;
use crate::data::Visitor;
use crate::functions::{Failure, load_visitor};
use crate::text::t;

/// Who looks at the page, asked once.
#[derive(Clone, Copy)]
struct VisitorSource(Resource<Result<Visitor, Failure>>);

/// Asks who looks at the page.
pub(crate) fn provide_visitor() {
    provide_context(VisitorSource(Resource::new(|| (), |()| load_visitor())));
}

/// Who looks at the page. A visitor nobody could tell of is nobody, and may try to register.
pub(crate) async fn visitor() -> Visitor {
    let unknown = Visitor { me: None, registration_open: true };
    match use_context::<VisitorSource>() {
        Some(VisitorSource(source)) => source.await.unwrap_or(unknown),
        None => unknown,
    }
}

/// The name of whoever is signed in; `None` for a guest.
pub(crate) fn account_name(visitor: &Visitor) -> Option<String> {
    let me = visitor.me.as_ref().filter(|me| me.kind == IdentityKind::User)?;
    me.identity().name
}

/// A page with its title and the bar on top.
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
    view! {
        <Title text=page_title(&title)/>
        <a class="skip" href="#main" rel="external">{t().skip}</a>
        <header class="top">
            <a class="brand" href="/" rel="external">
                <Logo/>
                <span>{t().name}</span>
            </a>
            <nav class="top-links" aria-label=t().site_nav>
                <Suspense>{move || Suspend::new(async move { view! { <Links visitor=visitor().await/> } })}</Suspense>
            </nav>
        </header>
        <main id="main" class=format!("page {class}")>
            {children()}
        </main>
    }
    .into_any()
}

/// A title as tabs show it.
pub(crate) fn page_title(title: &str) -> String {
    if title == t().name { title.to_owned() } else { format!("{title} · {}", t().name) }
}

#[component]
fn Links(
    /// Who looks.
    visitor: Visitor,
) -> impl IntoView {
    match account_name(&visitor) {
        Some(name) => view! {
            <a href="/rooms" rel="external">{t().my_rooms}</a>
            <form method="post" action="/logout">
                <button class="link" type="submit">
                    {t().sign_out} " " <span class="who">{name}</span>
                </button>
            </form>
        }
        .into_any(),
        None => view! { <a href="/login" rel="external">{t().sign_in}</a> }.into_any(),
    }
}
