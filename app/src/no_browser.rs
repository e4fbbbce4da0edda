//! The server's stand-in for the browser: code in event handlers and effects is compiled there as well, and
//! never runs.

use domain::Timestamp;
use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::web_sys::{Element, HtmlFormElement};

pub(crate) fn now() -> Timestamp {
    Timestamp::default()
}

pub(crate) fn random() -> [u8; 10] {
    [0; 10]
}

pub(crate) fn fields(_: &SubmitEvent) -> Vec<(String, String)> {
    Vec::new()
}

pub(crate) fn finish(_: &HtmlFormElement) {}

pub(crate) fn fold(_: &Element) {}

pub(crate) fn form(_: &SubmitEvent) -> Option<HtmlFormElement> {
    None
}

pub(crate) fn tick(_: &HtmlFormElement, _: &[i64]) {}

pub(crate) fn focus(_: &str) {}

pub(crate) fn fill(_: &str, _: &str) {}

pub(crate) fn take_ticket() -> Option<String> {
    None
}

pub(crate) fn follow_tickets() {}

pub(crate) fn toggle_full_screen() {}

pub(crate) fn meant_for_control(_: &KeyboardEvent) -> bool {
    true
}
