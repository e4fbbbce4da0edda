//! A guest becomes an account: SQL says so first, as with a room's settings, then Redis moves the votes in the call that
//! takes these over. It also moves them when a poll is opened again or loaded, so that none is left behind.

use domain::{BallotId, Choice, PollId, PollState, Problem, RoomId, Standing, TallyVersion, UserId, VoterId};
use redis::{Cmd, RedisResult, Value, from_redis_value};

use super::super::{CountedBallot, Place};
use super::loading::{Loading, settings_arguments, until_done};
use super::{Core, poll_name};
use crate::error::Result;
use crate::shard::Shard;
use crate::store::adoptions::{self, Noted};
use crate::store::outbox::{self, Kind};
use crate::store::polls::PollRecord;
use crate::store::rooms::RoomRecord;
use crate::store::{rooms, tickets};

/// What Redis moved in one poll: the poll and its round; guest and account; epoch and number of the entry; the count's epoch
/// and version; the guest's withdrawn ballot; the account's, empty where it had its own; what it chose.
pub(super) type Moved = (String, u32, Vec<u8>, Vec<u8>, u64, u64, u64, u64, Vec<u8>, Vec<u8>, String);

/// A guest, and the account that it has become.
pub(super) type Pair = (VoterId, UserId);

impl Core {
    /// Makes what a guest chose in a room's open polls the account's, and lets the guest vote there no more. Answers what SQL
    /// has noted of it, and what came of telling Redis: the entry that has to be recorded for it, if there is one.
    pub(super) async fn adopt(
        &self,
        id: RoomId,
        guest: VoterId,
        account: UserId,
    ) -> Result<(Noted, Result<Option<Place>>)> {
        let now = self.clock.now();
        let mut transaction = self.store.begin().await?;
        let found = rooms::find_locked(&mut transaction, id).await?;
        let mut room = found.ok_or_else(Problem::no_such_room)?;
        let noted = adoptions::put(&mut transaction, id, guest, account, now).await?;
        if matches!(noted, Noted::Anothers | Noted::Full) {
            return Ok((noted, Ok(None)));
        }
        tickets::hand_over(&mut transaction, id, guest, account.into()).await?;
        // Whoever loads a poll and read before this who has become an account is refused as too old, as with settings.
        rooms::raise_revision(&mut transaction, id).await?;
        room.revision += 1;
        outbox::put(&mut transaction, Kind::Room(id), id, room.revision, now).await?;
        transaction.commit().await?;

        let told = async {
            let polls = self.store.polls_of(id).await?;
            self.apply_settings(&room, &polls, Some((guest, account))).await.map(Some)
        };
        Ok((noted, told.await))
    }

    /// Has Redis take over a room's settings, and who has become an account there: all, or one with this revision.
    pub(super) async fn apply_settings(
        &self,
        room: &RoomRecord,
        polls: &[PollRecord],
        one: Option<Pair>,
    ) -> Result<Place> {
        until_done(|| self.try_settings(room, polls, one)).await
    }

    /// Tries once; nothing when the shard is being rebuilt.
    async fn try_settings(
        &self,
        room: &RoomRecord,
        polls: &[PollRecord],
        one: Option<Pair>,
    ) -> Result<Option<Place>> {
        // A poll that is open takes part though nobody uses it: it may be closed before it is loaded.
        let now = self.clock.now();
        for poll in polls.iter().filter(|poll| poll.lifecycle.at(now).state == PollState::Open) {
            if self.load(poll.id).await? == Loading::Later {
                return Ok(None);
            }
        }
        if let Some(pair) = one {
            let told = self.call_settings(room, polls, &[pair], false).await?;
            if told.0 != "gap" {
                return Ok(told.1);
            }
        }
        let mut reading = self.store.reader().await?;
        let all: Vec<Pair> = adoptions::of_room(&mut reading, room.id).await?.into_iter().collect();
        drop(reading);
        Ok(self.call_settings(room, polls, &all, true).await?.1)
    }

    async fn call_settings(
        &self,
        room: &RoomRecord,
        polls: &[PollRecord],
        adopted: &[Pair],
        are_all: bool,
    ) -> RedisResult<(String, Option<Place>)> {
        let shard = Shard::of(room.id);
        let arguments = |call: &mut Cmd| {
            call.arg(room.id.to_string()).arg(room.revision);
            settings_arguments(call, room.settings);
            call.arg(u8::from(are_all)).arg(adopted.len());
            adopted.iter().for_each(|(guest, user)| _ = call.arg(guest.as_bytes()).arg(user.as_bytes()));
            polls.iter().for_each(|poll| _ = call.arg(poll_name(poll.id)));
        };
        let answer: Vec<Value> = self.link.call("settings", shard, arguments).await?;
        let place = match answer.get(2..4) {
            Some([epoch, n]) => Some(Place {
                shard,
                epoch: from_redis_value(epoch.clone())?,
                n: from_redis_value(n.clone())?,
            }),
            _ => None,
        };
        let (word, moved) = read(answer)?;
        self.tell_moved(room.id, moved);
        Ok((word, place))
    }

    /// Tells guests and accounts as if they had voted.
    pub(super) fn tell_moved(&self, room: RoomId, moved: Vec<Moved>) {
        for (poll, round, guest, account, shard_epoch, n, epoch, version, withdrawn, ballot, choice) in moved
        {
            let Ok(poll) = poll.parse::<PollId>() else { continue };
            let place = Some(Place { shard: Shard::of(room), epoch: shard_epoch, n });
            let version = TallyVersion { epoch, version };
            let tell = |voter: &[u8], ballot: &[u8], choice| {
                let (Some(voter), Some(ballot)) = (VoterId::from_slice(voter), BallotId::from_slice(ballot))
                else {
                    return;
                };
                let standing = Standing { ballot, choice };
                self.dirty.counted(poll, room, CountedBallot { voter, round, standing, version, place });
            };
            tell(&guest, &withdrawn, None);
            if let Ok(choice) = serde_json::from_str::<Choice>(&choice) {
                tell(&account, &ballot, Some(choice));
            }
        }
    }
}

/// A function's word, and what it moved.
pub(super) fn read(answer: Vec<Value>) -> RedisResult<(String, Vec<Moved>)> {
    let mut answer = answer.into_iter();
    let word = from_redis_value(answer.next().unwrap_or_default())?;
    let moved = answer.next().map(from_redis_value).transpose()?;
    Ok((word, moved.unwrap_or_default()))
}
