//! Who asks, as use cases see it. It comes from a verified token, never from a message.

use domain::{IdentityKind, Me, Problem, SessionId, Timestamp, UserId, VoterId};

use super::Sender;

/// Somebody known: an account or a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who it is.
    pub me: Me,
    /// The session of an account; guests have none.
    pub session: Option<SessionId>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl Principal {
    /// The identity that votes.
    pub fn voter(&self) -> VoterId {
        self.me.id
    }

    /// The account, if it is one.
    pub fn user(&self) -> Option<UserId> {
        (self.me.kind == IdentityKind::User).then(|| self.me.id.as_user())
    }
}

/// Whoever asks: somebody known or nobody, and where from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who it is, if that is known.
    pub known: Option<Principal>,
    /// Where it comes from: that bounds how much may be asked and guessed, and is no identity.
    pub sender: Sender,
}

impl Asker {
    /// Somebody known.
    pub fn new(principal: Principal, sender: Sender) -> Self {
        Self { known: Some(principal), sender }
    }

    /// Somebody unknown.
    pub fn nobody(sender: Sender) -> Self {
        Self { known: None, sender }
    }

    /// The account that asks, for what only accounts do.
    pub fn user(&self) -> Result<UserId, Problem> {
        let account = self.principal()?.user();
        account.ok_or_else(|| Problem::new(403, "account_required", "This needs an account. Please sign in."))
    }

    /// Who asks, for what needs anybody known.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        self.known.as_ref().ok_or_else(Problem::not_authenticated)
    }

    /// The voter that asks, if it is known.
    pub fn voter(&self) -> Option<VoterId> {
        self.known.as_ref().map(Principal::voter)
    }

    /// Whether this is the account that owns a thing.
    pub fn is(&self, owner: UserId) -> bool {
        self.known.as_ref().and_then(Principal::user) == Some(owner)
    }
}
