//! What went wrong, and what to do.

use leptos::prelude::*;

use super::form::FormState;
use super::icon::{Glyph, Icon};
use crate::erase::Erase;
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
    .erased()
}
