//! One's own account: its name, its password, where it is signed in, and the way out. All plain forms.

use domain::Timestamp;
use leptos::prelude::*;

use crate::components::fields::TextField;
use crate::components::form::FormState;
use crate::components::layout::Layout;
use crate::components::problem::Alert;
use crate::components::problem_page::ProblemPage;
use crate::data::{AccountPage, Session, Visitor};
use crate::erase::Erase;
use crate::functions::Failure;
use crate::text::t;

/// The account's page, or why it can't be shown. `done` is what was done just now.
#[component]
pub(crate) fn Account(
    /// What is known of it.
    page: Result<AccountPage, Failure>,
    /// Which form was carried out.
    done: Option<String>,
) -> impl IntoView {
    match page {
        Ok(page) => view! { <Page page done/> }.erased(),
        Err(Failure(problem)) => view! { <ProblemPage problem next="/account"/> }.erased(),
    }
}

#[component]
fn Page(
    /// What is known of the account.
    page: AccountPage,
    /// Which form was carried out.
    done: Option<String>,
) -> impl IntoView {
    let AccountPage { username, display_name, sessions, now } = page;
    let said = match done.as_deref() {
        Some("rename") => t().saved,
        Some("password") => t().password_changed,
        Some("end" | "end_others") => t().session_ended,
        _ => "",
    };
    let Some(username) = username else {
        return view! { <Guest display_name said/> }.erased();
    };
    view! {
        <Layout title=t().account class="account">
            <h1>{t().account}</h1>
            <p class="hint">{t().signed_in_as} " " <span class="mono">{username.clone()}</span></p>
            <p class="said" role="status">{said}</p>
            <div class="account-grid">
                <Name display_name hint=t().name_hint/>
                <Password/>
                <Sessions sessions now/>
                <Data username/>
            </div>
        </Layout>
    }
    .erased()
}

/// What a guest is, its name, and how it is forgotten.
#[component]
fn Guest(
    /// What it is called; empty where it has no name.
    display_name: String,
    /// What was done just now.
    said: &'static str,
) -> impl IntoView {
    let can_register = use_context::<Visitor>().is_none_or(|visitor| visitor.registration.lets_in());
    view! {
        <Layout title=t().guest_title class="account">
            <h1>{t().guest_title}</h1>
            <p class="said" role="status">{said}</p>
            <div class="account-grid">
                <section class="card account-wide">
                    <p>{t().guest_is}</p>
                    <div class="actions">
                        <a class="button" href="/login" rel="external">{t().sign_in}</a>
                        {can_register.then(|| view! {
                            <a class="button" href="/register" rel="external">{t().create_account}</a>
                        })}
                    </div>
                </section>
                <Name display_name hint=t().guest_name_hint/>
                <section class="card">
                    <h2>{t().your_data}</h2>
                    <Alert form=FormState::new("forget")/>
                    <p>{t().guest_data}</p>
                    <div class="actions">
                        <Export/>
                        <details class="confirm">
                            <summary class="button">{t().forget_device}</summary>
                            <form class="confirm-box" method="post" action="/account">
                                <p>{t().forget_device_warning}</p>
                                <input type="hidden" name="action" value="forget"/>
                                <button class="button danger" type="submit">{t().forget_device}</button>
                            </form>
                        </details>
                    </div>
                </section>
            </div>
        </Layout>
    }
    .erased()
}

#[component]
fn Export() -> impl IntoView {
    view! {
        <a class="button" href="/api/v1/me/export" download="voxpop-export.json" rel="external">{t().export}</a>
    }
    .erased()
}

#[component]
fn Name(
    /// What others are shown now.
    display_name: String,
    /// What it is for.
    hint: &'static str,
) -> impl IntoView {
    let form = FormState::new("rename");
    view! {
        <section class="card">
            <h2>{t().your_name}</h2>
            <form method="post" action="/account">
                <Alert form/>
                <input type="hidden" name="action" value="rename"/>
                <TextField form name="display_name" label=t().display_name hint=hint first=display_name most=60 autocomplete="name"/>
                <button class="button" type="submit">{t().save}</button>
            </form>
        </section>
    }
    .erased()
}

#[component]
fn Password() -> impl IntoView {
    let form = FormState::new("password");
    view! {
        <section class="card">
            <h2>{t().change_password}</h2>
            <form method="post" action="/account">
                <Alert form/>
                <input type="hidden" name="action" value="password"/>
                <TextField form name="current" label=t().current_password kind="password" most=128 autocomplete="current-password"/>
                <TextField form name="new" label=t().new_password hint=t().new_password_hint kind="password" most=128 autocomplete="new-password"/>
                <button class="button" type="submit">{t().change_password}</button>
            </form>
        </section>
    }
    .erased()
}

#[component]
fn Sessions(
    /// Where the account is signed in.
    sessions: Vec<Session>,
    /// The time now, by the server's clock.
    now: Timestamp,
) -> impl IntoView {
    let form = FormState::new("end");
    let several = sessions.len() > 1;
    let sessions: Vec<_> = sessions.into_iter().map(|session| view! { <Item session now/> }).collect();
    view! {
        <section class="card account-wide">
            <h2>{t().sessions}</h2>
            <Alert form/>
            <Alert form=FormState::new("end_others")/>
            <ul class="session-list">{sessions}</ul>
            <div class="actions">
                <form method="post" action="/logout">
                    <button class="button" type="submit">{t().sign_out}</button>
                </form>
                {several.then(|| view! {
                    <form method="post" action="/account">
                        <input type="hidden" name="action" value="end_others"/>
                        <button class="button" type="submit">{t().end_others}</button>
                    </form>
                })}
            </div>
        </section>
    }
    .erased()
}

#[component]
fn Item(
    /// The session.
    session: Session,
    /// The time now.
    now: Timestamp,
) -> impl IntoView {
    let Session { id, device, created_at, seen_at, current } = session;
    let device = if device.is_empty() { t().unknown_device.to_owned() } else { device };
    let seen = (t().seen)(now.since(seen_at).as_secs());
    let begun = (t().signed_in_since)(now.since(created_at).as_secs());
    let aside = if current {
        view! { <span class="chip is-open">{t().this_device}</span> }.erased()
    } else {
        view! {
            <form method="post" action="/account">
                <input type="hidden" name="action" value="end"/>
                <input type="hidden" name="session" value=id.to_string()/>
                <button class="button" type="submit" aria-label=(t().end_session_of)(&device)>{t().end_session}</button>
            </form>
        }
        .erased()
    };
    view! {
        <li class="session">
            <div>
                <p class="session-device">{device}</p>
                <p class="hint">{seen} " · " {begun}</p>
            </div>
            {aside}
        </li>
    }
    .erased()
}

#[component]
fn Data(
    /// The user name, which has to be typed to delete the account.
    username: String,
) -> impl IntoView {
    let form = FormState::new("delete");
    let open = form.was_sent();
    view! {
        <section class="card account-wide">
            <h2>{t().your_data}</h2>
            <p>{t().export_words}</p>
            <Export/>
            <details class="confirm account-delete" open=open>
                <summary class="button">{t().delete_account}</summary>
                <form class="confirm-box" method="post" action="/account">
                    <Alert form/>
                    <p>{t().delete_account_warning}</p>
                    <input type="hidden" name="action" value="delete"/>
                    <TextField form name="confirm" label=t().type_username example="" most=32/>
                    <p class="hint mono">{username}</p>
                    <button class="button danger" type="submit">{t().delete_account}</button>
                </form>
            </details>
        </section>
    }
    .erased()
}
