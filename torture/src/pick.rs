//! What a voter picks: the marks of a choice as bits, which takes a byte where there are a million of them.

use domain::{Choice, PollKind};
use rand::RngExt;
use rand::rngs::StdRng;

/// How many marks a poll here has at most.
pub(crate) const MARKS: usize = 8;

/// A choice as the set of its marks; none are in a ballot that withdraws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pick(u8);

impl Pick {
    /// A ballot that withdraws.
    pub(crate) const WITHDRAWN: Self = Self(0);

    /// Any that a poll with so many options (or such a best rating) allows; now and then none.
    pub(crate) fn random(kind: PollKind, options: u8, rng: &mut StdRng) -> Self {
        if rng.random_ratio(1, 20) {
            return Self::WITHDRAWN;
        }
        match kind {
            PollKind::Single => Self(1 << rng.random_range(0..options)),
            PollKind::Multiple { .. } => Self(rng.random_range(1..1 << options)),
            PollKind::Rating { max } => Self(1 << rng.random_range(1..=max)),
        }
    }

    /// As the wire has it.
    pub(crate) fn choice(self, kind: PollKind) -> Option<Choice> {
        let mut marks = self.marks();
        match kind {
            PollKind::Single => marks.next().map(Choice::Option),
            PollKind::Rating { .. } => marks.next().map(Choice::Rating),
            PollKind::Multiple { .. } => Some(Choice::Options(marks.collect())).filter(|_| self.0 != 0),
        }
    }

    /// What a stored choice picks; none when it is nothing that voters here choose.
    pub(crate) fn of(choice: Option<&Choice>) -> Option<Self> {
        let marks: &[i64] = match choice {
            None => &[],
            Some(Choice::Option(mark) | Choice::Rating(mark)) => std::slice::from_ref(mark),
            Some(Choice::Options(marks)) => marks,
            Some(Choice::Ranking(_) | Choice::Text(_)) => return None,
        };
        let bit = |mark: &i64| u32::try_from(*mark).ok().and_then(|mark| 1_u8.checked_shl(mark));
        marks.iter().try_fold(0, |bits, mark| Some(bits | bit(mark)?)).map(Self)
    }

    /// The marks, in order.
    pub(crate) fn marks(self) -> impl Iterator<Item = i64> {
        (0..8).filter(move |mark| self.0 & (1 << mark) != 0)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_pick_is_the_choice_that_it_was_made_of() {
        let mut rng = StdRng::seed_from_u64(1);
        for kind in [PollKind::Single, PollKind::Multiple { min: 1, max: 4 }, PollKind::Rating { max: 5 }] {
            for _ in 0..200 {
                let pick = Pick::random(kind, 4, &mut rng);
                assert_eq!(Pick::of(pick.choice(kind).as_ref()), Some(pick));
            }
        }
    }

    #[test]
    fn what_nobody_here_chooses_is_no_pick() {
        assert_eq!(Pick::of(Some(&Choice::Option(-1))), None);
        assert_eq!(Pick::of(Some(&Choice::Option(8))), None);
        assert_eq!(Pick::of(Some(&Choice::Text("blue".into()))), None);
        assert_eq!(Pick::of(None), Some(Pick::WITHDRAWN));
    }
}
