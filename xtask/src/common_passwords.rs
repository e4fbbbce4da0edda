//! The list of passwords that nobody may choose, made compact.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::files;

/// How many are kept, from how many characters on, and how many bytes of each one's hash; the server reads it so.
const MOST: usize = 50_000;
const LEAST_CHARACTERS: usize = 10;
const WIDTH: usize = 4;

/// Reads one password a line, the most common first, and writes their hashes in order.
pub(crate) fn make(list: &str, out: &str) -> Result<()> {
    let text = files::read(Path::new(list))?;
    let text = String::from_utf8_lossy(&text).to_lowercase();
    let long = text.lines().filter(|line| line.chars().count() >= LEAST_CHARACTERS);
    let mut hashes: Vec<_> =
        long.map(|line| Sha256::digest(line.as_bytes())).map(|hash| hash[..WIDTH].to_vec()).collect();
    hashes.truncate(MOST);
    hashes.sort();
    hashes.dedup();
    files::write(Path::new(out), &hashes.concat())?;
    println!("{} passwords", hashes.len());
    Ok(())
}
