//! The host's controls: the current poll large, what to do with it, and who is here.

use domain::wire::Role;
use domain::{PollId, PollState, ServerMessage};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::host_polls::AllPolls;
use crate::components::ballot::{PollStateLine, ResultsNote};
use crate::components::bars::Bars;
use crate::components::connection::{ConnectionState, Notices, People};
use crate::components::form::FormState;
use crate::components::layout::framed;
use crate::components::problem::Alert;
use crate::data::RoomPage;
use crate::erase::{Drawn, Erase, changing, wording};
use crate::functions::{Failure, act, set_current};
use crate::live::{Live, Shape};
use crate::text::t;
use crate::{browser, forms};

/// What the controls work on.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    /// The room.
    pub(crate) live: Live,
    /// Where refusals are told.
    pub(crate) form: FormState,
    /// The last command's button and when it was pressed, in milliseconds: a double click is one command, since
    /// the button may mean the opposite the moment after.
    last: StoredValue<(Button, i64)>,
}

impl Desk {
    /// The desk of a room.
    pub(crate) fn new(live: Live) -> Self {
        Self { live, form: FormState::any(), last: StoredValue::new((None, 0)) }
    }

    /// Carries out a form's command without leaving the page.
    pub(crate) fn submit(self, event: &SubmitEvent) {
        event.prevent_default();
        self.run(browser::fields(event));
        if let Some(form) = browser::form(event) {
            browser::fold(&form);
        }
    }

    /// Carries out a command: its fields are those of the form.
    pub(crate) fn run(self, fields: Vec<(String, String)>) {
        const DOUBLE_CLICK: i64 = 400;
        let (pressed, now) = (button(&fields), browser::now().millis());
        let (before, at) = self.last.get_value();
        if pressed == before && now - at < DOUBLE_CLICK {
            return;
        }
        self.last.set_value((pressed, now));
        spawn_local(async move {
            let problem = self.carry_out(&fields).await.err().map(|Failure(problem)| problem);
            self.form.problem.try_set(problem);
        });
    }

    async fn carry_out(self, fields: &forms::Fields) -> Result<(), Failure> {
        let poll: Option<PollId> = forms::parsed(fields, "poll");
        if let (Some(action), Some(poll)) = (forms::host_action(fields), poll) {
            let poll = act(poll, action).await?;
            let opened = poll.state == PollState::Open;
            self.live.room.try_update(|room| {
                if opened {
                    room.room.current = Some(poll.id);
                }
                room.answer(poll);
            });
        } else {
            let room = set_current(self.live.code(), poll).await?;
            self.live.room.try_update(|live| {
                let participants = live.participants;
                live.apply(ServerMessage::Room { room, participants }, browser::now());
            });
        }
        Ok(())
    }
}

/// Which button a command comes from: the poll's, and one of a pair for both of the pair.
type Button = Option<(String, String)>;

fn button(fields: &forms::Fields) -> Button {
    let pair = match forms::value(fields, "action")? {
        "open" | "close" => "voting",
        "reveal" | "hide" => "results",
        other => other,
    };
    Some((forms::value(fields, "poll").unwrap_or_default().to_owned(), pair.to_owned()))
}

/// The page of a room.
pub(super) fn draw(page: RoomPage) -> Drawn {
    let title = page.room.title.clone();
    let code = page.room.code.as_str().to_owned();
    let live = Live::start(page, Some(Role::Screen));
    let desk = Desk::new(live);
    let heading = Memo::new(move |_| live.room.with(|room| room.room.title.clone()));
    let current = live.current();
    let inside = view! {
        <div class="host-head">
            <h1>{wording(move || heading.get())}</h1>
            <div class="actions">
                <a class="button" href=format!("/r/{code}/screen") target="_blank" rel="external noopener">{t().to_screen}</a>
                <a class="button" href=format!("/rooms/{code}/edit") rel="external">{t().to_edit}</a>
                <a class="button" href=format!("/r/{code}") rel="external">{t().to_room}</a>
            </div>
        </div>
        <Notices live/>
        <Alert form=desk.form/>
        <div class="host-grid">
            <section class="card stage" aria-label=t().current_poll>
                {changing(move || match current.get() {
                    Some(shape) => view! { <Stage desk shape/> }.erased(),
                    None => view! { <p class="empty">{t().nothing_shown}</p> }.erased(),
                })}
                <Next desk/>
            </section>
            <aside class="card invite" aria-label=t().invite>
                <Invite live/>
                <People live/>
                <ConnectionState live/>
            </aside>
        </div>
        <AllPolls desk/>
    };
    framed(&title, "host", inside.kept())
}

/// The current poll and its buttons.
#[component]
fn Stage(
    /// The desk.
    desk: Desk,
    /// The poll.
    shape: Shape,
) -> impl IntoView {
    let (live, id) = (desk.live, shape.id);
    let poll = live.poll(id);
    let state = Memo::new(move |_| poll.with(|poll| poll.as_ref().map(|poll| poll.state)));
    let shown = Memo::new(move |_| live.room.with(|room| room.shown_on_screen(id)));
    let action = move || if state.get() == Some(PollState::Open) { "close" } else { "open" };
    let words = move || match state.get() {
        Some(PollState::Open) => t().close_voting,
        Some(PollState::Closed) => t().open_again,
        _ => t().open_voting,
    };
    let durations = [
        ("", t().no_limit),
        ("30", t().seconds_30),
        ("60", t().minute_1),
        ("120", t().minutes_2),
        ("300", t().minutes_5),
    ];
    let durations: Vec<_> = durations
        .into_iter()
        .map(|(value, words)| view! { <option value=value>{words}</option> }.erased())
        .collect();
    view! {
        <h2 class="question">{shape.question.clone()}</h2>
        <PollStateLine live id/>
        <Bars live shape/>
        <ResultsNote live id shown=Signal::stored(true)/>
        <div class="controls">
            <form class="control main-control" method="post" action=place(live) on:submit=move |event| desk.submit(&event)>
                <input type="hidden" name="action" value=wording(action)/>
                <input type="hidden" name="poll" value=id.to_string()/>
                <button class="button primary" class:closing=changing(move || action() == "close") type="submit">{wording(words)}</button>
                <label class="duration" hidden=changing(move || action() == "close")>
                    <span>{t().countdown}</span>
                    <select name="duration_secs">{durations}</select>
                </label>
            </form>
            <form class="control" method="post" action=place(live) on:submit=move |event| desk.submit(&event)>
                <input type="hidden" name="action" value=wording(move || if shown.get() { "hide" } else { "reveal" })/>
                <input type="hidden" name="poll" value=id.to_string()/>
                <button class="button" type="submit">{wording(move || if shown.get() { t().hide } else { t().reveal })}</button>
            </form>
            <details class="confirm control">
                <summary class="button">{t().reset}</summary>
                <form class="confirm-box" method="post" action=place(live) on:submit=move |event| desk.submit(&event)>
                    <p>{t().reset_warning}</p>
                    <input type="hidden" name="action" value="reset"/>
                    <input type="hidden" name="poll" value=id.to_string()/>
                    <button class="button danger" type="submit">{t().reset_button}</button>
                </form>
            </details>
        </div>
        <p class="hint">{wording(move || if shown.get() { t().audience_sees } else { t().audience_waits })}</p>
    }
    .erased()
}

/// Opens the next draft in one step.
#[component]
fn Next(
    /// The desk.
    desk: Desk,
) -> impl IntoView {
    let live = desk.live;
    let next =
        Memo::new(move |_| live.room.with(|room| room.next().map(|poll| (poll.id, poll.question.clone()))));
    let id = move || next.with(|next| next.as_ref().map(|(id, _)| id.to_string()));
    let question = move || next.with(|next| next.as_ref().map(|(_, question)| question.clone()));
    view! {
        <form
            class="next"
            method="post"
            action=place(live)
            hidden=changing(move || next.with(Option::is_none))
            on:submit=move |event| desk.submit(&event)
        >
            <input type="hidden" name="action" value="open"/>
            <input type="hidden" name="poll" value=wording(id)/>
            <button class="button" type="submit">{t().open_next}</button>
            <span class="hint">{wording(question)}</span>
        </form>
    }
    .kept()
}

/// How others get in.
#[component]
pub(crate) fn Invite(
    /// The room.
    live: Live,
) -> impl IntoView {
    let code = live.code();
    let address = address(&live.page().join_url);
    view! {
        <img class="qr" src=format!("/api/v1/rooms/{code}/qr.svg") alt=t().qr_words width="240" height="240"/>
        <div class="invite-words">
            <p class="invite-label">{t().join_at}</p>
            <p class="address">{address}</p>
            <p class="invite-label">{t().with_code}</p>
            <p class="big-code">{code}</p>
        </div>
    }
    .kept()
}

/// Where the controls' forms go.
pub(crate) fn place(live: Live) -> String {
    format!("/r/{}/host", live.code())
}

/// A join link as people type it: the site only, since the code stands beside it.
fn address(join_url: &str) -> String {
    let bare = join_url.split_once("://").map_or(join_url, |(_, rest)| rest);
    bare.split_once("/r/").map_or(bare, |(site, _)| site).trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_is_short_enough_to_type() {
        assert_eq!(address("http://192.168.0.7:3000/r/K7M2QX"), "192.168.0.7:3000");
        assert_eq!(address("https://polls.example/vote/r/K7M2QX"), "polls.example/vote");
        assert_eq!(address("https://polls.example/"), "polls.example");
    }
}
