//! Who may make an account.

use domain::{FieldError, Problem};
use sha2::{Digest, Sha256};

use super::Services;
use crate::config::Registration;
use crate::error::Result;
use crate::store::invitations::CodeHash;

impl Services {
    /// The invitation that an account takes; none where accounts need none.
    pub(super) async fn invitation(&self, code: Option<&str>) -> Result<Option<CodeHash>> {
        let code = code.filter(|code| !code.trim().is_empty());
        match (self.registration, code) {
            (Registration::Open, _) => Ok(None),
            (Registration::Closed, _) => {
                Err(Problem::new(403, "registration_closed", "New accounts cannot be made here.").into())
            }
            (Registration::Invite, None) => {
                let error = FieldError::new("invitation", "is needed to make an account here");
                let detail = "Accounts are by invitation here. Please enter the code of yours.";
                Err(Problem::new(403, "invitation_required", detail).with_field(error).into())
            }
            (Registration::Invite, Some(code)) => {
                let hash = invitation_hash(code);
                let is_good = self.store.is_invitation_good(hash, self.clock.now()).await?;
                if is_good { Ok(Some(hash)) } else { Err(bad_invitation().into()) }
            }
        }
    }
}

/// What is stored of an invitation, however it was typed.
pub(crate) fn invitation_hash(code: &str) -> CodeHash {
    Sha256::digest(domain::code::typed(code).collect::<String>()).into()
}

/// An invitation that is not, is too old, or was used: 403 `invitation_invalid`.
pub(super) fn bad_invitation() -> Problem {
    let error = FieldError::new("invitation", "is not valid: mistyped, too old, or used already");
    Problem::new(403, "invitation_invalid", "This invitation is not valid (any more).").with_field(error)
}
