//! Where there is no page.

use leptos::prelude::*;

use crate::components::join::JoinForm;
use crate::components::layout::Layout;
use crate::erase::Erase;
use crate::text::t;

/// No page has this path.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    view! {
        <Layout title=t().not_found_title class="narrow">
            <section class="card message">
                <h1>{t().not_found_title}</h1>
                <p>{t().not_found}</p>
                <JoinForm/>
                <p><a href="/" rel="external">{t().to_front_page}</a></p>
            </section>
        </Layout>
    }
    .erased()
}
