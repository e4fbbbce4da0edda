//! A room being prepared: its polls and its settings.

use domain::{PollId, Problem, Room, RoomPatch};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::editor::{AddPoll, EditPoll};
use crate::components::fields::{Select, TextField};
use crate::components::form::FormState;
use crate::components::layout::framed;
use crate::components::problem::Alert;
use crate::data::RoomPage;
use crate::erase::{Drawn, Erase, changing, wording};
use crate::functions::{Failure, add_poll, change_poll, change_room, delete_poll, load_room};
use crate::text::t;
use crate::{browser, forms};

/// The room being edited.
#[derive(Clone, Copy)]
pub(crate) struct Editor {
    /// As the server has it.
    pub(crate) room: RwSignal<Room>,
    /// What was last done, for all to read.
    said: RwSignal<&'static str>,
}

/// What becomes of a form whose request was carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It stays as it is.
    Stay,
    /// It is folded up.
    Fold,
    /// It is emptied for the next.
    Empty,
}

impl Editor {
    /// Where the editor's forms go.
    pub(crate) fn place(self) -> String {
        self.room.with_untracked(|room| format!("/rooms/{}/edit", room.code.as_str()))
    }

    /// Carries out a form's request without leaving the page.
    pub(crate) fn submit(self, form: FormState, event: &SubmitEvent, then: Then) {
        event.prevent_default();
        let fields = browser::fields(event);
        let element = browser::form(event);
        let focused = event.submitter().map(|button| button.id()).unwrap_or_default();
        spawn_local(async move {
            match self.carry_out(&fields).await {
                Ok(()) => {
                    form.problem.try_set(None);
                    self.said.try_set(t().saved);
                    match (then, element) {
                        (Then::Fold, Some(element)) => browser::fold(&element),
                        (Then::Empty, Some(element)) => browser::finish(&element),
                        // A row that is moved takes its button out of the document for a moment.
                        _ => request_animation_frame(move || browser::focus(&focused)),
                    }
                }
                Err(Failure(problem)) => {
                    self.said.try_set("");
                    form.problem.try_set(Some(problem));
                }
            }
        });
    }

    async fn carry_out(self, fields: &forms::Fields) -> Result<(), Failure> {
        let code = self.room.with_untracked(|room| room.code.as_str().to_owned());
        let poll = forms::parsed::<PollId>(fields, "poll").ok_or_else(|| Failure(Problem::no_such_poll()));
        match forms::value(fields, "action").unwrap_or_default() {
            "settings" => drop(change_room(code.clone(), forms::room_patch(fields)).await?),
            "add_poll" => drop(add_poll(code.clone(), forms::new_poll(fields)).await?),
            "edit_poll" => drop(change_poll(poll?, forms::poll_patch(fields)).await?),
            "delete_poll" => delete_poll(poll?).await?,
            "move_poll" => {
                let up = forms::value(fields, "direction") == Some("up");
                let poll = poll?;
                let order = self.room.with_untracked(|room| forms::moved(room, poll, up));
                let patch = RoomPatch { poll_order: Some(order), ..RoomPatch::default() };
                drop(change_room(code.clone(), patch).await?);
            }
            _ => return Ok(()),
        }
        let page = load_room(code).await?;
        self.room.try_set(page.room);
        Ok(())
    }
}

/// The page of a room.
pub(super) fn draw(page: RoomPage) -> Drawn {
    let title = page.room.title.clone();
    let code = page.room.code.as_str().to_owned();
    let editor = Editor { room: RwSignal::new(page.room), said: RwSignal::new("") };
    let heading = Memo::new(move |_| editor.room.with(|room| room.title.clone()));
    let ids = Memo::new(move |_| {
        editor.room.with(|room| room.polls.iter().map(|poll| poll.id).collect::<Vec<_>>())
    });
    let inside = view! {
        <div class="host-head">
            <div>
                <h1>{wording(move || heading.get())}</h1>
                <p class="hint">{t().join_code} ": " <span class="mono">{code.clone()}</span></p>
            </div>
            <div class="actions">
                <a class="button primary" href=format!("/r/{code}/host") rel="external">{t().controls}</a>
            </div>
        </div>
        <p class="said" role="status">{wording(move || editor.said.get())}</p>
        <div class="edit-grid">
            <section aria-labelledby="polls-heading">
                <h2 id="polls-heading">{t().all_polls}</h2>
                <p class="card empty" hidden=changing(move || ids.with(|ids| !ids.is_empty()))>{t().no_polls_yet}</p>
                <ol class="edit-list">
                    <For each=move || ids.get() key=|id| *id let:id>
                        <EditPoll editor id/>
                    </For>
                </ol>
                <AddPoll editor/>
            </section>
            <section class="card" aria-labelledby="settings-heading">
                <h2 id="settings-heading">{t().settings}</h2>
                <Settings editor/>
            </section>
        </div>
    };
    framed(&title, "edit", inside.kept())
}

#[component]
fn Settings(
    /// The room.
    editor: Editor,
) -> impl IntoView {
    let form = FormState::new("settings");
    let (title, settings) = editor.room.with_untracked(|room| (room.title.clone(), room.settings));
    let change = if form.was_sent() { form.value("change_vote").is_some() } else { settings.change_vote };
    let results = vec![
        ("always", t().results_always),
        ("after_vote", t().results_after_vote),
        ("after_close", t().results_after_close),
        ("host_only", t().results_host_only),
    ];
    let voters =
        vec![("guest", t().voters_guest), ("account", t().voters_account), ("ticket", t().voters_ticket)];
    let code = editor.room.with_untracked(|room| room.code.as_str().to_owned());
    view! {
        <form method="post" action=editor.place() on:submit=move |event| editor.submit(form, &event, Then::Stay)>
            <Alert form/>
            <input type="hidden" name="action" value="settings"/>
            <TextField form name="title" label=t().room_title first=title/>
            <Select form name="results" label=t().results_policy first=forms::results_name(settings.results) answers=results/>
            <Select form name="voters" label=t().voters_policy first=forms::voters_name(settings.voters) answers=voters/>
            <ul class="hint tiers">
                <li>{t().tier_guest}</li>
                <li>{t().tier_account}</li>
                <li>{t().tier_ticket} " " <a href=format!("/rooms/{code}/tickets") rel="external">{t().to_tickets}</a></li>
            </ul>
            <label class="tick">
                <input type="checkbox" name="change_vote" value="true" checked=change/>
                <span>{t().change_vote}</span>
            </label>
            <button class="button" type="submit">{t().save}</button>
        </form>
    }
    .kept()
}
