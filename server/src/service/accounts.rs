//! Accounts and guests.

use std::time::Duration;

use domain::{DisplayName, FieldError, IdentityKind, Me, Password, Problem, UserId, Username, VoterId};
use serde::Deserialize;

use super::Services;
use super::invitations::bad_invitation;
use super::sessions::{Refresh, invalid_token};
use crate::audit::{About, SecurityEvent};
use crate::auth::password::{check_choice, is_outdated};
use crate::auth::{Asker, Principal, Sender};
use crate::bus::Event;
use crate::doors::{Attempt, Door};
use crate::error::Result;
use crate::store::users::{self, NewUser, UserRecord};
use crate::store::{invitations, sessions};

/// How long a device stays the same guest.
pub const GUEST_LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

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
    /// The code of an invitation, where accounts are by invitation.
    #[serde(default)]
    pub invitation: Option<String>,
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
        self.doors.enter(Door::Account, sender.address).await?;
        let invitation = self.invitation(account.invitation.as_deref()).await?;
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
        let mut transaction = self.store.begin().await?;
        if let Some(hash) = invitation
            && !invitations::take(&mut transaction, hash, id, now).await?
        {
            return Err(bad_invitation().into());
        }
        if !users::insert(&mut transaction, user, now).await? {
            let taken = FieldError::new("username", "is taken; please choose another");
            let problem =
                Problem::new(409, "username_taken", "This user name is taken. Please choose another.");
            return Err(problem.with_field(taken).into());
        }
        transaction.commit().await?;
        let about = About { account: Some(id), sender: Some(sender), ..About::default() };
        self.audit.note(SecurityEvent::Registered, about);
        let display_name = display_name.map(|name| name.as_str().to_owned());
        self.sign_in(
            UserRecord {
                id,
                username: username.as_str().to_owned(),
                display_name,
                password_hash,
                disabled: false,
            },
            sender,
        )
        .await
    }

    /// Signs an account in. A wrong name and a wrong password have one answer, and take as long, unless they could be
    /// nobody's.
    pub async fn login(&self, username: &str, password: &str, sender: &Sender) -> Result<SignedIn> {
        self.may_try(sender).await?;
        let about = About { sender: Some(sender), ..About::default() };
        let (Ok(username), Ok(password)) = (Username::parse(username), Password::parse(password)) else {
            self.audit.note(SecurityEvent::SignInFailed, about);
            return Err(wrong_credentials().into());
        };
        let attempt = self.attempt(&username, sender).await?;
        let user = self.store.user_named(&username).await?;
        let about = About { account: user.as_ref().map(|user| user.id), ..about };
        let signed = self.sign_in_by(attempt, user, password, sender).await;
        let event = if signed.is_ok() { SecurityEvent::SignedIn } else { SecurityEvent::SignInFailed };
        self.audit.note(event, about);
        signed
    }

    async fn sign_in_by(
        &self,
        attempt: Attempt,
        user: Option<UserRecord>,
        password: Password,
        sender: &Sender,
    ) -> Result<SignedIn> {
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let is_right = self.carry_out(attempt, password.clone(), stored).await?;
        let user = user.filter(|_| is_right).ok_or_else(wrong_credentials)?;
        if user.disabled {
            return Err(account_disabled().into());
        }
        self.sign_in(self.upgraded(user, password).await, sender).await
    }

    /// Lets an address try passwords, whoever's they are.
    async fn may_try(&self, sender: &Sender) -> Result<()> {
        let entered = self.doors.enter(Door::Login, sender.address).await;
        entered.inspect_err(|_| self.audit.note_throttled(sender))
    }

    /// Lets somebody try an account's password.
    async fn attempt(&self, username: &Username, sender: &Sender) -> Result<Attempt> {
        let attempt = self.doors.attempt(username, sender).await;
        attempt.inspect_err(|_| self.audit.note_throttled(sender))
    }

    /// Carries out a try: answers whether the password belongs to the stored hash, or to none, and counts it.
    async fn carry_out(&self, attempt: Attempt, password: Password, stored: Option<String>) -> Result<bool> {
        let matches = self.passwords.verify(password, stored).await;
        match matches {
            Ok(true) => attempt.succeeded().await,
            Ok(false) => {}
            Err(_) => attempt.came_to_nothing().await,
        }
        matches
    }

    /// Hashes a password anew that was right, where it was hashed by less than is asked for today. Should that fail, it is
    /// done the next time.
    async fn upgraded(&self, user: UserRecord, password: Password) -> UserRecord {
        if !is_outdated(&user.password_hash) {
            return user;
        }
        match self.hashed_anew(&user, password).await {
            Ok(password_hash) => UserRecord { password_hash, ..user },
            Err(error) => {
                tracing::warn!(%error, "a password could not be hashed anew");
                user
            }
        }
    }

    /// What stands for a password that was right. Of sign-ins side by side one stores its hash, and the others go by that.
    async fn hashed_anew(&self, user: &UserRecord, password: Password) -> Result<String> {
        let hash = self.passwords.hash(password.clone(), self.clock.random()).await?;
        if self.store.replace_password(user.id, &user.password_hash, &hash).await? {
            return Ok(hash);
        }
        let stored = self.store.user(user.id).await?.map(|user| user.password_hash);
        let is_same = self.passwords.verify(password, stored.clone()).await?;
        Ok(stored.filter(|_| is_same).unwrap_or_else(|| user.password_hash.clone()))
    }

    /// Changes the asker's password. All other sessions of the account end.
    pub async fn change_password(&self, asker: &Asker, current: &str, new: &str) -> Result<()> {
        let (user, sender) = (asker.user()?, &asker.sender);
        let wrong = || {
            let error = FieldError::new("current", "is not your password");
            Problem::new(422, "wrong_password", "The current password is not right.").with_field(error)
        };
        self.may_try(sender).await?;
        let new = Password::parse(new).map_err(|error| FieldError::new("new", error.message));
        let new = new.map_err(|error| Problem::invalid(vec![error]))?;
        let current = Password::parse(current).map_err(|_| wrong())?;
        let record = self.store.user(user).await?.ok_or_else(Problem::not_authenticated)?;
        let username = Username::parse(&record.username).map_err(|_| Problem::internal())?;
        check_choice("new", &new, &username).map_err(|error| Problem::invalid(vec![error]))?;
        let attempt = self.attempt(&username, sender).await?;
        let about = About::by(asker);
        if !self.carry_out(attempt, current.clone(), Some(record.password_hash.clone())).await? {
            let detail = "wrong current password in a change of password";
            self.audit.note(SecurityEvent::SignInFailed, About { detail, ..about });
            return Err(wrong().into());
        }
        // A sign-in that hashes the old one anew must not make it look like another.
        let record = self.upgraded(record, current).await;
        let hash = self.passwords.hash(new, self.clock.random()).await?;
        let (session, now) =
            (asker.principal()?.session.ok_or_else(Problem::not_authenticated)?, self.clock.now());
        let mut transaction = self.store.begin().await?;
        // Hashing takes its time, in which the operator may have given another password, or the session may have ended.
        let stored =
            users::find_locked(&mut transaction, user).await?.ok_or_else(Problem::not_authenticated)?;
        sessions::find_locked(&mut transaction, session, now)
            .await?
            .ok_or_else(Problem::not_authenticated)?;
        if stored.password_hash != record.password_hash {
            return Err(wrong().into());
        }
        users::set_password(&mut transaction, user, &hash).await?;
        let ended = sessions::end_all_of(&mut transaction, user, Some(session), now).await?;
        transaction.commit().await?;
        ended.into_iter().for_each(|session| self.bus.publish(Event::SessionEnded(session)));
        self.audit.note(SecurityEvent::PasswordChanged, about);
        Ok(())
    }

    /// A new guest.
    pub async fn new_guest(&self, sender: &Sender) -> Result<SignedIn> {
        self.doors.enter(Door::Guest, sender.address).await?;
        let now = self.clock.now();
        let id = VoterId::new(now, self.clock.random());
        self.signed(guest(id, None), None, now, GUEST_LASTS)
    }

    /// A fresh token for a guest whose token is still good.
    pub fn renew_guest(&self, guest: &Principal) -> Result<SignedIn> {
        self.signed(guest.me.clone(), None, self.clock.now(), GUEST_LASTS)
    }

    /// Changes what others are shown of the asker.
    pub async fn rename(&self, asker: &Asker, name: &str) -> Result<Me> {
        let principal = asker.principal()?;
        let name = DisplayName::parse(name).map_err(|error| Problem::invalid(vec![error]))?;
        match principal.user() {
            Some(user) => self.store.rename_user(user, &name).await?,
            None if self.store.name_guest(principal.voter(), &name).await? => {}
            None => return Err(invalid_token().into()),
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
        let sessions = loop {
            while let Some(room) = self.store.any_room_of(user).await? {
                let about = About { account: None, ..About::by(asker).in_room(room.id) };
                self.remove_room(&room, about).await?;
            }
            let sessions = self.store.sessions_of(user, self.clock.now()).await?;
            // It may have made a room meanwhile.
            if self.store.delete_user(user).await? {
                break sessions;
            }
        };
        sessions.into_iter().for_each(|session| self.bus.publish(Event::SessionEnded(session.id)));
        // Whose it was is not said: that is what deleting it is for.
        self.audit.note(SecurityEvent::AccountDeleted, About { account: None, ..About::by(asker) });
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

/// A wrong name or a wrong password, no matter which: 401 `invalid_credentials`.
pub(super) fn wrong_credentials() -> Problem {
    Problem::new(401, "invalid_credentials", "The user name or the password is not right.")
}

/// An account that may not sign in: 403 `account_disabled`.
pub(super) fn account_disabled() -> Problem {
    Problem::new(403, "account_disabled", "This account was disabled by the operator of this site.")
}
