//! Voting tickets: what a host hands out, each good for one voter in one room.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::code::{read, write};

/// How many characters a ticket has: of 24^10 (about 6 × 10^13) nobody guesses one.
const LENGTH: usize = 10;

/// A ticket's code. It reads case-insensitively, with blanks and hyphens skipped, and is shown in two groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketCode([u8; LENGTH]);

impl TicketCode {
    /// The code that a random number makes. (Of 2^64 numbers some make one code more often than others, by one in
    /// 290,000.)
    pub fn from_number(number: u64) -> Self {
        Self(write(number))
    }

    /// Its ten capitals and digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A text that can't be a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a voting ticket has 10 letters and digits")]
pub struct NoTicket;

impl FromStr for TicketCode {
    type Err = NoTicket;

    fn from_str(text: &str) -> Result<Self, NoTicket> {
        read(text).map(Self).ok_or(NoTicket)
    }
}

impl TryFrom<String> for TicketCode {
    type Error = NoTicket;

    fn try_from(text: String) -> Result<Self, NoTicket> {
        text.parse()
    }
}

impl From<TicketCode> for String {
    fn from(code: TicketCode) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, two) = self.as_str().split_at(LENGTH / 2);
        write!(f, "{one}-{two}")
    }
}

/// Whoever has a ticket may vote: it is not written to logs.
impl fmt::Debug for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tickets_are_read_as_they_are_shown(number: u64) {
            let code = TicketCode::from_number(number);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
            prop_assert_eq!(code.to_string().to_lowercase().parse(), Ok(code));
        }

        #[test]
        fn no_text_panics(text: String) {
            if let Ok(code) = text.parse::<TicketCode>() {
                prop_assert_eq!(code.to_string().parse(), Ok(code));
            }
        }
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        for wrong in ["", "K7M2QX", "23456789CDF", "0000000000", "23456-789CÄ"] {
            assert!(wrong.parse::<TicketCode>().is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", TicketCode::from_number(5)).contains('2'));
    }
}
