//! A poll: what it asks, how it is answered, and how the contract shows it.

use serde::{Deserialize, Serialize};

use crate::choice::nullable;
use crate::{BallotId, Choice, FieldError, PollId, PollState, RoomCode, Timestamp, limits, text};

/// How a poll is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Written")]
pub enum PollKind {
    /// One of the options.
    Single,
    /// Several of the options, at least `min` and at most `max`.
    Multiple {
        /// At least this many.
        min: u16,
        /// At most this many.
        max: u16,
    },
    /// A whole number from 1 to `max`; such a poll has no options.
    Rating {
        /// The best.
        max: u8,
    },
}

/// A kind as it comes. Readers of tagged enums keep all they read until the tag comes: too much code for phones.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    name: Name,
    min: Option<u16>,
    max: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Single,
    Multiple,
    Rating,
}

impl TryFrom<Written> for PollKind {
    type Error = &'static str;

    fn try_from(Written { name, min, max }: Written) -> Result<Self, Self::Error> {
        match (name, min, max) {
            (Name::Single, ..) => Ok(Self::Single),
            (Name::Multiple, Some(min), Some(max)) => Ok(Self::Multiple { min, max }),
            (Name::Multiple, ..) => Err("a choice of several has a `min` and a `max`"),
            (Name::Rating, _, Some(max)) => u8::try_from(max)
                .map(|max| Self::Rating { max })
                .map_err(|_| "the best rating is out of range"),
            (Name::Rating, _, None) => Err("a rating has a `max`"),
        }
    }
}

/// A poll as somebody writes it. Nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPoll {
    /// What is asked.
    pub question: String,
    /// How it is answered.
    pub kind: PollKind,
    /// The labels of the options, none for a rating.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Changes to a poll: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollPatch {
    /// What is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// How it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PollKind>,
    /// The labels of the options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
}

/// A poll's question, kind and options, checked: what stands here can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    question: String,
    kind: PollKind,
    options: Vec<String>,
}

impl Definition {
    /// What somebody wrote, trimmed, if it keeps to the limits; else every field that does not.
    pub fn parse(written: NewPoll) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let question = text::checked("question", &written.question, limits::TITLE)
            .map_err(|error| errors.push(error))
            .unwrap_or_default();
        let options = parse_options(&written.options, &mut errors);
        errors.extend(kind_error(written.kind, written.options.len()));
        if errors.is_empty() { Ok(Self { question, kind: written.kind, options }) } else { Err(errors) }
    }

    /// This definition with changes made, if it still keeps to the limits. Changing the kind to a rating
    /// drops the options, unless the patch brings its own.
    pub fn patched(&self, patch: PollPatch) -> Result<Self, Vec<FieldError>> {
        let kind = patch.kind.unwrap_or(self.kind);
        let kept = if matches!(kind, PollKind::Rating { .. }) { Vec::new() } else { self.options.clone() };
        Self::parse(NewPoll {
            question: patch.question.unwrap_or_else(|| self.question.clone()),
            kind,
            options: patch.options.unwrap_or(kept),
        })
    }

    /// What is asked.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// How it is answered.
    pub fn kind(&self) -> PollKind {
        self.kind
    }

    /// The options' labels in order; none for a rating.
    pub fn options(&self) -> &[String] {
        &self.options
    }
}

fn parse_options(written: &[String], errors: &mut Vec<FieldError>) -> Vec<String> {
    let check = |(index, label): (usize, &String)| {
        text::checked(&format!("options[{index}]"), label, limits::OPTION)
            .map_err(|error| errors.push(error))
            .ok()
    };
    // Beyond the limit the number alone is wrong: nobody wants a thousand messages.
    written.iter().take(*limits::OPTIONS.end()).enumerate().filter_map(check).collect()
}

fn kind_error(kind: PollKind, options: usize) -> Option<FieldError> {
    let (least, most) = (limits::OPTIONS.start(), limits::OPTIONS.end());
    match kind {
        PollKind::Rating { .. } if options > 0 => Some(FieldError::new("options", "are not for a rating")),
        PollKind::Rating { max } if !limits::RATING_MAX.contains(&max) => {
            Some(FieldError::new("kind.max", "must be from 2 to 10"))
        }
        PollKind::Rating { .. } => None,
        _ if !limits::OPTIONS.contains(&options) => {
            Some(FieldError::new("options", format!("must be {least} to {most}, not {options}")))
        }
        PollKind::Multiple { min, max } if min < 1 || min > max || usize::from(max) > options => {
            let message = format!("must allow from 1 to {options} options, the least not above the most");
            Some(FieldError::new("kind", message))
        }
        PollKind::Single | PollKind::Multiple { .. } => None,
    }
}

/// An option as the contract shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollOption {
    /// What it says.
    pub label: String,
}

/// A poll as the contract shows it. The last three fields are for one person and absent in what is
/// sent to many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Its id.
    pub id: PollId,
    /// The code of its room.
    pub room: RoomCode,
    /// Its place in the room, from 0.
    pub position: u32,
    /// What is asked.
    pub question: String,
    /// How it is answered.
    pub kind: PollKind,
    /// The options; none for a rating.
    pub options: Vec<PollOption>,
    /// Where it is in its life.
    pub state: PollState,
    /// How often it was reset.
    pub round: u32,
    /// When it was last opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// When it will close by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// The host's word on who sees results; null leaves it to the room's setting.
    pub revealed: Option<bool>,
    /// The server's clock when this was written.
    pub server_time: Timestamp,
    /// Whether this viewer may see results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results_visible: Option<bool>,
    /// This viewer's choice; null when withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
    pub your_choice: Option<Option<Choice>>,
    /// The ballot that this viewer's choice came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub your_ballot: Option<BallotId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: PollKind, options: &[&str]) -> NewPoll {
        let options = options.iter().map(|&label| label.to_owned()).collect();
        NewPoll { question: " Tea or coffee? ".into(), kind, options }
    }

    fn wrong_fields(written: NewPoll) -> Vec<String> {
        Definition::parse(written).unwrap_err().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_good_poll_is_trimmed_and_kept() {
        let poll = Definition::parse(written(PollKind::Single, &[" Tea", "Coffee "])).unwrap();
        assert_eq!(poll.question(), "Tea or coffee?");
        assert_eq!(poll.options(), ["Tea", "Coffee"]);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let long = NewPoll { question: "x".repeat(301), ..written(PollKind::Single, &["Tea", " "]) };
        assert_eq!(wrong_fields(long), ["question", "options[1]"]);
        assert_eq!(wrong_fields(written(PollKind::Single, &["only one"])), ["options"]);
        assert_eq!(wrong_fields(written(PollKind::Single, &["x"; 101])), ["options"]);
        assert_eq!(wrong_fields(written(PollKind::Rating { max: 11 }, &[])), ["kind.max"]);
        assert_eq!(wrong_fields(written(PollKind::Rating { max: 5 }, &["a", "b"])), ["options"]);
        for (min, max) in [(0, 1), (2, 1), (1, 3)] {
            assert_eq!(wrong_fields(written(PollKind::Multiple { min, max }, &["a", "b"])), ["kind"]);
        }
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let poll = Definition::parse(written(PollKind::Single, &["Tea", "Coffee"])).unwrap();
        let rated = PollPatch { kind: Some(PollKind::Rating { max: 5 }), ..PollPatch::default() };
        let rated = poll.patched(rated).unwrap();
        assert_eq!((rated.question(), rated.options().len()), ("Tea or coffee?", 0));
        let emptied = PollPatch { question: Some(String::new()), ..PollPatch::default() };
        assert!(poll.patched(emptied).is_err());
    }
}
