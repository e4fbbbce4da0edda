//! Reading how polls stand, and what stands of a voter.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::{
    BallotId, Count, Lifecycle, Mark, PollId, PollState, RoomId, Standing, Tally, TallyVersion, Timestamp,
    VoterId,
};
use futures_util::future::join_all;
use redis::{FromRedisValue, RedisResult, Value};
use tokio::time::{Instant, sleep};

use super::super::{Beat, InRound, Place, PollNow, Pulse, Watermark};
use super::loading::Loading;
use super::{Core, PATIENCE, PAUSE, poll_name, rebuilding};
use crate::error::{Error, Result};
use crate::shard::Shard;

/// How long it holds that a node has people in a room. Some pulses may be missed.
const PRESENCE: Duration = Duration::from_secs(4);

/// People on all nodes, tick, the shard's epoch, entries recorded, those that SQL refused, and of each poll epoch and
/// version.
type PulseAnswer = (u64, String, u64, u64, BTreeSet<u64>, Vec<Value>);

impl Core {
    /// How polls stand, in the order asked for; those that are not there are left out.
    pub(super) async fn now(&self, polls: &[PollId]) -> Result<Vec<PollNow>> {
        let mut found: HashMap<PollId, PollNow> = HashMap::with_capacity(polls.len());
        for (shard, polls) in self.by_shard(polls).await? {
            for (poll, raw) in self.read_loaded(shard, "now", &[], &polls).await? {
                found.insert(poll, poll_now(poll, raw)?);
            }
        }
        Ok(polls.iter().filter_map(|poll| found.remove(poll)).collect())
    }

    /// How a poll of a room stands, if it is loaded; for telling it without waiting.
    pub(super) async fn read_now(&self, poll: PollId, room: RoomId) -> Result<Option<PollNow>> {
        match self.ask(Shard::of(room), "now", &[], &[poll]).await?.and_then(|mut found| found.pop()) {
            Some(Value::Nil) | None => Ok(None),
            Some(raw) => Ok(Some(poll_now(poll, raw)?)),
        }
    }

    /// What stands of a voter.
    pub(super) async fn standings(&self, polls: &[PollId], voter: VoterId) -> Result<Vec<(PollId, InRound)>> {
        let mut standings = Vec::new();
        for (shard, polls) in self.by_shard(polls).await? {
            for (poll, raw) in self.read_loaded(shard, "stands", voter.as_bytes(), &polls).await? {
                standings.extend(in_round(raw)?.map(|standing| (poll, standing)));
            }
        }
        Ok(standings)
    }

    /// Says how many people are here, and hears what changed elsewhere.
    pub(super) async fn pulse(&self, beat: Beat) -> Result<Pulse> {
        let shard = Shard::of(beat.room);
        let raw: Vec<Value> = self
            .link
            .call("pulse", shard, |call| {
                call.arg(beat.room.to_string()).arg(&*self.node).arg(beat.people);
                call.arg(u64::try_from(PRESENCE.as_millis()).unwrap_or(u64::MAX));
                beat.shown.iter().for_each(|(poll, _)| _ = call.arg(poll_name(*poll)));
            })
            .await?;
        let answer: Vec<Value> = done(raw).ok_or_else(rebuilding)?;
        let (people, tick, epoch, n, poison, versions) =
            PulseAnswer::from_redis_value(Value::Array(answer)).map_err(redis::RedisError::from)?;
        // What is here and not loaded there was dropped by a rebuild: reading it loads it.
        let is_news = |known: TallyVersion, version: &Value| match version {
            Value::Nil => Ok(true),
            version => <(u64, u64)>::from_redis_value_ref(version)
                .map(|(epoch, version)| TallyVersion { epoch, version } > known),
        };
        let mut news = Vec::new();
        for ((poll, known), version) in beat.shown.iter().zip(&versions) {
            if is_news(*known, version).map_err(redis::RedisError::from)? {
                news.push(*poll);
            }
        }
        let changed = self.now(&news).await?;
        let upto = Place { shard, epoch, n };
        let others = people.saturating_sub(beat.people);
        Ok(Pulse { others, tick, watermark: Watermark { upto, poison }, changed })
    }

    /// What a function says of polls, after loading those that are not loaded. Waits for a rebuild to end.
    async fn read_loaded(
        &self,
        shard: Shard,
        function: &str,
        first: &[u8],
        polls: &[PollId],
    ) -> Result<Vec<(PollId, Value)>> {
        let until = Instant::now() + PATIENCE;
        let mut wanted = polls.to_vec();
        let mut found = Vec::with_capacity(wanted.len());
        loop {
            match self.ask(shard, function, first, &wanted).await {
                Ok(Some(values)) => {
                    let mut missing = Vec::new();
                    for (poll, value) in wanted.iter().zip(values) {
                        if value == Value::Nil { missing.push(*poll) } else { found.push((*poll, value)) }
                    }
                    wanted.clear();
                    let mut is_rebuilding = false;
                    let loaded = join_all(missing.iter().map(|poll| self.load(*poll))).await;
                    for (poll, loading) in missing.into_iter().zip(loaded) {
                        let loading = loading?;
                        wanted.extend((loading != Loading::Gone).then_some(poll));
                        is_rebuilding |= loading == Loading::Later;
                    }
                    if wanted.is_empty() {
                        return Ok(found);
                    }
                    if !is_rebuilding {
                        continue;
                    }
                }
                Ok(None) => {}
                Err(error) if Instant::now() >= until => return Err(error.into()),
                Err(error) => tracing::debug!(%error, "polls could not be read; trying again"),
            }
            if Instant::now() >= until {
                return Err(rebuilding());
            }
            sleep(PAUSE).await;
        }
    }

    /// Calls a function on polls; nothing while the shard is not attached.
    async fn ask(
        &self,
        shard: Shard,
        function: &str,
        first: &[u8],
        polls: &[PollId],
    ) -> RedisResult<Option<Vec<Value>>> {
        if polls.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let raw: Vec<Value> = self
            .link
            .call(function, shard, |call| {
                if !first.is_empty() {
                    call.arg(first);
                }
                polls.iter().for_each(|poll| _ = call.arg(poll_name(*poll)));
            })
            .await?;
        match done(raw) {
            Some(mut answer) => Ok(Some(Vec::from_redis_value(answer.pop().unwrap_or_default())?)),
            None => Ok(None),
        }
    }

    async fn by_shard(&self, polls: &[PollId]) -> Result<HashMap<Shard, Vec<PollId>>> {
        let mut shards: HashMap<Shard, Vec<PollId>> = HashMap::new();
        for poll in polls {
            if let Some(shard) = self.shard_of(*poll).await? {
                shards.entry(shard).or_default().push(*poll);
            }
        }
        Ok(shards)
    }
}

/// What follows the word `done`; none behind any other.
fn done(raw: Vec<Value>) -> Option<Vec<Value>> {
    let mut raw = raw.into_iter();
    let word: Option<String> = raw.next().and_then(|word| redis::from_redis_value(word).ok());
    (word.as_deref() == Some("done")).then(|| raw.collect())
}

fn poll_now(poll: PollId, raw: Value) -> Result<PollNow> {
    type Raw = (String, String, String, u64, u64, u64, u64, u8, u8, Vec<(String, u64)>);
    let (life, latched, settings, settings_revision, epoch, version, ballots, provisional, is_final, marks) =
        Raw::from_redis_value(raw).map_err(redis::RedisError::from)?;
    let mut life: Lifecycle = serde_json::from_str(&life).map_err(unreadable)?;
    if let Ok(latched) = latched.parse() {
        life = life.at(Timestamp::from_millis(latched));
    }
    let count = Count::restore(ballots, marks.into_iter().map(|(mark, count)| (Mark::from_key(mark), count)));
    let version = TallyVersion { epoch, version };
    let is_final = is_final == 1 && life.state == PollState::Closed;
    let tally =
        Tally { provisional: provisional == 1, ..Tally::new(poll, life.round, version, &count, is_final) };
    let settings = serde_json::from_str(&settings).map_err(unreadable)?;
    Ok(PollNow { tally, life, settings, settings_revision })
}

/// Empty when nothing stands.
fn in_round(raw: Value) -> Result<Option<InRound>> {
    if matches!(&raw, Value::Array(fields) if fields.is_empty()) {
        return Ok(None);
    }
    let (round, ballot, choice) =
        <(u32, Vec<u8>, String)>::from_redis_value(raw).map_err(redis::RedisError::from)?;
    let ballot = BallotId::from_slice(&ballot).ok_or_else(|| Error::Stored("a ballot in Redis".into()))?;
    let choice = serde_json::from_str(&choice).map_err(unreadable)?;
    Ok(Some(InRound { round, standing: Standing { ballot, choice } }))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::Stored(format!("in Redis: {error}"))
}
