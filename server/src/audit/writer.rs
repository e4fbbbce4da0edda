//! Stores the trail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{About, Audit, SecurityEvent};
use crate::background::Stopped;
use crate::store::Store;
use crate::store::audit::AuditRow;

/// How many are stored with one transaction.
const BATCH: usize = 250;
/// How long to wait when they cannot be stored.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes events from the queue until the server stops.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) events: mpsc::Receiver<AuditRow>,
    pub(super) audit: Audit,
}

impl Writer {
    /// Stores what comes, and at the end what is left.
    pub(super) async fn run(mut self, mut stopped: Stopped) {
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                _ = self.events.recv_many(&mut waiting, BATCH), if waiting.is_empty() => {}
                () = tokio::time::sleep(PAUSE), if !waiting.is_empty() => {}
                () = stopped.wait() => break,
            }
            // While nothing can be stored what is lost goes on being counted, and waits to be said once.
            if !waiting.iter().any(|row| row.event == SecurityEvent::Lost.word()) {
                waiting.extend(self.lost());
            }
            self.store_all(&mut waiting).await;
        }
        while let Ok(row) = self.events.try_recv() {
            waiting.push(row);
        }
        waiting.extend(self.lost());
        self.store_all(&mut waiting).await;
    }

    /// The event that others were lost since the last, if any were.
    fn lost(&self) -> Option<AuditRow> {
        let lost = self.audit.lost.swap(0, Ordering::Relaxed);
        let detail = format!("{lost} events");
        (lost > 0).then(|| self.audit.row(SecurityEvent::Lost, About { detail: &detail, ..About::default() }))
    }

    /// Stores what waits; where that fails the rest goes on waiting, and the queue fills up behind it.
    async fn store_all(&self, waiting: &mut Vec<AuditRow>) {
        let mut most = BATCH;
        while !waiting.is_empty() {
            let number = waiting.len().min(most);
            match self.store.insert_audit(&waiting[..number]).await {
                Ok(()) => drop(waiting.drain(..number)),
                Err(error) if !error.is_bad_data() => {
                    return tracing::warn!(%error, waiting = waiting.len(), "security events could not be stored");
                }
                // One is such that the database does not take it: it is found by storing them one by one.
                Err(_) if number > 1 => most = 1,
                Err(error) => {
                    tracing::error!(%error, event = waiting[0].event, "a security event could not be stored");
                    self.audit.lost.fetch_add(1, Ordering::Relaxed);
                    drop(waiting.drain(..1));
                }
            }
        }
    }
}
