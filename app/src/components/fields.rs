//! Labelled fields that keep what was typed and say what is wrong with it.

use leptos::prelude::*;

use super::form::FormState;
use crate::erase::{Erase, wording};
use crate::raw::raw_text;

/// What is wrong with a field.
#[component]
pub(crate) fn FieldError(
    /// The id that the field is described by.
    #[prop(into)]
    id: String,
    /// What the field is called.
    label: &'static str,
    /// The rest of the sentence.
    error: Memo<Option<String>>,
) -> impl IntoView {
    view! {
        <p class="field-error" id=id>
            {wording(move || error.get().map(|error| format!("{label}: {error}.")))}
        </p>
    }
    .erased()
}

/// One line of text.
#[component]
pub(crate) fn TextField(
    /// Its form.
    form: FormState,
    /// Its name in the form.
    name: &'static str,
    /// What it is called.
    label: &'static str,
    /// What stands in it at first.
    #[prop(optional, into)]
    first: String,
    /// What to know before typing.
    #[prop(optional)]
    hint: Option<&'static str>,
    /// The kind of input; a password is never drawn again.
    #[prop(default = "text")]
    kind: &'static str,
    /// What browsers may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// The most characters.
    #[prop(default = 300)]
    most: usize,
    /// Whether it may be left empty.
    #[prop(optional)]
    optional: bool,
    /// What it might hold.
    #[prop(optional)]
    example: Option<&'static str>,
) -> impl IntoView {
    let id = form.id(name);
    let error = form.error(name);
    let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
    let described = if hint.is_some() { format!("{hint_id} {error_id}") } else { error_id.clone() };
    let value = (kind != "password").then(|| form.value_or(name, &first));
    let plain = matches!(name, "username" | "password");
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            {hint.map(|hint| view! { <p class="hint" id=hint_id>{hint}</p> })}
            <input
                id=id
                name=name
                type=kind
                value=value
                required=!optional
                maxlength=most.to_string()
                autocomplete=autocomplete
                autocapitalize=plain.then_some("none")
                spellcheck=plain.then_some("false")
                placeholder=example
                aria-describedby=described
                aria-invalid=wording(move || error.with(Option::is_some).then_some("true"))
            />
            <FieldError id=error_id label error/>
        </div>
    }
    .erased()
}

/// Several lines of text.
#[component]
pub(crate) fn TextArea(
    /// Its form.
    form: FormState,
    /// Its name in the form.
    name: &'static str,
    /// What it is called.
    label: &'static str,
    /// What stands in it at first.
    #[prop(optional, into)]
    first: String,
    /// What to know before typing.
    hint: &'static str,
    /// What it might hold.
    #[prop(optional)]
    example: Option<&'static str>,
) -> impl IntoView {
    let id = form.id(name);
    let error = form.error(name);
    let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <p class="hint" id=hint_id.clone()>{hint}</p>
            <textarea
                id=id
                name=name
                rows="4"
                placeholder=example
                aria-describedby=format!("{hint_id} {error_id}")
                aria-invalid=wording(move || error.with(Option::is_some).then_some("true"))
            >
                {raw_text(&form.value_or(name, &first))}
            </textarea>
            <FieldError id=error_id label error/>
        </div>
    }
    .erased()
}

/// A small whole number.
#[component]
pub(crate) fn NumberField(
    /// Its form.
    form: FormState,
    /// Its name in the form.
    name: &'static str,
    /// What it is called.
    label: &'static str,
    /// What stands in it at first.
    first: String,
    /// The least.
    least: u8,
    /// The most.
    most: u8,
) -> impl IntoView {
    let id = form.id(name);
    view! {
        <div class="field small">
            <label for=id.clone()>{label}</label>
            <input
                id=id
                name=name
                type="number"
                inputmode="numeric"
                min=least.to_string()
                max=most.to_string()
                value=form.value_or(name, &first)
            />
        </div>
    }
    .erased()
}

/// One of a few answers, folded up.
#[component]
pub(crate) fn Select(
    /// Its form.
    form: FormState,
    /// Its name in the form.
    name: &'static str,
    /// What it is called.
    label: &'static str,
    /// What is chosen at first.
    first: &'static str,
    /// The answers: values and words.
    answers: Vec<(&'static str, &'static str)>,
) -> impl IntoView {
    let id = form.id(name);
    let chosen = form.value_or(name, first);
    let answers: Vec<_> = answers
        .into_iter()
        .map(|(value, words)| view! { <option value=value selected=value == chosen>{words}</option> })
        .collect();
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select id=id name=name>{answers}</select>
        </div>
    }
    .erased()
}
