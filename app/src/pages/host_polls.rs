//! The room's polls on the host's page: which there are, how far each is, and a button to go there.

use domain::{PollId, PollState};
use leptos::prelude::*;

use super::host::{Desk, place};
use crate::erase::{Erase, changing, wording};
use crate::text::t;

/// All polls in order.
#[component]
pub(crate) fn AllPolls(
    /// The desk.
    desk: Desk,
) -> impl IntoView {
    let live = desk.live;
    let ids = Memo::new(move |_| {
        live.room.with(|room| room.room.polls.iter().map(|poll| poll.id).collect::<Vec<_>>())
    });
    view! {
        <section class="card" aria-labelledby="all-polls">
            <h2 id="all-polls">{t().all_polls}</h2>
            <p class="empty" hidden=changing(move || ids.with(|ids| !ids.is_empty()))>
                {t().no_polls} " "
                <a href=format!("/rooms/{}/edit", live.code()) rel="external">{t().to_edit}</a>
            </p>
            <ol class="poll-list">
                <For each=move || ids.get() key=|id| *id let:id>
                    <Item desk id/>
                </For>
            </ol>
        </section>
    }
    .kept()
}

#[component]
fn Item(
    /// The desk.
    desk: Desk,
    /// The poll.
    id: PollId,
) -> impl IntoView {
    let live = desk.live;
    let poll = live.poll(id);
    let tally = live.tally(id);
    let question = Memo::new(move |_| poll.with(|poll| poll.as_ref().map(|poll| poll.question.clone())));
    let state =
        Memo::new(move |_| poll.with(|poll| poll.as_ref().map_or(PollState::Draft, |poll| poll.state)));
    let votes = Memo::new(move |_| tally.with(|tally| tally.as_ref().map(|tally| tally.ballots)));
    let current = Memo::new(move |_| live.room.with(|room| room.room.current == Some(id)));
    let draft = move || state.get() == PollState::Draft;
    view! {
        <li class="poll-item" class:current=changing(move || current.get()) aria-current=wording(move || current.get().then_some("true"))>
            <div class="poll-item-words">
                <p class="poll-item-question">{wording(move || question.get())}</p>
                <p class="hint">
                    <span class="chip" class:is-open=changing(move || state.get() == PollState::Open)>{wording(move || state_words(state.get()))}</span>
                    <span>{wording(move || votes.get().map(|votes| (t().votes)(votes)))}</span>
                    <span class="mine">{wording(move || current.get().then_some(t().on_screens))}</span>
                </p>
            </div>
            <form method="post" action=place(live) on:submit=move |event| desk.submit(&event)>
                <input type="hidden" name="action" value=wording(move || if draft() { "open" } else { "show" })/>
                <input type="hidden" name="poll" value=id.to_string()/>
                <button class="button" type="submit">{wording(move || if draft() { t().open_poll } else { t().show })}</button>
            </form>
        </li>
    }
    .erased()
}

/// What a state is called.
pub(crate) fn state_words(state: PollState) -> &'static str {
    match state {
        PollState::Draft => t().draft,
        PollState::Open => t().open,
        PollState::Closed => t().closed,
    }
}
