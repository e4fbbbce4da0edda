//! What changed about a room and its polls: read again from the store, and told to the members.

use std::collections::HashSet;
use std::time::Duration;

use domain::{PollId, PollState, ServerMessage, VoterId, VotersPolicy};
use tokio::time::Instant;

use super::super::inbox::Post;
use super::super::outbox::encode;
use super::RoomTask;
use super::member::Frames;
use crate::ballot_box::PollNow;
use crate::error::{Error, Result};
use crate::service::RoomState;
use crate::store::polls::PollRecord;
use crate::work::in_time;

/// How long the store may take to say what a room is, and how long after a failure it is asked again at the latest.
const PATIENCE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(2);

type Holders = HashSet<VoterId>;

impl RoomTask {
    /// Reads again what changed in the store, and tells the members. What is read may be newer than what was
    /// heard of: whatever differs from before is told now.
    pub(super) async fn refresh(&mut self, post: &Post, looks_again: bool) {
        let Some(before) = &self.state else { return };
        let is_ahead = |now: &PollNow| {
            let poll = before.poll(now.tally.poll);
            poll.is_some_and(|poll| now.is_ahead_of(&poll.lifecycle))
                || now.settings_revision > before.room.revision
        };
        let is_ahead = post.nows.values().any(is_ahead);
        if !post.speaks_of_store() && !is_ahead && !looks_again {
            return;
        }
        let before = before.clone();
        let nothing = Post::default();
        let (mut after, post, news) = match self.read_store().await {
            Ok(Some((after, holders))) => {
                self.note_ticket_holders(&after, holders);
                (after, post, post)
            }
            Ok(None) => return self.close(before.room.code),
            Err(error) => {
                self.read_later(post, looks_again, &error);
                (before.clone(), &nothing, post)
            }
        };
        let is_blind = self.stale.is_some();
        // Without the store a poll of another round than the known one may ask something else: it waits.
        let is_known = |now: &&PollNow| {
            let poll = after.poll(now.tally.poll);
            !is_blind || poll.is_some_and(|poll| poll.lifecycle.round == now.life.round)
        };
        let nows: Vec<_> = self.nows.values().chain(news.nows.values()).filter(is_known).collect();
        nows.into_iter().for_each(|now| after.overlay(now));
        let room_changed = post.room_changed || after.differs_from(&before);
        let differs =
            |poll: &&PollRecord| before.poll(poll.id).is_none_or(|known| known.lifecycle != poll.lifecycle);
        let mut changed = post.changed.clone();
        changed.extend(after.polls.iter().filter(differs).map(|poll| poll.id));
        let mut removed = post.removed.clone();
        removed.extend(before.polls.iter().map(|poll| poll.id).filter(|poll| after.poll(*poll).is_none()));
        for poll in removed {
            self.tell_removed(&before, poll);
        }
        for poll in &changed {
            self.tell_changed(&before, &after, *poll);
        }
        let participants = self.participants();
        let now = self.services.clock.now();
        if room_changed {
            let mut frames = Frames::default();
            self.members.values().for_each(|member| member.show_room(&after, participants, now, &mut frames));
            changed.extend(after.shown());
        }
        for member in self.members.values_mut() {
            changed.iter().for_each(|poll| member.tell_yours(&after, *poll, now));
        }
        self.set_state(after);
    }

    /// The room as the store has it, and who has a ticket where the room asks for one and that is not known of its members;
    /// none when it is gone. A store that is away must not hold the room up for long, and is not asked again before its time.
    async fn read_store(&self) -> Result<Option<(RoomState, Option<Holders>)>> {
        if self.stale.is_some() {
            return Err(Error::Sql(sqlx::Error::PoolTimedOut));
        }
        let reading = async {
            let after = self.services.room_state_by_id(self.id).await?;
            let is_unknown = || self.members.values().any(|member| member.viewer.has_ticket.is_none());
            let holders = match asks_for_tickets(&after) && is_unknown() {
                true => Some(self.services.store.ticket_holders(self.id).await?),
                false => None,
            };
            Ok((after, holders))
        };
        match in_time(PATIENCE, reading).await {
            Err(Error::Problem(problem)) if problem.status == 404 => Ok(None),
            read => read.map(Some),
        }
    }

    /// Notes which members have a ticket; of none where the room asks for none.
    fn note_ticket_holders(&mut self, after: &RoomState, holders: Option<Holders>) {
        for member in self.members.values_mut() {
            if let Some(holders) = &holders {
                member.viewer.has_ticket = Some(holders.contains(&member.voter()));
            } else if !asks_for_tickets(after) {
                member.viewer.has_ticket = None;
            }
        }
    }

    /// Has what was heard of read when the store is back.
    fn read_later(&mut self, post: &Post, looks_again: bool, error: &Error) {
        tracing::debug!(%error, room = %self.id, "a room could not be read again; trying again");
        let (changed, removed) = (post.changed.clone(), post.removed.clone());
        let room_changed = post.room_changed || looks_again;
        let later = Post { room_changed, changed, removed, ..Post::default() };
        let (_, waiting) = self.stale.get_or_insert_with(|| (Instant::now() + RETRY, Post::default()));
        waiting.merge(later);
    }

    fn tell_removed(&mut self, before: &RoomState, poll: PollId) {
        // Of one that was found to be gone before it is heard of there is nothing to tell any more.
        if let Some(known) = before.poll(poll) {
            let message = encode(&ServerMessage::PollRemoved { poll });
            for member in self.members.values_mut() {
                member.forget(poll);
                if member.viewer.is_host || known.lifecycle.state != PollState::Draft {
                    member.outbox.send(message.clone());
                }
            }
        }
        self.tallies.remove(&poll);
        self.nows.remove(&poll);
    }

    /// Tells that a poll was created or changed: a draft to the host only, but a reset to everybody who had
    /// it on the screen, and to them with what they knew of it and no word that was written since.
    fn tell_changed(&mut self, before: &RoomState, after: &RoomState, id: PollId) {
        let Some(poll) = after.poll(id) else { return };
        let now = self.services.clock.now();
        let told = |poll: &PollRecord| encode(&ServerMessage::Poll { poll: after.poll_for_all(poll, now) });
        let is_draft = poll.lifecycle.state == PollState::Draft;
        let known = before.poll(id).filter(|known| known.lifecycle.state != PollState::Draft);
        let for_host = told(poll);
        let for_others = match known {
            Some(known) if is_draft => {
                Some(told(&PollRecord { definition: known.definition.clone(), ..poll.clone() }))
            }
            _ => (!is_draft).then(|| for_host.clone()),
        };
        for member in self.members.values() {
            let message = if member.viewer.is_host { Some(&for_host) } else { for_others.as_ref() };
            message.into_iter().for_each(|message| member.outbox.send(message.clone()));
        }
        if is_draft {
            self.tallies.remove(&id);
        }
    }
}

fn asks_for_tickets(state: &RoomState) -> bool {
    state.room.settings.voters == VotersPolicy::Ticket
}
