//! A room's voting tickets: made here, listed, and printed on a sheet to be cut up. All plain forms.

use leptos::prelude::*;

use crate::components::fields::TextField;
use crate::components::form::FormState;
use crate::components::layout::Layout;
use crate::components::problem::Alert;
use crate::components::problem_page::ProblemPage;
use crate::data::{Ticket, TicketsPage};
use crate::erase::Erase;
use crate::functions::Failure;
use crate::text::t;

/// The tickets of a room, or why they can't be shown.
#[component]
pub(crate) fn Tickets(
    /// The tickets.
    page: Result<TicketsPage, Failure>,
) -> impl IntoView {
    match page {
        Ok(page) => view! { <Page page/> }.erased(),
        Err(Failure(problem)) => view! { <ProblemPage problem/> }.erased(),
    }
}

#[component]
fn Page(
    /// The tickets.
    page: TicketsPage,
) -> impl IntoView {
    let TicketsPage { title, code, total, used, address, sheet, next, asks_for_tickets } = page;
    let place = format!("/rooms/{code}/tickets");
    let form = FormState::new("make");
    let has_unused = total > used.len();
    let [total, used_count] = [total, used.len()].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    let older = next.map(|page| format!("{place}?page={page}"));
    let sheet: Vec<_> = sheet
        .into_iter()
        .map(|ticket| view! { <Slip ticket title=title.clone() address=address.clone()/> })
        .collect();
    view! {
        <Layout title=format!("{} · {title}", t().tickets) class="tickets">
            <div class="no-print">
                <h1>{t().tickets}</h1>
                <p><a href=format!("/rooms/{code}/edit") rel="external">{title.clone()}</a></p>
                <p>{t().tickets_words}</p>
                {(!asks_for_tickets).then(|| view! { <p class="notice">{t().tickets_unasked}</p> })}
                <div class="columns">
                    <form class="card" method="post" action=place.clone()>
                        <Alert form/>
                        <input type="hidden" name="action" value="make"/>
                        <TextField form name="count" label=t().how_many first="30" most=4/>
                        <button class="button primary" type="submit">{t().make_tickets}</button>
                    </form>
                    <div class="card">
                        <p>{(t().tickets_used)(used_count, total)}</p>
                        <Alert form=FormState::new("delete_unused")/>
                        {has_unused.then(|| view! {
                            <p class="hint">{t().print_hint}</p>
                            <details class="confirm">
                                <summary class="button">{t().delete_unused}</summary>
                                <form class="confirm-box" method="post" action=place>
                                    <p>{t().delete_unused_warning}</p>
                                    <input type="hidden" name="action" value="delete_unused"/>
                                    <button class="button danger" type="submit">{t().delete_unused}</button>
                                </form>
                            </details>
                        })}
                        {(!used.is_empty()).then(|| view! { <Used codes=used/> })}
                    </div>
                </div>
            </div>
            <ul class="ticket-sheet">{sheet}</ul>
            {older.map(|href| view! { <p class="no-print"><a class="button" href=href rel="external">{t().more_tickets}</a></p> })}
        </Layout>
    }
    .erased()
}

#[component]
fn Used(
    /// What stands on them.
    codes: Vec<String>,
) -> impl IntoView {
    let codes: Vec<_> = codes.into_iter().map(|code| view! { <li class="mono">{code}</li> }).collect();
    view! {
        <details class="unfold">
            <summary class="button">{t().used_tickets}</summary>
            <ul class="unfold-box used-tickets">{codes}</ul>
        </details>
    }
    .erased()
}

#[component]
fn Slip(
    /// An unused ticket.
    ticket: Ticket,
    /// What the room is about.
    title: String,
    /// Where to type the code.
    address: String,
) -> impl IntoView {
    view! {
        <li class="ticket">
            <div class="ticket-qr" aria-hidden="true" inner_html=ticket.qr></div>
            <div>
                <p class="ticket-title">{title}</p>
                <p class="ticket-code mono">{ticket.code}</p>
                <p class="hint">{t().ticket_good_for} " " {address}</p>
            </div>
        </li>
    }
    .erased()
}
