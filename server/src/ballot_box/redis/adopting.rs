//! A guest becomes an account: SQL says so first, then Redis moves the votes in one call.

use domain::{BallotId, Choice, PollId, PollState, Problem, RoomId, Standing, TallyVersion, UserId, VoterId};
use redis::{Cmd, RedisResult, Value, from_redis_value};

use super::super::{CountedBallot, Place};
use super::loading::{Loading, until_done};
use super::{Core, poll_name};
use crate::error::Result;
use crate::shard::Shard;
use crate::store::outbox::{self, Kind};
use crate::store::{adoptions, rooms};

/// What Redis moved in one poll: the poll and its round; epoch and number of the entry; the count's epoch and version; the
/// guest's withdrawn ballot; the account's, empty where it had its own; what it chose.
type Moved = (String, u32, u64, u64, u64, u64, Vec<u8>, Vec<u8>, String);

impl Core {
    /// Makes what a guest chose in a room's open polls the account's, and lets the guest vote there no more. Answers the last
    /// entry that has to be recorded for it; until then Redis may forget it, and it is to be done again.
    pub(super) async fn adopt(&self, id: RoomId, guest: VoterId, account: UserId) -> Result<Option<Place>> {
        let now = self.clock.now();
        let mut transaction = self.store.begin().await?;
        let found = rooms::find_locked(&mut transaction, id).await?;
        let mut room = found.ok_or_else(Problem::no_such_room)?;
        if adoptions::put(&mut transaction, id, guest, account, now).await? != account {
            return Ok(None);
        }
        // Whoever loads a poll and read before this who has become an account is refused as too old, as with settings.
        rooms::raise_revision(&mut transaction, id).await?;
        room.revision += 1;
        outbox::put(&mut transaction, Kind::Room(id), id, room.revision, now).await?;
        transaction.commit().await?;

        let polls = self.store.polls_of(id).await?;
        let names: Vec<PollId> = polls.iter().map(|poll| poll.id).collect();
        self.apply_settings(&room, &names).await?;
        let open: Vec<PollId> = polls
            .iter()
            .filter(|poll| poll.lifecycle.at(now).state == PollState::Open)
            .map(|poll| poll.id)
            .collect();
        until_done(|| self.move_votes(id, guest, account, &open, &names)).await
    }

    /// Tries once; nothing when the shard is being rebuilt.
    async fn move_votes(
        &self,
        room: RoomId,
        guest: VoterId,
        account: UserId,
        open: &[PollId],
        all: &[PollId],
    ) -> Result<Option<Option<Place>>> {
        for poll in open {
            if self.load(*poll).await? == Loading::Later {
                return Ok(None);
            }
        }
        let arguments = |call: &mut Cmd| {
            call.arg(guest.as_bytes()).arg(account.as_bytes()).arg(self.limits.backlog);
            all.iter().for_each(|poll| _ = call.arg(poll_name(*poll)));
        };
        let answer: Vec<Value> = self.link.call("adopt", Shard::of(room), arguments).await?;
        let (word, moved) = read(answer)?;
        match word.as_str() {
            "done" => {}
            "overloaded" => {
                let detail = "There are very many votes just now. Please try again in a moment.";
                return Err(Problem::new(503, "overloaded", detail).into());
            }
            _ => return Ok(None),
        }
        let places = moved.into_iter().map(|moved| self.tell_moved(room, guest, account, moved));
        Ok(Some(places.max_by_key(|place| place.n)))
    }

    /// Tells both as if they had voted, and says where that waits to be recorded.
    fn tell_moved(&self, room: RoomId, guest: VoterId, account: UserId, moved: Moved) -> Place {
        let (poll, round, shard_epoch, n, epoch, version, withdrawn, ballot, choice) = moved;
        let place = Place { shard: Shard::of(room), epoch: shard_epoch, n };
        let Ok(poll) = poll.parse::<PollId>() else { return place };
        let version = TallyVersion { epoch, version };
        let tell = |voter, standing| {
            let counted = CountedBallot { voter, round, standing, version, place: Some(place) };
            self.dirty.counted(poll, room, counted);
        };
        if let Some(ballot) = BallotId::from_slice(&withdrawn) {
            tell(guest, Standing { ballot, choice: None });
        }
        let choice = serde_json::from_str::<Choice>(&choice).ok();
        if let (Some(ballot), Some(choice)) = (BallotId::from_slice(&ballot), choice) {
            tell(account.into(), Standing { ballot, choice: Some(choice) });
        }
        place
    }
}

fn read(answer: Vec<Value>) -> RedisResult<(String, Vec<Moved>)> {
    let mut answer = answer.into_iter();
    let word = from_redis_value(answer.next().unwrap_or_default())?;
    let moved = answer.next().map(from_redis_value).transpose()?;
    Ok((word, moved.unwrap_or_default()))
}
