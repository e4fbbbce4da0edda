//! What a server sees to now and then: what somebody did behind its back, and what is over.

use std::sync::Arc;
use std::time::Duration;

use domain::{Command, PollState};
use tokio::time::sleep;

use crate::audit::KEPT;
use crate::bus::Event;
use crate::error::Result;
use crate::service::{GUEST, Services};
use crate::store::rooms::TakenDown;
use crate::ws::Hub;

/// How often it is looked for what an operator or another node did.
const LOOK: Duration = Duration::from_secs(5);
/// How often what is over is deleted.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How many rooms go at once at most.
const ROOMS: u32 = 100;

/// Looks, for as long as the server runs: closes sockets of sessions and guests that ended elsewhere, and tells open pages of
/// rooms that were taken down.
pub(crate) async fn look(services: Services, hub: Arc<Hub>) {
    loop {
        sleep(LOOK).await;
        hub.look_who_ended().await;
        if let Err(error) = tell_taken_down(&services).await {
            tracing::debug!(%error, "it could not be looked for rooms that were taken down");
        }
    }
}

/// Deletes what is over, for as long as the server runs. Nodes may do so side by side.
pub(crate) async fn sweep(services: Services, retention: Option<Duration>) {
    loop {
        if let Err(error) = sweep_once(&services, retention).await {
            tracing::warn!(%error, "what is over could not be deleted; trying again in an hour");
        }
        sleep(SWEEP).await;
    }
}

/// Deletes expired sessions, old events, and where it is set, rooms in which nothing happened for long, and guests.
pub async fn sweep_once(services: &Services, retention: Option<Duration>) -> Result<()> {
    let (store, now) = (&services.store, services.clock.now());
    store.delete_expired_sessions(now).await?;
    store.delete_audit_before(now.minus(KEPT)).await?;
    store.delete_ended_guests(now.minus(GUEST)).await?;
    let Some(retention) = retention else { return Ok(()) };
    let before = now.minus(retention);
    for room in store.unused_rooms(before, ROOMS).await? {
        services.remove_room(&room).await?;
        tracing::info!(room = %room.id, "deleted a room in which nothing happened for long");
    }
    store.delete_named_guests(before).await
}

async fn tell_taken_down(services: &Services) -> Result<()> {
    for TakenDown { id, code } in services.store.untold_takedowns().await? {
        for poll in services.store.polls_of(id).await? {
            if poll.lifecycle.state == PollState::Open {
                services.ballots.command(poll.id, Command::Close).await?;
            }
        }
        services.bus.publish(Event::RoomClosed { room: id, code });
        services.store.note_takedown_told(id).await?;
        tracing::info!(room = %id, "a room was taken down");
    }
    Ok(())
}
