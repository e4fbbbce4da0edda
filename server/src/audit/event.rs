//! What the trail tells of.

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// Somebody signed in.
    SignedIn,
    /// A sign-in did not succeed, or the current password was wrong where another was to be set.
    SignInFailed,
    /// Tries of a password, to sign in or to change it, have to wait. Noted once a minute for each address.
    SignInThrottled,
    /// Somebody made an account.
    Registered,
    /// A session was ended by its owner.
    SignedOut,
    /// A session of another device was ended, or all of them.
    SessionsRevoked,
    /// A refresh token was used a second time, or is one that its session never had: the session has ended.
    RefreshReused,
    /// A password was changed by its owner.
    PasswordChanged,
    /// A password was changed by the operator.
    PasswordReset,
    /// An account was made by the operator.
    AccountAdded,
    /// An account was disabled by the operator.
    AccountDisabled,
    /// An account was enabled again.
    AccountEnabled,
    /// An account was deleted by its owner.
    AccountDeleted,
    /// Who may vote in a room, or who sees results, was changed.
    SettingsChanged,
    /// The votes of a poll were dropped.
    PollReset,
    /// A poll was deleted.
    PollDeleted,
    /// A room was deleted.
    RoomDeleted,
    /// A room was taken down by the operator.
    RoomTakenDown,
    /// A room was put back.
    RoomRestored,
    /// Voting tickets were made.
    TicketsMade,
    /// Voting tickets that nobody had used were deleted.
    TicketsDeleted,
    /// A guest became an account in a room.
    GuestAdopted,
    /// The operator invited somebody.
    InvitationMade,
    /// The operator put another signing key first.
    KeysRotated,
    /// More happened than could be stored.
    Lost,
}

impl SecurityEvent {
    /// Its word in the trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignInThrottled => "sign_in_throttled",
            Self::Registered => "registered",
            Self::SignedOut => "signed_out",
            Self::SessionsRevoked => "sessions_revoked",
            Self::RefreshReused => "refresh_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::AccountAdded => "account_added",
            Self::AccountDisabled => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::AccountDeleted => "account_deleted",
            Self::SettingsChanged => "settings_changed",
            Self::PollReset => "poll_reset",
            Self::PollDeleted => "poll_deleted",
            Self::RoomDeleted => "room_deleted",
            Self::RoomTakenDown => "room_taken_down",
            Self::RoomRestored => "room_restored",
            Self::TicketsMade => "tickets_made",
            Self::TicketsDeleted => "tickets_deleted",
            Self::GuestAdopted => "guest_adopted",
            Self::InvitationMade => "invitation_made",
            Self::KeysRotated => "keys_rotated",
            Self::Lost => "lost",
        }
    }
}
