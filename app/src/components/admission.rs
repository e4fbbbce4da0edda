//! What lets somebody vote, where a room asks for more than being there.

use domain::{IdentityKind, VotersPolicy};
use leptos::prelude::*;

use super::fields::TextField;
use super::form::FormState;
use super::problem::Alert;
use crate::browser;
use crate::data::Visitor;
use crate::erase::{Drawn, Erase, changing, wording};
use crate::live::Live;
use crate::text::t;

/// What the viewer lacks for a vote: an account, or a ticket. Its ballot would be refused.
pub(crate) fn lacking(live: Live) -> Memo<Option<VotersPolicy>> {
    let guest = live.page().you.kind == IdentityKind::Guest;
    Memo::new(move |_| {
        live.room.with(|room| {
            let voters = room.room.settings.voters;
            let lacks = match voters {
                VotersPolicy::Guest => false,
                VotersPolicy::Account => guest,
                VotersPolicy::Ticket => room.room.has_ticket != Some(true),
            };
            lacks.then_some(voters)
        })
    })
}

/// The way to what is lacking; nothing where nothing is.
#[component]
pub(crate) fn Admission(
    /// The room.
    live: Live,
) -> impl IntoView {
    let lacking = lacking(live);
    let open = use_context::<Visitor>().is_none_or(|visitor| visitor.registration.lets_in());
    view! {
        <div class="admission">
            {changing(move || lacking.get().map(|policy| match policy {
                VotersPolicy::Ticket => ticket_form(live),
                _ => sign_in(&live.code(), open),
            }))}
        </div>
    }
    .kept()
}

/// How votes are counted here, in a line, and what a guest is.
#[component]
pub(crate) fn Guarantee(
    /// The room.
    live: Live,
) -> impl IntoView {
    let guest = live.page().you.kind == IdentityKind::Guest;
    let words = move || match live.room.with(|room| room.room.settings.voters) {
        VotersPolicy::Guest => t().one_a_browser,
        VotersPolicy::Account => t().one_an_account,
        VotersPolicy::Ticket => t().one_a_ticket,
    };
    view! {
        <p class="hint guarantee">
            {wording(words)}
            {guest.then(|| view! { <a href="/account" rel="external">{t().guest_title}</a> })}
        </p>
    }
    .kept()
}

fn sign_in(code: &str, can_register: bool) -> Drawn {
    let register = can_register.then(|| {
        view! { <a class="button" href=format!("/register?next=/r/{code}") rel="external">{t().create_account}</a> }
    });
    view! {
        <section class="card">
            <p>{t().account_only}</p>
            <div class="actions">
                <a class="button primary" href=format!("/login?next=/r/{code}") rel="external">{t().sign_in_to_vote}</a>
                {register}
            </div>
        </section>
    }
    .erased()
}

/// A plain form: the page that follows is that of somebody with a ticket.
fn ticket_form(live: Live) -> Drawn {
    let form = FormState::new("ticket");
    let first = live.page().ticket.unwrap_or_default();
    // The server did not see what came behind `#`, and drew the field empty.
    let (field, ticket) = (form.id("ticket"), first.clone());
    Effect::new(move || browser::fill(&field, &ticket));
    view! {
        <section class="card">
            <form method="post" action=format!("/r/{}", live.code())>
                <Alert form/>
                <input type="hidden" name="action" value="ticket"/>
                <TextField form name="ticket" label=t().your_ticket hint=t().your_ticket_hint first=first most=20/>
                <button class="button primary" type="submit">{t().use_ticket}</button>
            </form>
        </section>
    }
    .erased()
}
