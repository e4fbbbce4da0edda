//! A room's pulse: once a second it tells other nodes who is here and finds what was not heard of them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use domain::RoomId;
use tokio::time::{MissedTickBehavior, interval};

use super::super::hub::Shared;
use super::super::inbox::Inbox;
use crate::ballot_box::{BallotBox, Beat};

/// A lost message heals within this time.
const SECOND: Duration = Duration::from_secs(1);

/// Beats for as long as the room is open. A node that is alone has nobody to hear of.
pub(super) async fn keep(
    ballots: Arc<dyn BallotBox>,
    room: RoomId,
    inbox: Weak<Inbox>,
    shared: Weak<Shared>,
) {
    let mut seconds = interval(SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(shared) = shared.upgrade() {
        let shown = shared.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let beat = Beat { room, people: shared.here.load(Ordering::Relaxed), shown };
        drop(shared);
        match ballots.pulse(beat).await {
            Ok(Some(pulse)) => {
                if let Some(inbox) = inbox.upgrade() {
                    inbox.hear_pulse(pulse);
                }
            }
            Ok(None) => return,
            Err(error) => tracing::debug!(%error, %room, "a pulse was missed"),
        }
        seconds.tick().await;
    }
    let gone = Beat { room, people: 0, shown: Vec::new() };
    if let Err(error) = ballots.pulse(gone).await {
        tracing::debug!(%error, %room, "others will see in some seconds that nobody is here");
    }
}
