//! Checks for short texts that people type.

use std::ops::RangeInclusive;

use crate::FieldError;

/// The text without blanks around it, when its length is within `limit` and it has no control
/// characters; otherwise what is wrong with `field`.
pub fn checked(field: &str, text: &str, limit: RangeInclusive<usize>) -> Result<String, FieldError> {
    let text = text.trim();
    let length = text.chars().count();
    if !limit.contains(&length) {
        let (least, most) = (limit.start(), limit.end());
        return Err(FieldError::new(field, format!("must have {least} to {most} characters, not {length}")));
    }
    if text.chars().any(char::is_control) {
        return Err(FieldError::new(field, "must be a single line without control characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_trims() {
        assert_eq!(checked("q", "  ä ö ", 1..=3).unwrap(), "ä ö");
        assert!(checked("q", "   ", 1..=3).is_err());
        assert!(checked("q", "four", 1..=3).is_err());
        assert!(checked("q", "a\u{0}b", 1..=3).is_err());
    }
}
