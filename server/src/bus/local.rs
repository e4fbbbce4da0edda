//! The bus of a node that is alone: it tells its own listeners, then and there.

use std::sync::{PoisonError, RwLock, Weak};

use domain::RoomId;

use super::{Bus, Event, Listener};

/// Tells the listeners of this process.
#[derive(Default)]
pub struct LocalBus {
    listeners: RwLock<Vec<Weak<dyn Listener>>>,
}

impl Bus for LocalBus {
    fn publish(&self, event: Event) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.hear(event.clone());
        }
    }

    fn subscribe(&self, listener: Weak<dyn Listener>) {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|known| known.strong_count() > 0);
        listeners.push(listener);
    }

    /// All rooms are here.
    fn follow(&self, _: RoomId) {}

    fn unfollow(&self, _: RoomId) {}
}
