//! What could not be shown, and the way out.

use domain::Problem;
use leptos::prelude::*;

use super::join::JoinForm;
use super::layout::Layout;
use crate::erase::Erase;
use crate::text::t;

/// A whole page for what could not be shown.
#[component]
pub(crate) fn ProblemPage(
    /// Why.
    problem: Problem,
    /// Where to come back to, after signing in or later.
    #[prop(optional, into)]
    next: String,
) -> impl IntoView {
    let title = match problem.code.as_ref() {
        "no_such_room" => t().no_such_room_title,
        "not_authenticated" => t().sign_in_first_title,
        "forbidden" => t().forbidden_title,
        _ if problem.retry_after_secs.is_some() => t().wait_title,
        _ => t().problem_title,
    };
    let way_out = match problem.code.as_ref() {
        "no_such_room" => view! { <JoinForm/> }.erased(),
        "not_authenticated" => {
            let href = format!("/login?next={next}");
            view! { <p><a class="button primary" href=href rel="external">{t().sign_in}</a></p> }.erased()
        }
        _ if problem.retry_after_secs.is_some() && !next.is_empty() => {
            view! { <p><a class="button primary" href=next rel="external">{t().try_again}</a></p> }.erased()
        }
        _ => view! { <p><a class="button" href="/" rel="external">{t().to_front_page}</a></p> }.erased(),
    };
    let wait = problem.retry_after_secs.map(|secs| format!(" {}", (t().try_again_in)(secs)));
    view! {
        <Layout title=title class="narrow">
            <section class="card message" data-still="">
                <h1>{title}</h1>
                <p>{problem.detail}{wait}</p>
                {way_out}
            </section>
        </Layout>
    }
    .erased()
}
