//! What went wrong, and what to do.

use leptos::prelude::*;

use super::form::FormState;
use super::icon::{Glyph, Icon};
use crate::erase::{Drawn, Erase, changing};
use crate::text::t;

/// A form's problem in words, read out when it appears.
#[component]
pub(crate) fn Alert(
    /// The form.
    form: FormState,
) -> impl IntoView {
    let words = move || {
        form.problem.with(|problem| {
            problem.as_ref().map(|problem| match (problem.errors.is_empty(), problem.retry_after_secs) {
                (true, Some(secs)) => format!("{} {}", problem.detail, (t().try_again_in)(secs)),
                (true, None) => problem.detail.clone(),
                (false, _) => t().check_fields.to_owned(),
            })
        })
    };
    // The second step of starting a poll comes the same way, and nothing is wrong with it.
    let is_step =
        form.problem.with_untracked(|problem| problem.as_ref().is_some_and(|p| p.code == "account_required"));
    view! {
        <div class="alert-place" role="alert">
            {changing(move || words().map(|words| said(words, is_step)))}
        </div>
    }
    .erased()
}

/// Something that is wrong.
pub(crate) fn warning(words: String) -> Drawn {
    said(words, false)
}

fn said(words: String, is_step: bool) -> Drawn {
    let glyph = if is_step { Glyph::Check } else { Glyph::Warning };
    view! { <p class="alert" class:step=is_step><Icon glyph/>{words}</p> }.erased()
}
