//! A poll in one step, from the question to the open room.

use leptos::prelude::*;

use crate::components::fields::{TextArea, TextField};
use crate::components::form::FormState;
use crate::components::layout::Layout;
use crate::components::problem::Alert;
use crate::data::Registration;
use crate::erase::Erase;
use crate::pages::account::Invitation;
use crate::text::t;

/// Where a draft goes that could not be started at once: the same fields, and the way to an account.
#[component]
pub(crate) fn Start(
    /// Whether the visitor is signed in.
    known: bool,
    /// Who may make an account here.
    registration: Registration,
) -> impl IntoView {
    view! {
        <Layout title=t().start_title class="narrow">
            <section class="card">
                <h1>{t().start_title}</h1>
                <StartForm known registration/>
            </section>
        </Layout>
    }
    .erased()
}

/// The two fields of a quick poll, as the front page shows them.
#[component]
pub(crate) fn QuickPoll() -> impl IntoView {
    let form = FormState::new("");
    view! {
        <form method="post" action="/start">
            <Draft form/>
            <button class="button primary wide" type="submit">{t().start}</button>
        </form>
    }
    .erased()
}

#[component]
fn StartForm(
    /// Whether the visitor is signed in.
    known: bool,
    /// Who may make an account here.
    registration: Registration,
) -> impl IntoView {
    let form = FormState::new("");
    let account = (!known).then(|| {
        let can_register = registration.lets_in();
        let register = can_register.then(|| {
            view! {
                <button class="button primary" type="submit" name="intent" value="register">{t().register_and_start}</button>
            }
        });
        view! {
            <fieldset class="account-fields">
                <legend>{t().whose_poll}</legend>
                <p class="hint">{if can_register { t().account_hint } else { t().registration_closed }}</p>
                <TextField form name="username" label=t().username hint=t().username_hint most=32 autocomplete="username"/>
                <TextField form name="password" label=t().password hint=t().password_hint kind="password" most=128 autocomplete="current-password"/>
                {(registration == Registration::Invite).then(|| view! { <Invitation form first=String::new() optional=true/> })}
            </fieldset>
            <div class="actions">
                {register}
                <button class="button" class:primary=!can_register type="submit" name="intent" value="login">{t().sign_in_and_start}</button>
            </div>
        }
    });
    let start =
        known.then(|| view! { <button class="button primary wide" type="submit">{t().start}</button> });
    view! {
        <form method="post" action="/start">
            <Alert form/>
            <Draft form/>
            {account}
            {start}
        </form>
    }
    .erased()
}

#[component]
fn Draft(
    /// The form they stand in.
    form: FormState,
) -> impl IntoView {
    view! {
        <TextField form name="question" label=t().question example=t().question_example/>
        <TextArea form name="options" label=t().options hint=t().options_hint example=t().options_example/>
    }
    .erased()
}
