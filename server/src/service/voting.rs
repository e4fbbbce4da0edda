//! Casting ballots and reading results.

use domain::{BallotId, Choice, IdentityKind, PollId, PollState, Problem, Tally};

use super::Services;
use crate::auth::Asker;
use crate::ballot_box::{Cast, CastBallot};
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
        let is_guest = principal.me.kind == IdentityKind::Guest;
        self.ballots.cast(CastBallot { poll, voter: principal.voter(), is_guest, ballot, choice }).await
    }

    /// How a poll stands, for who may see it.
    pub async fn results(&self, asker: &Asker, id: PollId) -> Result<Tally> {
        let poll = self.store.poll(id).await?.ok_or_else(Problem::no_such_poll)?;
        let state = self.room_state_by_id(poll.room).await?;
        let viewer = self.viewer(asker, &state).await?;
        if poll.lifecycle.state == PollState::Draft && !viewer.is_host {
            return Err(Problem::no_such_poll().into());
        }
        let tally = self.ballots.tallies(&[id]).await?.pop().ok_or_else(Problem::no_such_poll)?;
        let shown = state.tally_for(&tally, &viewer, self.clock.now());
        if shown.marks.is_some() {
            return Ok(shown);
        }
        let detail = "The results of this poll are not shown to you now.";
        Err(Problem::new(403, "results_hidden", detail).into())
    }
}
