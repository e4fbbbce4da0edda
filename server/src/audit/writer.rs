//! Stores the trail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{About, Audit, SecurityEvent};
use crate::background::Stopped;
use crate::error::Result;
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
        while !waiting.is_empty() {
            let batch = &waiting[..waiting.len().min(BATCH)];
            let stored = match self.store.insert_audit(batch).await {
                Err(error) if error.is_bad_data() => self.store_each(batch).await,
                stored => stored,
            };
            match stored {
                Ok(()) => drop(waiting.drain(..waiting.len().min(BATCH))),
                Err(error) => {
                    return tracing::warn!(%error, "security events could not be stored; trying again");
                }
            }
        }
    }

    /// Stores events one by one, for one is such that the database does not take it: that is in the log, and counts as lost.
    async fn store_each(&self, batch: &[AuditRow]) -> Result<()> {
        for row in batch {
            match self.store.insert_audit(std::slice::from_ref(row)).await {
                Err(error) if error.is_bad_data() => {
                    tracing::error!(%error, event = row.event, "a security event could not be stored");
                    self.audit.lost.fetch_add(1, Ordering::Relaxed);
                }
                stored => stored?,
            }
        }
        Ok(())
    }
}
