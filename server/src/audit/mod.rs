//! The audit trail: what happened to accounts and rooms, in SQL and in the log. It says who and what, and nothing secret:
//! addresses only as a hash that is another one each day, no passwords, no tokens, no names that somebody tried.

mod event;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{EventId, RoomId, UserId};
use tokio::sync::mpsc;

pub use self::event::SecurityEvent;
use self::writer::Writer;
use crate::auth::key::{Key, KeyRing, hex};
use crate::auth::{Asker, Principal, Sender};
use crate::background::Background;
use crate::clock::Clock;
use crate::doors::Who;
use crate::store::Store;
use crate::store::audit::AuditRow;

/// How many events wait to be stored at most; the next are counted, and the number is stored.
const QUEUE: usize = 4_000;
/// How many addresses are remembered for which it was noted that they have to wait. Beyond it all are forgotten.
const THROTTLED: usize = 10_000;
/// How long events are kept.
pub(crate) const KEPT: Duration = Duration::from_secs(180 * 24 * 60 * 60);

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

impl<'a> About<'a> {
    /// What somebody does, from where they are.
    pub fn by(asker: &'a Asker) -> Self {
        let account = asker.known.as_ref().and_then(Principal::user);
        Self { account, sender: Some(&asker.sender), ..Self::default() }
    }

    /// The same, in a room.
    pub fn in_room(self, room: RoomId) -> Self {
        Self { room: Some(room), ..self }
    }
}

/// Takes events. Clones share the queue.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<AuditRow>,
    lost: Arc<AtomicU64>,
    /// In which minute it was last noted that an address has to wait.
    throttled: Arc<Mutex<HashMap<Who, i64>>>,
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
        log(&row);
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
            noted.insert(Who::from(sender.address), minute) != Some(minute)
        };
        if is_new {
            self.note(SecurityEvent::SignInThrottled, About { sender: Some(sender), ..About::default() });
        }
    }

    fn row(&self, event: SecurityEvent, about: About<'_>) -> AuditRow {
        let row = row(&self.clock, event, about);
        let Some(sender) = about.sender else { return row };
        let day: String = row.at.to_string().chars().take(10).collect();
        let address = sender.address.to_canonical().to_string();
        let address_hash = hex(&self.key.mac(&format!("address {day}"), address.as_bytes())[..8]);
        AuditRow { address_hash: Some(address_hash), device: sender.device.clone(), ..row }
    }
}

/// Writes an event to the log.
pub(crate) fn log(row: &AuditRow) {
    tracing::info!(
        target: "audit",
        event = row.event,
        account = row.account.map(tracing::field::display),
        room = row.room.map(tracing::field::display),
        address = row.address_hash,
        device = row.device,
        detail = row.detail,
    );
}

/// An event of now, as it is stored, without where it came from.
pub(crate) fn row(clock: &Clock, event: SecurityEvent, about: About<'_>) -> AuditRow {
    let now = clock.now();
    AuditRow {
        id: EventId::new(now, clock.random()),
        at: now,
        event: event.word().to_owned(),
        account: about.account,
        room: about.room,
        address_hash: None,
        device: String::new(),
        detail: about.detail.chars().take(200).collect(),
    }
}
