//! Counting: marks go in and out, and a tally says how they stand. Always absolute, never a delta.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Mark, PollId, limits};

/// Orders the tallies of a poll: viewers keep the highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TallyVersion {
    /// Rises whenever the live count is made anew: load, reset, rebuild.
    pub epoch: u64,
    /// Rises with every change within an epoch.
    pub version: u64,
}

/// A poll's marks and ballots, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    ballots: u64,
    marks: BTreeMap<Mark, u64>,
}

impl Count {
    /// The count of so many ballots that was kept elsewhere.
    pub fn restore(ballots: u64, marks: impl IntoIterator<Item = (Mark, u64)>) -> Self {
        Self { ballots, marks: marks.into_iter().collect() }
    }

    /// Takes the marks of one ballot in.
    pub fn put(&mut self, marks: &[Mark]) {
        self.ballots += 1;
        for mark in marks {
            *self.marks.entry(mark.clone()).or_default() += 1;
        }
    }

    /// Takes the marks of one counted ballot out again.
    pub fn take(&mut self, marks: &[Mark]) {
        self.ballots = self.ballots.saturating_sub(1);
        for mark in marks {
            if let Some(count) = self.marks.get_mut(mark) {
                *count -= 1;
                if *count == 0 {
                    self.marks.remove(mark);
                }
            }
        }
    }

    /// The most counted marks first, as many as a tally sends; equal ones in the order of their keys.
    fn top(&self) -> Vec<(Mark, u64)> {
        let mut all: Vec<_> = self.marks.iter().map(|(mark, count)| (mark.clone(), *count)).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.truncate(limits::MARKS_SENT);
        all
    }
}

/// A poll's count as the contract shows it. `marks` and `distinct` are absent where the viewer may not
/// see results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Tally {
    /// Whose count this is.
    pub poll: PollId,
    /// The round that was counted.
    pub round: u32,
    /// Which of two tallies is newer.
    #[serde(flatten)]
    pub version: TallyVersion,
    /// How many people's choices are counted.
    pub ballots: u64,
    /// The most counted marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
    /// How many different marks there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Whether what is shown is not yet all in SQL because SQL is away or a rebuild runs.
    pub provisional: bool,
    /// Whether the poll is closed and this is what SQL holds, recounted.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// A tally as it comes. Readers of flattened structs keep all they read first: too much code for phones.
#[derive(Deserialize)]
struct Written {
    poll: PollId,
    round: u32,
    epoch: u64,
    version: u64,
    ballots: u64,
    marks: Option<Marks>,
    distinct: Option<u64>,
    provisional: bool,
    #[serde(rename = "final")]
    is_final: bool,
}

impl From<Written> for Tally {
    fn from(written: Written) -> Self {
        let Written { poll, round, epoch, version, ballots, marks, distinct, provisional, is_final } =
            written;
        let version = TallyVersion { epoch, version };
        Self { poll, round, version, ballots, marks, distinct, provisional, is_final }
    }
}

impl Tally {
    /// The whole tally, for who may see results.
    pub fn new(poll: PollId, round: u32, version: TallyVersion, count: &Count, is_final: bool) -> Self {
        Self {
            poll,
            round,
            version,
            ballots: count.ballots,
            marks: Some(Marks(count.top())),
            distinct: u64::try_from(count.marks.len()).ok(),
            provisional: false,
            is_final,
        }
    }

    /// The same without results, for who may not see them.
    #[must_use]
    pub fn hidden(&self) -> Self {
        Self { marks: None, distinct: None, ..self.clone() }
    }

    /// How often an option (by index) or a rating (by value) was chosen; `None` when hidden.
    pub fn of(&self, number: i64) -> Option<u64> {
        let mark = Mark::number(number);
        let Marks(marks) = self.marks.as_ref()?;
        Some(marks.iter().find(|(key, _)| *key == mark).map_or(0, |(_, count)| *count))
    }
}

/// Marks and how often each was made, the most counted first; a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub Vec<(Mark, u64)>);

impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (mark, count) in &self.0 {
            map.serialize_entry(mark, count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(InOrder)
    }
}

/// Reads marks in the order they were written.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Marks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("marks and their counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Marks, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = map.next_entry()? {
            all.push(entry);
        }
        Ok(Marks(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    fn marks(numbers: &[i64]) -> Vec<Mark> {
        numbers.iter().copied().map(Mark::number).collect()
    }

    #[test]
    fn is_written_as_the_contract_says() {
        let mut count = Count::default();
        count.put(&marks(&[1]));
        count.put(&marks(&[1]));
        count.put(&marks(&[0]));
        let poll = PollId::new(Timestamp::from_millis(0), [0; 10]);
        let tally = Tally::new(poll, 2, TallyVersion { epoch: 3, version: 4 }, &count, false);
        let json = serde_json::to_string(&tally).unwrap();
        let rest = r#""round":2,"epoch":3,"version":4,"ballots":3,"marks":{"1":2,"0":1},"distinct":2,"provisional":false,"final":false}"#;
        assert!(json.ends_with(rest), "{json}");
        assert_eq!(serde_json::from_str::<Tally>(&json).unwrap(), tally);
        let hidden = serde_json::to_string(&tally.hidden()).unwrap();
        assert!(!hidden.contains("marks") && !hidden.contains("distinct"), "{hidden}");
    }

    #[test]
    fn sends_only_the_most_counted_marks() {
        let mut count = Count::default();
        (0..150).for_each(|number| count.put(&marks(&[number])));
        count.put(&marks(&[149]));
        let poll = PollId::new(Timestamp::from_millis(0), [0; 10]);
        let tally = Tally::new(poll, 0, TallyVersion::default(), &count, false);
        let sent = tally.marks.unwrap().0;
        assert_eq!((sent.len(), tally.distinct), (100, Some(150)));
        assert_eq!(sent[0], (Mark::number(149), 2));
    }

    proptest! {
        #[test]
        fn putting_and_taking_cancels(
            kept in prop::collection::vec(prop::collection::vec(0..9i64, 0..4), 0..20),
            passing in prop::collection::vec(prop::collection::vec(0..9i64, 0..4), 0..20),
        ) {
            let mut expected = Count::default();
            kept.iter().for_each(|ballot| expected.put(&marks(ballot)));
            let mut count = Count::default();
            passing.iter().for_each(|ballot| count.put(&marks(ballot)));
            kept.iter().for_each(|ballot| count.put(&marks(ballot)));
            passing.iter().for_each(|ballot| count.take(&marks(ballot)));
            prop_assert_eq!(count, expected);
        }
    }
}
