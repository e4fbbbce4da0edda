//! Forms as they arrive: names and values in order. The browser reads them from its form, the server
//! from the body; what they mean is said here once.

use domain::room::SettingsPatch;
use domain::{
    Choice, NewPoll, NewRoom, PollId, PollKind, PollPatch, ResultsPolicy, Room, RoomPatch, VotersPolicy,
};

use crate::data::HostAction;

/// A form's fields. A name may come more than once.
pub type Fields = [(String, String)];

/// The first value of a field.
pub fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A field as something else: a number, an id. `None` where it is absent or no such thing.
pub fn parsed<T: std::str::FromStr>(fields: &Fields, name: &str) -> Option<T> {
    value(fields, name)?.trim().parse().ok()
}

/// The fields of a query, as browsers write them.
pub fn decoded(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (unescaped(k), unescaped(v)))
        .collect()
}

/// The poll that a question, a kind and options describe. Nothing in it has been checked.
pub fn new_poll(fields: &Fields) -> NewPoll {
    let kind = kind(fields);
    let options = match kind {
        PollKind::Rating { .. } => Vec::new(),
        _ => lines(value(fields, "options").unwrap_or_default()),
    };
    NewPoll { question: value(fields, "question").unwrap_or_default().to_owned(), kind, options }
}

/// The same as a change to a draft.
pub fn poll_patch(fields: &Fields) -> PollPatch {
    let NewPoll { question, kind, options } = new_poll(fields);
    PollPatch { question: Some(question), kind: Some(kind), options: Some(options) }
}

/// The room that a quick poll makes: the question is its title too.
pub fn quick_room(fields: &Fields) -> NewRoom {
    let poll = new_poll(fields);
    NewRoom { title: poll.question.clone(), settings: SettingsPatch::default(), polls: vec![poll] }
}

/// A room's title and settings. An unticked box is not sent, so its absence says no.
pub fn room_patch(fields: &Fields) -> RoomPatch {
    let settings = SettingsPatch {
        results: value(fields, "results").and_then(results_policy),
        change_vote: Some(value(fields, "change_vote") == Some("true")),
        voters: value(fields, "voters").and_then(voters_policy),
    };
    RoomPatch { title: value(fields, "title").map(str::to_owned), settings: Some(settings), poll_order: None }
}

/// What a ballot chooses, as a poll of this kind reads it. `None` where it has no answer at all.
pub fn choice(fields: &Fields, kind: PollKind) -> Option<Choice> {
    match kind {
        PollKind::Single => parsed(fields, "option").map(Choice::Option),
        PollKind::Multiple { .. } => {
            let ticked = fields.iter().filter(|(key, _)| key == "option");
            Some(Choice::Options(ticked.filter_map(|(_, value)| value.trim().parse().ok()).collect()))
        }
        PollKind::Rating { .. } => parsed(fields, "rating").map(Choice::Rating),
    }
}

/// Whether a choice has as many answers as its poll wants. All else a form's own fields see to, and the server
/// in the end.
pub fn fits(choice: &Choice, kind: PollKind) -> bool {
    match (choice, kind) {
        (Choice::Options(chosen), PollKind::Multiple { min, max }) => {
            (usize::from(min)..=usize::from(max)).contains(&chosen.len())
        }
        _ => true,
    }
}

/// A room's polls in order after one was moved by one place; at an end it stays.
pub fn moved(room: &Room, poll: PollId, up: bool) -> Vec<PollId> {
    let mut order: Vec<PollId> = room.polls.iter().map(|poll| poll.id).collect();
    if let Some(at) = order.iter().position(|id| *id == poll) {
        let to = if up { at.saturating_sub(1) } else { (at + 1).min(order.len() - 1) };
        order.swap(at, to);
    }
    order
}

/// What the host's form asks of a poll; `None` where `action` names no such thing.
pub fn host_action(fields: &Fields) -> Option<HostAction> {
    Some(match value(fields, "action")? {
        "open" => HostAction::Open(parsed(fields, "duration_secs")),
        "close" => HostAction::Close,
        "reveal" => HostAction::Reveal,
        "hide" => HostAction::Hide,
        "reset" => HostAction::Reset,
        _ => return None,
    })
}

/// A policy's name in forms.
pub fn results_name(policy: ResultsPolicy) -> &'static str {
    match policy {
        ResultsPolicy::Always => "always",
        ResultsPolicy::AfterVote => "after_vote",
        ResultsPolicy::AfterClose => "after_close",
        ResultsPolicy::HostOnly => "host_only",
    }
}

/// A policy's name in forms.
pub fn voters_name(policy: VotersPolicy) -> &'static str {
    match policy {
        VotersPolicy::Guest => "guest",
        VotersPolicy::Account => "account",
        VotersPolicy::Ticket => "ticket",
    }
}

fn results_policy(name: &str) -> Option<ResultsPolicy> {
    use ResultsPolicy::{AfterClose, AfterVote, Always, HostOnly};
    [Always, AfterVote, AfterClose, HostOnly].into_iter().find(|policy| results_name(*policy) == name)
}

fn voters_policy(name: &str) -> Option<VotersPolicy> {
    [VotersPolicy::Guest, VotersPolicy::Account, VotersPolicy::Ticket]
        .into_iter()
        .find(|policy| voters_name(*policy) == name)
}

fn kind(fields: &Fields) -> PollKind {
    match value(fields, "kind") {
        Some("multiple") => {
            let options = lines(value(fields, "options").unwrap_or_default()).len();
            let all = u16::try_from(options).unwrap_or(u16::MAX);
            PollKind::Multiple {
                min: parsed(fields, "min").unwrap_or(1),
                max: parsed(fields, "max").unwrap_or(all),
            }
        }
        Some("rating") => PollKind::Rating { max: parsed(fields, "rating_max").unwrap_or(5) },
        _ => PollKind::Single,
    }
}

/// A text as part of a query. Paths stay readable: a slash and a question mark may stand there (RFC 3986, 3.4).
pub fn escaped(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/?".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// What stands for a text in a query. What is escaped wrongly stands for itself.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped =
            after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        (rest, _) = match (first, escaped) {
            (b'%', Some(byte)) => (&after[2..], bytes.push(byte)),
            (b'+', _) => (after, bytes.push(b' ')),
            _ => (after, bytes.push(first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines that say something, without blanks around them.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(escaped("a b&c=ü-1"), "a%20b%26c%3D%C3%BC-1");
        assert_eq!(escaped("/rooms?q=50%&x#y"), "/rooms?q%3D50%25%26x%23y");
        assert_eq!(unescaped(&escaped("/r/K7M2QX?a=b+c&d")), "/r/K7M2QX?a=b+c&d");
    }

    #[test]
    fn options_are_lines_that_say_something() {
        let poll = new_poll(&fields(&[("question", "Tea?"), ("options", " Yes \r\n\r\nNo\n")]));
        assert_eq!(poll.options, ["Yes", "No"]);
        assert_eq!(poll.kind, PollKind::Single);
    }

    #[test]
    fn a_choice_of_several_may_be_as_wide_as_its_options() {
        let poll = new_poll(&fields(&[("kind", "multiple"), ("options", "a\nb\nc"), ("max", "")]));
        assert_eq!(poll.kind, PollKind::Multiple { min: 1, max: 3 });
    }

    #[test]
    fn a_rating_has_no_options() {
        let poll = new_poll(&fields(&[("kind", "rating"), ("options", "left\nover"), ("rating_max", "7")]));
        assert_eq!((poll.kind, poll.options.len()), (PollKind::Rating { max: 7 }, 0));
    }

    #[test]
    fn queries_are_decoded() {
        let query = decoded("q=a%20b%26c+d&cursor=%C3%BC&bad=%zz%&empty");
        let expected = [("q", "a b&c d"), ("cursor", "ü"), ("bad", "%zz%"), ("empty", "")];
        assert_eq!(query, fields(&expected));
    }

    #[test]
    fn ballots_are_read_by_kind() {
        let sent = fields(&[("option", "2"), ("option", "0")]);
        assert_eq!(choice(&sent, PollKind::Single), Some(Choice::Option(2)));
        let several = PollKind::Multiple { min: 1, max: 2 };
        assert_eq!(choice(&sent, several), Some(Choice::Options(vec![2, 0])));
        assert_eq!(choice(&sent, PollKind::Rating { max: 5 }), None);
    }

    #[test]
    fn an_unticked_box_says_no() {
        let patch = room_patch(&fields(&[("title", "T"), ("results", "host_only"), ("voters", "account")]));
        let settings = patch.settings.unwrap();
        assert_eq!(settings.change_vote, Some(false));
        assert_eq!(settings.results, Some(ResultsPolicy::HostOnly));
        assert_eq!(settings.voters, Some(VotersPolicy::Account));
    }

    #[test]
    fn an_empty_countdown_is_none() {
        let open = fields(&[("action", "open"), ("duration_secs", "")]);
        assert_eq!(host_action(&open), Some(HostAction::Open(None)));
        let timed = fields(&[("action", "open"), ("duration_secs", "60")]);
        assert_eq!(host_action(&timed), Some(HostAction::Open(Some(60))));
    }
}
