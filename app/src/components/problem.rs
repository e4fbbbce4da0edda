//! What went wrong, and what to do.

use domain::Problem;
use leptos::prelude::*;

use super::form::FormState;
use super::icon::{Glyph, Icon};
use super::join::JoinForm;
use super::layout::Layout;
use crate::text::t;

/// A form's problem in words, read out when it appears.
#[component]
pub(crate) fn Alert(
    /// The form.
    form: FormState,
) -> impl IntoView {
    let words = move || {
        form.problem.with(|problem| {
            problem.as_ref().map(|problem| {
                if problem.errors.is_empty() { problem.detail.clone() } else { t().check_fields.to_owned() }
            })
        })
    };
    view! {
        <div class="alert-place" role="alert">
            {move || words().map(|words| view! { <p class="alert"><Icon glyph=Glyph::Warning/>{words}</p> })}
        </div>
    }
    .into_any()
}

/// A whole page for what could not be shown.
#[component]
pub(crate) fn ProblemPage(
    /// Why.
    problem: Problem,
    /// Where to come back to after signing in.
    #[prop(optional, into)]
    next: String,
) -> impl IntoView {
    let title = match problem.code.as_ref() {
        "no_such_room" => t().no_such_room_title,
        "not_authenticated" => t().sign_in_first_title,
        "forbidden" => t().forbidden_title,
        _ => t().problem_title,
    };
    let way_out = match problem.code.as_ref() {
        "no_such_room" => view! { <JoinForm/> }.into_any(),
        "not_authenticated" => {
            let href = format!("/login?next={next}");
            view! { <p><a class="button primary" href=href rel="external">{t().sign_in}</a></p> }.into_any()
        }
        _ => view! { <p><a class="button" href="/" rel="external">{t().to_front_page}</a></p> }.into_any(),
    };
    view! {
        <Layout title=title class="narrow">
            <section class="card message">
                <h1>{title}</h1>
                <p>{problem.detail}</p>
                {way_out}
            </section>
        </Layout>
    }
    .into_any()
}
