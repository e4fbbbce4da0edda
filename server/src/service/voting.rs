//! Casting ballots and reading results.

use domain::{
    BallotId, Choice, IdentityKind, PollId, PollState, Problem, Reason, Receipt, Status, Tally, VoterId,
};

use super::{RoomState, Services};
use crate::auth::Asker;
use crate::ballot_box::{Cast, CastBallot};
use crate::doors::Door;
use crate::error::Result;

impl Services {
    /// Casts the asker's ballot. What becomes of it is told by the receipt.
    pub async fn cast(
        &self,
        asker: &Asker,
        poll: PollId,
        ballot: Option<BallotId>,
        choice: Option<Choice>,
    ) -> Result<Cast> {
        let principal = asker.principal()?;
        let (voter, is_guest) = (principal.voter(), principal.me.kind == IdentityKind::Guest);
        let has_ticket = self.ticket_holders.knows(poll, voter);
        let ballot = CastBallot { poll, voter, is_guest, has_ticket, ballot, choice };
        let cast = self.ballots.cast(ballot.clone()).await?;
        // Few rooms ask for tickets: whether the voter has one is looked for when it matters, and remembered.
        if cast.receipt.reason != Some(Reason::NotEligible)
            || has_ticket
            || !self.has_got_ticket(poll, voter).await?
        {
            return Ok(cast);
        }
        self.ballots.cast(CastBallot { has_ticket: true, ..ballot }).await
    }

    /// Whether a voter who was not known to hold a ticket does. What is found is remembered, for a moment also that there
    /// was none: who votes in vain again and again must not keep the database busy.
    async fn has_got_ticket(&self, poll: PollId, voter: VoterId) -> Result<bool> {
        let now = self.clock.now();
        if self.ticket_holders.lacks(poll, voter, now) {
            return Ok(false);
        }
        let has = self.store.holds_ticket_for(poll, voter).await?;
        match has {
            true => self.ticket_holders.learn(poll, voter),
            false => self.ticket_holders.learn_lack(poll, voter, now),
        }
        Ok(has)
    }

    /// Lets the asker vote over HTTP, where no socket keeps it to a rate.
    pub async fn may_vote(&self, asker: &Asker) -> Result<()> {
        self.doors.enter(Door::Vote, asker.principal()?.voter()).await
    }

    /// The receipt of a ballot that was cast, after a while for it to be recorded: for askers who are answered once.
    pub async fn last_receipt(&self, cast: Cast) -> Receipt {
        let status = match cast.place {
            Some(place) if self.ballots.recorded(place).await => Status::Recorded,
            _ => cast.receipt.status,
        };
        Receipt { status, ..cast.receipt }
    }

    /// Whether a poll is there for the asker: drafts are for their host only.
    pub async fn knows_of(&self, asker: &Asker, id: PollId) -> Result<()> {
        self.known_poll(asker, id).await.map(|_| ())
    }

    /// How a poll stands, for who may see it.
    pub async fn results(&self, asker: &Asker, id: PollId) -> Result<Tally> {
        let mut state = self.known_poll(asker, id).await?;
        let viewer = self.viewer(asker, &state).await?;
        let now = self.ballots.now(&[id]).await?.pop().ok_or_else(Problem::no_such_poll)?;
        state.overlay(&now);
        let shown = state.tally_for(&now.tally, &viewer, self.clock.now());
        if shown.marks.is_some() {
            return Ok(shown);
        }
        let detail = "The results of this poll are not shown to you now.";
        Err(Problem::new(403, "results_hidden", detail).into())
    }

    /// A poll that is there for the asker, with as much of its room: the others are not looked at.
    async fn known_poll(&self, asker: &Asker, id: PollId) -> Result<RoomState> {
        let poll = self.store.poll(id).await?.ok_or_else(Problem::no_such_poll)?;
        let room = self.store.room(poll.room).await?.ok_or_else(Problem::no_such_room)?;
        if poll.lifecycle.state == PollState::Draft && !asker.is(room.host) {
            return Err(Problem::no_such_poll().into());
        }
        Ok(RoomState { polls: vec![poll], room })
    }
}
