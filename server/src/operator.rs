//! What an operator does from the command line, beside a running server or without one. It works on the
//! database, and on the file of signing keys, which servers read when they start; of all else they hear within a few seconds.

use std::path::Path;
use std::time::Duration;

use domain::code::ALPHABET;
use domain::{DisplayName, FieldError, Password, Problem, RoomCode, UserId, Username, limits};

use crate::audit::{self, About, SecurityEvent};
use crate::auth::key;
use crate::auth::password::{Passwords, check_choice};
use crate::ballot_box::close_all;
use crate::clock::Clock;
use crate::error::Result;
use crate::service::invitation_hash;
use crate::store::audit::AuditRow;
use crate::store::rooms::RoomRecord;
use crate::store::users::{self, NewUser, UserRecord};
use crate::store::{self, Store, Write, invitations, rooms, sessions};

/// How many characters passwords and invitations have that are made here: 24^20 is about 2^91.
const LENGTH: usize = 20;

/// Acts on a database.
pub struct Operator {
    store: Store,
    clock: Clock,
}

impl Operator {
    /// Opens the database of a server; there must be one.
    pub async fn open(database_url: &str) -> Result<Self> {
        Ok(Self { store: Store::open_existing(database_url).await?, clock: Clock::system() })
    }

    /// Makes an account, whoever may make one otherwise. Without a password one is made; it is answered either way.
    pub async fn add_user(
        &self,
        name: &str,
        display_name: Option<&str>,
        password: Option<String>,
    ) -> Result<String> {
        let username = Username::parse(name).map_err(invalid)?;
        let display_name = display_name.map(DisplayName::parse).transpose().map_err(invalid)?;
        let (password, hash) = self.hashed(&username, password).await?;
        let now = self.clock.now();
        let id = UserId::new(now, self.clock.random());
        let user =
            NewUser { id, username: &username, display_name: display_name.as_ref(), password_hash: &hash };
        let mut transaction = self.store.begin().await?;
        if !users::insert(&mut transaction, user, now).await? {
            return Err(Problem::new(409, "username_taken", "This user name is taken.").into());
        }
        self.commit_with_event(
            transaction,
            SecurityEvent::AccountAdded,
            About { account: Some(id), ..About::default() },
        )
        .await?;
        Ok(password)
    }

    /// Gives an account another password and ends its sessions.
    pub async fn reset_password(&self, name: &str, password: Option<String>) -> Result<String> {
        let user = self.user(name).await?;
        let username = Username::parse(&user.username).map_err(invalid)?;
        let (password, hash) = self.hashed(&username, password).await?;
        let mut transaction = self.store.begin().await?;
        users::set_password(&mut transaction, user.id, &hash).await?;
        sessions::end_all_of(&mut transaction, user.id, None, self.clock.now()).await?;
        let about = About { account: Some(user.id), ..About::default() };
        self.commit_with_event(transaction, SecurityEvent::PasswordReset, about).await?;
        Ok(password)
    }

    /// Lets an account sign in no more and ends its sessions, or lets it again.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<()> {
        let user = self.user(name).await?;
        let now = self.clock.now();
        let mut transaction = self.store.begin().await?;
        users::set_disabled(&mut transaction, user.id, disabled.then_some(now)).await?;
        if disabled {
            sessions::end_all_of(&mut transaction, user.id, None, now).await?;
        }
        let event = if disabled { SecurityEvent::AccountDisabled } else { SecurityEvent::AccountEnabled };
        self.commit_with_event(transaction, event, About { account: Some(user.id), ..About::default() }).await
    }

    /// All accounts by name.
    pub async fn users(&self) -> Result<Vec<UserRecord>> {
        self.store.users().await
    }

    /// Makes an invitation that is good for so many days, and answers its code.
    pub async fn invite(&self, days: u32) -> Result<String> {
        let (code, now) = (self.random_code(), self.clock.now());
        let expires_at = now.plus(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
        let mut transaction = self.store.begin().await?;
        invitations::insert(&mut transaction, invitation_hash(&code), now, expires_at).await?;
        let detail = format!("good until {expires_at}");
        let about = About { detail: &detail, ..About::default() };
        self.commit_with_event(transaction, SecurityEvent::InvitationMade, about).await?;
        Ok(code)
    }

    /// Takes a room down: its polls close, and it is gone for everybody, its host too.
    pub async fn take_down(&self, code: &str) -> Result<()> {
        let now = self.clock.now();
        let mut transaction = self.store.begin().await?;
        let room = find_room(&mut transaction, code).await?;
        rooms::set_taken_down(&mut transaction, room.id, Some(now), now).await?;
        close_all(&mut transaction, room.id, now).await?;
        self.commit_with_event(transaction, SecurityEvent::RoomTakenDown, about_room(&room)).await
    }

    /// The codes of all rooms of an account that are not taken down.
    pub async fn rooms_of(&self, name: &str) -> Result<Vec<RoomCode>> {
        let host = self.user(name).await?.id;
        let most = u32::try_from(limits::ROOMS_OF_HOST).unwrap_or(u32::MAX);
        let rooms = self.store.rooms_of(host, "", None, most).await?;
        Ok(rooms.into_iter().map(|room| room.code).collect())
    }

    /// Puts a room back that was taken down. Its polls stay closed.
    pub async fn restore(&self, code: &str) -> Result<()> {
        let mut transaction = self.store.begin().await?;
        let room = find_room(&mut transaction, code).await?;
        rooms::set_taken_down(&mut transaction, room.id, None, self.clock.now()).await?;
        self.commit_with_event(transaction, SecurityEvent::RoomRestored, about_room(&room)).await
    }

    /// Puts a new signing key before those in a file, and answers its name; without `keep` the old ones go.
    pub async fn rotate_keys(&self, file: &Path, keep: bool) -> Result<String> {
        // A database that cannot be locked leaves the file alone. Should the event fail after that, the key is there without one.
        let transaction = self.store.begin().await?;
        let id = key::rotate(file, keep, &self.clock).await?;
        let detail = format!("{id} signs{}", if keep { "" } else { ", the old ones are gone" });
        let about = About { detail: &detail, ..About::default() };
        self.commit_with_event(transaction, SecurityEvent::KeysRotated, about).await?;
        Ok(id)
    }

    /// The newest security events, of an account or of all.
    pub async fn audit(&self, name: Option<&str>, most: u32) -> Result<Vec<AuditRow>> {
        let account = match name {
            Some(name) => Some(self.user(name).await?.id),
            None => None,
        };
        self.store.audit(account, most).await
    }

    async fn user(&self, name: &str) -> Result<UserRecord> {
        let found = match Username::parse(name) {
            Ok(name) => self.store.user_named(&name).await?,
            Err(_) => None,
        };
        Ok(found
            .ok_or_else(|| Problem::new(404, "no_such_user", format!("There is no account named {name}.")))?)
    }

    async fn hashed(&self, username: &Username, password: Option<String>) -> Result<(String, String)> {
        let password = password.unwrap_or_else(|| self.random_code());
        let checked = Password::parse(&password).map_err(invalid)?;
        check_choice("password", &checked, username).map_err(invalid)?;
        let passwords = Passwords::new(self.clock.random())?;
        let hash = passwords.hash(checked, self.clock.random()).await?;
        Ok((password, hash))
    }

    fn random_code(&self) -> String {
        let random: [u8; LENGTH * 2] = self.clock.random();
        let letter = |pair: &[u8]| {
            let number = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            char::from(ALPHABET[number % ALPHABET.len()])
        };
        random.chunks_exact(2).map(letter).collect()
    }

    async fn commit_with_event(
        &self,
        mut transaction: Write,
        event: SecurityEvent,
        about: About<'_>,
    ) -> Result<()> {
        let row = AuditRow { device: "operator".to_owned(), ..audit::row(&self.clock, event, about) };
        store::audit::insert(&mut transaction, &row).await?;
        transaction.commit().await?;
        audit::log(&row);
        Ok(())
    }
}

/// The room with this code as typed, be it taken down or not.
async fn find_room(transaction: &mut Write, code: &str) -> Result<RoomRecord> {
    let code: RoomCode = code.parse().map_err(|_| Problem::no_such_room())?;
    let found = rooms::find_by_code_locked(transaction, code).await?;
    Ok(found.ok_or_else(Problem::no_such_room)?)
}

fn about_room(room: &RoomRecord) -> About<'_> {
    About { room: Some(room.id), detail: room.code.as_str(), ..About::default() }
}

fn invalid(error: FieldError) -> Problem {
    Problem::invalid(vec![error])
}
