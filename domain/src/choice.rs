//! What a voter chooses, and the marks that it adds to the count.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Definition, PollKind};

/// A choice as the wire writes it. Numbers are wide, so that one out of range is a choice that a poll
/// refuses and not a message that nobody understands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "Written")]
pub enum Choice {
    /// One option, by index.
    Option(i64),
    /// Several options, by index.
    Options(Vec<i64>),
    /// A rating.
    Rating(i64),
    /// All options, best first. The contract has it; no kind of poll here takes it yet.
    Ranking(Vec<i64>),
    /// An answer in words. The contract has it; no kind of poll here takes it yet.
    Text(String),
}

/// A choice as it may come: with fields beside it that nobody here knows.
#[derive(Deserialize)]
struct Written {
    option: Option<i64>,
    options: Option<Vec<i64>>,
    rating: Option<i64>,
    ranking: Option<Vec<i64>>,
    text: Option<String>,
}

impl TryFrom<Written> for Choice {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { option, options, rating, ranking, text } = written;
        let mut given = [
            option.map(Self::Option),
            options.map(Self::Options),
            rating.map(Self::Rating),
            ranking.map(Self::Ranking),
            text.map(Self::Text),
        ]
        .into_iter()
        .flatten();
        match (given.next(), given.next()) {
            (Some(choice), None) => Ok(choice),
            _ => Err("a choice has one of option, options, rating, ranking and text"),
        }
    }
}

/// What a choice adds one to: the key of the tally's `marks`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(String);

impl Mark {
    /// The mark of an option (by its index) or of a rating (by its value).
    pub fn number(number: i64) -> Self {
        Self(number.to_string())
    }

    /// The mark with this key, as one was written before.
    pub fn from_key(key: String) -> Self {
        Self(key)
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Choice {
    /// The marks that this choice adds to a poll's count; `None` when the poll does not allow it.
    pub fn marks(&self, poll: &Definition) -> Option<Vec<Mark>> {
        let in_options =
            |&index: &i64| usize::try_from(index).is_ok_and(|index| index < poll.options().len());
        let chosen = match (self, poll.kind()) {
            (Self::Option(index), PollKind::Single) if in_options(index) => vec![*index],
            (Self::Options(indexes), PollKind::Multiple { min, max }) => {
                let distinct = (1..indexes.len()).all(|at| !indexes[..at].contains(&indexes[at]));
                let count = usize::from(min)..=usize::from(max);
                // The count goes first: it bounds the work of looking for duplicates.
                if !count.contains(&indexes.len()) || !indexes.iter().all(in_options) || !distinct {
                    return None;
                }
                indexes.clone()
            }
            (Self::Rating(value), PollKind::Rating { max }) if (1..=i64::from(max)).contains(value) => {
                vec![*value]
            }
            _ => return None,
        };
        Some(chosen.into_iter().map(Mark::number).collect())
    }
}

/// For fields where null says something other than absence: null is `Some(None)`.
pub(crate) mod nullable {
    use super::{Choice, Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
    pub(crate) fn serialize<S: Serializer>(value: &Option<Option<Choice>>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<Choice>>, D::Error> {
        Option::deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewPoll;
    use proptest::prelude::*;

    pub(crate) fn poll(kind: PollKind, options: usize) -> Definition {
        let options = (0..options).map(|index| format!("option {index}")).collect();
        Definition::parse(NewPoll { question: "Which?".into(), kind, options }).unwrap()
    }

    #[test]
    fn a_choice_that_the_poll_does_not_allow_has_no_marks() {
        let single = poll(PollKind::Single, 3);
        let multiple = poll(PollKind::Multiple { min: 2, max: 3 }, 4);
        let rating = poll(PollKind::Rating { max: 5 }, 0);
        let refused = [
            (&single, Choice::Option(3)),
            (&single, Choice::Option(-1)),
            (&single, Choice::Options(vec![0])),
            (&multiple, Choice::Options(vec![0])),
            (&multiple, Choice::Options(vec![1, 1])),
            (&multiple, Choice::Options(vec![0, 4])),
            (&multiple, Choice::Options(vec![0, 1, 2, 3])),
            (&rating, Choice::Rating(0)),
            (&rating, Choice::Rating(6)),
            (&rating, Choice::Option(1)),
            (&single, Choice::Ranking(vec![0, 1, 2])),
            (&single, Choice::Text("blue".into())),
        ];
        for (poll, choice) in refused {
            assert_eq!(choice.marks(poll), None, "{choice:?}");
        }
    }

    #[test]
    fn fields_of_later_versions_are_ignored_and_two_choices_are_none() {
        let read = |json: &str| serde_json::from_str::<Choice>(json).ok();
        assert_eq!(read(r#"{"option":1,"later":"field"}"#), Some(Choice::Option(1)));
        for json in ["{}", r#"{"option":null}"#, r#"{"option":0,"rating":1}"#, r#"{"option":"0"}"#, "[]", "0"]
        {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn null_and_absent_are_told_apart() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Holder {
            #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
            choice: Option<Option<Choice>>,
        }
        for (json, choice) in [
            ("{}", None),
            (r#"{"choice":null}"#, Some(None)),
            (r#"{"choice":{"option":0}}"#, Some(Some(Choice::Option(0)))),
        ] {
            let holder: Holder = serde_json::from_str(json).unwrap();
            assert_eq!(holder, Holder { choice });
            assert_eq!(serde_json::to_string(&holder).unwrap(), json);
        }
    }

    proptest! {
        #[test]
        fn every_choice_round_trips(indexes in prop::collection::vec(any::<i64>(), 0..5), number: i64, text: String, which in 0..5) {
            let choice = match which {
                0 => Choice::Option(number),
                1 => Choice::Options(indexes),
                2 => Choice::Rating(number),
                3 => Choice::Ranking(indexes),
                _ => Choice::Text(text),
            };
            let json = serde_json::to_string(&choice).unwrap();
            prop_assert_eq!(serde_json::from_str::<Choice>(&json).unwrap(), choice);
        }

        #[test]
        fn a_valid_choice_has_one_mark_for_each_thing_chosen(
            chosen in prop::sample::subsequence((0..8i64).collect::<Vec<_>>(), 1..=8)
        ) {
            let marks = Choice::Options(chosen.clone()).marks(&poll(PollKind::Multiple { min: 1, max: 8 }, 8)).unwrap();
            prop_assert_eq!(marks, chosen.into_iter().map(Mark::number).collect::<Vec<_>>());
        }
    }
}
