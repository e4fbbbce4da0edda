//! Everything that is held about somebody, written out.

use std::convert::Infallible;

use axum::body::Bytes;
use domain::{PollId, RoomId, VoterId};
use futures_util::StreamExt;
use futures_util::stream::{Stream, unfold};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{RoomState, Services, Viewer};
use crate::auth::{Asker, Principal};
use crate::doors::Door;
use crate::error::Result;

/// How many parts wait for a slow reader; the rest is read from the database when there is room.
const WAITING: usize = 2;
/// How many security events are written out.
const EVENTS: u32 = 1_000;

impl Services {
    /// All that is held about the asker, as one JSON object that comes in parts: rooms of a host can be large.
    pub async fn export(
        &self,
        asker: &Asker,
    ) -> Result<impl Stream<Item = std::result::Result<Bytes, Infallible>> + use<>> {
        let principal = asker.principal()?.clone();
        self.doors.enter(Door::Export, principal.voter()).await?;
        let (parts, written) = mpsc::channel(WAITING);
        let (services, asker) = (self.clone(), asker.clone());
        tokio::spawn(async move {
            // What is cut short is no JSON, so that nobody takes it for the whole.
            if let Err(error) = services.write_out(&asker, &principal, &parts).await {
                tracing::warn!(%error, "an export was cut short");
            }
        });
        let parts = unfold(written, async |mut written| written.recv().await.map(|part| (Ok(part), written)));
        // Whatever compresses the answer asks once more after the end.
        Ok(parts.fuse())
    }

    async fn write_out(
        &self,
        asker: &Asker,
        principal: &Principal,
        parts: &mpsc::Sender<Bytes>,
    ) -> Result<()> {
        let out = Out(parts);
        let now = self.clock.now();
        out.field("{", "about", &principal.me).await?;
        out.field(",", "exported_at", &now).await?;
        if let Some(user) = principal.user() {
            out.field(",", "sessions", &self.sessions(asker).await?).await?;
            let events: Vec<_> = self.store.audit(Some(user), EVENTS).await?.into_iter().map(|row| {
                json!({"at": row.at, "event": row.event, "room": row.room, "address_hash": row.address_hash,
                    "device": row.device, "detail": row.detail})
            }).collect();
            out.field(",", "security_events", &events).await?;
            self.write_rooms(&out, user).await?;
        }
        self.write_ballots(&out, principal.voter()).await?;
        out.say("}").await
    }

    async fn write_rooms(&self, out: &Out<'_>, user: domain::UserId) -> Result<()> {
        let mut before: Option<RoomId> = None;
        let viewer = Viewer { is_host: true, ..Viewer::default() };
        out.say(",\"rooms\":[").await?;
        while let Some(room) = self.store.rooms_of(user, "", before, 1).await?.pop() {
            let state = RoomState { polls: self.store.polls_of(room.id).await?, room };
            let tallies: Vec<_> =
                self.ballots.now(&state.shown()).await?.into_iter().map(|now| now.tally).collect();
            let comma = if before.is_some() { "," } else { "" };
            before = Some(state.room.id);
            let room = json!({"room": state.room_for(&viewer, self.clock.now()), "tallies": tallies});
            out.say(&format!("{comma}{room}")).await?;
        }
        out.say("]").await
    }

    async fn write_ballots(&self, out: &Out<'_>, voter: VoterId) -> Result<()> {
        let cast = self.store.ballots_of(voter).await?;
        let mut written = Vec::with_capacity(cast.len());
        for ballot in cast {
            let question = self.question(ballot.poll).await?;
            written.push(json!({"poll": ballot.poll, "question": question, "round": ballot.round,
                "choice": ballot.standing.choice, "cast_at": ballot.cast_at}));
        }
        out.field(",", "ballots", &written).await
    }

    async fn question(&self, poll: PollId) -> Result<Option<String>> {
        Ok(self.store.poll(poll).await?.map(|poll| poll.definition.question().to_owned()))
    }
}

struct Out<'a>(&'a mpsc::Sender<Bytes>);

impl Out<'_> {
    async fn field<T: Serialize>(&self, before: &str, name: &str, value: &T) -> Result<()> {
        let value =
            serde_json::to_string(value).map_err(|error| crate::error::Error::Internal(error.to_string()))?;
        self.say(&format!("{before}\"{name}\":{value}")).await
    }

    /// Hands a part on; when nobody reads any more, that is the end.
    async fn say(&self, part: &str) -> Result<()> {
        let gone = |_| crate::error::Error::Internal("the reader has gone".into());
        self.0.send(Bytes::copy_from_slice(part.as_bytes())).await.map_err(gone)
    }
}
