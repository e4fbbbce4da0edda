//! Stores the trail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{About, Audit, SecurityEvent};
use crate::background::Stopped;
use crate::store::Store;
use crate::store::audit::AuditRow;

/// How many are stored with one transaction.
const BATCH: usize = 100;
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
