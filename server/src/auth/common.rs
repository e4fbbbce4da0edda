//! Passwords that are tried first, so that nobody takes one of them.

use sha2::{Digest, Sha256};

/// The first four bytes of each password's SHA-256, sorted: see the README beside it for where they come from. A password
/// that is not among them is taken for one of them about once in 86,000 times.
const HASHES: &[u8] = include_bytes!("common/passwords.bin");
const WIDTH: usize = 4;

/// Whether a password is one of those that are tried first, in whatever case: it is on the list, says little more than the
/// user name, has a few characters again and again, or is a sequence.
pub(super) fn is_common(password: &str, username: &str) -> bool {
    let folded = password.to_lowercase();
    is_listed(&folded) || is_about(&folded, username) || has_few_characters(&folded) || is_sequence(&folded)
}

fn is_listed(folded: &str) -> bool {
    let digest = Sha256::digest(folded.as_bytes());
    let (hashes, _) = HASHES.as_chunks::<WIDTH>();
    hashes.binary_search_by(|hash| hash[..].cmp(&digest[..WIDTH])).is_ok()
}

/// The user name itself, once or more, with at most four characters besides.
fn is_about(folded: &str, username: &str) -> bool {
    !username.is_empty() && folded.contains(username) && folded.replace(username, "").chars().count() <= 4
}

fn has_few_characters(folded: &str) -> bool {
    let mut all: Vec<char> = folded.chars().collect();
    all.sort_unstable();
    all.dedup();
    all.len() <= 2
}

/// The alphabet or the digits, upwards or downwards, 9 and 0 being neighbours.
fn is_sequence(folded: &str) -> bool {
    let follows = |one: char, two: char| u32::from(two) == u32::from(one) + 1 || (one, two) == ('9', '0');
    let pairs = || folded.chars().zip(folded.chars().skip(1));
    pairs().all(|(one, two)| follows(one, two)) || pairs().all(|(one, two)| follows(two, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_known() {
        for common in [
            "qwertyuiop",
            "1234567890",
            "Password123",
            "BASKETBALL",
            "aaaaaaaaaaaa",
            "ababababab",
            "23456789012",
            "abcdefghijklm",
            "98765432109",
        ] {
            assert!(is_common(common, "ada"), "{common}");
        }
        for common in ["ada-lovelace", "ada-lovelace99", "Ada-LovelaceAda-Lovelace"] {
            assert!(is_common(common, "ada-lovelace"), "{common}");
        }
        for fine in ["correct horse", "another staple", "lovelace-is-not-ada", "grüne Wiese 7"] {
            assert!(!is_common(fine, "ada"), "{fine}");
        }
    }

    #[test]
    fn the_list_is_whole_and_sorted() {
        let all: Vec<&[u8]> = HASHES.chunks(WIDTH).collect();
        assert!(all.len() > 40_000 && all.iter().all(|hash| hash.len() == WIDTH));
        assert!(all.is_sorted());
    }
}
