//! The way into a room.

use leptos::prelude::*;

use super::fields::FieldError;
use super::form::FormState;
use super::problem::Alert;
use crate::erase::Erase;
use crate::text::t;

/// A box for a join code.
#[component]
pub(crate) fn JoinForm() -> impl IntoView {
    let form = FormState::new("");
    let error = form.error("code");
    view! {
        <form method="get" action="/join">
            <Alert form/>
            <div class="field">
                <label for="code">{t().join_code}</label>
                <div class="join-row">
                    <input
                        id="code"
                        class="code-input"
                        name="code"
                        value=form.value_or("code", "")
                        required
                        maxlength="12"
                        autocomplete="off"
                        autocapitalize="characters"
                        spellcheck="false"
                        placeholder=t().join_code_example
                        aria-describedby="code-error"
                        aria-invalid=move || form.problem.with(Option::is_some).then_some("true")
                    />
                    <button class="button primary" type="submit">{t().join}</button>
                </div>
                <FieldError id="code-error" label=t().join_code error/>
            </div>
        </form>
    }
    .erased()
}
