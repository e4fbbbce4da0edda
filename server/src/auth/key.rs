//! The keys that sign tokens. The first signs, all of them verify: so a key can be replaced while tokens of the old one are
//! still about. They are set, or made at the first start and kept beside the database for its owner only.

use std::io::ErrorKind;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How long a key is at least, in bytes: HS256 wants 256 bits (RFC 7518, section 3.2).
const LEAST: usize = 32;
/// How many keys there are at most. Where keys are kept in a file, the oldest goes beyond it, and tokens that it signed with
/// it.
const MOST: usize = 8;

/// A key and its name.
#[derive(Clone)]
pub struct Key {
    /// What tokens call it: `kid`. It is made of the key's hash, so that nodes agree without being told.
    pub id: String,
    secret: Vec<u8>,
}

impl Key {
    fn new(secret: Vec<u8>) -> Self {
        Self { id: hex(&Sha256::digest(&secret)[..8]), secret }
    }

    /// The key itself, for those who sign and verify.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// HMAC-SHA256 of a text, told apart by what it is for (RFC 2104).
    pub fn mac(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// All keys; there is at least one.
#[derive(Clone)]
pub struct KeyRing {
    first: Key,
    others: Vec<Key>,
}

impl KeyRing {
    /// The configured keys, else those in the file, else a new one that is put there.
    pub async fn load(configured: Option<&Secret>, file: Option<&Path>, clock: &Clock) -> Result<Self> {
        if let Some(keys) = configured {
            let secrets = keys.reveal().split(',').map(|key| key.trim().as_bytes().to_vec()).collect();
            return Self::of(secrets, "VOXPOP_JWT_KEY");
        }
        let Some(file) = file else { return Self::of(vec![fresh(clock)], "memory") };
        match read(file).await? {
            Some(keys) => Ok(keys),
            None => {
                let made = Self::of(vec![fresh(clock)], "a new file")?;
                made.create(file).await?;
                Ok(made)
            }
        }
    }

    /// The key that signs.
    pub fn signing(&self) -> &Key {
        &self.first
    }

    /// All keys, the one that signs first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn of(secrets: Vec<Vec<u8>>, whence: &str) -> Result<Self> {
        if secrets.len() > MOST {
            return Err(Error::Internal(format!("there are more than {MOST} signing keys in {whence}")));
        }
        let mut keys = Vec::with_capacity(secrets.len());
        for secret in secrets {
            if secret.len() < LEAST {
                let wrong = format!("each signing key in {whence} must have at least {LEAST} bytes");
                return Err(Error::Internal(wrong));
            }
            keys.push(Key::new(secret));
        }
        let mut keys = keys.into_iter();
        match keys.next() {
            Some(first) => Ok(Self { first, others: keys.collect() }),
            None => Err(Error::Internal(format!("there is no signing key in {whence}"))),
        }
    }

    async fn create(&self, file: &Path) -> Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let lines: String = self.all().map(|key| hex(key.secret()) + "\n").collect();
        let write = async {
            let mut opened = options.open(file).await?;
            opened.write_all(lines.as_bytes()).await?;
            opened.sync_all().await
        };
        write.await.map_err(|error| failed(file, &error))
    }
}

/// Puts a new key before those in a file, and says its name. Without `keep` the old ones go, and with them all that they
/// signed. A running server takes it over when it is started anew.
pub async fn rotate(file: &Path, keep: bool, clock: &Clock) -> Result<String> {
    let mut secrets = vec![fresh(clock)];
    if let Some(old) = read(file).await?.filter(|_| keep) {
        secrets.extend(old.all().take(MOST - 1).map(|key| key.secret().to_vec()));
    }
    let keys = KeyRing::of(secrets, "the new file")?;
    // Beside it and then in its place: whoever reads meanwhile sees one or the other.
    let aside = file.with_extension("key.new");
    let _left_by_a_crash = fs::remove_file(&aside).await;
    keys.create(&aside).await?;
    fs::rename(&aside, file).await.map_err(|error| failed(file, &error))?;
    Ok(keys.signing().id.clone())
}

/// A new key as text, for where keys are set and not kept in a file.
pub fn fresh_text(clock: &Clock) -> String {
    hex(&fresh(clock))
}

/// The keys in a file, one a line in hexadecimal; none where there is no file.
async fn read(file: &Path) -> Result<Option<KeyRing>> {
    let text = match fs::read_to_string(file).await {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(failed(file, &error)),
    };
    let name = file.display().to_string();
    let secrets: Option<Vec<Vec<u8>>> = text.lines().map(unhex).collect();
    match secrets {
        Some(secrets) => KeyRing::of(secrets, &name).map(Some),
        None => {
            Err(Error::Internal(format!("{name} is no file of signing keys: one a line, in hexadecimal")))
        }
    }
}

fn fresh(clock: &Clock) -> Vec<u8> {
    clock.random::<LEAST>().to_vec()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What hexadecimal digits stand for.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect();
    let pairs = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(pairs.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn failed(file: &Path, error: &std::io::Error) -> Error {
    Error::Internal(format!("the signing keys {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(keys: &KeyRing) -> Vec<String> {
        keys.all().map(|key| key.id.clone()).collect()
    }

    #[tokio::test]
    async fn a_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voxpop.key");
        let clock = Clock::system();
        let made = KeyRing::load(None, Some(&file), &clock).await.unwrap();
        assert_eq!(ids(&KeyRing::load(None, Some(&file), &clock).await.unwrap()), ids(&made));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_new_key_signs_and_the_old_ones_still_verify() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voxpop.key");
        let clock = Clock::system();
        let old = KeyRing::load(None, Some(&file), &clock).await.unwrap();
        let newest = rotate(&file, true, &clock).await.unwrap();
        let both = KeyRing::load(None, Some(&file), &clock).await.unwrap();
        assert_eq!(ids(&both), [newest, old.signing().id.clone()]);
        for _ in 0..MOST {
            rotate(&file, true, &clock).await.unwrap();
        }
        assert_eq!(KeyRing::load(None, Some(&file), &clock).await.unwrap().all().count(), MOST);
        let alone = rotate(&file, false, &clock).await.unwrap();
        assert_eq!(ids(&KeyRing::load(None, Some(&file), &clock).await.unwrap()), [alone]);
    }

    #[tokio::test]
    async fn set_keys_are_told_apart_by_commas_and_short_or_too_many_are_refused() {
        let clock = Clock::system();
        let load = async |text: &str| KeyRing::load(Some(&Secret::from(text)), None, &clock).await;
        let (one, two) = ("1".repeat(32), "2".repeat(40));
        let both = load(&format!("{one}, {two}")).await.unwrap();
        assert_eq!(both.all().count(), 2);
        assert_eq!(both.signing().id, load(&one).await.unwrap().signing().id);
        for wrong in ["too short", "", &format!("{one},short"), &[one.as_str(); MOST + 1].join(",")] {
            assert!(load(wrong).await.is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_is_no_file_of_keys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voxpop.key");
        for wrong in [&b"\xff\xfe"[..], b"", b"not hexadecimal\n", b"abc\n", b"abcd\n"] {
            std::fs::write(&file, wrong).unwrap();
            assert!(KeyRing::load(None, Some(&file), &Clock::system()).await.is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_mac_is_for_one_purpose() {
        let key = Key::new(vec![1; LEAST]);
        assert_eq!(key.mac("a", b"text"), key.mac("a", b"text"));
        assert_ne!(key.mac("a", b"text"), key.mac("b", b"text"));
    }
}
