//! Join codes: what people type to enter a room.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// No look-alikes (0 O, 1 I L, 2 Z, 5 S, 8 B, V U) and no vowels, so that no code spells a word.
pub const ALPHABET: &[u8; 24] = b"23456789CDFGHJKMNPQRTVWX";

/// How many characters a code has.
pub const LENGTH: usize = 6;

/// How many different codes there are: 24^6, about 191 million.
pub const COUNT: u64 = 24u64.pow(6);

/// A room's code. It reads case-insensitively, with blanks and hyphens skipped, and is written in capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomCode([u8; LENGTH]);

impl RoomCode {
    /// The code with this number, counted round after [`COUNT`]. Hand in a random number.
    pub fn from_number(number: u64) -> Self {
        Self(write(number % COUNT))
    }

    /// The six capitals and digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A text that can't be a join code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a join code has 6 letters and digits")]
pub struct NoCode;

impl FromStr for RoomCode {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        read(text).map(Self).ok_or(NoCode)
    }
}

/// A number in letters of the alphabet, the least digit first.
pub(crate) fn write<const N: usize>(number: u64) -> [u8; N] {
    let mut rest = number;
    std::array::from_fn(|_| {
        let digit = usize::try_from(rest % 24).unwrap_or(0);
        rest /= 24;
        ALPHABET[digit]
    })
}

/// What somebody means who types a code: in any case, with blanks and hyphens.
pub fn typed(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase())
}

/// So many letters of the alphabet as somebody typed them.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut code = [0; N];
    let mut length = 0;
    for typed in typed(text) {
        let letter = u8::try_from(typed).ok()?;
        if !ALPHABET.contains(&letter) {
            return None;
        }
        *code.get_mut(length)? = letter;
        length += 1;
    }
    (length == N).then_some(code)
}

impl TryFrom<String> for RoomCode {
    type Error = NoCode;

    fn try_from(text: String) -> Result<Self, NoCode> {
        text.parse()
    }
}

impl From<RoomCode> for String {
    fn from(code: RoomCode) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomCode({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_type() {
        let code: RoomCode = "K7M2QX".parse().unwrap();
        assert_eq!(" k7m-2qx ".parse(), Ok(code));
        for wrong in ["", "K7M2Q", "K7M2QXX", "K7M2Q0", "K7M2QÄ", "AEIOUA"] {
            assert_eq!(wrong.parse::<RoomCode>(), Err(NoCode), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_number_makes_a_code_that_reads_back(number: u64) {
            let code = RoomCode::from_number(number);
            prop_assert_eq!(code.as_str().to_lowercase().parse(), Ok(code));
        }

        #[test]
        fn numbers_below_the_count_make_different_codes(a in 0..COUNT, b in 0..COUNT) {
            prop_assert_eq!(a == b, RoomCode::from_number(a) == RoomCode::from_number(b));
        }
    }
}
