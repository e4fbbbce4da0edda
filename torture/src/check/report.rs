//! What one needs to know of a ballot to chase what became of it.

use super::Case;
use crate::history::{Cast, Moment};

/// How long before and after a ballot a fault is worth telling.
const AROUND: Moment = 5_000_000;

/// All about a ballot, with the faults around it.
pub(super) fn about(case: &Case<'_>, cast: &Cast) -> String {
    let Cast { voter, poll, pick, ballot, sent, .. } = cast;
    let time = |at: Option<Moment>| at.map_or("never".to_owned(), moment);
    let refused =
        cast.refused.map_or("never".to_owned(), |(reason, at)| format!("{reason:?} at {}", moment(at)));
    let id = case.history.voters.get(usize::from(*voter)).map(ToString::to_string).unwrap_or_default();
    let end = cast.recorded.unwrap_or(cast.last_sent);
    let faults: Vec<String> = case
        .history
        .faults
        .iter()
        .filter(|fault| fault.from < end + AROUND && fault.until + AROUND > cast.first_sent)
        .map(|fault| format!("{} {}..{}", fault.what, moment(fault.from), moment(fault.until)))
        .collect();
    format!(
        "ballot {ballot} of voter {voter} ({id}) in poll {poll}, {pick:?}, sent {sent} times from {} to {}, accepted {}, \
         recorded {}, refused {refused}; faults: {}",
        moment(cast.first_sent),
        moment(cast.last_sent),
        time(cast.accepted),
        time(cast.recorded),
        faults.join(", ")
    )
}

/// A moment in seconds since the start.
pub(super) fn moment(at: Moment) -> String {
    format!("{}.{:06}", at / 1_000_000, at % 1_000_000)
}
