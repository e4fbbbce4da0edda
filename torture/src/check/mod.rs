//! The checker: a pure function of what was sent and answered, of what SQL holds, and of what was shown.

mod closed;
mod report;
mod shown;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use domain::{BallotId, PollId, VoterId};

use crate::history::{Act, Cast, Counted, History, Moment, PollNo, Shown, VoterNo};
use crate::pick::Pick;

/// What there is to judge by.
pub(crate) struct Evidence<'a> {
    pub(crate) history: &'a History,
    /// Every ballot in SQL.
    pub(crate) rows: &'a [Row],
    /// What each node says of each poll at the end.
    pub(crate) results: &'a [(usize, Shown)],
    /// How many screens there were.
    pub(crate) screens: &'a [Screen],
}

/// A ballot in SQL.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) poll: PollId,
    pub(crate) round: u32,
    pub(crate) voter: VoterId,
    pub(crate) ballot: BallotId,
    /// None where the stored choice is nothing that voters here choose.
    pub(crate) pick: Option<Pick>,
}

/// A screen and the polls that it showed.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    pub(crate) number: u16,
    pub(crate) node: usize,
    pub(crate) polls: Vec<PollNo>,
}

/// Something that must not be.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) wrong: Wrong,
    /// Enough to chase it.
    pub(crate) text: String,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wrong {
    /// A ballot whose voter saw `recorded` is not in SQL, nor a later one of the same voter.
    Lost,
    /// A voter or a ballot is in SQL twice where it may be once.
    Doubled,
    /// SQL holds what nobody sent.
    NeverSent,
    /// A count differs from the ballots in SQL.
    Miscounted,
    /// A recorded ballot was refused when it was sent again.
    Forgotten,
    /// A ballot counted though the poll was closed when it was sent.
    CountedWhileClosed,
    /// A count changed while the poll was closed.
    ChangedWhileClosed,
    /// A screen was shown an older tally after a newer one.
    WentBack,
    /// Two tallies of the same version differ.
    TwoFaces,
    /// A closed poll's result did not become final everywhere.
    NotFinal,
    /// A command that SQL has was not carried out.
    NotCarriedOut,
    /// A ballot's end was never told.
    Unsettled,
    /// Something else went wrong, such as a node that ended by itself.
    Trouble,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::NeverSent => "never sent",
            Self::Miscounted => "miscounted",
            Self::Forgotten => "forgotten",
            Self::CountedWhileClosed => "counted while closed",
            Self::ChangedWhileClosed => "changed while closed",
            Self::WentBack => "went back",
            Self::TwoFaces => "two faces",
            Self::NotFinal => "not final",
            Self::NotCarriedOut => "not carried out",
            Self::Unsettled => "unsettled",
            Self::Trouble => "trouble",
        })
    }
}

/// Finds all that is wrong.
pub(crate) fn check(evidence: &Evidence<'_>) -> Vec<Violation> {
    let case = Case::new(evidence);
    let mut found = Vec::new();
    stored::check(&case, &mut found);
    shown::check(&case, &mut found);
    closed::check(&case, &mut found);
    let troubles = evidence.history.troubles.iter();
    found.extend(troubles.map(|text| Violation { wrong: Wrong::Trouble, text: text.clone() }));
    found
}

/// The evidence, sorted.
struct Case<'a> {
    history: &'a History,
    rows: &'a [Row],
    results: &'a [(usize, Shown)],
    screens: &'a [Screen],
    /// Rows by poll, round and voter.
    stored: HashMap<(PollNo, u32, VoterNo), &'a Row>,
    /// The rows of a round, counted.
    recounts: HashMap<(PollNo, u32), Counted>,
}

impl<'a> Case<'a> {
    fn new(evidence: &Evidence<'a>) -> Self {
        let Evidence { history, rows, results, screens } = *evidence;
        let mut case =
            Self { history, rows, results, screens, stored: HashMap::new(), recounts: HashMap::new() };
        for row in rows {
            if let Some(cast) = case.cast_of(row) {
                case.stored.insert((cast.poll, row.round, cast.voter), row);
                let recount = case.recounts.entry((cast.poll, row.round)).or_default();
                recount.put(row.pick.unwrap_or(Pick::WITHDRAWN));
            }
        }
        case
    }

    /// The ballot that a row holds, if it was sent.
    fn cast_of(&self, row: &Row) -> Option<&'a Cast> {
        let number = *self.history.by_ballot.get(&row.ballot)?;
        self.history.casts.get(usize::try_from(number).ok()?)
    }

    /// The rounds that a ballot may be of that was sent at one time and counted at another: it may have come before or
    /// after a reset, and a reset that nobody answered may have happened as often as it was asked for.
    fn rounds(&self, poll: PollNo, sent: Moment, counted: Moment) -> std::ops::RangeInclusive<u32> {
        let resets =
            self.history.commands.iter().filter(|command| command.poll == poll && command.act == Act::Reset);
        let (mut least, mut most) = (0, 0);
        for reset in resets {
            least += u32::from(reset.answered.is_some_and(|answered| answered < sent));
            most += if reset.asked <= counted { reset.times } else { 0 };
        }
        least..=most
    }

    fn recount(&self, poll: PollNo, round: u32) -> Counted {
        self.recounts.get(&(poll, round)).copied().unwrap_or_default()
    }
}
