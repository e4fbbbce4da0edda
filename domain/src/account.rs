//! Accounts and guests as the contract shows them, and what may be typed for them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{FieldError, VoterId, limits, text};

/// Whether somebody has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// Somebody with a user name and a password, who may host rooms.
    User,
    /// A device that joined, known by a signed token.
    Guest,
}

/// Who somebody is, as a socket's `hello` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account's or guest's id; as a voter the same.
    pub id: VoterId,
    /// Account or guest.
    pub kind: IdentityKind,
    /// The display name, else the user name; a guest may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who somebody is, as `GET /me` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The account's or guest's id.
    pub id: VoterId,
    /// Account or guest.
    pub kind: IdentityKind,
    /// Accounts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What others are shown, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl Me {
    /// The shorter form that sockets use.
    pub fn identity(&self) -> Identity {
        let name = self.display_name.clone().or_else(|| self.username.clone());
        Identity { id: self.id, kind: self.kind, name }
    }
}

/// A user name: 3 to 32 of `a-z 0-9 _ -`, read case-insensitively.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// What was typed, folded to lower case and checked.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let name = text::checked("username", typed, limits::USERNAME)?.to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if name.chars().all(allowed) {
            Ok(Self(name))
        } else {
            Err(FieldError::new("username", "may have only the letters a to z, digits, _ and -"))
        }
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password on its way to be hashed. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// What was typed, kept to the letter (blanks count), when its length is within the limits.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let length = typed.chars().count();
        if limits::PASSWORD.contains(&length) {
            return Ok(Self(typed.to_owned()));
        }
        let (least, most) = (limits::PASSWORD.start(), limits::PASSWORD.end());
        Err(FieldError::new("password", format!("must have {least} to {most} characters")))
    }

    /// The password itself, for the hash function only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What others are shown of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// What was typed, trimmed and checked.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        text::checked("display_name", typed, limits::DISPLAY_NAME).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_fold_and_keep_to_their_alphabet() {
        assert_eq!(Username::parse(" Ada_99 ").unwrap().as_str(), "ada_99");
        for wrong in ["ab", "ada lovelace", "ädä", "a.b.c", &"x".repeat(33)] {
            assert!(Username::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_kept_to_the_letter_and_never_printed() {
        let password = Password::parse("  ten chars  ").unwrap();
        assert_eq!(password.reveal(), "  ten chars  ");
        assert!(!format!("{password:?}").contains("ten"));
        assert!(Password::parse("too short").is_err());
        assert!(Password::parse(&"x".repeat(129)).is_err());
    }
}
