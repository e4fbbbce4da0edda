//! One poll in the editor, and the next one.

use domain::{PollId, PollState};
use leptos::prelude::*;

use super::edit::{Editor, Then};
use super::host_polls::state_words;
use crate::components::form::FormState;
use crate::components::icon::{Glyph, Icon};
use crate::components::poll_fields::{PollFields, kind_words};
use crate::components::problem::Alert;
use crate::erase::{Erase, changing, wording};
use crate::text::t;

/// A poll: what it asks, its place, its fields, its end.
#[component]
pub(crate) fn EditPoll(
    /// The room.
    editor: Editor,
    /// The poll.
    id: PollId,
) -> impl IntoView {
    let form = FormState::of_poll("edit_poll", id);
    let moving = FormState::of_poll("move_poll", id);
    let deleting = FormState::of_poll("delete_poll", id);
    let poll =
        Memo::new(move |_| editor.room.with(|room| room.polls.iter().find(|poll| poll.id == id).cloned()));
    let first = poll.get_untracked();
    let question = move || poll.with(|poll| poll.as_ref().map(|poll| poll.question.clone()));
    let kind = move || poll.with(|poll| poll.as_ref().map(|poll| kind_words(poll.kind)));
    let state =
        Memo::new(move |_| poll.with(|poll| poll.as_ref().map_or(PollState::Draft, |poll| poll.state)));
    let labels = move || {
        poll.with(|poll| {
            let labels = poll.iter().flat_map(|poll| &poll.options).map(|option| option.label.as_str());
            labels.collect::<Vec<_>>().join(" · ")
        })
    };
    let fixed = move || state.get() != PollState::Draft;
    view! {
        <li class="card edit-poll">
            <div class="edit-poll-head">
                <div class="poll-item-words">
                    <p class="poll-item-question">{wording(question)}</p>
                    <p class="hint">
                        <span class="chip" class:is-open=changing(move || state.get() == PollState::Open)>{wording(move || state_words(state.get()))}</span>
                        <span>{wording(kind)}</span>
                        <span class="labels">{wording(labels)}</span>
                    </p>
                </div>
                <form class="movers" method="post" action=editor.place() on:submit=move |event| editor.submit(moving, &event, Then::Stay)>
                    <input type="hidden" name="action" value="move_poll"/>
                    <input type="hidden" name="poll" value=id.to_string()/>
                    <Mover id direction="up" glyph=Glyph::Up words=t().move_up question=Signal::derive(question)/>
                    <Mover id direction="down" glyph=Glyph::Down words=t().move_down question=Signal::derive(question)/>
                </form>
            </div>
            <Alert form=moving/>
            <Alert form=deleting/>
            <div class="actions">
                <p class="hint" hidden=changing(move || !fixed())>{t().only_drafts}</p>
                <details class="unfold" open=form.was_sent() hidden=changing(fixed)>
                    <summary class="button">{t().edit}</summary>
                    <form class="unfold-box" method="post" action=editor.place() on:submit=move |event| editor.submit(form, &event, Then::Fold)>
                        <Alert form/>
                        <input type="hidden" name="action" value="edit_poll"/>
                        <input type="hidden" name="poll" value=id.to_string()/>
                        {first.map(|poll| view! { <PollFields form poll/> })}
                        <button class="button primary" type="submit">{t().save}</button>
                    </form>
                </details>
                <details class="confirm">
                    <summary class="button">{t().delete}</summary>
                    <form class="confirm-box" method="post" action=editor.place() on:submit=move |event| editor.submit(deleting, &event, Then::Stay)>
                        <p>{t().delete_poll_warning}</p>
                        <input type="hidden" name="action" value="delete_poll"/>
                        <input type="hidden" name="poll" value=id.to_string()/>
                        <button class="button danger" type="submit">{t().delete_poll}</button>
                    </form>
                </details>
            </div>
        </li>
    }
    .erased()
}

#[component]
fn Mover(
    /// The poll.
    id: PollId,
    /// Where to.
    direction: &'static str,
    /// The arrow.
    glyph: Glyph,
    /// What it does.
    words: &'static str,
    /// To what.
    question: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <button
            class="button icon-button"
            id=format!("{direction}-{id}")
            type="submit"
            name="direction"
            value=direction
            title=words
        >
            <Icon glyph/>
            <span class="unseen">{words} ": " {wording(move || question.get())}</span>
        </button>
    }
    .erased()
}

/// The next poll.
#[component]
pub(crate) fn AddPoll(
    /// The room.
    editor: Editor,
) -> impl IntoView {
    let form = FormState::new("add_poll");
    let open = form.was_sent() || editor.room.with_untracked(|room| room.polls.is_empty());
    view! {
        <details class="unfold add-poll card" open=open>
            <summary class="button primary">{t().add_poll}</summary>
            <form class="unfold-box" method="post" action=editor.place() on:submit=move |event| editor.submit(form, &event, Then::Empty)>
                <Alert form/>
                <input type="hidden" name="action" value="add_poll"/>
                <PollFields form/>
                <button class="button primary" type="submit">{t().add_poll_button}</button>
            </form>
        </details>
    }
    .kept()
}
