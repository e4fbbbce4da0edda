//! The front page: join, or ask.

use leptos::prelude::*;

use crate::components::join::JoinForm;
use crate::components::layout::Layout;
use crate::erase::Erase;
use crate::pages::start::QuickPoll;
use crate::text::t;

/// The front page.
#[component]
pub(crate) fn Home() -> impl IntoView {
    view! {
        <Layout title=t().name>
            <section class="hero">
                <h1>{t().slogan}</h1>
                <p class="lead">{t().lead}</p>
            </section>
            <div class="columns">
                <section class="card" aria-labelledby="join-title">
                    <h2 id="join-title">{t().join_title}</h2>
                    <p class="hint">{t().join_hint}</p>
                    <JoinForm/>
                </section>
                <section class="card" aria-labelledby="start-title">
                    <h2 id="start-title">{t().start_title}</h2>
                    <p class="hint">{t().start_hint}</p>
                    <QuickPoll/>
                </section>
            </div>
        </Layout>
    }
    .erased()
}

/// Drawn when a code was wrong.
#[component]
pub(crate) fn Join() -> impl IntoView {
    view! {
        <Layout title=t().join_title class="narrow">
            <section class="card">
                <h1>{t().join_title}</h1>
                <JoinForm/>
                <p><a href="/" rel="external">{t().to_front_page}</a></p>
            </section>
        </Layout>
    }
    .erased()
}
