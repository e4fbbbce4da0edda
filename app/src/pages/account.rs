//! Signing in, and making an account.

use leptos::prelude::*;

use super::in_query;
use crate::components::fields::TextField;
use crate::components::form::FormState;
use crate::components::layout::{Layout, visitor};
use crate::components::problem::Alert;
use crate::text::t;

/// Signing in.
#[component]
pub(crate) fn Login() -> impl IntoView {
    let form = FormState::new("");
    let next = next(form);
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
                <Suspense>
                    {move || {
                        let other = other.clone();
                        Suspend::new(async move {
                            visitor().await.registration_open.then(|| view! {
                                <p class="aside">
                                    {t().no_account} " "
                                    <a href=other rel="external">{t().create_account}</a>
                                </p>
                            })
                        })
                    }}
                </Suspense>
            </section>
        </Layout>
    }
    .into_any()
}

/// Making an account.
#[component]
pub(crate) fn Register() -> impl IntoView {
    let form = FormState::new("");
    let next = next(form);
    let other = format!("/login{}", query(&next));
    view! {
        <Layout title=t().create_account class="narrow">
            <section class="card">
                <h1>{t().create_account}</h1>
                <p class="hint">{t().account_hint}</p>
                <form method="post" action="/register">
                    <Alert form/>
                    <Next next/>
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
    .into_any()
}

/// Where to go afterwards; only a path of this site.
fn next(form: FormState) -> Option<String> {
    let next = form.value("next").or_else(|| in_query("next"))?;
    (next.starts_with('/') && !next.starts_with("//") && !next.contains('\\')).then_some(next)
}

fn query(next: &Option<String>) -> String {
    next.as_ref().map(|next| format!("?next={next}")).unwrap_or_default()
}

#[component]
fn Next(
    /// Where to go afterwards.
    next: Option<String>,
) -> impl IntoView {
    next.map(|next| view! { <input type="hidden" name="next" value=next/> })
}
