//! Accounts and guests.

use std::time::Duration;

use domain::{DisplayName, FieldError, IdentityKind, Me, Password, Problem, UserId, Username, VoterId};
use serde::Deserialize;

use super::Services;
use super::sessions::Refresh;
use crate::auth::password::{check_choice, is_outdated};
use crate::auth::{Asker, Principal, Sender};
use crate::bus::Event;
use crate::config::Registration;
use crate::doors::Door;
use crate::error::Result;
use crate::store::sessions;
use crate::store::users::{self, NewUser, UserRecord};

/// How long a device stays the same guest.
const GUEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// An account as somebody asks for it. Nothing in it has been checked.
#[derive(Clone, Deserialize)]
pub struct NewAccount {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// What others are shown.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The room that it is made in, by its code: what the guest chose there becomes the account's.
    #[serde(default)]
    pub room: Option<String>,
}

/// Somebody with a fresh token.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who it is.
    pub principal: Principal,
    /// The access token.
    pub token: String,
    /// How long the token lasts.
    pub lasts: Duration,
    /// What the next one is asked for with; guests need none.
    pub refresh: Option<Refresh>,
}

impl Services {
    /// Makes an account and signs it in.
    pub async fn register(&self, account: NewAccount, sender: &Sender) -> Result<SignedIn> {
        if self.registration == Registration::Closed {
            return Err(Problem::new(403, "registration_closed", "New accounts cannot be made here.").into());
        }
        self.doors.enter(Door::Register, sender.address).await?;
        let (username, password, display_name) = parse(account).map_err(Problem::invalid)?;
        let password_hash = self.passwords.hash(password, self.clock.random()).await?;
        let now = self.clock.now();
        let id = UserId::new(now, self.clock.random());
        let user = NewUser {
            id,
            username: &username,
            display_name: display_name.as_ref(),
            password_hash: &password_hash,
        };
        if !self.store.insert_user(user, now).await? {
            let taken = FieldError::new("username", "is taken; please choose another");
            let problem =
                Problem::new(409, "username_taken", "This user name is taken. Please choose another.");
            return Err(problem.with_field(taken).into());
        }
        let display_name = display_name.map(|name| name.as_str().to_owned());
        self.sign_in(
            UserRecord { id, username: username.as_str().to_owned(), display_name, password_hash },
            sender,
        )
        .await
    }

    /// Signs an account in. A wrong name and a wrong password have one answer, and take as long.
    pub async fn login(&self, username: &str, password: &str, sender: &Sender) -> Result<SignedIn> {
        let wrong =
            || Problem::new(401, "invalid_credentials", "The user name or the password is not right.");
        let (Ok(username), Ok(password)) = (Username::parse(username), Password::parse(password)) else {
            return Err(wrong().into());
        };
        self.doors.enter(Door::Login, sender.address).await?;
        let attempt = self.doors.attempt(&username, sender).await?;
        let user = self.store.user_named(&username).await?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let again = password.clone();
        let matches = self.passwords.verify(password, stored).await?;
        match user.filter(|_| matches) {
            Some(user) => {
                attempt.succeeded().await;
                self.upgrade(&user, again).await?;
                self.sign_in(user, sender).await
            }
            None => Err(wrong().into()),
        }
    }

    /// Hashes a password anew that was right, where it was hashed by less than is asked for today.
    async fn upgrade(&self, user: &UserRecord, password: Password) -> Result<()> {
        if is_outdated(&user.password_hash) {
            let hash = self.passwords.hash(password, self.clock.random()).await?;
            self.store.replace_password(user.id, &user.password_hash, &hash).await?;
        }
        Ok(())
    }

    /// Changes the asker's password. All other sessions of the account end.
    pub async fn change_password(
        &self,
        asker: &Asker,
        current: &str,
        new: &str,
        sender: &Sender,
    ) -> Result<()> {
        let user = asker.user()?;
        let wrong = || {
            let error = FieldError::new("current", "is not your password");
            Problem::new(422, "wrong_password", "The current password is not right.").with_field(error)
        };
        let new = Password::parse(new).map_err(|error| FieldError::new("new", error.message));
        let new = new.map_err(|error| Problem::invalid(vec![error]))?;
        let current = Password::parse(current).map_err(|_| wrong())?;
        let record = self.store.user(user).await?.ok_or_else(Problem::not_authenticated)?;
        let username = Username::parse(&record.username).map_err(|_| Problem::internal())?;
        check_choice("new", &new, &username).map_err(|error| Problem::invalid(vec![error]))?;
        let attempt = self.doors.attempt(&username, sender).await?;
        if !self.passwords.verify(current, Some(record.password_hash)).await? {
            return Err(wrong().into());
        }
        attempt.succeeded().await;
        let hash = self.passwords.hash(new, self.clock.random()).await?;
        let session = asker.principal()?.session;
        let mut transaction = self.store.begin().await?;
        users::set_password(&mut transaction, user, &hash).await?;
        let ended = sessions::end_all_of(&mut transaction, user, session, self.clock.now()).await?;
        transaction.commit().await?;
        ended.into_iter().for_each(|session| self.bus.publish(Event::SessionEnded(session)));
        Ok(())
    }

    /// A new guest.
    pub async fn new_guest(&self, sender: &Sender) -> Result<SignedIn> {
        self.doors.enter(Door::Guest, sender.address).await?;
        let now = self.clock.now();
        let id = VoterId::new(now, self.clock.random());
        self.signed(guest(id, None), None, now, GUEST)
    }

    /// A fresh token for a guest whose token is still good.
    pub fn renew_guest(&self, guest: &Principal) -> Result<SignedIn> {
        self.signed(guest.me.clone(), None, self.clock.now(), GUEST)
    }

    /// Changes what others are shown of the asker.
    pub async fn rename(&self, asker: &Asker, name: &str) -> Result<Me> {
        let principal = asker.principal()?;
        let name = DisplayName::parse(name).map_err(|error| Problem::invalid(vec![error]))?;
        match principal.user() {
            Some(user) => self.store.rename_user(user, &name).await?,
            None => self.store.name_guest(principal.voter(), &name).await?,
        }
        Ok(Me { display_name: Some(name.as_str().to_owned()), ..principal.me.clone() })
    }

    /// Deletes the asker: an account with its rooms, a guest with its name. Ballots cast in others' rooms
    /// stay counted and are nobody's.
    pub async fn delete_me(&self, asker: &Asker) -> Result<()> {
        let principal = asker.principal()?;
        let Some(user) = principal.user() else {
            self.store.end_guest(principal.voter(), self.clock.now()).await?;
            self.bus.publish(Event::GuestEnded(principal.voter()));
            return Ok(());
        };
        while let Some(room) = self.store.rooms_of(user, "", None, 1).await?.pop() {
            self.delete_room(asker, room.code.as_str()).await?;
        }
        let sessions = self.store.sessions_of(user, self.clock.now()).await?;
        self.store.delete_user(user).await?;
        sessions.into_iter().for_each(|session| self.bus.publish(Event::SessionEnded(session.id)));
        Ok(())
    }
}

fn parse(
    account: NewAccount,
) -> std::result::Result<(Username, Password, Option<DisplayName>), Vec<FieldError>> {
    let mut errors = Vec::new();
    let username = Username::parse(&account.username).map_err(|error| errors.push(error));
    let password = Password::parse(&account.password).map_err(|error| errors.push(error));
    if let (Ok(username), Ok(password)) = (&username, &password) {
        check_choice("password", password, username).unwrap_or_else(|error| errors.push(error));
    }
    let written = account.display_name.filter(|name| !name.trim().is_empty());
    let display_name =
        written.map(|name| DisplayName::parse(&name)).transpose().map_err(|error| errors.push(error));
    match (username, password, display_name) {
        (Ok(username), Ok(password), Ok(display_name)) if errors.is_empty() => {
            Ok((username, password, display_name))
        }
        _ => Err(errors),
    }
}

/// An account as it is told who it is.
pub(super) fn account(user: UserRecord) -> Me {
    Me {
        id: user.id.into(),
        kind: IdentityKind::User,
        username: Some(user.username),
        display_name: user.display_name,
    }
}

/// A guest as it is told who it is.
pub(super) fn guest(id: VoterId, display_name: Option<String>) -> Me {
    Me { id, kind: IdentityKind::Guest, username: None, display_name }
}
