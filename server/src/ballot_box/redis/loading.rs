//! Bringing a poll from SQL into Redis. A poll that is not loaded has no entries that SQL lacks: polls are dropped
//! only when all of theirs are recorded, and a queue is dropped only when it was written to SQL as far as it went.

use std::collections::BTreeMap;

use domain::{
    Choice, Lifecycle, Mark, PollId, PollState, RoomId, RoomSettings, Standing, Timestamp, UserId, VoterId,
};
use redis::{Cmd, RedisResult, Value};
use tokio::time::{Instant, sleep};

use super::adopting::{Moved, read};
use super::casting::lines;
use super::{Core, PATIENCE, PAUSE, in_time, poll_name, status::Status};
use crate::error::{Error, Result};
use crate::shard::Shard;
use crate::store::polls::PollRecord;
use crate::store::rooms::RoomRecord;
use crate::store::{adoptions, ballots, outbox, poison, polls, rooms, to_word};

/// How many voters are handed over with one call.
const CHUNK: usize = 500;
/// How often loading starts over when what was read may be old: the room's settings changed, or it took too long.
const TRIES: usize = 5;
/// What became of loading a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loading {
    /// It is loaded.
    Done,
    /// It was deleted.
    Gone,
    /// The shard is being rebuilt.
    Later,
}

/// A poll as SQL has it, at one moment.
struct Stored {
    poll: PollRecord,
    room: RoomRecord,
    ballots: ballots::Loaded,
    /// Guests of the room that have become accounts.
    retired: BTreeMap<VoterId, UserId>,
    /// Whether Redis was told all that hosts did to it.
    is_settled: bool,
    is_poisoned: bool,
}

impl Core {
    /// Loads a poll unless it is loaded.
    pub(super) async fn load(&self, id: PollId) -> Result<Loading> {
        let Some(shard) = in_time(self.shard_of(id)).await? else { return Ok(Loading::Gone) };
        let lane = &self.loading[usize::from(id.as_bytes()[15]) % self.loading.len()];
        let _one_at_a_time = in_time(async { Ok(lane.lock().await) }).await?;
        for _ in 0..TRIES {
            let mut exists = redis::cmd("EXISTS");
            exists.arg(format!("{}:poll:{}", self.link.keys.base(shard), poll_name(id)));
            let (status, is_live) = (
                Status::of(&self.link, shard).await?,
                exists.query_async::<bool>(&mut self.link.calls()).await?,
            );
            let Some(started) = status.attached_under() else { return Ok(Loading::Later) };
            if is_live {
                return Ok(Loading::Done);
            }
            let token = u64::from_be_bytes(self.clock.random());
            let begin = |call: &mut Cmd| _ = call.arg(poll_name(id)).arg(token);
            self.link.call::<()>("stage", shard, begin).await?;
            let Some((stored, epoch)) = self.stored(id).await? else {
                self.known.forget(id);
                return Ok(Loading::Gone);
            };
            let (word, moved) = self.hand_over(shard, (started, token), &stored, epoch).await?;
            self.tell_moved(stored.room.id, moved);
            match word.as_str() {
                "done" | "live" => return Ok(Loading::Done),
                "gone" => return Ok(Loading::Gone),
                "stale" => {}
                _ => return Ok(Loading::Later),
            }
        }
        Ok(Loading::Later)
    }

    /// Has Redis take over a poll's life as SQL has it. Until it did, the host is not told that it happened.
    pub(super) async fn apply(&self, poll: &PollRecord, epoch: u64) -> Result<()> {
        let shard = Shard::of(poll.room);
        let written = life_arguments(&poll.lifecycle);
        let call = || async {
            let applied: RedisResult<Vec<Value>> = self
                .link
                .call("apply", shard, |call| {
                    call.arg(poll_name(poll.id));
                    written.iter().for_each(|argument| _ = call.arg(argument));
                    call.arg(epoch);
                })
                .await;
            let (word, moved) = read(applied?)?;
            self.tell_moved(poll.room, moved);
            let is_done = match word.as_str() {
                "done" => true,
                "unloaded" => self.load(poll.id).await? == Loading::Gone,
                _ => false,
            };
            Ok(is_done.then_some(()))
        };
        until_done(call).await
    }

    /// Has Redis drop a poll for good.
    pub(super) async fn apply_delete(&self, poll: PollId, room: RoomId) -> Result<()> {
        let call = || async {
            let named = |call: &mut Cmd| _ = call.arg(poll_name(poll)).arg(room.to_string());
            let applied: RedisResult<String> = self.link.call("delete", Shard::of(room), named).await;
            Ok((applied? == "done").then_some(()))
        };
        until_done(call).await
    }

    /// What SQL has of a poll, and a new epoch for its count.
    async fn stored(&self, id: PollId) -> Result<Option<(Stored, u64)>> {
        let raising = async {
            let mut raising = self.store.begin().await?;
            if polls::find_locked(&mut raising, id).await?.is_none() {
                return Ok(None);
            }
            let epoch = polls::raise_epoch(&mut raising, id).await?;
            raising.commit().await?;
            Ok(Some(epoch))
        };
        let Some(epoch) = in_time(raising).await? else { return Ok(None) };

        // No lock is held while all is read. What a host does meanwhile shows in the poll's revision; ballots do not
        // change, for only a loaded poll takes any.
        loop {
            let mut reading = self.store.reader().await?;
            let Some(poll) = polls::find(&mut *reading, id).await? else { return Ok(None) };
            let Some(room) = rooms::find_any(&mut *reading, poll.room).await? else { return Ok(None) };
            let is_settled = !outbox::has(&mut reading, id).await?;
            let is_poisoned = poison::has(&mut reading, id, poll.lifecycle.round).await?;
            let retired = adoptions::of_room(&mut reading, room.id).await?;
            let ballots = ballots::load(&mut reading, id, poll.lifecycle.round).await?;
            drop(reading);
            let Some(again) = self.store.poll(id).await? else { return Ok(None) };
            if again.lifecycle.revision == poll.lifecycle.revision {
                self.known.put(&poll);
                return Ok(Some((Stored { poll, room, ballots, retired, is_settled, is_poisoned }, epoch)));
            }
        }
    }

    async fn hand_over(
        &self,
        shard: Shard,
        (started, token): (u64, u64),
        stored: &Stored,
        epoch: u64,
    ) -> RedisResult<(String, Vec<Moved>)> {
        let Stored { poll, room, ballots, retired, is_settled, is_poisoned } = stored;
        let round = poll.lifecycle.round;
        let mut count: BTreeMap<Mark, u64> = BTreeMap::new();
        let mut people = 0_u64;
        let mut values: Vec<(VoterId, Vec<u8>)> =
            Vec::with_capacity(ballots.standing.len() + ballots.earlier.len());
        for (voter, standing) in &ballots.standing {
            let marks = marks(poll, standing.choice.as_ref());
            people += u64::from(standing.choice.is_some());
            values.push((*voter, value(standing, round, &marks)));
            for mark in marks {
                *count.entry(mark).or_default() += 1;
            }
        }
        // Of earlier rounds only the id matters: nothing up to it counts any more.
        let of_earlier = |(voter, ballot): (&VoterId, _)| {
            let standing = Standing { ballot, choice: None };
            (*voter, value(&standing, round.saturating_sub(1), &[]))
        };
        let is_earlier = |(voter, _): &(&VoterId, _)| !ballots.standing.contains_key(*voter);
        values.extend(
            ballots.earlier.iter().map(|(voter, ballot)| (voter, *ballot)).filter(is_earlier).map(of_earlier),
        );

        for chunk in values.chunks(CHUNK) {
            let staged = |call: &mut Cmd| {
                call.arg(poll_name(poll.id)).arg(token);
                chunk.iter().for_each(|(voter, value)| _ = call.arg(voter.as_bytes()).arg(value));
            };
            self.link.call::<()>("stage", shard, staged).await?;
        }
        let is_final = *is_settled && !is_poisoned && poll.lifecycle.state == PollState::Closed;
        let answer: Vec<Value> = self
            .link
            .call("load", shard, |call| {
                call.arg(poll_name(poll.id)).arg(token).arg(started);
                call.arg(u8::from(*is_settled)).arg(u8::from(is_final)).arg(u8::from(*is_poisoned));
                life_arguments(&poll.lifecycle).iter().for_each(|argument| _ = call.arg(argument));
                call.arg(room.id.to_string()).arg(room.revision);
                settings_arguments(call, room.settings);
                call.arg(epoch).arg(people).arg(values.len()).arg(retired.len());
                retired.iter().for_each(|(guest, user)| _ = call.arg(guest.as_bytes()).arg(user.as_bytes()));
                count.iter().for_each(|(mark, count)| _ = call.arg(mark.as_str()).arg(count));
            })
            .await?;
        read(answer)
    }
}

/// Tries until something is carried out. What is not in time is still carried out, later.
pub(super) async fn until_done<T, F: Future<Output = Result<Option<T>>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        let failed = match attempt().await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => super::rebuilding(),
            Err(error) => error,
        };
        let is_full = matches!(&failed, Error::Redis(error) if error.code() == Some("OOM"));
        if is_full || Instant::now() >= until {
            return Err(failed);
        }
        sleep(PAUSE).await;
    }
}

/// Round, revision, state, time of closing, and all of it.
fn life_arguments(life: &Lifecycle) -> [String; 5] {
    [
        life.round.to_string(),
        life.revision.to_string(),
        to_word(life.state),
        life.closes_at.map(Timestamp::millis).map(|millis| millis.to_string()).unwrap_or_default(),
        serde_json::to_string(life).unwrap_or_default(),
    ]
}

pub(super) fn settings_arguments(call: &mut Cmd, settings: RoomSettings) {
    let written = serde_json::to_string(&settings).unwrap_or_default();
    call.arg(u8::from(settings.change_vote)).arg(to_word(settings.voters)).arg(written);
}

fn marks(poll: &PollRecord, choice: Option<&Choice>) -> Vec<Mark> {
    choice.and_then(|choice| choice.marks(&poll.definition)).unwrap_or_default()
}

/// What stands of a voter, as the function library writes it. It is recorded, so it has no entry.
fn value(standing: &Standing, round: u32, marks: &[Mark]) -> Vec<u8> {
    let choice = serde_json::to_string(&standing.choice).unwrap_or_default();
    let mut value = standing.ballot.as_bytes().to_vec();
    value.extend(format!("{round} 0 {choice}\n{}", lines(marks)).bytes());
    value
}
