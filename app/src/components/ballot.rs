//! A poll as a voter meets it. Each option is a button of a plain form, so that one tap is a vote before any
//! script has come; with scripts the tap goes through the socket. The form is drawn once for a poll's round:
//! what comes in later changes words and widths inside it, never the form.

use domain::{PollKind, PollState, Reason, Tally};
use leptos::html::Form;
use leptos::prelude::*;

use super::admission::lacking;
use super::bars::{BarLine, Bars, Figures, Spoken, is_chosen, rows};
use super::form::FormState;
use super::icon::{Glyph, Icon};
use super::problem::Alert;
use crate::erase::{Drawn, Erase, changing, wording};
use crate::live::{Connection, Live, Shape, VoteStatus};
use crate::text::t;
use crate::{browser, forms};

/// The question, its options, what became of the vote and how the poll stands.
#[component]
pub(crate) fn Ballot(
    /// The room.
    live: Live,
    /// The poll.
    shape: Shape,
) -> impl IntoView {
    let Shape { id, kind, .. } = shape;
    let form = FormState::of_poll("vote", id);
    let choice = live.choice(id);
    let status = live.status(id);
    let poll = live.poll(id);
    let open =
        Memo::new(move |_| poll.with(|poll| poll.as_ref().is_some_and(|poll| poll.state == PollState::Open)));
    let settings = Memo::new(move |_| live.room.with(|room| room.room.settings));
    let lacking = lacking(live);
    let barred = Memo::new(move |_| lacking.get().is_some());
    let locked = Memo::new(move |_| {
        !open.get() || barred.get() || (choice.with(Option::is_some) && !settings.get().change_vote)
    });
    let wrong_number = RwSignal::new(false);
    let touched = RwSignal::new(false);
    let element = NodeRef::<Form>::new();

    let vote = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if locked.get_untracked() {
            return;
        }
        form.problem.set(None);
        let chosen = forms::choice(&browser::fields(&event), kind);
        let wrong = !chosen.as_ref().is_some_and(|chosen| forms::fits(chosen, kind));
        wrong_number.set(wrong);
        if !wrong {
            touched.set(false);
            live.cast(id, chosen);
        }
    };
    // A vote from another device ticks the boxes here, unless somebody is just ticking them.
    Effect::new(move |ran: Option<()>| {
        let chosen = choice.with(|choice| rows_of(choice.as_ref()));
        if ran.is_some()
            && !touched.get_untracked()
            && let Some(form) = element.get_untracked()
        {
            browser::tick(&form, &chosen);
        }
    });

    let tally = live.tally(id);
    let rating = matches!(kind, PollKind::Rating { .. });
    let several = if let PollKind::Multiple { min, max } = kind { Some((min, max)) } else { None };
    let options: Vec<_> = rows(&shape)
        .into_iter()
        .map(|(number, label)| option(kind, number, label, live, id, locked))
        .collect();
    view! {
        <div class="ballot-head">
            <h1 class="question" id="question">{shape.question.clone()}</h1>
            <PollStateLine live id=id/>
        </div>
        <Alert form/>
        <form
            class="ballot"
            class:rating=rating
            class:locked=changing(move || locked.get())
            method="post"
            action=format!("/r/{}", live.code())
            aria-labelledby="question"
            hidden=changing(move || barred.get())
            node_ref=element
            on:submit=vote
            on:change=move |_| touched.set(true)
        >
            <input type="hidden" name="action" value="vote"/>
            <input type="hidden" name="poll" value=id.to_string()/>
            {several.map(|(min, max)| view! { <p class="hint">{(t().choose)(min, max)}</p> })}
            <ol class="options">{options}</ol>
            {several.map(|_| view! {
                <button class="button primary wide" type="submit" aria-disabled=wording(move || locked.get().then_some("true"))>
                    {wording(move || if choice.with(Option::is_some) { t().change_vote_button } else { t().vote })}
                </button>
            })}
        </form>
        <p class="vote-status" role="status" class:is-counted=changing(move || status.get() == Some(VoteStatus::Counted))>
            {wording(move || {
                if wrong_number.get() {
                    several.map(|(min, max)| (t().choose)(min, max)).unwrap_or_default()
                } else {
                    let chosen = choice.with(Option::is_some);
                    status.get().map_or_else(|| standing_words(chosen), |status| status_words(status, chosen)).to_owned()
                }
            })}
        </p>
        <form
            class="withdraw"
            method="post"
            action=format!("/r/{}", live.code())
            hidden=changing(move || locked.get() || choice.with(Option::is_none))
            on:submit=move |event| {
                event.prevent_default();
                live.cast(id, None);
            }
        >
            <input type="hidden" name="action" value="withdraw"/>
            <input type="hidden" name="poll" value=id.to_string()/>
            <button class="link" type="submit">{t().withdraw}</button>
        </form>
        {changing(move || {
            let shape = shape.clone();
            // Where there is no ballot, bars tell what there is to choose from.
            if rating || barred.get() {
                view! { <div class="card-part"><Bars live shape/></div> }.erased()
            } else {
                view! { <div class="spoken"><Spoken shape tally/></div> }.erased()
            }
        })}
        <ResultsNote live id=id/>
    }
    .erased()
}

/// One option: a button, or a box to tick where several may be chosen.
fn option(
    kind: PollKind,
    number: i64,
    label: String,
    live: Live,
    id: domain::PollId,
    locked: Memo<bool>,
) -> Drawn {
    let tally = live.tally(id);
    let choice = live.choice(id);
    let chosen = Memo::new(move |_| choice.with(|choice| is_chosen(choice.as_ref(), number)));
    let mine = move || changing(move || chosen.get().then(mine));
    let value = number.to_string();
    let inside = view! {
        <span class="option-label">{label.clone()} {mine()}</span>
        <span class="option-figures" aria-hidden="true"><Figures tally number/></span>
        <BarLine tally number/>
    };
    match kind {
        PollKind::Rating { .. } => view! {
            <li class="option">
                <button
                    type="submit"
                    name="rating"
                    value=value
                    class:chosen=changing(move || chosen.get())
                    aria-pressed=wording(move || if chosen.get() { "true" } else { "false" })
                    aria-disabled=wording(move || locked.get().then_some("true"))
                >
                    {label}
                    {mine()}
                </button>
            </li>
        }
        .erased(),
        PollKind::Single => view! {
            <li class="option">
                <button
                    type="submit"
                    name="option"
                    value=value
                    class:chosen=changing(move || chosen.get())
                    aria-pressed=wording(move || if chosen.get() { "true" } else { "false" })
                    aria-disabled=wording(move || locked.get().then_some("true"))
                >
                    <span class="option-mark"><Icon glyph=Glyph::Check/></span>
                    {inside}
                </button>
            </li>
        }
        .erased(),
        PollKind::Multiple { .. } => view! {
            <li class="option">
                <label class:chosen=changing(move || chosen.get())>
                    <input
                        type="checkbox"
                        name="option"
                        value=value
                        checked=chosen.get_untracked()
                        disabled=changing(move || locked.get())
                    />
                    {inside}
                </label>
            </li>
        }
        .erased(),
    }
}

/// Open, with or without a countdown, or closed.
#[component]
pub(crate) fn PollStateLine(
    /// The room.
    live: Live,
    /// The poll.
    id: domain::PollId,
) -> impl IntoView {
    let poll = live.poll(id);
    let left = live.seconds_left(id);
    let state = Memo::new(move |_| poll.with(|poll| poll.as_ref().map(|poll| poll.state)));
    let ballots = live.tally(id);
    let votes = Memo::new(move |_| ballots.with(|tally| tally.as_ref().map(|tally| tally.ballots)));
    let glyph = Signal::derive(move || match (state.get(), left.get()) {
        (Some(PollState::Open), None) => Glyph::Live,
        (Some(PollState::Closed), _) => Glyph::Check,
        _ => Glyph::Clock,
    });
    let words = move || match (state.get(), left.get()) {
        (Some(PollState::Open), None) => t().open.to_owned(),
        (Some(PollState::Open), Some(0)) => t().closing.to_owned(),
        (Some(PollState::Open), Some(left)) => (t().closes_in)(left),
        (Some(PollState::Closed), _) => t().closed.to_owned(),
        _ => t().draft.to_owned(),
    };
    view! {
        <p class="poll-state">
            <span class="chip" class:is-open=changing(move || state.get() == Some(PollState::Open))>
                <Icon glyph/>
                {wording(words)}
            </span>
            <span class="votes">{wording(move || votes.get().map(|votes| (t().votes)(votes)))}</span>
        </p>
    }
    .erased()
}

/// What there is to know of results: what they wait for, or that they are not for good yet.
#[component]
pub(crate) fn ResultsNote(
    /// The room.
    live: Live,
    /// The poll.
    id: domain::PollId,
    /// Whether they are shown here; without it, wherever the viewer is sent them.
    #[prop(optional, into)]
    shown: Option<Signal<bool>>,
) -> impl IntoView {
    let poll = live.poll(id);
    let tally = live.tally(id);
    let are_shown = move || match shown {
        Some(shown) => shown.get(),
        None => tally.with(|tally| tally.as_ref().is_some_and(|tally| tally.marks.is_some())),
    };
    let state = move || poll.with(|poll| poll.as_ref().map(|poll| poll.state));
    let provisional = Memo::new(move |_| {
        are_shown() && tally.with(|tally| tally.as_ref().is_some_and(|tally| is_provisional(state(), tally)))
    });
    let words = Memo::new(move |_| {
        if are_shown() {
            return if provisional.get() { t().provisional } else { "" };
        }
        let revealed = poll.with(|poll| poll.as_ref().and_then(|poll| poll.revealed));
        live.room.with(|room| crate::text::results_wait(room.room.settings.results, revealed))
    });
    view! {
        <p class="hint results-note" class:provisional=changing(move || provisional.get())>
            {wording(move || words.get())}
        </p>
    }
    .erased()
}

/// Said of an option that the viewer has chosen.
fn mine() -> Drawn {
    view! { <span class="unseen">{t().your_choice}</span> }.erased()
}

/// Whether a count may still change by itself: not all of it is recorded.
fn is_provisional(state: Option<PollState>, tally: &Tally) -> bool {
    tally.provisional || (state == Some(PollState::Closed) && !tally.is_final)
}

fn rows_of(choice: Option<&domain::Choice>) -> Vec<i64> {
    match choice {
        Some(domain::Choice::Options(chosen)) => chosen.clone(),
        _ => Vec::new(),
    }
}

fn standing_words(chosen: bool) -> &'static str {
    if chosen { t().vote_stands } else { "" }
}

fn status_words(status: VoteStatus, chosen: bool) -> &'static str {
    match status {
        VoteStatus::Sending => t().sending,
        VoteStatus::Kept(Connection::Offline) => t().kept_offline,
        VoteStatus::Kept(_) => t().kept,
        VoteStatus::Received => t().received,
        VoteStatus::Counted if chosen => t().counted,
        VoteStatus::Counted => t().taken_back,
        VoteStatus::Refused(reason) => match reason {
            Reason::AlreadyVoted => t().refused_already_voted,
            Reason::Superseded | Reason::BallotReused => t().refused_superseded,
            Reason::Reset => t().refused_reset,
            Reason::NotOpen => t().refused_not_open,
            Reason::Closed => t().refused_closed,
            Reason::InvalidChoice | Reason::TooManyAnswers => t().refused_invalid,
            Reason::NotEligible => t().refused_not_eligible,
            Reason::Rebuilding | Reason::Overloaded => t().refused_busy,
        },
    }
}

#[cfg(test)]
mod tests {
    use domain::{Count, PollId, TallyVersion, Timestamp};

    use super::*;

    #[test]
    fn a_count_is_provisional_while_recording_is_late_and_after_the_close_until_it_is_final() {
        let id = PollId::new(Timestamp::default(), [0; 10]);
        let tally = |provisional, is_final| Tally {
            provisional,
            ..Tally::new(id, 0, TallyVersion::default(), &Count::default(), is_final)
        };
        let (open, closed) = (Some(PollState::Open), Some(PollState::Closed));
        assert!(!is_provisional(open, &tally(false, false)));
        assert!(is_provisional(open, &tally(true, false)));
        assert!(is_provisional(closed, &tally(false, false)));
        assert!(!is_provisional(closed, &tally(false, true)));
    }
}
