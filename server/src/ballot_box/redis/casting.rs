//! Casting a ballot: one call of Redis, which judges, counts and queues it.

use domain::{BallotId, Choice, Mark, PollId, Problem, Reason, Receipt, Standing, Status, TallyVersion};
use redis::{FromRedisValue, RedisError, RedisResult, Value};

use super::super::{Cast, CastBallot, CountedBallot, Place};
use super::known::Known;
use super::loading::Loading;
use super::{Core, poll_name};
use crate::error::{Error, Result};
use crate::shard::Shard;

/// How often a ballot is handed in again at once, after what Redis lacked was brought in.
const TRIES: usize = 8;

/// What Redis said of a ballot.
struct Answer {
    verdict: String,
    /// What stands after it.
    standing: Option<BallotId>,
    choice: Option<Option<Choice>>,
    place: Place,
    round: u32,
    version: TallyVersion,
}

impl Core {
    /// Casts a ballot.
    pub(super) async fn cast(&self, cast: CastBallot) -> Result<Cast> {
        let mut last = None;
        let mut known = self.known_poll(cast.poll).await?;
        let id = |last| match cast.ballot {
            Some(ballot) => ballot,
            None => BallotId::after(last, self.clock.now(), self.clock.random()),
        };
        let Ok(_permit) = self.calls.try_acquire() else {
            return Ok(refused(&cast, id(None), Reason::Overloaded));
        };
        for _ in 0..TRIES {
            let ballot = id(last);
            let answer = match self.call_cast(&known, &cast, ballot).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::debug!(%error, "a ballot could not be handed to Redis");
                    return Ok(refused(&cast, ballot, reason_of(&error)));
                }
            };
            match answer.verdict.as_str() {
                "unloaded" => match self.load(cast.poll).await {
                    Ok(Loading::Done) => {}
                    Ok(Loading::Gone) => return Err(Problem::no_such_poll().into()),
                    Ok(Loading::Later) => return Ok(refused(&cast, ballot, Reason::Rebuilding)),
                    Err(Error::Redis(error)) => return Ok(refused(&cast, ballot, reason_of(&error))),
                    Err(error) => return Err(error),
                },
                "stale" => known = self.read_poll(cast.poll).await?,
                "superseded" | "reset" if cast.ballot.is_none() => last = answer.standing,
                _ => return Ok(self.told(&known, &cast, ballot, answer)),
            }
        }
        Ok(refused(&cast, id(last), Reason::Overloaded))
    }

    async fn call_cast(&self, known: &Known, cast: &CastBallot, ballot: BallotId) -> RedisResult<Answer> {
        let shard = known.shard();
        let written = serde_json::to_string(&cast.choice).unwrap_or_default();
        let allowed = match &cast.choice {
            Some(choice) => choice.marks(&known.definition),
            None => Some(Vec::new()),
        };
        let raw: Vec<Value> = self
            .link
            .call("cast", shard, |call| {
                call.arg(poll_name(cast.poll))
                    .arg(cast.voter.as_bytes())
                    .arg(ballot.as_bytes())
                    .arg(known.round.map_or(-1, i64::from))
                    .arg(written)
                    .arg(lines(allowed.as_deref().unwrap_or_default()))
                    .arg(u8::from(allowed.is_some()))
                    .arg(u8::from(cast.is_guest))
                    .arg(u8::from(cast.has_ticket))
                    .arg(self.limits.backlog);
            })
            .await?;
        let mut raw = raw.into_iter();
        let verdict = redis::from_redis_value(raw.next().unwrap_or_default())?;
        let rest: Vec<Value> = raw.collect();
        let (standing, choice, epoch, n, round, poll_epoch, version) = match rest.is_empty() {
            true => Default::default(),
            false => <(Vec<u8>, String, u64, u64, u32, u64, u64)>::from_redis_value(Value::Array(rest))?,
        };
        Ok(Answer {
            verdict,
            standing: BallotId::from_slice(&standing),
            choice: serde_json::from_str(&choice).ok(),
            place: Place { shard, epoch, n },
            round,
            version: TallyVersion { epoch: poll_epoch, version },
        })
    }

    /// What to tell of an answer. What was counted is told to the room, too.
    fn told(&self, known: &Known, cast: &CastBallot, ballot: BallotId, answer: Answer) -> Cast {
        let Answer { verdict, choice, place, round, version, .. } = answer;
        let (status, reason) = match verdict.as_str() {
            "counted" | "accepted" => (Status::Accepted, None),
            "recorded" => (Status::Recorded, None),
            refusal => (Status::Refused, Some(reason(refusal))),
        };
        // A ballot that comes again is told as well: the node that counted it may be gone, or was not told that it counted.
        let counted = status != Status::Refused;
        let place = (status == Status::Accepted).then_some(place);
        if counted {
            let standing = Standing { ballot, choice: cast.choice.clone() };
            let counted = CountedBallot { voter: cast.voter, round, standing, version, place };
            self.dirty.counted(cast.poll, known.room, counted);
        }
        let receipt = Receipt { ballot, poll: cast.poll, status, reason, choice };
        Cast { receipt, counted, place }
    }

    /// What this node knows of a poll.
    pub(super) async fn known_poll(&self, poll: PollId) -> Result<Known> {
        match self.known.get(poll) {
            Some(known) => Ok(known),
            None => self.read_poll(poll).await,
        }
    }

    /// The shard of a poll; none when the poll is gone.
    pub(super) async fn shard_of(&self, poll: PollId) -> Result<Option<Shard>> {
        match self.known_poll(poll).await {
            Ok(known) => Ok(Some(known.shard())),
            Err(Error::Problem(problem)) if problem.code == "no_such_poll" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_poll(&self, poll: PollId) -> Result<Known> {
        self.known.forget(poll);
        let stored = self.store.poll(poll).await?.ok_or_else(Problem::no_such_poll)?;
        Ok(self.known.put(&stored))
    }
}

/// Marks, a line each.
pub(super) fn lines(marks: &[Mark]) -> String {
    marks.iter().map(Mark::as_str).collect::<Vec<_>>().join("\n")
}

fn refused(cast: &CastBallot, ballot: BallotId, reason: Reason) -> Cast {
    let (status, reason) = (Status::Refused, Some(reason));
    let receipt = Receipt { ballot, poll: cast.poll, status, reason, choice: None };
    Cast { receipt, counted: false, place: None }
}

/// A Redis whose memory is full has no room for the ballot; any other that fails will be back.
fn reason_of(error: &RedisError) -> Reason {
    if error.code() == Some("OOM") { Reason::Overloaded } else { Reason::Rebuilding }
}

fn reason(word: &str) -> Reason {
    serde_json::from_value(word.into()).unwrap_or(Reason::Rebuilding)
}
