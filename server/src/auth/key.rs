//! The key that signs tokens: made at the first start, kept beside the database for its owner only.

use std::io::ErrorKind;
use std::path::Path;

use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::clock::Clock;
use crate::config::Secret;
use crate::error::{Error, Result};

/// How long a key is at least: HS256 wants 256 bits (RFC 7518, section 3.2).
const LEAST: usize = 32;

/// The configured key, else the one in the file, else a new one that is put there.
pub async fn load(configured: Option<&Secret>, file: Option<&Path>, clock: &Clock) -> Result<Vec<u8>> {
    if let Some(key) = configured {
        return checked(key.reveal().as_bytes().to_vec(), "VOXPOP_JWT_KEY");
    }
    let Some(file) = file else { return Ok(clock.random::<LEAST>().to_vec()) };
    match fs::read(file).await {
        Ok(key) => checked(key, &file.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => make(file, clock).await,
        Err(error) => Err(failed(file, &error)),
    }
}

fn checked(key: Vec<u8>, whence: &str) -> Result<Vec<u8>> {
    if key.len() < LEAST {
        return Err(Error::Internal(format!("the signing key in {whence} must have at least {LEAST} bytes")));
    }
    Ok(key)
}

async fn make(file: &Path, clock: &Clock) -> Result<Vec<u8>> {
    let key: Vec<u8> = clock.random::<LEAST>().to_vec();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let write = async {
        let mut opened = options.open(file).await?;
        opened.write_all(&key).await?;
        opened.sync_all().await
    };
    write.await.map_err(|error| failed(file, &error))?;
    Ok(key)
}

fn failed(file: &Path, error: &std::io::Error) -> Error {
    Error::Internal(format!("the signing key {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voxpop.key");
        let clock = Clock::system();
        let made = load(None, Some(&file), &clock).await.unwrap();
        assert_eq!(load(None, Some(&file), &clock).await.unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_short_key_is_refused() {
        let short = Secret::from("too short");
        assert!(load(Some(&short), None, &Clock::system()).await.is_err());
    }
}
