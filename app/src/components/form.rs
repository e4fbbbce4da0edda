//! Forms that work with and without scripts: what was typed and what is wrong come from the refused form that
//! the page was drawn for, or from an answer to a request.

use std::sync::Arc;

use domain::{PollId, Problem};
use leptos::prelude::*;

use crate::data::SentForm;

/// The refused form that this page was drawn for, the same on both sides.
#[derive(Clone)]
struct Sent(Arc<Option<SentForm>>);

/// Lets the page's forms find what was refused.
pub(crate) fn provide_sent_form(sent: Option<SentForm>) {
    provide_context(Sent(Arc::new(sent)));
}

/// One form of a page: its first values and its present problem.
#[derive(Clone, Copy)]
pub(crate) struct FormState {
    sent: StoredValue<Option<SentForm>>,
    /// Tells this form's fields from those of others on the page.
    prefix: StoredValue<String>,
    /// What is wrong.
    pub(crate) problem: RwSignal<Option<Problem>>,
}

impl FormState {
    /// The form with this `action` field, empty where the page has one form only.
    pub(crate) fn new(action: &str) -> Self {
        Self::matching(action.to_owned(), |sent| sent.action == action)
    }

    /// One of several forms with the same action, each for its own poll.
    pub(crate) fn of_poll(action: &str, poll: PollId) -> Self {
        let poll = poll.to_string();
        let own = |sent: &SentForm| sent.action == action && sent.value("poll") == Some(&poll);
        Self::matching(format!("{action}-{poll}"), own)
    }

    /// Whichever form of the page was refused.
    pub(crate) fn any() -> Self {
        Self::matching(String::new(), |_| true)
    }

    fn matching(prefix: String, own: impl Fn(&SentForm) -> bool) -> Self {
        let sent = use_context::<Sent>().and_then(|Sent(sent)| sent.as_ref().clone()).filter(own);
        Self {
            problem: RwSignal::new(sent.as_ref().map(|sent| sent.problem.clone())),
            prefix: StoredValue::new(prefix),
            sent: StoredValue::new(sent),
        }
    }

    /// Whether the page was drawn because this form was refused.
    pub(crate) fn was_sent(self) -> bool {
        self.sent.with_value(Option::is_some)
    }

    /// What was typed into a field.
    pub(crate) fn value(self, name: &str) -> Option<String> {
        self.sent.with_value(|sent| sent.as_ref().and_then(|sent| sent.value(name)).map(str::to_owned))
    }

    /// What was typed into a field, else what stands there at first.
    pub(crate) fn value_or(self, name: &str, first: &str) -> String {
        self.value(name).unwrap_or_else(|| first.to_owned())
    }

    /// A field's id in the document.
    pub(crate) fn id(self, name: &str) -> String {
        self.prefix
            .with_value(|prefix| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}-{name}") })
    }

    /// What is wrong with a field, the items of a list included.
    pub(crate) fn error(self, name: &'static str) -> Memo<Option<String>> {
        Memo::new(move |_| {
            self.problem.with(|problem| {
                let errors = &problem.as_ref()?.errors;
                let own = errors.iter().filter(|error| is_about(&error.field, name));
                let messages: Vec<&str> = own.map(|error| error.message.as_str()).collect();
                if messages.is_empty() { None } else { Some(messages.join("; ")) }
            })
        })
    }
}

/// Whether a field of the input (`polls[0].options[2]`, `kind.max`) is drawn as the field `name`.
fn is_about(field: &str, name: &str) -> bool {
    let field = field.rsplit_once("].").map_or(field, |(_, last)| last);
    let whole = field.split(['[', '.']).next().unwrap_or(field);
    whole == name
}

#[cfg(test)]
mod tests {
    use super::is_about;

    #[test]
    fn errors_find_their_field() {
        assert!(is_about("options[2]", "options"));
        assert!(is_about("polls[0].options[2]", "options"));
        assert!(is_about("polls[0].question", "question"));
        assert!(is_about("kind.max", "kind"));
        assert!(!is_about("kind.max", "max"));
        assert!(!is_about("username", "user"));
    }
}
