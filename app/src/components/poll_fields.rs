//! The fields of a poll being written. Which of them matter for its kind is a matter of style sheets alone, so
//! it works without scripts too.

use domain::{Poll, PollKind};
use leptos::prelude::*;

use super::fields::{FieldError, NumberField, TextArea, TextField};
use super::form::FormState;
use crate::erase::Erase;
use crate::text::t;

/// Question, kind and options.
#[component]
pub(crate) fn PollFields(
    /// The form they stand in.
    form: FormState,
    /// What the poll is now; `None` for a new one.
    #[prop(optional)]
    poll: Option<Poll>,
) -> impl IntoView {
    let question = poll.as_ref().map(|poll| poll.question.clone()).unwrap_or_default();
    let options = poll.as_ref().map(option_lines).unwrap_or_default();
    let kind = poll.as_ref().map_or(PollKind::Single, |poll| poll.kind);
    let (min, max) = match kind {
        PollKind::Multiple { min, max } => (min.to_string(), max.to_string()),
        _ => ("1".to_owned(), String::new()),
    };
    let rating = if let PollKind::Rating { max } = kind { max } else { 5 };
    let chosen = form.value_or("kind", kind_name(kind));
    let error = form.error("kind");
    let error_id = form.id("kind-error");
    let radios: Vec<_> =
        [("single", t().kind_single), ("multiple", t().kind_multiple), ("rating", t().kind_rating)]
            .into_iter()
            .map(|(value, words)| {
                view! {
                    <label class="segment">
                        <input type="radio" name="kind" value=value checked=value == chosen/>
                        <span>{words}</span>
                    </label>
                }
            })
            .collect();
    view! {
        <div class="poll-fields">
            <TextField form name="question" label=t().question first=question example=t().question_example/>
            <fieldset class="field">
                <legend>{t().kind}</legend>
                <div class="segments">{radios}</div>
                <FieldError id=error_id label=t().kind error/>
            </fieldset>
            <div class="for-options">
                <TextArea form name="options" label=t().options first=options hint=t().options_hint/>
            </div>
            <div class="for-multiple row">
                <NumberField form name="min" label=t().at_least first=min least=1 most=100/>
                <NumberField form name="max" label=t().at_most first=max least=1 most=100/>
            </div>
            <div class="for-rating">
                <NumberField form name="rating_max" label=t().rating_max first=rating.to_string() least=2 most=10/>
            </div>
        </div>
    }
    .erased()
}

/// A kind's name in forms.
fn kind_name(kind: PollKind) -> &'static str {
    match kind {
        PollKind::Single => "single",
        PollKind::Multiple { .. } => "multiple",
        PollKind::Rating { .. } => "rating",
    }
}

/// What a kind is called.
pub(crate) fn kind_words(kind: PollKind) -> &'static str {
    match kind {
        PollKind::Single => t().kind_single,
        PollKind::Multiple { .. } => t().kind_multiple,
        PollKind::Rating { .. } => t().kind_rating,
    }
}

fn option_lines(poll: &Poll) -> String {
    let labels: Vec<&str> = poll.options.iter().map(|option| option.label.as_str()).collect();
    labels.join("\n")
}
