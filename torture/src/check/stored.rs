//! What SQL must hold: all that was recorded, nothing twice, and nothing that nobody sent.

use std::collections::{HashMap, HashSet};

use domain::BallotId;

use super::report::{about, moment};
use super::{Case, Violation, Wrong};

/// Compares what was told with what is stored.
pub(super) fn check(case: &Case<'_>, found: &mut Vec<Violation>) {
    let lost = check_casts(case, found);
    check_rows(case, found);
    check_audits(case, &lost, found);
}

/// Says which ballots are lost.
fn check_casts(case: &Case<'_>, found: &mut Vec<Violation>) -> HashSet<BallotId> {
    let mut lost = HashSet::new();
    for cast in &case.history.casts {
        if let Some(recorded) = cast.recorded {
            let mut rounds = case.rounds(cast.poll, cast.first_sent, recorded);
            let is_stored = |round| {
                let row = case.stored.get(&(cast.poll, round, cast.voter));
                row.is_some_and(|row| row.ballot >= cast.ballot)
            };
            if !rounds.any(is_stored) {
                lost.insert(cast.ballot);
                let text = format!("not in SQL: {}", about(case, cast));
                found.push(Violation { wrong: Wrong::Lost, text });
            }
        } else if cast.refused.is_none() {
            found.push(Violation { wrong: Wrong::Unsettled, text: about(case, cast) });
        }
        if let Some((reason, at)) = cast.forgotten {
            let text = format!("refused ({reason:?}) at {}: {}", moment(at), about(case, cast));
            found.push(Violation { wrong: Wrong::Forgotten, text });
        }
    }
    lost
}

fn check_rows(case: &Case<'_>, found: &mut Vec<Violation>) {
    let mut voters = HashSet::new();
    let mut ballots = HashMap::new();
    for row in case.rows {
        let cast = case.cast_of(row).filter(|cast| {
            case.history.polls.get(usize::from(cast.poll)) == Some(&row.poll)
                && case.history.voters.get(usize::from(cast.voter)) == Some(&row.voter)
                && row.pick == Some(cast.pick)
        });
        if cast.is_none() {
            found.push(Violation { wrong: Wrong::NeverSent, text: format!("{row:?}") });
        }
        if !voters.insert((row.poll, row.round, row.voter)) {
            let text = format!("a voter has two rows in a round: {row:?}");
            found.push(Violation { wrong: Wrong::Doubled, text });
        }
        if let Some(other) = ballots.insert((row.ballot, row.voter), row.round) {
            let text = format!("a ballot counts in round {other}, too: {row:?}");
            found.push(Violation { wrong: Wrong::Doubled, text });
        }
    }
}

/// What was missing during the run; what still is at the end is told already.
fn check_audits(case: &Case<'_>, lost: &HashSet<BallotId>, found: &mut Vec<Violation>) {
    for missing in &case.history.missing {
        let Some(cast) = usize::try_from(missing.cast).ok().and_then(|cast| case.history.casts.get(cast))
        else {
            continue;
        };
        if lost.contains(&cast.ballot) {
            continue;
        }
        let instead = missing.found.map_or("nothing".to_owned(), |ballot| ballot.to_string());
        let text = format!("at {} SQL had {instead} instead of {}", moment(missing.at), about(case, cast));
        found.push(Violation { wrong: Wrong::Lost, text });
    }
    for miscount in &case.history.miscounts {
        let text = format!(
            "at {} node {} showed {:?} and SQL held {:?}",
            moment(miscount.at),
            miscount.node,
            miscount.shown,
            miscount.recount
        );
        found.push(Violation { wrong: Wrong::Miscounted, text });
    }
}
