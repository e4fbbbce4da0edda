//! What only a browser can do. Nothing here fails: where a browser withholds something (storage in a private
//! window, full screen in a frame), it is as if nobody had asked.

use domain::Timestamp;
use leptos::ev::SubmitEvent;
use leptos::prelude::{document, location, on_cleanup, window, window_event_listener_untyped};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, FormData, HtmlElement, HtmlFormElement, HtmlInputElement, Storage};

/// The time by this device's clock.
pub(crate) fn now() -> Timestamp {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 are far from where f64 is coarse"
    )]
    Timestamp::from_millis(js_sys::Date::now() as i64)
}

/// Ten random bytes for an id.
pub(crate) fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    if getrandom::fill(&mut bytes).is_err() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 255 by construction"
        )]
        bytes.fill_with(|| (js_sys::Math::random() * 256.0) as u8);
    }
    bytes
}

/// The names and values of the form that is being sent, with the button that sent it.
pub(crate) fn fields(event: &SubmitEvent) -> Vec<(String, String)> {
    let Some(data) = form(event).and_then(|form| FormData::new_with_form(&form).ok()) else {
        return Vec::new();
    };
    let pair = |entry: JsValue| {
        let entry: js_sys::Array = entry.dyn_into().ok()?;
        Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
    };
    let button = event.submitter().and_then(|button| {
        Some((button.get_attribute("name")?, button.get_attribute("value").unwrap_or_default()))
    });
    data.entries().into_iter().flatten().filter_map(pair).chain(button).collect()
}

/// Empties the form that was sent and folds up what it stands in.
pub(crate) fn finish(form: &HtmlFormElement) {
    form.reset();
    fold(form);
}

/// Folds up the `<details>` that something stands in.
pub(crate) fn fold(element: &Element) {
    if let Ok(Some(details)) = element.closest("details") {
        let _ = details.remove_attribute("open");
        if let Ok(Some(summary)) = details.query_selector("summary")
            && let Ok(summary) = summary.dyn_into::<HtmlElement>()
        {
            let _ = summary.focus();
        }
    }
}

/// The form that is being sent.
pub(crate) fn form(event: &SubmitEvent) -> Option<HtmlFormElement> {
    event.target()?.dyn_into().ok()
}

/// Ticks just these of a form's boxes called `option`.
pub(crate) fn tick(form: &HtmlFormElement, values: &[i64]) {
    let Ok(boxes) = form.query_selector_all("input[name=option]") else { return };
    for at in 0..boxes.length() {
        if let Some(input) = boxes.get(at).and_then(|node| node.dyn_into::<HtmlInputElement>().ok()) {
            let chosen = input.value().parse().is_ok_and(|value: i64| values.contains(&value));
            input.set_checked(chosen);
        }
    }
}

/// Gives the focus to an element, if it is there.
pub(crate) fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Puts a text into a field, if it is there and empty.
pub(crate) fn fill(id: &str, text: &str) {
    let field = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlInputElement>().ok());
    if let Some(field) = field.filter(|field| field.value().is_empty()) {
        field.set_value(text);
    }
}

/// Takes the voting ticket out of the address, where it stands behind `#`, so that nobody reads it there later.
pub(crate) fn take_ticket() -> Option<String> {
    let ticket = ticket()?;
    if let (Ok(history), Ok(path)) = (window().history(), location().pathname()) {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path));
    }
    Some(ticket)
}

/// Loads the page again when the link on a ticket is followed in it: browsers stay where all but `#` is the same.
pub(crate) fn follow_tickets() {
    let heard = window_event_listener_untyped("hashchange", |_| {
        if ticket().is_some() {
            reload();
        }
    });
    on_cleanup(move || heard.remove());
}

fn ticket() -> Option<String> {
    location().hash().ok()?.strip_prefix("#ticket=").map(str::to_owned)
}

/// What was kept under a key.
pub(crate) fn stored(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Keeps a text under a key, or nothing.
pub(crate) fn store(key: &str, text: Option<&str>) {
    if let Some(storage) = storage() {
        let _ = match text {
            Some(text) => storage.set_item(key, text),
            None => storage.remove_item(key),
        };
    }
}

/// Whether the device says that it has a network.
pub(crate) fn online() -> bool {
    window().navigator().on_line()
}

/// Whether nobody can see the page.
pub(crate) fn hidden() -> bool {
    document().hidden()
}

/// Loads the page again.
pub(crate) fn reload() {
    let _ = location().reload();
}

/// Fills the screen with the page, or gives it back.
pub(crate) fn toggle_full_screen() {
    let document = document();
    if document.fullscreen_element().is_some() {
        document.exit_fullscreen();
    } else if let Some(root) = document.document_element() {
        let _ = root.request_fullscreen();
    }
}

/// Whether the server drew a page that lives on here, and not one that says what is wrong.
pub(crate) fn is_alive() -> bool {
    matches!(document().query_selector("[data-still]"), Ok(None))
}

/// Whether a key was meant for the control it was pressed in, and not for the page.
pub(crate) fn meant_for_control(event: &leptos::ev::KeyboardEvent) -> bool {
    let control = |element: Element| {
        let name = element.tag_name().to_ascii_lowercase();
        matches!(name.as_str(), "input" | "textarea" | "select" | "button" | "a" | "summary")
    };
    event.ctrl_key()
        || event.meta_key()
        || event.alt_key()
        || event.target().and_then(|target| target.dyn_into::<Element>().ok()).is_some_and(control)
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
