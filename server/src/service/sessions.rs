//! Sessions: begun by signing in, renewed by refresh tokens, ended by their owner.
//!
//! Whether a session is alive is asked of the store with every request, so that ending one takes effect on every node
//! at once. See docs/adr/0015.

use std::collections::HashSet;
use std::time::Duration;

use app::data::Session;
use domain::{Me, Problem, SessionId, Timestamp, VoterId};

use super::accounts::{account, account_disabled, guest, wrong_credentials};
use super::{Services, SignedIn};
use crate::audit::{About, SecurityEvent};
use crate::auth::refresh::RefreshToken;
use crate::auth::{Asker, Principal, Sender};
use crate::bus::Event;
use crate::error::Result;
use crate::store::sessions::{self, SessionRecord};
use crate::store::users::{self, UserRecord};
use crate::work::to_the_end;

/// How long an access token of an account is good.
pub(super) const ACCESS: Duration = Duration::from_secs(10 * 60);
/// How long a session lasts without being used, and how long at most (OWASP ASVS 5, 7.3.1 and 7.3.2).
const IDLE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const LONGEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How many sessions an account has at most. Beyond it the one used longest ago ends.
const MOST: usize = 50;
/// How long a refresh token that was used is answered with its successor once more: the answer may have been lost, or two
/// pages asked at once. Longer than an answer may take: whoever lost one by waiting in vain asks again after that.
const GRACE: Duration = Duration::from_secs(60);

/// What a session's next access token is asked for with, and how long that works.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The token.
    pub token: RefreshToken,
    /// How long it lasts.
    pub lasts: Duration,
}

impl Services {
    /// Signs an account in: begins a session, if the account still has the password that was looked at and may sign in.
    /// Should either have changed meanwhile, all sessions were ended then, and this one must not begin after that.
    pub(super) async fn sign_in(&self, user: UserRecord, sender: &Sender) -> Result<SignedIn> {
        let now = self.clock.now();
        let id = SessionId::new(now, self.clock.random());
        let token = RefreshToken::first(id, self.clock.random());
        let session = SessionRecord {
            id,
            user: user.id,
            device: sender.device.clone(),
            created_at: now,
            seen_at: now,
            expires_at: end_of(now, now),
            refresh: token.hash(),
            previous: None,
            rotated_at: now,
        };
        let mut transaction = self.store.begin().await?;
        let stored = users::find_locked(&mut transaction, user.id).await?;
        let stored = stored.filter(|stored| stored.password_hash == user.password_hash);
        if stored.ok_or_else(wrong_credentials)?.disabled {
            return Err(account_disabled().into());
        }
        // One place for this one.
        let ended = sessions::end_surplus(&mut transaction, user.id, MOST - 1, now).await?;
        sessions::insert(&mut transaction, &session).await?;
        transaction.commit().await?;
        if !ended.is_empty() {
            let detail = "signed in on too many devices";
            let about = About { account: Some(user.id), sender: Some(sender), detail, ..About::default() };
            self.audit.note(SecurityEvent::SessionsRevoked, about);
        }
        ended.into_iter().for_each(|session| self.bus.publish(Event::SessionEnded(session)));
        self.in_session(account(user), &session, token)
    }

    /// Renews a session: a fresh access token, and another refresh token in place of this one. With any other the session
    /// ends: it was used before, by a thief or by its victim, or made up by who knows the session's id, and these cannot be
    /// told apart.
    pub async fn refresh(&self, token: &RefreshToken, sender: &Sender) -> Result<SignedIn> {
        // Else a thief who hangs up could use a token again, and end no session by it.
        let (services, token, sender) = (self.clone(), token.clone(), sender.clone());
        to_the_end(async move { services.renew(&token, &sender).await }).await
    }

    async fn renew(&self, token: &RefreshToken, sender: &Sender) -> Result<SignedIn> {
        let now = self.clock.now();
        // Tokens of sessions that are over are found out by reading: a flood must not take turns among those who write.
        if !self.is_alive(token.session).await? {
            return Err(invalid_token().into());
        }
        let mut transaction = self.store.begin().await?;
        let found = sessions::find_locked(&mut transaction, token.session, now).await?;
        let mut session = found.ok_or_else(invalid_token)?;
        let hash = token.hash();
        let next = if hash == session.refresh {
            let next = token.next(&self.keys);
            session.previous = Some(session.refresh);
            session.refresh = next.hash();
            session.rotated_at = now;
            session.seen_at = now;
            session.expires_at = end_of(session.created_at, now);
            session.device.clone_from(&sender.device);
            sessions::rotate(&mut transaction, &session).await?;
            next
        } else {
            let may_be_repeated = session.previous == Some(hash) && now.since(session.rotated_at) <= GRACE;
            match token.successor(&self.keys, session.refresh).filter(|_| may_be_repeated) {
                Some(next) => next,
                None => {
                    sessions::end(&mut transaction, session.id, now).await?;
                    transaction.commit().await?;
                    self.bus.publish(Event::SessionEnded(session.id));
                    let about =
                        About { account: Some(session.user), sender: Some(sender), ..About::default() };
                    self.audit.note(SecurityEvent::RefreshReused, about);
                    return Err(invalid_token().into());
                }
            }
        };
        transaction.commit().await?;
        let (user, _) = self.store.user_of_session(session.id, now).await?.ok_or_else(invalid_token)?;
        self.in_session(account(user), &session, next)
    }

    /// Who a refresh token belongs to that is good now, and stays so: for an answer that may never arrive where it is kept.
    pub async fn recognise(&self, token: &RefreshToken) -> Result<Option<Principal>> {
        let now = self.clock.now();
        let Some(session) = self.store.session(token.session, now).await? else { return Ok(None) };
        let hash = token.hash();
        let was_renewed = session.previous == Some(hash) && now.since(session.rotated_at) <= GRACE;
        if hash != session.refresh && !was_renewed {
            return Ok(None);
        }
        let found = self.store.user_of_session(session.id, now).await?;
        let expires_at = session.expires_at.min(now.plus(ACCESS));
        Ok(found.map(|(user, _)| Principal { me: account(user), session: Some(session.id), expires_at }))
    }

    /// Who a token belongs to; nobody when it is not ours, has expired, or its session has ended.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Principal>> {
        let Some(claims) = self.tokens.verify(token) else { return Ok(None) };
        let expires_at = claims.expires_at();
        let me = match claims.sid {
            Some(session) => match self.store.user_of_session(session, self.clock.now()).await? {
                Some((user, _)) if VoterId::from(user.id) == claims.sub => account(user),
                _ => return Ok(None),
            },
            None => match self.store.guest_name(claims.sub).await? {
                Some(display_name) => guest(claims.sub, display_name),
                None => return Ok(None),
            },
        };
        Ok(Some(Principal { me, session: claims.sid, expires_at }))
    }

    /// Looks again who has an open socket, when its token would have expired: the socket goes on for as long as the
    /// session does. None when that has ended.
    pub async fn look_again(&self, principal: &Principal) -> Result<Option<Principal>> {
        let Some(session) = principal.session else { return Ok(None) };
        let now = self.clock.now();
        let Some((user, created_at)) = self.store.user_of_session(session, now).await? else {
            return Ok(None);
        };
        // An open page is a session in use.
        let ends = end_of(created_at, now);
        self.store.touch_session(session, now, ends).await?;
        let expires_at = ends.min(now.plus(ACCESS));
        Ok(Some(Principal { me: account(user), session: Some(session), expires_at }))
    }

    /// Whether a session has not ended.
    pub async fn is_alive(&self, session: SessionId) -> Result<bool> {
        Ok(self.store.user_of_session(session, self.clock.now()).await?.is_some())
    }

    /// Which of these sessions have ended.
    pub async fn ended_of(&self, sessions: &HashSet<SessionId>) -> Result<HashSet<SessionId>> {
        let sessions: Vec<SessionId> = sessions.iter().copied().collect();
        let alive = self.store.alive_of(&sessions, self.clock.now()).await?;
        Ok(sessions.into_iter().filter(|session| !alive.contains(session)).collect())
    }

    /// Ends the asker's session: its tokens stop working at once and its sockets close. A guest has none.
    pub async fn logout(&self, asker: &Asker) -> Result<()> {
        if let Some(session) = asker.known.as_ref().and_then(|principal| principal.session) {
            self.store.end_session(session, self.clock.now()).await?;
            self.bus.publish(Event::SessionEnded(session));
            self.audit.note(SecurityEvent::SignedOut, About::by(asker));
        }
        Ok(())
    }

    /// Where the asker is signed in, the session used last first.
    pub async fn sessions(&self, asker: &Asker) -> Result<Vec<Session>> {
        let user = asker.user()?;
        let current = asker.principal()?.session;
        let found = self.store.sessions_of(user, self.clock.now()).await?;
        let shown = |SessionRecord { id, device, created_at, seen_at, .. }| Session {
            id,
            device,
            created_at,
            seen_at,
            current: Some(id) == current,
        };
        Ok(found.into_iter().map(shown).collect())
    }

    /// Ends one of the asker's sessions.
    pub async fn end_session(&self, asker: &Asker, id: SessionId) -> Result<()> {
        let user = asker.user()?;
        let found = self.store.sessions_of(user, self.clock.now()).await?;
        if !found.iter().any(|session| session.id == id) {
            return Err(no_such_session().into());
        }
        self.store.end_session(id, self.clock.now()).await?;
        self.bus.publish(Event::SessionEnded(id));
        self.audit.note(SecurityEvent::SessionsRevoked, About::by(asker));
        Ok(())
    }

    /// Ends all of the asker's sessions but the one that asks.
    pub async fn end_other_sessions(&self, asker: &Asker) -> Result<()> {
        let user = asker.user()?;
        let current = asker.principal()?.session;
        // That there is none is found out by reading: whoever asks again and again takes no turn among those who write.
        let found = self.store.sessions_of(user, self.clock.now()).await?;
        if found.iter().all(|session| Some(session.id) == current) {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        let ended = sessions::end_all_of(&mut transaction, user, current, self.clock.now()).await?;
        transaction.commit().await?;
        if ended.is_empty() {
            return Ok(());
        }
        ended.into_iter().for_each(|session| self.bus.publish(Event::SessionEnded(session)));
        self.audit.note(SecurityEvent::SessionsRevoked, About { detail: "all others", ..About::by(asker) });
        Ok(())
    }

    fn in_session(&self, me: Me, session: &SessionRecord, token: RefreshToken) -> Result<SignedIn> {
        let now = self.clock.now();
        let left = session.expires_at.since(now);
        let signed = self.signed(me, Some(session.id), now, ACCESS.min(left))?;
        Ok(SignedIn { refresh: Some(Refresh { token, lasts: left }), ..signed })
    }

    /// Somebody with a fresh access token.
    pub(super) fn signed(
        &self,
        me: Me,
        session: Option<SessionId>,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<SignedIn> {
        let expires_at = now.plus(lasts);
        let token = self.tokens.sign(me.id, me.kind, session, expires_at)?;
        Ok(SignedIn { principal: Principal { me, session, expires_at }, token, lasts, refresh: None })
    }
}

/// When a session ends that was begun and last used at these times.
fn end_of(created_at: Timestamp, seen_at: Timestamp) -> Timestamp {
    created_at.plus(LONGEST).min(seen_at.plus(IDLE))
}

/// A session that is none of the asker's: 404 `no_such_session`.
pub(crate) fn no_such_session() -> Problem {
    Problem::new(404, "no_such_session", "There is no such session.")
}

/// A token that is not good any more, whatever is wrong with it: 401 `invalid_token`.
pub(super) fn invalid_token() -> Problem {
    Problem::new(401, "invalid_token", "This sign-in is not valid any more. Please sign in again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_unused_and_at_the_latest_after_so_long() {
        let begun = Timestamp::from_millis(0);
        assert_eq!(end_of(begun, begun), begun.plus(IDLE));
        let late = begun.plus(LONGEST - Duration::from_secs(1));
        assert_eq!(end_of(begun, late), begun.plus(LONGEST));
    }
}
