//! How a poll stands: bars for the eye, a table for screen readers, and a voice that is not in a hurry.

use std::time::Duration;

use domain::{Choice, PollKind, Tally};
use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::erase::{Drawn, Erase, changing, wording};
use crate::live::{Live, Shape};
use crate::text::{number, t};

/// A poll's results, as far as they may be seen, else what they wait for.
#[component]
pub(crate) fn Bars(
    /// The room.
    live: Live,
    /// The poll.
    shape: Shape,
    /// Whether they are to be shown here at all.
    #[prop(into, default = Signal::stored(true))]
    shown: Signal<bool>,
) -> impl IntoView {
    let all = live.tally(shape.id);
    let tally = Memo::new(move |_| all.get().filter(|_| shown.get()));
    let choice = live.choice(shape.id);
    let rows: Vec<_> = rows(&shape)
        .into_iter()
        .map(|(number, label)| {
            let chosen = move || choice.with(|choice| is_chosen(choice.as_ref(), number));
            view! {
                <li class="bar-row" class:chosen=changing(chosen)>
                    <span class="bar-label">
                        {label}
                        {changing(move || chosen().then(mine))}
                    </span>
                    <span class="bar-figures"><Figures tally number/></span>
                    <BarLine tally number/>
                </li>
            }
            .erased()
        })
        .collect();
    let rating = matches!(shape.kind, PollKind::Rating { .. });
    view! {
        <ol class="bars" aria-hidden="true">{rows}</ol>
        {rating.then(|| view! { <p class="average">{wording(move || tally.with(|tally| average_words(tally.as_ref())))}</p> })}
        <Spoken shape tally/>
    }
    .erased()
}

fn mine() -> Drawn {
    view! { <span class="mine"><Icon glyph=Glyph::Check/>{t().your_choice}</span> }.erased()
}

/// The table for screen readers, and the voice.
#[component]
pub(crate) fn Spoken(
    /// The poll.
    shape: Shape,
    /// How it stands.
    tally: Memo<Option<Tally>>,
) -> impl IntoView {
    let body: Vec<_> = rows(&shape)
        .into_iter()
        .map(|(number, label)| {
            let count = move || tally.with(|tally| tally.as_ref()?.of(number).map(number::grouped));
            let share = move || tally.with(|tally| Some(number::percent(percent(tally.as_ref()?, number)?)));
            view! { <tr><th scope="row">{label}</th><td>{wording(count)}</td><td>{wording(share)}</td></tr> }
                .erased()
        })
        .collect();
    let labels = rows(&shape);
    let summary = Memo::new(move |_| {
        tally.with(|tally| {
            tally.as_ref().filter(|tally| tally.marks.is_some()).map(|tally| summary(tally, &labels))
        })
    });
    view! {
        <div class="unseen"><table>
            <caption>{(t().results_of)(&shape.question)}</caption>
            <thead>
                <tr><th scope="col">{t().option}</th><th scope="col">{t().count}</th><th scope="col">{t().share}</th></tr>
            </thead>
            <tbody>{body}</tbody>
        </table></div>
        <Voice summary/>
    }
    .erased()
}

/// Says what has changed, at most every five seconds.
#[component]
fn Voice(
    /// What there is to say.
    summary: Memo<Option<String>>,
) -> impl IntoView {
    const PAUSE: Duration = Duration::from_secs(5);
    let said = RwSignal::new(String::new());
    let waiting = StoredValue::new(false);
    Effect::new(move |ran: Option<()>| {
        let something = summary.with(Option::is_some);
        // What stands there when the page comes is read as part of the page.
        if ran.is_none() || !something || waiting.get_value() {
            return;
        }
        waiting.set_value(true);
        set_timeout(
            move || {
                waiting.try_set_value(false);
                if let Some(Some(words)) = summary.try_get_untracked() {
                    said.try_set(words);
                }
            },
            PAUSE,
        );
    });
    view! { <p class="unseen" aria-live="polite">{wording(move || said.get())}</p> }.erased()
}

/// A bar as wide as its share.
#[component]
pub(crate) fn BarLine(
    /// How the poll stands.
    tally: Memo<Option<Tally>>,
    /// The option's index or the rating.
    number: i64,
) -> impl IntoView {
    let width = Memo::new(move |_| {
        let tenths = tally.with(|tally| permille(tally.as_ref()?, number)).unwrap_or(0);
        format!("{}.{}%", tenths / 10, tenths % 10)
    });
    view! {
        <svg class="bar" aria-hidden="true">
            <rect class="bar-track" width="100%" height="100%"/>
            <rect class="bar-fill" width=wording(move || width.get()) height="100%"/>
        </svg>
    }
    .erased()
}

/// Count and percentage, or nothing while they are hidden.
#[component]
pub(crate) fn Figures(
    /// How the poll stands.
    tally: Memo<Option<Tally>>,
    /// The option's index or the rating.
    number: i64,
) -> impl IntoView {
    let words = Memo::new(move |_| {
        tally.with(|tally| {
            let tally = tally.as_ref()?;
            Some((number::grouped(tally.of(number)?), number::percent(percent(tally, number)?)))
        })
    });
    let count = move || words.with(|words| words.as_ref().map(|(count, _)| count.clone()));
    let share = move || words.with(|words| words.as_ref().map(|(_, share)| share.clone()));
    view! {
        <span class="count">{wording(count)}</span>
        <span class="share">{wording(share)}</span>
    }
    .erased()
}

/// What can be counted, in order: numbers of marks and their labels.
pub(crate) fn rows(shape: &Shape) -> Vec<(i64, String)> {
    match shape.kind {
        PollKind::Rating { max } => (1..=i64::from(max)).map(|value| (value, value.to_string())).collect(),
        _ => (0..).zip(shape.options.iter().cloned()).collect(),
    }
}

/// Whether a choice holds this option or rating.
pub(crate) fn is_chosen(choice: Option<&Choice>, number: i64) -> bool {
    match choice {
        Some(Choice::Option(chosen) | Choice::Rating(chosen)) => *chosen == number,
        Some(Choice::Options(chosen)) => chosen.contains(&number),
        Some(Choice::Ranking(_) | Choice::Text(_)) | None => false,
    }
}

fn permille(tally: &Tally, number: i64) -> Option<u64> {
    let count = tally.of(number)?;
    Some((count * 2_000 + tally.ballots).checked_div(tally.ballots * 2).unwrap_or(0))
}

fn percent(tally: &Tally, number: i64) -> Option<u64> {
    let count = tally.of(number)?;
    Some((count * 200 + tally.ballots).checked_div(tally.ballots * 2).unwrap_or(0))
}

fn average_words(tally: Option<&Tally>) -> Option<String> {
    let tally = tally.filter(|tally| tally.marks.is_some() && tally.ballots > 0)?;
    let sum: u64 = (1..=10u32).filter_map(|value| Some(tally.of(i64::from(value))? * u64::from(value))).sum();
    let tenths = (sum * 20 + tally.ballots) / (tally.ballots * 2);
    Some((t().average)(tenths / 10, tenths % 10))
}

fn summary(tally: &Tally, rows: &[(i64, String)]) -> String {
    /// More than this many are for reading, not for listening.
    const MOST: usize = 12;
    let mut words = (t().votes)(tally.ballots);
    for (number, label) in rows.iter().take(MOST) {
        if let (Some(count), Some(share)) = (tally.of(*number), percent(tally, *number)) {
            words.push_str(&(t().spoken_row)(label, count, share));
        }
    }
    if tally.provisional {
        words.extend([". ", t().provisional]);
    }
    words
}

#[cfg(test)]
mod tests {
    use domain::{Count, Mark, PollId, TallyVersion, Timestamp};

    use super::*;

    fn tally(marks: &[i64]) -> Tally {
        let mut count = Count::default();
        for mark in marks {
            count.put(&[Mark::number(*mark)]);
        }
        let id = PollId::new(Timestamp::default(), [0; 10]);
        Tally::new(id, 0, TallyVersion::default(), &count, false)
    }

    #[test]
    fn shares_are_of_people_and_rounded() {
        let three = tally(&[0, 0, 1]);
        assert_eq!(
            (percent(&three, 0), percent(&three, 1), percent(&three, 2)),
            (Some(67), Some(33), Some(0))
        );
        assert_eq!(permille(&three, 0), Some(667));
        assert_eq!(percent(&tally(&[]), 0), Some(0), "nobody is no division by zero");
        assert_eq!(percent(&three.hidden(), 0), None);
    }

    #[test]
    fn what_is_provisional_is_said_to_be() {
        let says = |tally: &Tally| summary(tally, &[(0, "Thai".to_owned())]).contains(t().provisional);
        let one = tally(&[0]);
        assert!(!says(&one));
        assert!(says(&Tally { provisional: true, ..one }));
    }

    #[test]
    fn an_average_has_one_decimal() {
        assert_eq!(average_words(Some(&tally(&[4, 5, 5]))), Some((t().average)(4, 7)));
        assert_eq!(average_words(Some(&tally(&[]))), None);
        assert_eq!(average_words(Some(&tally(&[3]).hidden())), None);
    }
}
