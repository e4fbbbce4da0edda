//! Everything that is held about somebody, written out.

mod queue;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use domain::{Mark, PollId, RoomId, UserId};
use futures_util::StreamExt;
use futures_util::stream::{Stream, unfold};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::queue::ExportQueue;
use self::queue::UnderWay;
use super::{RoomState, Services, Viewer};
use crate::auth::{Asker, Principal};
use crate::doors::Door;
use crate::error::{Error, Result};
use crate::store::held::{CastRow, LookedAt};

/// How many parts wait for a slow reader; the rest is read from the database when there is room.
const WAITING: usize = 2;
/// How many security events are written out.
const EVENTS: u32 = 1_000;
/// With how many ballots a turn in the queue ends, to be taken again for the rest when these are on their way: they are kept in
/// memory for as long as a slow reader takes.
const BALLOTS: usize = 1_000;
/// How long an export may take, its reader included.
const LONGEST: Duration = Duration::from_secs(60 * 60);

impl Services {
    /// What is held about the asker (of tickets and adoptions the newest 10,000, of events 1,000; no rooms that are taken down),
    /// as one JSON object that comes in parts: rooms of a host can be large. Refuses with 429 or 503 before it begins. It ends
    /// early, and is then no JSON, with the session that asked, after an hour, or when the database fails; and nothing is read
    /// any more once the stream is dropped.
    pub async fn export(
        &self,
        asker: &Asker,
    ) -> Result<impl Stream<Item = std::result::Result<Bytes, Infallible>> + use<>> {
        let principal = asker.principal()?.clone();
        self.doors.enter(Door::Export, principal.voter()).await?;
        self.doors.enter(Door::ExportFrom, asker.sender.address).await?;
        let under_way = self.exports.enter(principal.voter(), asker.sender.address.into())?;
        let (parts, written) = mpsc::channel(WAITING);
        let (services, asker) = (self.clone(), asker.clone());
        let mut writing = JoinSet::new();
        // A task of its own, so that it does not stand still in its turn while the reader takes nothing.
        writing.spawn(async move {
            let out = Out(parts);
            // What is cut short is no JSON, so that nobody takes it for the whole.
            let written = timeout(LONGEST, services.write_out(&asker, &principal, &under_way, &out)).await;
            if let Err(error) = written.unwrap_or_else(|_| Err(Error::Internal("it took too long".into()))) {
                tracing::warn!(%error, "an export was cut short");
            }
            // Before the answer ends: whoever has it whole may ask again at once.
            drop(under_way);
        });
        let parts = unfold((written, writing), async |(mut written, writing)| {
            written.recv().await.map(|part| (Ok(part), (written, writing)))
        });
        // Whatever compresses the answer asks once more after the end.
        Ok(parts.fuse())
    }

    async fn write_out(
        &self,
        asker: &Asker,
        principal: &Principal,
        under_way: &UnderWay,
        out: &Out,
    ) -> Result<()> {
        let voter = principal.voter();
        let first = self.ballots_from(None, principal, under_way).await?;
        out.field("{", "about", &principal.me).await?;
        out.field(",", "exported_at", &self.clock.now()).await?;
        self.write_ballots(out, principal, under_way, first).await?;
        self.refuse_if_gone(principal).await?;
        out.field(",", "adoptions", &self.adoptions(principal).await?).await?;
        self.refuse_if_gone(principal).await?;
        let tickets: Vec<_> = self
            .store
            .tickets_held_by(voter)
            .await?
            .into_iter()
            .map(|held| json!({"room": held.room, "ticket": held.code, "used_at": held.used_at}))
            .collect();
        out.field(",", "tickets", &tickets).await?;
        if let Some(user) = principal.user() {
            self.refuse_if_gone(principal).await?;
            out.field(",", "registered_at", &self.store.registered_at(user).await?).await?;
            out.field(",", "sessions", &self.sessions(asker).await?).await?;
            self.refuse_if_gone(principal).await?;
            let events: Vec<_> = self.store.audit(Some(user), EVENTS).await?.into_iter().map(|row| {
                json!({"at": row.at, "event": row.event, "room": row.room, "address_hash": row.address_hash,
                    "device": row.device, "detail": row.detail})
            }).collect();
            out.field(",", "security_events", &events).await?;
            self.write_rooms(out, user, principal, under_way).await?;
        }
        out.say("}").await
    }

    /// The guests that the account became, or the rooms in which the guest became one.
    async fn adoptions(&self, principal: &Principal) -> Result<Vec<Value>> {
        let adopted = match principal.user() {
            Some(user) => self.store.adopted_by(user).await?,
            None => self.store.adoptions_of(principal.voter()).await?,
        };
        let written = adopted.into_iter();
        Ok(written.map(|row| json!({"room": row.room, "guest": row.guest, "at": row.at})).collect())
    }

    async fn write_ballots(
        &self,
        out: &Out,
        principal: &Principal,
        under_way: &UnderWay,
        (mut ballots, mut rest): (Vec<Value>, Option<LookedAt>),
    ) -> Result<()> {
        let mut before = ",\"ballots\":[";
        loop {
            let written: Vec<String> = ballots.iter().map(Value::to_string).collect();
            out.say(&format!("{before}{}", written.join(","))).await?;
            if rest.is_none() {
                return out.say("]").await;
            }
            (ballots, rest) = self.ballots_from(rest, principal, under_way).await?;
            before = if ballots.is_empty() { "" } else { "," };
        }
    }

    /// Somebody's ballots after those looked at, in one turn, and after which there may be more.
    async fn ballots_from(
        &self,
        mut after: Option<LookedAt>,
        principal: &Principal,
        under_way: &UnderWay,
    ) -> Result<(Vec<Value>, Option<LookedAt>)> {
        let _turn = under_way.turn().await?;
        self.refuse_if_gone(principal).await?;
        let mut ballots = Vec::new();
        while let Some(last) = self.store.last_of_next_polls(after).await? {
            let most = BALLOTS - ballots.len();
            let found = self.store.ballots_of(principal.voter(), after, last, most).await?;
            after = match found.last() {
                Some(last) if found.len() >= most => {
                    Some(LookedAt { poll: last.poll, upto: Some(last.round) })
                }
                _ => Some(LookedAt { poll: last, upto: None }),
            };
            ballots.extend(found.into_iter().map(told));
            if ballots.len() >= BALLOTS {
                return Ok((ballots, after));
            }
        }
        Ok((ballots, None))
    }

    /// Fails where whoever asked has signed out or left meanwhile: they are to be told nothing more.
    async fn refuse_if_gone(&self, principal: &Principal) -> Result<()> {
        let is_there = match principal.session {
            Some(session) => self.is_alive(session).await?,
            None => self.store.guest_name(principal.voter()).await?.is_some(),
        };
        if is_there { Ok(()) } else { Err(Error::Internal("whoever asked has signed out".into())) }
    }

    async fn write_rooms(
        &self,
        out: &Out,
        user: UserId,
        principal: &Principal,
        under_way: &UnderWay,
    ) -> Result<()> {
        let mut before: Option<RoomId> = None;
        let viewer = Viewer { is_host: true, ..Viewer::default() };
        out.say(",\"rooms\":[").await?;
        while let Some(room) = self.store.rooms_of(user, "", before, 1).await?.pop() {
            self.refuse_if_gone(principal).await?;
            let state = RoomState { polls: self.store.polls_of(room.id).await?, room };
            let tallies = self.recorded_tallies(&state, under_way).await?;
            let comma = if before.is_some() { "," } else { "" };
            before = Some(state.room.id);
            let room = json!({"room": state.room_for(&viewer, self.clock.now()), "tallies": tallies});
            out.say(&format!("{comma}{room}")).await?;
        }
        out.say("]").await
    }

    /// How a room's polls stand in SQL. The ballot box is not asked: it would bring each of them into memory, and push
    /// those out that people vote in.
    async fn recorded_tallies(&self, state: &RoomState, under_way: &UnderWay) -> Result<Vec<Value>> {
        let mut counts: BTreeMap<PollId, (u64, BTreeMap<Mark, u64>)> = BTreeMap::new();
        let turn = under_way.turn().await?;
        let choices = self.store.choices_in(state.room.id).await?;
        drop(turn);
        for counted in choices {
            let Some(poll) = state.poll(counted.poll) else { continue };
            let (ballots, marks) = counts.entry(counted.poll).or_default();
            *ballots += counted.times;
            for mark in counted.choice.marks(&poll.definition).unwrap_or_default() {
                *marks.entry(mark).or_default() += counted.times;
            }
        }
        let tally = |id: PollId| {
            let (ballots, marks) = counts.remove(&id).unwrap_or_default();
            let round = state.poll(id).map(|poll| poll.lifecycle.round);
            json!({"poll": id, "round": round, "ballots": ballots, "marks": marks})
        };
        Ok(state.shown().into_iter().map(tally).collect())
    }
}

/// A ballot as its voter is told of it: with the question, where that is what was asked and is there to be seen.
fn told(ballot: CastRow) -> Value {
    let question = ballot.is_shown.then_some(ballot.question);
    json!({"poll": ballot.poll, "question": question, "round": ballot.round,
        "choice": ballot.standing.choice, "cast_at": ballot.cast_at})
}

struct Out(mpsc::Sender<Bytes>);

impl Out {
    async fn field<T: Serialize>(&self, before: &str, name: &str, value: &T) -> Result<()> {
        let value = serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))?;
        self.say(&format!("{before}\"{name}\":{value}")).await
    }

    /// Hands a part on; when nobody reads any more, that is the end.
    async fn say(&self, part: &str) -> Result<()> {
        let gone = |_| Error::Internal("the reader has gone".into());
        self.0.send(Bytes::copy_from_slice(part.as_bytes())).await.map_err(gone)
    }
}
