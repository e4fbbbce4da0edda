//! What a server sees to now and then: what somebody did behind its back, and what is over.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use tokio::time::sleep;

use crate::audit::{About, KEPT};
use crate::bus::Event;
use crate::error::{Error, Result};
use crate::service::{GUEST_LASTS, Services};
use crate::store::rooms::{ActedOn, RoomRecord};
use crate::ws::Hub;

/// How often it is looked for what an operator or another node did.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often what is over is deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long an invitation is kept after it could last be used.
const INVITATION_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many unused rooms a sweep deletes at most: the writer has votes to write, too.
const ROOMS_A_SWEEP: u32 = 100;

/// Looks, for as long as the server runs: closes sockets of sessions and guests that ended elsewhere, and tells open pages and
/// the ballot box of rooms that an operator took down or put back.
pub(crate) async fn look(services: Services, hub: Arc<Hub>) {
    loop {
        sleep(LOOK_EVERY).await;
        hub.look_who_ended().await;
        if let Err(error) = notice(&services).await {
            tracing::debug!(%error, "it could not be looked for what an operator did to rooms");
        }
    }
}

/// Deletes what is over, for as long as the server runs. Nodes may do so side by side.
pub(crate) async fn sweep(services: Services, retention: Option<Duration>) {
    loop {
        if let Err(error) = sweep_once(&services, retention).await {
            tracing::warn!(%error, "what is over could not be deleted; trying again in an hour");
        }
        sleep(SWEEP_EVERY).await;
    }
}

/// Deletes expired sessions, old events and invitations, and guests that left over a year ago; makes events of deleted accounts
/// nobody's; where it is set, deletes rooms in which nothing happened for long, and names of guests.
pub async fn sweep_once(services: &Services, retention: Option<Duration>) -> Result<()> {
    let (store, now) = (&services.store, services.clock.now());
    store.delete_expired_sessions(now).await?;
    store.delete_audit_before(now.minus(KEPT)).await?;
    store.delete_ended_guests(now.minus(GUEST_LASTS)).await?;
    store.delete_old_invitations(now.minus(INVITATION_KEPT)).await?;
    store.forget_accounts_in_audit().await?;
    let Some(retention) = retention else { return Ok(()) };
    let before = now.minus(retention);
    for room in store.unused_rooms(before, ROOMS_A_SWEEP).await? {
        // One that fails must not keep the others.
        if let Err(error) = delete_unused(services, &room, before).await {
            tracing::warn!(%error, room = %room.id, "an unused room could not be deleted; trying again in an hour");
        }
    }
    // Not within the year of their first token.
    store.delete_named_guests(before.min(now.minus(GUEST_LASTS))).await
}

async fn delete_unused(services: &Services, room: &RoomRecord, before: Timestamp) -> Result<()> {
    // The others were deleted meanwhile, and somebody may have come back.
    if services.store.is_unused(room.id, before).await? {
        let (account, id) = (Some(room.host), Some(room.id));
        let about = About { account, room: id, detail: "unused for long", ..About::default() };
        services.remove_room(room, about).await?;
    }
    Ok(())
}

async fn notice(services: &Services) -> Result<()> {
    for acted_on in services.store.acted_on().await? {
        let room = acted_on.room.id;
        // One that fails must not keep the others waiting; it is looked at again.
        if let Err(error) = notice_one(services, acted_on).await {
            tracing::warn!(%error, %room, "what an operator did to a room could not be carried out; trying again");
        }
    }
    Ok(())
}

/// Tells open pages first, since that needs nothing; then the ballot box, in which the room's polls may still be open.
async fn notice_one(services: &Services, ActedOn { room, at }: ActedOn) -> Result<()> {
    if room.is_taken_down {
        services.bus.publish(Event::RoomClosed { room: room.id, code: room.code });
    }
    match services.ballots.settings_changed(room.id).await {
        // Deleted just now.
        Err(Error::Problem(problem)) if problem.status == 404 => return Ok(()),
        noticed => noticed?,
    }
    services.store.note_noticed(room.id, at).await?;
    tracing::info!(room = %room.id, taken_down = room.is_taken_down, "an operator took a room down, or put it back");
    Ok(())
}
