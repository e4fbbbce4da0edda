//! The audit trail: what happened to accounts and rooms, in SQL and in the log. It says who and what, and nothing secret:
//! addresses only as a hash that is another one each day, no passwords, no tokens, no names that somebody tried.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{RoomId, UserId};
use tokio::sync::mpsc;

use crate::auth::Sender;
use crate::auth::key::{Key, KeyRing, hex};
use crate::background::{Background, Stopped};
use crate::clock::Clock;
use crate::store::Store;
use crate::store::audit::AuditRow;

/// How many events wait to be stored at most; the next are counted, and the number is stored.
const QUEUE: usize = 1_000;
/// How many are stored with one transaction.
const BATCH: usize = 100;
/// How long to wait when they cannot be stored.
const PAUSE: Duration = Duration::from_secs(1);
/// How many addresses are remembered for which it was noted that they have to wait. Beyond it all are forgotten.
const THROTTLED: usize = 10_000;
/// How long events are kept.
pub(crate) const KEPT: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// Somebody signed in.
    SignedIn,
    /// A sign-in did not succeed.
    SignInFailed,
    /// Tries to sign in have to wait. Noted once a minute for each address.
    SignInThrottled,
    /// Somebody made an account.
    Registered,
    /// A session was ended by its owner.
    SignedOut,
    /// A session of another device was ended, or all of them.
    SessionsRevoked,
    /// A refresh token was used a second time; its session has ended.
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
    /// A room was deleted.
    RoomDeleted,
    /// A room was taken down by the operator.
    RoomTakenDown,
    /// A room was put back.
    RoomRestored,
    /// Voting tickets were made.
    TicketsMade,
    /// A guest became an account in a room.
    GuestAdopted,
    /// The operator invited somebody.
    InvitationMade,
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
            Self::RoomDeleted => "room_deleted",
            Self::RoomTakenDown => "room_taken_down",
            Self::RoomRestored => "room_restored",
            Self::TicketsMade => "tickets_made",
            Self::GuestAdopted => "guest_adopted",
            Self::InvitationMade => "invitation_made",
            Self::Lost => "lost",
        }
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The account.
    pub account: Option<UserId>,
    /// The room.
    pub room: Option<RoomId>,
    /// Where it came from; none for the operator and the server itself.
    pub sender: Option<&'a Sender>,
    /// What else there is to say; nothing secret.
    pub detail: &'a str,
}

/// Takes events. Clones share the queue.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<AuditRow>,
    lost: Arc<AtomicU64>,
    /// In which minute it was last noted that an address has to wait.
    throttled: Arc<Mutex<HashMap<IpAddr, i64>>>,
    key: Key,
    clock: Clock,
}

impl Audit {
    /// Starts storing, in the background.
    pub fn start(store: Store, keys: &KeyRing, clock: Clock, background: &mut Background) -> Self {
        let (queue, events) = mpsc::channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let audit = Self { queue, lost, throttled: Arc::default(), key: keys.signing().clone(), clock };
        let writer = Writer { store, events, audit: audit.clone() };
        background.run_until_stopped(|stopped| writer.run(stopped));
        audit
    }

    /// Notes an event. It never waits.
    pub fn note(&self, event: SecurityEvent, about: About<'_>) {
        let row = self.row(event, about);
        tracing::info!(
            target: "audit",
            event = row.event,
            account = row.account.map(tracing::field::display),
            room = row.room.map(tracing::field::display),
            address = row.address_hash,
            device = row.device,
            detail = row.detail,
        );
        if self.queue.try_send(row).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that somebody has to wait with the next try; once a minute for each address, for a flood of tries must not become
    /// one of notes.
    pub fn note_throttled(&self, sender: &Sender) {
        let minute = self.clock.now().millis() / 60_000;
        let is_new = {
            let mut noted = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
            if noted.len() >= THROTTLED {
                noted.clear();
            }
            noted.insert(sender.address, minute) != Some(minute)
        };
        if is_new {
            self.note(SecurityEvent::SignInThrottled, About { sender: Some(sender), ..About::default() });
        }
    }

    fn row(&self, event: SecurityEvent, about: About<'_>) -> AuditRow {
        let now = self.clock.now();
        let day: String = now.to_string().chars().take(10).collect();
        let hashed = |sender: &Sender| {
            let address = sender.address.to_canonical().to_string();
            hex(&self.key.mac(&format!("address {day}"), address.as_bytes())[..8])
        };
        AuditRow {
            id: event_id(&self.clock),
            at: now,
            event: event.word().to_owned(),
            account: about.account,
            room: about.room,
            address_hash: about.sender.map(hashed),
            device: about.sender.map(|sender| sender.device.clone()).unwrap_or_default(),
            detail: about.detail.chars().take(200).collect(),
        }
    }
}

/// An id that sorts by when it was made.
pub(crate) fn event_id(clock: &Clock) -> [u8; 16] {
    let id = UserId::new(clock.now(), clock.random());
    id.as_bytes().try_into().unwrap_or([0; 16])
}

struct Writer {
    store: Store,
    events: mpsc::Receiver<AuditRow>,
    audit: Audit,
}

impl Writer {
    async fn run(mut self, mut stopped: Stopped) {
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                _ = self.events.recv_many(&mut waiting, BATCH), if waiting.is_empty() => {}
                () = tokio::time::sleep(PAUSE), if !waiting.is_empty() => {}
                () = stopped.wait() => break,
            }
            self.store_all(&mut waiting).await;
        }
        while let Ok(row) = self.events.try_recv() {
            waiting.push(row);
        }
        self.store_all(&mut waiting).await;
    }

    /// Stores what waits; where that fails it goes on waiting, and the queue fills up behind it.
    async fn store_all(&mut self, waiting: &mut Vec<AuditRow>) {
        // While nothing can be stored it goes on being counted, and is said once.
        let lost = match waiting.len() <= BATCH {
            true => self.audit.lost.swap(0, Ordering::Relaxed),
            false => 0,
        };
        if lost > 0 {
            let detail = format!("{lost} events");
            waiting.push(self.audit.row(SecurityEvent::Lost, About { detail: &detail, ..About::default() }));
        }
        match self.store.insert_audit(waiting).await {
            Ok(()) => waiting.clear(),
            Err(error) if error.is_bad_data() => self.store_each(waiting).await,
            Err(error) => tracing::warn!(%error, "security events could not be stored; trying again"),
        }
    }

    /// Stores what waits one by one, for one is such that the database does not take it: that is in the log, and counts as
    /// lost.
    async fn store_each(&mut self, waiting: &mut Vec<AuditRow>) {
        let mut later = Vec::new();
        for row in waiting.drain(..) {
            match self.store.insert_audit(std::slice::from_ref(&row)).await {
                Ok(()) => {}
                Err(error) if error.is_bad_data() => {
                    tracing::error!(%error, event = row.event, "a security event could not be stored");
                    self.audit.lost.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => later.push(row),
            }
        }
        *waiting = later;
    }
}
