//! Signing in, and making an account.

use leptos::prelude::*;

use crate::components::fields::TextField;
use crate::components::form::FormState;
use crate::components::layout::Layout;
use crate::components::problem::Alert;
use crate::data::Registration;
use crate::erase::Erase;
use crate::forms;
use crate::text::t;

/// Signing in.
#[component]
pub(crate) fn Login(
    /// Where to go afterwards.
    next: Option<String>,
    /// Who may make an account here.
    registration: Registration,
) -> impl IntoView {
    let form = FormState::new("");
    let next = local(form.value("next").or(next));
    let other = format!("/register{}", query(&next));
    view! {
        <Layout title=t().sign_in class="narrow">
            <section class="card">
                <h1>{t().sign_in}</h1>
                <form method="post" action="/login">
                    <Alert form/>
                    <Next next/>
                    <TextField form name="username" label=t().username most=32 autocomplete="username"/>
                    <TextField form name="password" label=t().password kind="password" most=128 autocomplete="current-password"/>
                    <button class="button primary wide" type="submit">{t().sign_in}</button>
                </form>
                {registration.lets_in().then(|| view! {
                    <p class="aside">
                        {t().no_account} " "
                        <a href=other rel="external">{t().create_account}</a>
                    </p>
                })}
            </section>
        </Layout>
    }
    .erased()
}

/// Making an account.
#[component]
pub(crate) fn Register(
    /// Where to go afterwards.
    next: Option<String>,
    /// Who may make an account here.
    registration: Registration,
    /// The invitation that somebody followed.
    invitation: Option<String>,
) -> impl IntoView {
    let form = FormState::new("");
    let next = local(form.value("next").or(next));
    let other = format!("/login{}", query(&next));
    if !registration.lets_in() {
        return view! { <Closed login=other/> }.erased();
    }
    let invited = (registration == Registration::Invite).then(|| {
        let first = invitation.unwrap_or_default();
        view! { <Invitation form first optional=false/> }
    });
    view! {
        <Layout title=t().create_account class="narrow">
            <section class="card">
                <h1>{t().create_account}</h1>
                <p class="hint">{t().account_hint}</p>
                <form method="post" action="/register">
                    <Alert form/>
                    <Next next/>
                    {invited}
                    <TextField form name="username" label=t().username hint=t().username_hint most=32 autocomplete="username"/>
                    <TextField form name="display_name" label=t().display_name hint=t().display_name_hint most=60 autocomplete="name" optional=true/>
                    <TextField form name="password" label=t().password hint=t().password_hint kind="password" most=128 autocomplete="new-password"/>
                    <button class="button primary wide" type="submit">{t().create_account}</button>
                </form>
                <p class="aside">
                    {t().have_account} " "
                    <a href=other rel="external">{t().sign_in}</a>
                </p>
            </section>
        </Layout>
    }
    .erased()
}

/// What stands in place of the form where nobody may make an account.
#[component]
fn Closed(
    /// Where to sign in.
    login: String,
) -> impl IntoView {
    view! {
        <Layout title=t().create_account class="narrow">
            <section class="card">
                <h1>{t().create_account}</h1>
                <p>{t().registration_closed}</p>
                <p><a class="button primary" href=login rel="external">{t().sign_in}</a></p>
            </section>
        </Layout>
    }
    .erased()
}

/// Where an invitation is entered.
#[component]
pub(crate) fn Invitation(
    /// Its form.
    form: FormState,
    /// What stands in it at first.
    first: String,
    /// Whether the form is good for something without one.
    optional: bool,
) -> impl IntoView {
    view! {
        <TextField form name="invitation" label=t().invitation hint=t().invitation_hint first=first most=60 optional=optional/>
    }
    .erased()
}

/// A path of this site, and nowhere else.
fn local(next: Option<String>) -> Option<String> {
    next.filter(|next| next.starts_with('/') && !next.starts_with("//") && !next.contains('\\'))
}

fn query(next: &Option<String>) -> String {
    next.as_ref().map(|next| format!("?next={}", forms::escaped(next))).unwrap_or_default()
}

#[component]
fn Next(
    /// Where to go afterwards.
    next: Option<String>,
) -> impl IntoView {
    next.map(|next| view! { <input type="hidden" name="next" value=next/> })
}
