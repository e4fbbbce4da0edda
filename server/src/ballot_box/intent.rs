//! What a host tells a poll, committed to SQL. What SQL holds is the intent; a ballot box then carries it out.

use domain::{Command, Lifecycle, PollId, PollState, Problem, RoomId, Timestamp};

use crate::error::Result;
use crate::store::outbox::{self, Kind};
use crate::store::polls::PollRecord;
use crate::store::{Write, polls, rooms};

/// A command that is committed.
pub(super) struct Intent {
    /// The poll with it.
    pub(super) poll: PollRecord,
    /// The poll's life before it.
    pub(super) before: Lifecycle,
    /// The epoch of the poll's count; a new one when a new round began.
    pub(super) epoch: u64,
    /// Whether its room shows the poll now because of it.
    pub(super) opened: bool,
}

impl Intent {
    /// Whether a new round began.
    pub(super) fn is_reset(&self) -> bool {
        self.before.round != self.poll.lifecycle.round
    }
}

/// Commits what a command makes of a poll. An opened poll becomes its room's current one.
pub(super) async fn commit(
    mut transaction: Write,
    id: PollId,
    command: Command,
    now: Timestamp,
) -> Result<Intent> {
    let opened = matches!(command, Command::Open { .. });
    if opened {
        let known = polls::find(&mut *transaction, id).await?.ok_or_else(Problem::no_such_poll)?;
        rooms::find_locked(&mut transaction, known.room).await?.ok_or_else(Problem::no_such_room)?;
    }
    let stored = polls::find_locked(&mut transaction, id).await?.ok_or_else(Problem::no_such_poll)?;
    let before = stored.lifecycle;
    let lifecycle = before.after(command, now)?;
    if opened {
        rooms::set_current(&mut transaction, stored.room, Some(id)).await?;
    }
    let poll = PollRecord { lifecycle, ..stored };
    let epoch = write(&mut transaction, &poll, &before, now).await?;
    transaction.commit().await?;
    Ok(Intent { poll, before, epoch, opened })
}

/// Commits that a poll's time is over; `None` when it is not, or when the poll is gone.
pub(super) async fn commit_close(
    mut transaction: Write,
    id: PollId,
    now: Timestamp,
) -> Result<Option<Intent>> {
    let Some(stored) = polls::find_locked(&mut transaction, id).await? else { return Ok(None) };
    let before = stored.lifecycle;
    let mut lifecycle = before.at(now);
    if lifecycle == before {
        return Ok(None);
    }
    lifecycle.revision += 1;
    let poll = PollRecord { lifecycle, ..stored };
    let epoch = write(&mut transaction, &poll, &before, now).await?;
    transaction.commit().await?;
    Ok(Some(Intent { poll, before, epoch, opened: false }))
}

/// Closes the open polls of a room, which must be locked: the ballot box is left to notice.
pub(crate) async fn close_all(transaction: &mut Write, room: RoomId, now: Timestamp) -> Result<()> {
    for poll in polls::of_room(&mut **transaction, room).await? {
        let Some(stored) = polls::find_locked(transaction, poll.id).await? else { continue };
        let before = stored.lifecycle;
        if before.state != PollState::Open {
            continue;
        }
        let poll = PollRecord { lifecycle: before.after(Command::Close, now)?, ..stored };
        write(transaction, &poll, &before, now).await?;
    }
    Ok(())
}

async fn write(
    transaction: &mut Write,
    poll: &PollRecord,
    before: &Lifecycle,
    now: Timestamp,
) -> Result<u64> {
    if poll.lifecycle == *before {
        return polls::epoch(transaction, poll.id).await;
    }
    polls::set_lifecycle(transaction, poll.id, &poll.lifecycle).await?;
    outbox::put(transaction, Kind::Poll(poll.id), poll.room, poll.lifecycle.revision, now).await?;
    match poll.lifecycle.round == before.round {
        true => polls::epoch(transaction, poll.id).await,
        false => polls::raise_epoch(transaction, poll.id).await,
    }
}
