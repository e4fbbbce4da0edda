//! What must hold while a poll is closed, and of what hosts told it.

use super::report::{about, moment};
use super::{Case, Violation, Wrong};
use crate::history::{Cast, Closing, Shown};

/// Looks at every time in which a poll was closed.
pub(super) fn check(case: &Case<'_>, found: &mut Vec<Violation>) {
    for closing in &case.history.closings {
        check_casts(case, closing, found);
        check_counts(case, closing, found);
    }
    for command in case.history.commands.iter().filter(|command| command.agreed == Some(false)) {
        let text = format!(
            "{:?} of poll {}, asked at {}, is in SQL, and nodes do not follow",
            command.act,
            command.poll,
            moment(command.asked)
        );
        found.push(Violation { wrong: Wrong::NotCarriedOut, text });
    }
}

/// Nothing that was first sent in between may count in between; after the last close, ever.
fn check_casts(case: &Case<'_>, closing: &Closing, found: &mut Vec<Violation>) {
    let until = closing.until.unwrap_or(u64::MAX);
    let in_between =
        |cast: &&Cast| cast.poll == closing.poll && cast.first_sent > closing.from && cast.first_sent < until;
    for cast in case.history.casts.iter().filter(in_between) {
        if cast.counted().is_some_and(|counted| counted < until) {
            let text = format!("closed at {}: {}", moment(closing.from), about(case, cast));
            found.push(Violation { wrong: Wrong::CountedWhileClosed, text });
        }
    }
}

/// In between a count stays what it was. A rebuild may only have lost what was not recorded.
fn check_counts(case: &Case<'_>, closing: &Closing, found: &mut Vec<Violation>) {
    let Some(first) = closing.first else { return };
    let until = closing.until.unwrap_or(u64::MAX);
    let stays = |shown: &Shown| match (shown.epoch, shown.version) {
        (epoch, _) if epoch > first.epoch => shown.counted.ballots <= first.counted.ballots,
        (epoch, version) if epoch == first.epoch && version >= first.version => {
            shown.counted == first.counted
        }
        _ => true,
    };
    let frames = case
        .history
        .frames
        .iter()
        .filter(|frame| frame.shown.poll == closing.poll && frame.at > closing.from && frame.at < until);
    for shown in frames.map(|frame| frame.shown).chain(closing.last).filter(|shown| !stays(shown)) {
        let text = format!("closed at {} with {first:?}, and then {shown:?}", moment(closing.from));
        found.push(Violation { wrong: Wrong::ChangedWhileClosed, text });
    }
}
